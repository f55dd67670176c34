"""What the weather says of each event: its newest evaluation, made when its instant has come and kept.

An evaluation is made of what was known by its instant. Where a report or a forecast comes in later that was known by
then, it is made anew: so the next minute says what the lake will say of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

import numpy as np
import polars as pl

from kwx.hazard.engines.swept import SweptLattice
from kwx.hazard.fits import Fit, fit_before, fits_of
from kwx.hazard.known.days import DayData
from kwx.hazard.known.evidence import evaluations_utc
from kwx.hazard.question import Floats, Ints
from kwx.hazard.run import DayRun, run_evaluation
from kwx.live.brain.remembered import Remembered
from kwx.live.brain.skies import Skies
from warehouse.errors import Refused
from warehouse.lake.present import Present
from warehouse.lake.tables import FORECASTS, MARKETS, MC_PARAMS, OBS, Partition, utc_expr
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay
from warehouse.market.ladder import Ladder

NO_FIT = "no fit of the air ended before the eve: kwx hazard fit-params"


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluated:
    """One evaluation of one event: the chance of each degree from first_f on, and what goes with it.

    The hazards and the running maximum are NaN where there is none; m_run_lo_f is the lowest degree that it can mean.
    """

    ts_utc: datetime
    first_f: int
    p: Floats
    hazard_5m: float
    hazard_60m: float
    m_run_temp_f: float
    m_run_lo_f: float
    quality: str

    def masses(self, ladder: Ladder) -> Floats:
        """Return [B] the chance of each bracket."""
        return ladder.masses(self.p, self.first_f)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kept:
    """An evaluation, its number among the day's, and how to know what it was made of."""

    number: int
    fit: Fit
    signature: tuple[int, ...]
    evaluated: Evaluated


class Hazards:
    """Newest evaluations by city and event date."""

    def __init__(self, present: Present, skies: Skies) -> None:
        self._present = present
        self._skies = skies
        self._engine = SweptLattice()
        self._fits: Remembered[list[Fit]] = Remembered()
        self._days: Remembered[DayData] = Remembered()
        self._signed: Remembered[dict[int, tuple[int, ...]]] = Remembered()
        self._kept: dict[Partition, _Kept] = {}
        self.notes: dict[str, str] = {}

    def newest(self, place: Partition, minute_utc: datetime) -> Evaluated | None:
        """Return the newest evaluation of an event at a minute; None before the first, and where no fit may serve."""
        day, fit = self._day(place), self._fit(place)
        number = _number(day.day, minute_utc)
        if fit is None or number is None:
            return None
        signature = self._signature(place, day, number)
        kept = self._kept.get(place)
        if kept is None or (kept.number, kept.signature) != (number, signature) or kept.fit is not fit:
            try:
                evaluated = _evaluated(run_evaluation(day, fit, self._engine, number))
            except Refused as refusal:
                self.notes[place.city] = f"{place.city}: {refusal}"
                return None
            kept = _Kept(number=number, fit=fit, signature=signature, evaluated=evaluated)
            self._kept[place] = kept
        return kept.evaluated

    def forget(self, before: date) -> None:
        """Forget event dates that are over."""
        self._days.forget(lambda place: isinstance(place, Partition) and _is_before(place, before))
        self._signed.forget(lambda place: isinstance(place, Partition) and _is_before(place, before))
        self._kept = {place: kept for place, kept in self._kept.items() if not _is_before(place, before)}

    def _fit(self, place: Partition) -> Fit | None:
        rows = self._present.read(MC_PARAMS, Partition(place.city))
        fits = self._fits.of(place.city, (rows,), lambda: fits_of(self._present, place.city))
        fit = None if place.event_date is None else fit_before(fits, place.event_date)
        if fit is None:
            self.notes[place.city] = f"{place.city}: {NO_FIT} --city {place.city}"
        else:
            self.notes.pop(place.city, None)
        return fit

    def _day(self, place: Partition) -> DayData:
        assert place.event_date is not None
        event_date = place.event_date
        eve, own = self._skies.reports(place.city, event_date)
        forecasts, markets = (self._present.read(table, place) for table in (FORECASTS, MARKETS))
        return self._days.of(
            place, (eve, own, forecasts), lambda: _day_data(place.city, event_date, eve, own, forecasts, markets)
        )  # fmt: skip

    def _signature(self, place: Partition, day: DayData, number: int) -> tuple[int, ...]:
        """Return what tells apart two days whose evaluation would differ: the rows that were known by it."""
        signed = self._signed.of(place, (day.obs, day.forecasts), dict)
        if number not in signed:
            at_utc = evaluations_utc(day.day)[number]
            signed[number] = _signed(day.obs, at_utc) + _signed(day.forecasts, at_utc)
        return signed[number]


def _day_data(
    city: str, event_date: date, eve: pl.DataFrame, own: pl.DataFrame, forecasts: pl.DataFrame, markets: pl.DataFrame
) -> DayData:
    """Return the day so far; nobody knows how it ends."""
    return DayData(
        day=ClimateDay(CITIES[city], event_date),
        obs=pl.concat([eve, own])[OBS.schema.names()],
        forecasts=forecasts[FORECASTS.schema.names()],
        markets=markets[MARKETS.schema.names()],
        label_f=None,
        label_known_utc=None,
    )


def _number(day: ClimateDay, minute_utc: datetime) -> int | None:
    """Return the number of the newest evaluation at a minute."""
    at_us = round(minute_utc.timestamp() * 1_000_000)
    number = int(np.searchsorted(_evaluations_us(day), at_us, side="right")) - 1
    return None if number < 0 else number


@lru_cache(maxsize=64)
def _evaluations_us(day: ClimateDay) -> Ints:
    instants: Ints = evaluations_utc(day).to_physical().to_numpy()
    return instants


def _signed(rows: pl.DataFrame, at_utc: datetime) -> tuple[int, int]:
    known = rows.filter(pl.col("known_utc") <= utc_expr(at_utc))
    return known.height, int(known.hash_rows().sum() or 0) if known.height else 0


def _evaluated(run: DayRun) -> Evaluated:
    there = run.evidence.record_kind[0] is not None
    return Evaluated(
        ts_utc=run.evidence.ts_utc[0],
        first_f=run.distribution.first_f,
        p=run.distribution.p[0],
        hazard_5m=float(run.distribution.hazard_5m[0]),
        hazard_60m=float(run.distribution.hazard_60m[0]),
        m_run_temp_f=float(run.running_max_f[0]),
        m_run_lo_f=float(run.evidence.record_lo_f[0]) if there else np.nan,
        quality=run.quality[0],
    )


def _is_before(place: Partition, before: date) -> bool:
    return place.event_date is not None and place.event_date < before
