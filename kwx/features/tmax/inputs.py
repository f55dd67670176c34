"""What snapshots of a city's days are made of, read from the lake in bulk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from warehouse.lake.store import Snapshot
from warehouse.lake.tables import FORECASTS, MARKETS, OBS_5M
from warehouse.market.cities import City
from warehouse.market.cities import city as city_of
from warehouse.market.climate_day import event_dates

_LABELS = """
    select event_date, label_f, label_known_utc from settlement_label
    where city = $city and event_date between $since and $until order by event_date
"""
_GRID = ("event_date", "ts_utc", "source", "temp_f", "stale_minutes", "run_max_f", "run_max_lo_f", "run_max_hi_f")


@dataclass(frozen=True, kw_only=True, eq=False)
class TmaxInputs:
    """Some climate days of one city as the lake has them.

    grid: rows of obs_5m, each of which holds only reports known at its instant. highs: the forecasts of the days'
    highs. trading: the first open and the last close of each event. labels: what each day settled on and when that was
    known, for fitting and scoring alone.
    """

    city: City
    dates: tuple[date, ...]
    grid: pl.DataFrame
    highs: pl.DataFrame
    trading: pl.DataFrame
    labels: pl.DataFrame

    @classmethod
    def read(cls, snapshot: Snapshot, city: str, *, since: date, until: date) -> TmaxInputs:
        """Read the days from `since` to `until`, both included, each one there even if nothing is known of it."""
        known = city_of(city)
        said = {"city": known.key, "since": since, "until": until}
        with snapshot.connect() as con:
            labels = pl.DataFrame(con.sql(_LABELS, params=said).pl())
        grid, forecasts, markets = (
            snapshot.scan(table, cities=(known.key,), since=since, until=until)
            for table in (OBS_5M, FORECASTS, MARKETS)
        )
        return cls(
            city=known,
            dates=tuple(event_dates(since, until)),
            grid=grid.select(_GRID).collect(),
            highs=_told(forecasts),
            trading=markets.group_by("event_date").agg(pl.col("open_utc").min(), pl.col("close_utc").max()).collect(),
            labels=labels,
        )


def _told(forecasts: pl.LazyFrame) -> pl.DataFrame:
    """Return the forecast highs; of equals the last to be valid comes last."""
    told = forecasts.filter(pl.col("high_f").is_not_null())
    wanted = told.select("event_date", "source", "issued_utc", "known_utc", "valid_utc", "high_f").collect()
    return wanted.sort("event_date", "source", "issued_utc", "valid_utc")
