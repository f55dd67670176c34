"""What changed in the lake since it was told last: days that came late, and settlements that were corrected.

The lake as an earlier night left it is held against the lake now, file by file; what changed in between, by whatever
command, is seen. Where that snapshot is gone, nothing is known of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from kwx.nightly.journal import Baseline
from kwx.nightly.places import REPORT_JSON, NightPaths
from kwx.nightly.step import Kind, Line
from warehouse.errors import KwxError
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import CANDLES_1M, FORECASTS, OBS, SETTLEMENTS, TRADES, Partition

TAPE_AND_WEATHER = (OBS.name, FORECASTS.name, CANDLES_1M.name, TRADES.name)
"""What is whole once its day is over: a row that comes after that is late. Markets and settlements go on."""

_LABELS = (
    "select city, event_date, label_f, label_source, latest_final_f from settlement_label"
    " where event_date between $since and $until order by all"
)


@dataclass(frozen=True, kw_only=True)
class EarlierNight:
    """A night that was told: its event date, and the lake as it left it."""

    event_date: date
    snapshot: Snapshot


def told_last(paths: NightPaths) -> Baseline | None:
    """Return the night that was told last; None where there was none, it left no lake, or its report is torn."""
    try:
        said = json.loads((paths.latest / REPORT_JSON).read_bytes())
        return Baseline(event_date=date.fromisoformat(said["date"]), snapshot=int(said["snapshot_after"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def nights_of(lake: Lake, baselines: Iterable[Baseline]) -> list[EarlierNight]:
    """Return the nights that are measured against, of those whose snapshot is still there."""
    found = []
    for one in baselines:
        try:
            found.append(EarlierNight(event_date=one.event_date, snapshot=lake.snapshot(one.snapshot)))
        except KwxError:
            continue
    return found


def changed_days(before: Snapshot | None, now: Snapshot, tables: Iterable[str]) -> dict[Partition, dict[str, int]]:
    """Return by city and date which tables have another file than before, each with how many rows came to it."""
    found: dict[Partition, dict[str, int]] = {}
    for name in tables if before is not None else ():
        assert before is not None
        if before.manifest.tables.get(name) == now.manifest.tables.get(name):
            continue
        held = {entry.partition: entry for entry in before.files(name)}
        for entry in now.files(name):
            old = held.get(entry.partition)
            if old is None or old.sha256 != entry.sha256:
                found.setdefault(entry.partition, {})[name] = entry.rows - (old.rows if old else 0)
    return found


def rows_changed(before: Snapshot | None, now: Snapshot, tables: Iterable[str]) -> dict[str, int]:
    """Return by table how many rows the files have that were not there before; before None nothing was."""
    found: dict[str, int] = {}
    for name in tables:
        held = {entry.sha256 for entry in before.files(name)} if before is not None else set()
        if rows := sum(entry.rows for entry in now.files(name) if entry.sha256 not in held):
            found[name] = rows
    return found


def late_lines(nights: Iterable[EarlierNight], now: Snapshot, cities: Sequence[str]) -> list[Line]:
    """Return a line for each event date that was over in an earlier night, and of which more came since.

    The first of the nights that knew a date tells of it.
    """
    told: dict[date, list[str]] = {}
    for night in nights:
        told = {**_came_late(night, now, cities), **told}
    return [
        Line(
            kind=Kind.LATE_DATA, words=f"{day} came late: {'; '.join(parts)}",
            hint="grids, weather, fusion and scores are made again of it; what models said of it stays as it was said",
        )
        for day, parts in sorted(told.items())
    ]  # fmt: skip


def _came_late(night: EarlierNight, now: Snapshot, cities: Sequence[str]) -> dict[date, list[str]]:
    by_date: dict[date, list[str]] = {}
    for day, tables in sorted(changed_days(night.snapshot, now, TAPE_AND_WEATHER).items()):
        if day.event_date is not None and day.event_date <= night.event_date and day.city in cities:
            told = ", ".join(f"{rows:+,} {name}" for name, rows in sorted(tables.items()))
            by_date.setdefault(day.event_date, []).append(f"{day.city} {told}")
    return by_date


def corrected_lines(nights: Iterable[EarlierNight], now: Snapshot, cities: Sequence[str]) -> list[Line]:
    """Return a line for each event whose settlement reads otherwise than in the first of the nights that knew it."""
    told: dict[tuple[str, date], Line] = {}
    for night in nights:
        told = {**_moved(night, now, cities), **told}
    return [told[event] for event in sorted(told)]


def _moved(night: EarlierNight, now: Snapshot, cities: Sequence[str]) -> dict[tuple[str, date], Line]:
    days = [
        day
        for day in changed_days(night.snapshot, now, (SETTLEMENTS.name,))
        if day.event_date is not None and day.city in cities
    ]
    if not days:
        return {}
    dates = [day.event_date for day in days if day.event_date is not None]
    then, since = labels_between(night.snapshot, min(dates), max(dates)), labels_between(now, min(dates), max(dates))
    both = since.join(then, on=("city", "event_date"), how="inner", suffix="_then")
    moved = both.filter(_is_other("label_f") | _is_other("latest_final_f"))
    ours = moved.filter(pl.col("city").is_in(list(cities)))
    return {(row["city"], row["event_date"]): _corrected(row) for row in ours.iter_rows(named=True)}


def _is_other(name: str) -> pl.Expr:
    """Tell where something that was said is said otherwise: what nobody had said yet is corrected by nobody."""
    then = pl.col(f"{name}_then")
    return then.is_not_null() & pl.col(name).ne_missing(then)


def labels_between(snapshot: Snapshot, since: date, until: date) -> pl.DataFrame:
    """Return what the events of some dates settled on, and the newest final report of each."""
    with snapshot.connect() as con:
        return pl.DataFrame(con.sql(_LABELS, params={"since": since, "until": until}).pl())


def _corrected(row: Mapping[str, Any]) -> Line:
    event = f"{row['city']} {row['event_date']}"
    if row["label_f_then"] not in (None, row["label_f"]):
        return Line(
            kind=Kind.CORRECTED,
            words=f"{event}: the label was {row['label_f_then']} °F last night and is {row['label_f']} °F"
            f" ({row['label_source']})",
            hint=f"its scores are made again tonight; fits that saw it: kwx hazard fit-params --city {row['city']}",
        )
    return Line(
        kind=Kind.CORRECTED,
        words=f"{event}: the final report now says {row['latest_final_f']} °F, it said {row['latest_final_f_then']} °F;"
        f" the label stays {row['label_f']} °F: markets pay what was said first",
        hint="kwx sql --query settlement_conflicts shows every source",
    )
