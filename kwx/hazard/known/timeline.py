"""The forecast of a day as it stood at each evaluation: of every instant, what the newest run known by then says of it.

Hours are joined by straight lines; what is told every three hours by a curve that keeps its rises and falls. Beyond its
ends a curve goes on with the typical day's shape, or flat where there is none. It can be used where no warm step still
to come (10:00 to 18:00 local standard time; later on, no step at all) is more than two hours from a forecast instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.hazard.known.evidence import Evidence
from kwx.hazard.known.reports import COLDEST_F, WARMEST_F
from kwx.hazard.question import GRID_MINUTES, STEPS, Floats, Ints
from warehouse.market.climate_day import ClimateDay

WARM_STEPS = (120, 216)
REACH_MINUTES = 120
_HOUR = 60
_STATED_ABOVE_F = 0.5
_MINUTE_US = 60_000_000
_GRID = GRID_MINUTES * np.arange(STEPS + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Timelines:
    """The forecast curves of one day: curve[n] is that of evaluation n, -1 where none can be used; why says which."""

    curves_f: Floats
    curve: Ints
    why: tuple[str, ...]


class Told(NamedTuple):
    """What a source told of instants of a day, in their order and then that of the issues; NaN where it told nothing.

    minute: of the day. temp_f: the air then. high_f: the day's high. known_us, issued_us: microseconds since 1970.
    """

    minute: Floats
    temp_f: Floats
    high_f: Floats
    known_us: Ints
    issued_us: Ints

    def where(self, some: np.ndarray) -> Told:
        """Return some of the rows."""
        return Told(*(values[some] for values in self))


class Forecasts:
    """The forecasts of one day, in any order; each source is laid out when it is first asked for."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows
        self._told: dict[str, Told] = {}

    def of(self, source: str, day: ClimateDay) -> Told:
        """Return what a source told."""
        if source not in self._told:
            self._told[source] = _told(self._rows.filter(pl.col("source") == source), day)
        return self._told[source]


