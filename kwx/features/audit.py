"""The audit of features: what a model of each city sees of a lake, what it does without, and why.

Nothing is taken on trust. Each feature of a set is built from the rows that models read, and counted; for a city behind
the gate every minute of the panel is searched for a dew point, humidity or wind that none but the excluded vendor told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any

import numpy as np
import polars as pl

from kwx.features.feature import Feature, FeatureSet, Floats
from kwx.features.gate import EVERY_TYPE, EXCLUDED_VC_CITIES, GATED_COLUMNS, is_gated, keys_of
from kwx.features.panel import KEYS, read_panel
from kwx.features.sets import feature_set, left_out, set_for
from warehouse.errors import BadDateRange, Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE
from warehouse.lake.tables.weather import OBS_SOURCES

_DATES_AT_ONCE = 14
_STATIONS = tuple(source for source in OBS_SOURCES if source != "vc")
_MADE_BY = {
    "p_wx": "kwx hazard backfill",
    "hazard_next_5m": "kwx hazard backfill",
    "hazard_next_60m": "kwx hazard backfill",
    "p_fused_norm": "kwx fuse run",
}


class Status(StrEnum):
    """What became of a feature in a city."""

    USED = "used"
    EXCLUDED = "excluded"
    LEAKS = "the gate leaks"
    NEVER_KNOWN = "never known"
    CONSTANT = "constant"
    NOT_FINITE = "not finite"


PASSING = (Status.USED, Status.EXCLUDED)

AUDITED = {
    "city": pl.String(),
    "feature": pl.String(),
    "status": pl.String(),
    "reason": pl.String(),
    "rows": pl.Int64(),
    "known": pl.Int64(),
    "known_share": pl.Float64(),
    "min": pl.Float64(),
    "max": pl.Float64(),
    "first_date": pl.Date(),
    "last_date": pl.Date(),
    "leaked_minutes": pl.Int64(),
    "sources": pl.String(),
    "known_when": pl.String(),
    "unit": pl.String(),
    "meaning": pl.String(),
}
"""The columns of an audit. leaked_minutes: market-minutes of an excluded city that hold what only the vendor told."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """One set held against one snapshot: a row for each city and feature."""

    feature_set: str
    bracket: str
    every_minutes: int
    excluded: tuple[str, ...]
    snapshot: int
    rows: pl.DataFrame

    @property
    def failures(self) -> pl.DataFrame:
        """The rows in which something is wrong."""
        return self.rows.filter(~pl.col("status").is_in([str(status) for status in PASSING]))

    @property
    def passed(self) -> bool:
        """Whether the gate holds and every feature that is used says something."""
        return self.failures.is_empty()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is audited: a set, the type of bracket, cities and event dates (all of them when not said).

    excluded: the cities that models have behind the gate; those of the registry are at the views as well.
    """

    feature_set: str
    bracket: str = EVERY_TYPE
    cities: Sequence[str] = ()
    since: date | None = None
    until: date | None = None
    every_minutes: int = 5
    excluded: Sequence[str] = EXCLUDED_VC_CITIES


