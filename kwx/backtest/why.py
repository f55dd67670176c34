"""Why a run did nothing: the minutes of its gates, where and when they stood, and what would move them.

Gates are told of minutes of brackets, one bracket in one minute, while its event traded. Of several gates the first in
the step's order is told, so what comes later may hold as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from kwx.backtest.gate_words import WORDS, words_of
from kwx.exec.codes import FIRST_BLOCKED, Gate, Verb
from kwx.exec.ledger.ledger import Ledger
from kwx.exec.runs.kept import Kept
from warehouse.errors import Usage
from warehouse.market.cities import CITIES

_STOPPED = tuple(gate.word for gate in Gate if gate >= FIRST_BLOCKED)
_ORDER = {gate.word: int(gate) for gate in WORDS}


@dataclass(frozen=True, kw_only=True, eq=False)
class Why:
    """The gates of a run.

    answer: the whole in a sentence. gates, by_city, by_date: minutes and shares of them. by_hour: of what was wanted
    and stopped, by hour of local standard time. acted: minutes in which an order was placed, changed or took.
    """

    answer: str
    gates: pl.DataFrame
    by_city: pl.DataFrame
    by_date: pl.DataFrame
    by_hour: pl.DataFrame
    acted: int


def part_of(
    kept: Kept, *, cities: Sequence[str] = (), since: date | None = None, until: date | None = None
) -> Ledger:  # fmt: skip
    """Return the ledger of a kept run in some of its cities and on some of its dates; refuse where it traded none."""
    first, last = kept.dates
    foreign = [city for city in cities if city not in kept.cities]
    if foreign or (since or first) > last or (until or last) < first:
        raise Usage(
            f"run {kept.run_id} did not trade {' '.join(foreign) or f'{since or first} … {until or last}'}",
            hint=f"it traded {' '.join(kept.cities)} on {first} … {last}",
        )
    wanted = pl.col("city").is_in(list(cities or kept.cities)) & pl.col("event_date").is_between(
        since or first, until or last
    )
    parts = {name: getattr(kept.ledger, name).filter(wanted) for name in Ledger.__dataclass_fields__}
    return Ledger(**parts)


def why_of(ledger: Ledger) -> Why:
    """Tabulate the gates of a ledger."""
    acted = ledger.decisions.filter(pl.col("action") != Verb.NONE.word).height
    gates = _told(_counted(ledger.gates, []))
    return Why(
        answer=_answer(gates, acted),
        gates=gates,
        by_city=_counted(ledger.gates, ["city"]),
        by_date=_counted(ledger.gates, ["event_date"]),
        by_hour=_by_hour(ledger.decisions),
        acted=acted,
    )


def _counted(gates: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Return minutes of each gate and their share within each of what they are told by, the most first."""
    whole = pl.col("minutes").sum()
    share = pl.col("minutes") / (whole.over(by) if by else whole)
    return (
        gates.group_by(*by, "gate").agg(pl.col("minutes").sum()).with_columns(share=share)
        .sort(*by, "minutes", pl.col("gate").replace_strict(_ORDER, return_dtype=pl.Int64),
              descending=[*(False for _ in by), True, False])
    )  # fmt: skip


def _told(gates: pl.DataFrame) -> pl.DataFrame:
    words = [words_of(gate) for gate in gates["gate"]]
    return gates.with_columns(
        stops=pl.col("gate").is_in(_STOPPED),
        meaning=pl.Series([one.meaning for one in words], dtype=pl.String),
        change=pl.Series([one.remedy for one in words], dtype=pl.String),
    )


def _by_hour(decisions: pl.DataFrame) -> pl.DataFrame:
    offsets = {key: city.standard_offset_hours for key, city in CITIES.items()}
    offset = pl.duration(hours=pl.col("city").replace_strict(offsets, return_dtype=pl.Int64))
    stopped = decisions.filter(pl.col("gate").is_in(_STOPPED))
    hours = stopped.with_columns(hour_lst=(pl.col("ts_utc") + offset).dt.hour().cast(pl.Int64))
    return _counted(hours.group_by("hour_lst", "gate").agg(minutes=pl.len().cast(pl.Int64)), ["hour_lst"])


def _answer(gates: pl.DataFrame, acted: int) -> str:
    """Return which gate stopped most of what was wanted, or why nothing was."""
    whole, stopped = int(gates["minutes"].sum()), gates.filter("stops")
    did = f"{acted:,} of {whole:,} minutes of brackets it acted"
    if len(stopped):
        first, blocked = stopped.row(0, named=True), int(stopped["minutes"].sum())
        return (
            f"in {did}; in {blocked:,} it wanted to and was stopped, most by {first['gate']}"
            f" ({first['minutes'] / blocked:.0%}): {first['meaning']}; {words_of(first['gate']).advice}"
        )
    idle = gates.filter(pl.col("gate") != Gate.NONE.word)
    if idle.is_empty():
        return f"in {did}; nothing ever stopped it"
    first = idle.row(0, named=True)
    most = f"most minutes ({first['minutes'] / whole:.0%}) ended at {first['gate']}: {first['meaning']}"
    return (
        f"in {did}; nothing that it wanted was stopped, for it wanted little: {most}; {words_of(first['gate']).advice}"
    )
