"""Days of one city read from the lake in bulk: what was reported and forecast, what was traded, what it settled on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import polars as pl

from kwx.hazard.known.evidence import evaluations_utc
from kwx.hazard.known.reports import Heard, heard_of
from kwx.hazard.known.timeline import Forecasts
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import FORECASTS, MARKETS, OBS, Table
from warehouse.market.cities import City
from warehouse.market.climate_day import ClimateDay, event_dates

_LABELS = """
    select event_date, label_f, label_known_utc from settlement_label
    where city = $city and event_date between $since and $until
"""
_EVE = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class DayData:
    """One climate day as the lake has it.

    obs: the reports of the day and its eve. forecasts, markets: the rows of the day.
    label_f, label_known_utc: what the day settled on and when that was known; for fitting and scoring alone, never for
        what is to be known during the day. None where no final report is there.
    """

    day: ClimateDay
    obs: pl.DataFrame
    forecasts: pl.DataFrame
    markets: pl.DataFrame
    label_f: int | None
    label_known_utc: datetime | None

    @cached_property
    def heard(self) -> Heard:
        """What its reports say, worked out once for all of its evaluations."""
        return heard_of(self.day, evaluations_utc(self.day), self.obs)

    @cached_property
    def told(self) -> Forecasts:
        """Its forecasts, laid out once for all of its evaluations."""
        return Forecasts(self.forecasts)


def read_days(snapshot: Snapshot, city: City, since: date, until: date) -> list[DayData]:
    """Return the days of one city from `since` to `until`, both included, each one there even if nothing is known."""
    obs = _by_date(snapshot, OBS, city, since - _EVE, until)
    forecasts = _by_date(snapshot, FORECASTS, city, since, until)
    markets = _by_date(snapshot, MARKETS, city, since, until)
    labels = _labels(snapshot, city, since, until)
    days = []
    for event_date in event_dates(since, until):
        label_f, label_known_utc = labels.get(event_date, (None, None))
        of_eve, of_day = (obs.get(when, OBS.empty()) for when in (event_date - _EVE, event_date))
        data = DayData(
            day=ClimateDay(city, event_date),
            obs=pl.concat([of_eve, of_day]),
            forecasts=forecasts.get(event_date, FORECASTS.empty()),
            markets=markets.get(event_date, MARKETS.empty()),
            label_f=label_f,
            label_known_utc=label_known_utc,
        )
        days.append(data)
    return days


def _by_date(snapshot: Snapshot, table: Table, city: City, since: date, until: date) -> dict[date, pl.DataFrame]:
    """Return the rows of a table by event date, in the order of its files."""
    rows = snapshot.scan(table, cities=(city.key,), since=since, until=until).collect()
    parts = rows.sort(table.order).partition_by("event_date", as_dict=True)
    return {of_date: part.select(list(table.schema)) for (of_date,), part in parts.items()}


def _labels(snapshot: Snapshot, city: City, since: date, until: date) -> dict[date, tuple[int | None, datetime | None]]:
    asked = {"city": city.key, "since": since, "until": until}
    with snapshot.connect() as connection:
        labels = connection.sql(_LABELS, params=asked).pl()
    return {event_date: (label_f, known_utc) for event_date, label_f, known_utc in labels.iter_rows()}
