"""The audit itself, over the lake of whoever asks.

Nothing is taken on trust. Each feature of a set is built from the rows that models read, and counted; for a city behind
the gate every minute of the panel is searched for a dew point, humidity or wind that none but the excluded vendor told.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from kwx.features.audit.counts import Counts, count
from kwx.features.audit.kinds import Kind, Place, kind_of
from kwx.features.audit.verdict import PASSING, judged
from kwx.features.feature import FeatureSet
from kwx.features.gate import EVERY_TYPE, EXCLUDED_VC_CITIES, GATED_COLUMNS, is_gated, keys_of
from warehouse.errors import BadDateRange, Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE
from warehouse.lake.tables.weather import OBS_SOURCES

_DATES_AT_ONCE = 14
_STATIONS = tuple(source for source in OBS_SOURCES if source != "vc")

AUDITED = {
    "city": pl.String(),
    "feature_set": pl.String(),
    "bracket": pl.String(),
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
    "tables": pl.String(),
    "sources": pl.String(),
    "known_when": pl.String(),
    "unit": pl.String(),
    "meaning": pl.String(),
}
"""The columns of an audit. leaked_minutes: market-minutes of an excluded city that hold what only the vendor told."""


LAWS = {
    "city": pl.String(), "column": pl.String(), "events": pl.Int64(), "branching": pl.Float64(),
    "distance": pl.Float64(), "p_value": pl.Float64(),
}  # fmt: skip
"""The columns of how well laws of earlier dates tell the trades of later ones; null where there was no law to judge."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is audited: a set, the type of bracket, cities and event dates (all of them when not said).

    every_minutes: how far apart the rows are; as the set's models read them when not said. excluded: the cities that
    models have behind the gate; those of the registry are at the views as well. lake_said: what the user said of
    --lake, for the commands that are named.
    """

    feature_set: str
    bracket: str = EVERY_TYPE
    cities: Sequence[str] = ()
    since: date | None = None
    until: date | None = None
    every_minutes: int | None = None
    excluded: Sequence[str] = EXCLUDED_VC_CITIES
    lake_said: Path | None = None

    @property
    def said(self) -> str:
        """How the commands that are named find the lake."""
        return "" if self.lake_said is None else f" --lake {shlex.quote(str(self.lake_said))}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """Sets held against one snapshot: a row for each city, set, type of bracket and feature.

    every_minutes: how far apart the rows of each set are. excluded: the cities behind the gate that were looked at.
    laws: how well those that features are made by tell later dates.
    """

    every_minutes: dict[str, int]
    excluded: tuple[str, ...]
    snapshot: int
    rows: pl.DataFrame
    laws: pl.DataFrame

    @property
    def failures(self) -> pl.DataFrame:
        """The rows in which something is wrong."""
        return self.rows.filter(~pl.col("status").is_in([str(status) for status in PASSING]))

    @property
    def passed(self) -> bool:
        """Whether the gate holds and every feature that is used says something."""
        return self.failures.is_empty()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Look:
    """One set in one city."""

    kind: Kind
    place: Place
    every_minutes: int
    seen: FeatureSet | None

    @property
    def label(self) -> str:
        """What progress says of it."""
        return f"{self.kind.features.name} {self.place.city}"


def audit_features(
    snapshot: Snapshot,
    *asked: Asked,
    chosen: Callable[..., FeatureSet] | None = None,
    on_city: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Audit:
    """Count every feature of some sets in the rows that models of each city read, and judge it.

    `chosen` says what a model of a city sees, where it is not what the rules say; it is asked, not trusted.
    """
    looks = [look for one in asked for look in _looks(snapshot, one, chosen)]
    lines: list[dict[str, Any]] = []
    laws: list[dict[str, Any]] = []
    for number, look in enumerate(looks):
        on_city(number, len(looks), look.label)
        lines += _lines(look)
        laws += _laws(look)
    on_city(len(looks), len(looks), "")
    cities = {look.place.city for look in looks}
    excluded = dict.fromkeys(key for one in asked for key in keys_of(one.excluded) if key in cities)
    return Audit(
        every_minutes={look.kind.features.name: look.every_minutes for look in looks}, excluded=tuple(excluded),
        snapshot=snapshot.number, rows=pl.DataFrame(lines, schema=AUDITED, orient="row"),
        laws=pl.DataFrame(laws, schema=LAWS, orient="row"),
    )  # fmt: skip


def _laws(look: _Look) -> Iterator[dict[str, Any]]:
    """Yield a line for each law that features of a set are made by in a city."""
    for column, fit in look.kind.laws(look.place).items():
        told = dict.fromkeys(("events", "branching", "distance", "p_value")) if fit is None else asdict(fit)
        yield {"city": look.place.city, "column": column} | told


def cities_asked(snapshot: Snapshot, asked: Asked) -> tuple[str, ...]:
    """Return the cities that trade on the dates that are asked for; one that was named and does not is refused."""
    return tuple(_dates(snapshot, asked))


def _looks(snapshot: Snapshot, asked: Asked, chosen: Callable[..., FeatureSet] | None) -> Iterator[_Look]:
    kind = kind_of(asked.feature_set)
    bracket = kind.bracket_of(asked.bracket)
    for city, dates in _dates(snapshot, asked).items():
        seen = None
        if chosen is not None:
            seen = chosen(asked.feature_set, city, bracket=bracket, excluded=asked.excluded)
        place = Place(
            snapshot=snapshot, city=city, dates=dates, bracket=bracket, excluded=asked.excluded, said=asked.said
        )  # fmt: skip
        yield _Look(kind=kind, place=place, every_minutes=asked.every_minutes or kind.every_minutes, seen=seen)


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


def _lines(look: _Look) -> Iterator[dict[str, Any]]:
    """Yield the line of every feature of a set in a city."""
    kind, place = look.kind, look.place
    whole, city = kind.features, place.city
    reasons = kind.left_out(place)
    seen = set(whole.names) - set(reasons) if look.seen is None else set(look.seen.names)
    is_behind = city in EXCLUDED_VC_CITIES and any(is_gated(feature) for feature in whole.features)
    leaked = _leaked(place.snapshot, city, place.dates) if is_behind else {}
    counts = _counted(look)
    for number, feature in enumerate(whole.features):
        of_gate = sum(leaked.get(source, 0) for source in feature.sources)
        status, reason = judged(
            kind, place, counts, number, is_seen=feature.name in seen, why=reasons.get(feature.name),
            leaked_minutes=of_gate,
        )  # fmt: skip
        known = int(counts.known[number])
        yield {
            "city": city, "feature_set": whole.name, "bracket": place.bracket, "feature": feature.name,
            "status": str(status), "reason": reason,
            "rows": counts.rows, "known": known, "known_share": known / counts.rows if counts.rows else None,
            "min": float(counts.low[number]) if known else None, "max": float(counts.high[number]) if known else None,
            "first_date": counts.first[number], "last_date": counts.last[number],
            "leaked_minutes": of_gate if is_behind and is_gated(feature) else None,
            "tables": " ".join(kind.tables(feature)), "sources": " ".join(feature.sources),
            "known_when": feature.known, "unit": feature.unit, "meaning": feature.meaning,
        }  # fmt: skip


def _counted(look: _Look) -> Counts:
    """Count the features of a city, some dates at a time so that a long range needs no more memory."""
    parts = []
    for dates in _parts(look.place.dates):
        rows = look.kind.rows(replace(look.place, dates=dates), every_minutes=look.every_minutes)
        parts.append(count(look.kind.features.matrix(rows), rows["event_date"].to_numpy()))
    counts = parts[0]
    for part in parts[1:]:
        counts = counts.and_later(part)
    return counts


def _parts(dates: Sequence[date]) -> Iterator[list[date]]:
    """Yield the dates, which are in order, in parts that span so many days at most."""
    part: list[date] = []
    for day in dates:
        if part and day - part[0] >= timedelta(days=_DATES_AT_ONCE):
            yield part
            part = []
        part.append(day)
    yield part


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