def audit_features(
    snapshot: Snapshot,
    asked: Asked,
    *,
    chosen: Callable[..., FeatureSet] = set_for,
    on_city: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Audit:
    """Count every feature of a set in the rows that models of each city read, and judge it.

    `chosen` says what a model of a city sees; it is asked, not trusted.
    """
    dates = _dates(snapshot, asked)
    lines: list[dict[str, Any]] = []
    for number, (city, of_city) in enumerate(dates.items()):
        on_city(number, len(dates), city)
        lines += _city_lines(snapshot, city, of_city, asked, chosen)
    on_city(len(dates), len(dates), "")
    return Audit(
        feature_set=asked.feature_set, bracket=asked.bracket, every_minutes=asked.every_minutes,
        excluded=tuple(key for key in keys_of(asked.excluded) if key in dates), snapshot=snapshot.number,
        rows=pl.DataFrame(lines, schema=AUDITED, orient="row"),
    )  # fmt: skip


def _dates(snapshot: Snapshot, asked: Asked) -> dict[str, list[date]]:
    """Return the event dates of each city that trade and are asked for."""
    if asked.since and asked.until and asked.until < asked.since:
        raise BadDateRange(f"{asked.since} … {asked.until} ends before it begins", hint="say --since before --until")
    wanted = [
        (place.city, place.event_date)
        for place in snapshot.partitions(CANDLES_DENSE.name)
        if place.event_date is not None
        and (not asked.cities or place.city in asked.cities)
        and (asked.since is None or place.event_date >= asked.since)
        and (asked.until is None or place.event_date <= asked.until)
    ]
    dates = {city: [day for _, day in days] for city, days in groupby(wanted, key=lambda one: one[0])}
    missing = [city for city in asked.cities if city not in dates]
    if missing or not dates:
        raise Refused(
            f"snapshot {snapshot.number} has no minute of trading of {', '.join(missing) or 'these dates'}",
            hint="kwx lake status shows what there is; kwx lake dense makes the minutes",
        )
    return dates


@dataclass(frozen=True, kw_only=True, eq=False)
class _Counts:
    """What is known of each feature: [F] each, over rows. low and high are NaN, dates null, where nothing is."""

    rows: int
    known: Floats
    infinite: Floats
    low: Floats
    high: Floats
    first: list[date | None]
    last: list[date | None]

    def and_later(self, later: _Counts) -> _Counts:
        """Return the counts of both, of which the other ones are of later dates."""
        return _Counts(
            rows=self.rows + later.rows, known=self.known + later.known, infinite=self.infinite + later.infinite,
            low=np.fmin(self.low, later.low), high=np.fmax(self.high, later.high),
            first=[one or other for one, other in zip(self.first, later.first, strict=True)],
            last=[other or one for one, other in zip(self.last, later.last, strict=True)],
        )  # fmt: skip


def _city_lines(
    snapshot: Snapshot, city: str, dates: Sequence[date], asked: Asked, chosen: Callable[..., FeatureSet]
) -> Iterator[dict[str, Any]]:
    """Yield the line of every feature of the set in a city."""
    whole = feature_set(asked.feature_set)
    reasons = left_out(asked.feature_set, city, bracket=asked.bracket, excluded=asked.excluded)
    seen = chosen(asked.feature_set, city, bracket=asked.bracket, excluded=asked.excluded).names
    leaked = _leaked(snapshot, city, dates) if city in EXCLUDED_VC_CITIES else {}
    counts = _counted(snapshot, whole, city, dates, asked)
    for place, feature in enumerate(whole.features):
        of_gate = sum(leaked.get(source, 0) for source in feature.sources)
        status, reason = _judged(
            feature, counts, place, is_seen=feature.name in seen, why=reasons.get(feature.name), leaked_minutes=of_gate,
        )  # fmt: skip
        known = int(counts.known[place])
        yield {
            "city": city, "feature": feature.name, "status": str(status), "reason": reason,
            "rows": counts.rows, "known": known, "known_share": known / counts.rows if counts.rows else None,
            "min": float(counts.low[place]) if known else None, "max": float(counts.high[place]) if known else None,
            "first_date": counts.first[place], "last_date": counts.last[place],
            "leaked_minutes": of_gate if city in EXCLUDED_VC_CITIES and is_gated(feature) else None,
            "sources": " ".join(feature.sources), "known_when": feature.known, "unit": feature.unit,
            "meaning": feature.meaning,
        }  # fmt: skip


def _counted(snapshot: Snapshot, features: FeatureSet, city: str, dates: Sequence[date], asked: Asked) -> _Counts:
    """Count the features of a city, some dates at a time so that a long range needs no more memory."""
    kinds = () if asked.bracket == EVERY_TYPE else (asked.bracket,)
    parts = []
    for since, until in _ranges(dates):
        panel = read_panel(
            snapshot, city, since=since, until=until, every_minutes=asked.every_minutes, strike_types=kinds,
            columns=[name for name in features.sources if name not in KEYS],
        )  # fmt: skip
        parts.append(_count(features.matrix(panel), panel["event_date"].to_numpy()))
    counts = parts[0]
    for part in parts[1:]:
        counts = counts.and_later(part)
    return counts


def _ranges(dates: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Yield the dates, which are in order, as ranges of at most so many days."""
    since = dates[0]
    for day, after in zip(dates, [*dates[1:], None], strict=True):
        if after is None or after - since >= timedelta(days=_DATES_AT_ONCE):
            yield since, day
            since = after or day


def _count(matrix: Floats, day: Any) -> _Counts:
    """Count features [N, F] of rows whose dates [N] are in order."""
    known = ~np.isnan(matrix)
    places = [np.flatnonzero(column) for column in known.T]
    first = [day[place[0]].item() if len(place) else None for place in places]
    last = [day[place[-1]].item() if len(place) else None for place in places]
    return _Counts(
        rows=len(matrix), known=known.sum(axis=0).astype(float), infinite=np.isinf(matrix).sum(axis=0).astype(float),
        low=np.fmin.reduce(matrix, axis=0, initial=np.nan), high=np.fmax.reduce(matrix, axis=0, initial=np.nan),
        first=first, last=last,
    )  # fmt: skip


def _judged(
    feature: Feature, counts: _Counts, place: int, *, is_seen: bool, why: str | None, leaked_minutes: int
) -> tuple[Status, str]:
    """Return what became of a feature, and why."""
    if leaked_minutes:
        return Status.LEAKS, f"{leaked_minutes:,} market-minutes hold what only the excluded vendor told"
    if is_seen and why is not None:
        return Status.LEAKS, f"in the set in spite of: {why}"
    if not is_seen:
        return Status.EXCLUDED, why or "not in the set"
    return _health(feature, counts, place)


def _health(feature: Feature, counts: _Counts, place: int) -> tuple[Status, str]:
    """Return whether a feature that is used says something, and what is wrong where it does not."""
    if not counts.known[place]:
        made_by = [_MADE_BY[source] for source in feature.sources if source in _MADE_BY]
        return Status.NEVER_KNOWN, f"make it with: {made_by[0]}" if made_by else "the panel has no value of it"
    if counts.infinite[place]:
        return Status.NOT_FINITE, f"{int(counts.infinite[place]):,} rows are infinite"
    if counts.low[place] == counts.high[place]:
        return Status.CONSTANT, f"always {counts.low[place]:g}"
    return Status.USED, ""


def _leaked(snapshot: Snapshot, city: str, dates: Sequence[date]) -> dict[str, int]:
    """Count the market-minutes of the panel, all of them, whose gated columns hold what no station told."""
    stations = ", ".join(f"'{source}'" for source in _STATIONS)
    leaks = ", ".join(f"count({name})::bigint as {name}" for name in GATED_COLUMNS)
    question = (
        f"select {leaks} from minute_panel_labeled where city = $city and event_date between $since and $until"
        f" and coalesce(wx_source, '') not in ({stations})"
    )
    with snapshot.connect() as con:
        found = con.sql(question, params={"city": city, "since": dates[0], "until": dates[-1]}).pl()
    return {name: int(count) for name, count in found.row(0, named=True).items()}
