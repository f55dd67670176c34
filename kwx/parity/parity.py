"""Parity: a lived date replayed, decision by decision, from its journal and from the lake as it is now.

From the journal, what is stepped must be what was done: else the code decides otherwise today. From the lake, decisions
are the same where everything came in time; each that is not has a named cause, or is unexplained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from kwx.exec.codes import FIRST_BLOCKED, Gate, Verb
from kwx.exec.ledger.known import TOLD, Known
from kwx.exec.state import Actions
from kwx.features.book.tops import tops_of
from kwx.live.journal.recorded import Recorded
from kwx.live.journal.recovery import recovered
from kwx.live.shadow.rows import known_then
from kwx.parity.causes import DECISION, Cause, Explainer, Found, minute_utc_of
from kwx.parity.proofs import Proofs
from kwx.parity.reach import Reach
from kwx.parity.replay import Step, replay_of, steps_of
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import BOOKS, UTC_TYPE, Partition

_SCHEMA = {
    "minute_utc": UTC_TYPE, "city": pl.String(), "market_ticker": pl.String(), "cause": pl.String(),
    "detail": pl.String(), "lived": pl.String(), "replayed": pl.String(), "since_utc": UTC_TYPE,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Parity:
    """What came of a replay.

    decisions: in how many minutes of markets either side did something or was stopped. differences: a row for each that
    is not the same. steps_again: why the journal does not step to what it says, None where it does. between: how many
    decisions there were between minutes; each is stepped again from its own state, and none is replayed from the lake,
    which has no such instants.
    """

    event_date: date
    run_id: str
    snapshot: int
    minutes: int
    decisions: int
    differences: pl.DataFrame
    notes: tuple[str, ...]
    steps_again: str | None = None
    between: int = 0

    @property
    def equal(self) -> int:
        """How many decisions are the same."""
        return self.decisions - len(self.differences)

    @property
    def causes(self) -> dict[str, int]:
        """How many differences each cause has, the most frequent first."""
        return dict(Counter(self.differences["cause"]).most_common())

    @property
    def unexplained(self) -> int:
        """How many differences have no cause; a journal that does not step to what it says is one more."""
        return self.causes.get(Cause.UNEXPLAINED.value, 0) + (self.steps_again is not None)

    def plain(self) -> dict[str, Any]:
        """Return it as the summary of a run keeps it."""
        return {
            "snapshot": self.snapshot,
            "minutes": self.minutes,
            "decisions": self.decisions,
            "equal": self.equal,
            "causes": self.causes,
            "unexplained": self.unexplained,
            "steps_again": self.steps_again,
            "between": self.between,
        }


def parity_of(recorded: Recorded, snapshot: Snapshot) -> Parity:
    """Replay a lived date from its journal and from a snapshot."""
    try:
        recovered(recorded.without_settlements())
    except Refused as error:
        return _without_replay(recorded, snapshot, str(error))
    replay = replay_of(recorded, snapshot)
    _require_opinion(recorded, replay.minutes.p_fair, replay.cities)
    then, now = known_then(recorded, snapshot), _known_now(recorded, snapshot)
    _require_what_was_told(recorded, then, now)
    lived, replayed = list(steps_of(recorded, recorded.bars().minutes)), list(steps_of(recorded, replay.minutes))
    day = recorded.event_date
    explainer = Explainer(
        recorded=recorded, lived=lived, replayed=replayed, replay=replay.minutes, known_then=then, known_now=now,
        proofs=Proofs(recorded=recorded, tops_of=lambda city: tops_of(snapshot.read(BOOKS, Partition(city, day)))),
        reach=Reach.of(recorded),
    )  # fmt: skip
    rows = [_row(recorded, found, lived, replayed) for found in explainer.differences()]
    differing = pl.DataFrame(rows, schema=_SCHEMA)
    decisions = sum(
        int(_is_decision(ours.actions, theirs.actions).sum()) for ours, theirs in zip(lived, replayed, strict=True)
    )
    return Parity(
        event_date=day, run_id=recorded.run_id, snapshot=snapshot.number, minutes=len(lived),
        decisions=max(decisions, len(differing)), differences=differing, notes=replay.notes,
        between=len(recorded.between),
    )  # fmt: skip


def _require_opinion(recorded: Recorded, p_fair: np.ndarray, cities: tuple[str, ...]) -> None:
    """Refuse a replay of a lake that holds no probability where the loop had some: there is nothing to compare yet."""
    spoke = any(np.isfinite(kept.minute.p_fair).any() for kept in recorded.of_minutes)
    if spoke and not np.isfinite(p_fair).any():
        raise Refused(
            f"the lake holds no probability of {recorded.last.strategy} for {recorded.event_date}",
            hint=f"first: kwx hazard run-day, kwx fuse run or kwx models predict for {' '.join(cities)}",
        )


def _known_now(recorded: Recorded, snapshot: Snapshot) -> Known:
    day = recorded.event_date
    return Known.of(snapshot, cities=recorded.last.cities, since=day, until=day)


def _require_what_was_told(recorded: Recorded, then: Known, now: Known) -> None:
    """Refuse a replay of a lake that holds nothing of a probability that the loop had of a city.

    Without the weather, say, fusion is the market alone: decisions differ by what a night did not do, or could not, and
    nothing that came late would explain any of them.
    """
    tickers = recorded.last.tickers
    city_of = {str(name): recorded.last.cities[place[1]] for place, name in np.ndenumerate(tickers) if name}
    rows = then.rows.filter(pl.col("market_ticker").is_in(list(city_of)))
    held = now.at(rows.select("market_ticker", "ts_utc"), "ts_utc")
    had, has = (_told_of(told, city_of) for told in (rows, held))
    lacking = {name: sorted(had[name] - has[name]) for name in TOLD}
    missing = next((name for name in TOLD if lacking[name]), None)
    if missing is not None:
        cities = " ".join(lacking[missing])
        raise Refused(
            f"the lake holds no {missing} of {cities} for {recorded.event_date}, and the loop had it",
            hint=f"first: kwx hazard run-day, then kwx fuse run, for {cities}; they say what keeps them from it",
        )


def _told_of(rows: pl.DataFrame, city_of: Mapping[str, str]) -> dict[str, set[str]]:
    """Return by probability the cities of which some row tells it."""
    return {
        name: {city_of[ticker] for ticker in rows.filter(pl.col(name).is_not_null())["market_ticker"].unique()}
        for name in TOLD
    }


def _without_replay(recorded: Recorded, snapshot: Snapshot, why: str) -> Parity:
    return Parity(
        event_date=recorded.event_date, run_id=recorded.run_id, snapshot=snapshot.number,
        minutes=len(recorded.of_minutes), decisions=0, differences=pl.DataFrame(schema=_SCHEMA), notes=(),
        steps_again=why, between=len(recorded.between),
    )  # fmt: skip


def _is_decision(ours: Actions, theirs: Actions) -> np.ndarray:
    """Return [B, C, 1] where either side did something, had an order filled, or was stopped."""
    decided = np.zeros(np.asarray(ours.verb).shape, np.bool_)
    for actions in (ours, theirs):
        decided |= (np.asarray(actions.verb) != Verb.NONE) | (np.asarray(actions.gate) >= FIRST_BLOCKED)
        decided |= (np.asarray(actions.made_centi) != 0) | (np.asarray(actions.took_centi) != 0)
    return decided


def _row(recorded: Recorded, found: Found, lived: list[Step], replayed: list[Step]) -> dict[str, Any]:
    place = (found.bracket, found.city, 0)
    return {
        "minute_utc": minute_utc_of(recorded, found.t),
        "city": recorded.last.cities[found.city],
        "market_ticker": str(recorded.last.tickers[place]),
        "cause": found.cause.value,
        "detail": found.detail,
        "lived": _told(lived[found.t].actions, replayed[found.t].actions, place),
        "replayed": _told(replayed[found.t].actions, lived[found.t].actions, place),
        "since_utc": minute_utc_of(recorded, found.since),
    }


def _told(actions: Actions, other: Actions, place: tuple[int, int, int]) -> str:
    """Say what was decided, and what of it is not the same on the other side."""
    values = {
        name: (int(np.asarray(getattr(actions, name))[place]), int(np.asarray(getattr(other, name))[place]))
        for name in DECISION
    }
    words = [Verb(values["verb"][0]).word, Gate(values["gate"][0]).word]
    told = [
        f"{name}={ours}" for name, (ours, theirs) in values.items() if ours != theirs and name not in ("verb", "gate")
    ]
    return " ".join([*(word for word in words if word != "none"), *told]) or "none"
