"""How the page tells freshness: a line for each source, and what asks a source that is late again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import polars as pl

from kwx.audits.repair import Repairs
from kwx.monitor.freshness import Freshness, freshness_of
from kwx.monitor.look import Look
from kwx.monitor.told import UNKNOWN, Told, age, at, missing, texts
from kwx.plots.page import Grid, Part, Section, State, Tile

_TITLE = "Freshness of the data"
_FRESH, _LATE, _ENDED = "fresh", "late", "ended"
_EVERY = "all"


def freshness(look: Look) -> Told:
    """Tell how fresh each source is."""
    found = freshness_of(look)
    if found.rows.is_empty() and not found.gone:
        return missing(
            "freshness", _TITLE, "The lake holds no candle, trade, report or forecast", f"kwx ingest all{look.said}"
        )
    words = (
        f"At {at(look.moment)}, of the rows known by then. Late is what was silent for more than twice its longest"
        f" silence of these dates, in the city that waits longest. The snapshot is of {at(found.written_utc)}."
    )
    ended = "This is a simulated world that has ended: nothing newer comes." if found.ended else ""
    parts: list[Part] = [*texts(words, ended), _grid(found, look)]
    return Told(
        name="freshness",
        section=Section(title=_TITLE, parts=parts),
        tiles=[_tile(found, look)],
        figures=_figures(found),
    )


def _state(row: dict[str, Any], *, ended: bool) -> str:
    return (_ENDED if ended else _LATE) if row["is_late"] else _FRESH


def _grid(found: Freshness, look: Look) -> Grid:
    repairs = Repairs.of(look.whole, look.wish.lake_said)
    rows: list[tuple[str, ...]] = [
        (
            row["table"], "" if row["source"] == _EVERY else row["source"], _state(row, ended=found.ended),
            at(row["newest_utc"]), at(row["known_utc"]), _minutes(row["lag_minutes"]), _minutes(row["model_minutes"]),
            f"{_minutes(row['silent_minutes'])} ({row['last_city']})", _minutes(row["gap_minutes"]),
            "" if found.ended or not row["is_late"] else _repair(row, repairs, look),
        )
        for row in found.rows.iter_rows(named=True)
    ]  # fmt: skip
    rows += [(name, "", _LATE, f"event date {day}", *[UNKNOWN] * 5, "") for name, day in found.gone]
    headers = (
        "table", "source", "", "newest row", "known", "its lag", "modelled", "silent for", "longest silence", "next"
    )  # fmt: skip
    states: dict[str, State] = {_FRESH: "ok", _LATE: "warn"}
    return Grid(headers=headers, rows=rows, states=states)


def _repair(row: dict[str, Any], repairs: Repairs, look: Look) -> str:
    source = None if row["source"] == _EVERY else row["source"]
    return repairs.of_table(row["table"], row["last_city"], look.event_date, look.event_date, source=source)


def _minutes(minutes: float | None) -> str:
    return UNKNOWN if minutes is None else age(timedelta(minutes=minutes))


def _tile(found: Freshness, look: Look) -> Tile:
    late = [f"{row['table']} {row['source']}".removesuffix(f" {_EVERY}") for row in found.late.iter_rows(named=True)]
    late += [name for name, _ in found.gone]
    written = f"snapshot {age(look.moment - found.written_utc)} old"
    if found.ended:
        return Tile(label="sources", value="ended", note=f"a simulated world; {written}")
    if not late:
        return Tile(label="sources", value=f"{found.rows.height} fresh", note=written, state="ok")
    return Tile(label="sources", value=f"{len(late)} late", note=", ".join(_few(late)), state="warn")


def _few(names: list[str], *, shown: int = 3) -> Iterator[str]:
    yield from names[:shown]
    if len(names) > shown:
        yield f"{len(names) - shown} more"


def _figures(found: Freshness) -> dict[str, Any]:
    return {
        "ended": found.ended,
        "written_utc": found.written_utc,
        "late": found.late.height + len(found.gone),
        "sources": found.rows.with_columns(pl.selectors.float().round(2)).to_dicts(),
        "gone": [{"table": name, "event_date": day} for name, day in found.gone],
    }