def _told(rows: pl.DataFrame, day: ClimateDay) -> Told:
    start_us = round(day.start_utc.timestamp()) * 1_000_000
    minute = ((pl.col("valid_utc").to_physical() - start_us) / _MINUTE_US).alias("minute")
    ours = rows.with_columns(minute).filter(pl.col("minute").is_between(0, GRID_MINUTES * STEPS))
    ordered = ours.sort("minute", "issued_utc", "known_utc", "temp_f", "high_f")
    numbers = (ordered[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("minute", "temp_f", "high_f"))
    instants = (ordered[name].to_physical().to_numpy() for name in ("known_utc", "issued_utc"))
    return Told(*numbers, *instants)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Version:
    """What was known from one evaluation on: the newest forecast of each instant, in minutes of the day."""

    since: int
    minute: Floats
    temp_f: Floats
    name: str
    stated_f: float


def timelines_of(
    evidence: Evidence, forecasts: Forecasts, source: str, *, template_f: Floats | None = None
) -> Timelines:
    """Return the forecast curves of one source as its evaluations knew them; a new curve only where values change."""
    curve = np.full(len(evidence), -1, dtype=np.int64)
    why = [f"no {source} forecast known"] * len(evidence)
    curves: dict[bytes, Floats] = {}
    for version in _versions(evidence, forecasts, source):
        told = version.minute.tobytes() + version.temp_f.tobytes()
        if told not in curves:
            curves[told] = _curve(version, template_f)
        place = list(curves).index(told)
        usable = _is_usable(version, evidence.step[version.since :])
        curve[version.since :] = np.where(usable, place, -1)
        words = (f"{version.name} leaves warm hours out", _name(version, curves[told]))
        why[version.since :] = [words[use] for use in usable.astype(int).tolist()]
    used = list(dict.fromkeys(curve[curve >= 0].tolist()))
    curves_f = np.array(list(curves.values())).reshape(-1, STEPS + 1)[used]
    renumbered = np.full(len(curves) + 1, -1, dtype=np.int64)
    renumbered[used] = np.arange(len(used))
    return Timelines(curves_f=curves_f, curve=renumbered[curve], why=tuple(why))


def no_timelines(evidence: Evidence, why: str) -> Timelines:
    """Return that no forecast is used, and why."""
    nothing = np.full(len(evidence), -1, dtype=np.int64)
    return Timelines(curves_f=np.empty((0, STEPS + 1)), curve=nothing, why=(why,) * len(evidence))


def _versions(evidence: Evidence, forecasts: Forecasts, source: str) -> list[_Version]:
    told = forecasts.of(source, evidence.day)
    known = np.searchsorted(evidence.ts_utc.to_physical().to_numpy(), told.known_us, side="left")
    ever = known < len(evidence)
    told, known = told.where(ever), known[ever]
    drawn = _is_possible(told.temp_f)
    stating = np.flatnonzero(_is_possible(told.high_f))
    stating = stating[np.argsort(told.issued_us[stating], kind="stable")]
    air, air_known = told.where(drawn), known[drawn]
    versions = []
    for since in np.unique(air_known).tolist():
        newest = _newest(air.minute, air_known <= since)
        stated = stating[known[stating] <= since]
        versions.append(
            _Version(
                since=since,
                minute=air.minute[newest],
                temp_f=air.temp_f[newest],
                name=f"{source} {_run(int(air.issued_us[newest].max()))}",
                stated_f=float(told.high_f[stated[-1]]) if len(stated) else np.nan,
            )
        )
    return versions


def _is_possible(temp_f: Floats) -> NDArray[np.bool_]:
    return (temp_f >= COLDEST_F) & (temp_f <= WARMEST_F)


def _newest(minute: Floats, known: np.ndarray) -> Ints:
    """Return the places of the last known row of each instant."""
    places = np.flatnonzero(known)
    is_last = np.append(np.diff(minute[places]) > 0, True)
    newest: Ints = places[is_last]
    return newest


def _curve(version: _Version, template_f: Floats | None) -> Floats:
    """Return what is told on the grid of the day."""
    inside_f = _joined(version.minute, version.temp_f)
    if template_f is None:
        return inside_f
    held = np.clip(_GRID, version.minute[0], version.minute[-1])
    return inside_f + (template_f - np.interp(held, _GRID, template_f))


def _joined(minute: Floats, temp_f: Floats) -> Floats:
    if len(minute) < 2 or np.median(np.diff(minute)) <= _HOUR:
        return np.interp(_GRID, minute, temp_f)
    from scipy.interpolate import PchipInterpolator

    joined: Floats = PchipInterpolator(minute, temp_f)(np.clip(_GRID, minute[0], minute[-1]))
    return joined


def _is_usable(version: _Version, step: Ints) -> np.ndarray:
    """Tell at which last steps a curve covers what is still to come."""
    away = np.abs(_GRID[:, None] - version.minute).min(axis=1)
    uncovered = np.flatnonzero(away > REACH_MINUTES)
    first, last = WARM_STEPS
    warm = uncovered[(uncovered >= first) & (uncovered <= last)]
    needed = np.where(step < last, warm.max(initial=-1), uncovered.max(initial=-1))
    return np.asarray(needed <= step)


def _name(version: _Version, curve_f: Floats) -> str:
    """Name a curve, and the high that its vendor states where the curve stays at least half a degree below it."""
    name, warmest_f = f"timeline {version.name}", float(curve_f.max())
    if not version.stated_f - warmest_f >= _STATED_ABOVE_F:
        return name
    return f"{name}, which states a high of {version.stated_f:g} above its curve's {warmest_f:.1f}"


def _run(issued_us: int) -> str:
    issued = datetime.fromtimestamp(issued_us / 1_000_000, UTC)
    return f"{issued:%Y-%m-%d %H:%MZ}" if issued.minute else f"{issued:%Y-%m-%d %HZ}"
