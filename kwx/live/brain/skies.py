"""The weather of the running days, minute by minute: grids that are laid out anew when reports come in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import polars as pl

from kwx.live.brain.remembered import Remembered
from kwx.signals.weather import GRID
from pipelines.transform.grids import observation_grid
from warehouse.lake.present import Present
from warehouse.lake.tables import OBS, Partition
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay, event_date_at

_EVE = timedelta(days=1)


class Skies:
    """The grids of each city's climate days."""

    def __init__(self, present: Present) -> None:
        self._present = present
        self._grids: Remembered[pl.DataFrame] = Remembered()

    def reports(self, city: str, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return what the station told on the eve and on the day."""
        eve, own = (self._present.read(OBS, Partition(city, when)) for when in (day - _EVE, day))
        return eve, own

    def grid(self, city: str, day: date) -> pl.DataFrame:
        """Return the minutes of a climate day, each with what was known then; later ones are of no use yet."""
        eve, own = self.reports(city, day)
        return self._grids.of((city, day), (eve, own), lambda: _laid(city, day, eve, own))

    def between(self, cities: Iterable[str], since_utc: datetime, until_utc: datetime) -> Mapping[str, pl.DataFrame]:
        """Return the grids of the climate days that some minutes lie in, by city."""
        return {city: self._of_city(city, since_utc, until_utc) for city in cities}

    def forget(self, before: date) -> None:
        """Forget days that are over."""
        self._grids.forget(lambda name: isinstance(name, tuple) and name[1] < before)

    def _of_city(self, city: str, since_utc: datetime, until_utc: datetime) -> pl.DataFrame:
        # The minute that ends at midnight is of the day before.
        first, last = (
            event_date_at(utc - timedelta(microseconds=1), city=CITIES[city]) for utc in (since_utc, until_utc)
        )
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        grids = [self.grid(city, day) for day in days]
        return grids[0] if len(grids) == 1 else pl.concat(grids)


def _laid(city: str, day: date, eve: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    rows = observation_grid(
        pl.concat([eve, own]).drop("city", "event_date"), day=ClimateDay(CITIES[city], day), step_minutes=1
    )
    return rows.with_columns(city=pl.lit(city), climate_date=pl.lit(day)).select(GRID)
