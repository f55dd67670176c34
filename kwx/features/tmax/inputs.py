"""What snapshots of a city's days are made of, read from the lake in bulk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from warehouse.lake.store import Snapshot
from warehouse.lake.tables import FORECASTS, MARKETS, OBS, OBS_5M, SETTLEMENTS, UTC_TYPE
from warehouse.market.cities import City
from warehouse.market.cities import city as city_of
from warehouse.market.climate_day import event_dates

_LABELS = """
    select event_date, label_f, label_known_utc from settlement_label
    where city = $city and event_date between $since and $until order by event_date
"""
SIX_HOURS = timedelta(hours=6)
_GRID = ("event_date", "ts_utc", "source", "temp_f", "stale_minutes", "run_max_f", "run_max_lo_f", "run_max_hi_f")


@dataclass(frozen=True, kw_only=True, eq=False)
class TmaxInputs:
    """Some climate days of one city as the lake has them.

    grid: rows of obs_5m, each of which holds only reports known at its instant. words: what the station's own bulletins
    and preliminary climate reports say of the high of a stretch of the day. highs, curves: the forecasts of the days'
    highs, and of the air hour by hour. trading: the first open and the last close of each event. labels: what each day
    settled on and when that was known, for fitting and scoring alone.
    """

    city: City
    dates: tuple[date, ...]
    grid: pl.DataFrame
    words: pl.DataFrame
    highs: pl.DataFrame
    curves: pl.DataFrame
    trading: pl.DataFrame
    labels: pl.DataFrame

    @classmethod
    def read(cls, snapshot: Snapshot, city: str, *, since: date, until: date) -> TmaxInputs:
        """Read the days from `since` to `until`, both included, each one there even if nothing is known of it."""
        known = city_of(city)
        said = {"city": known.key, "since": since, "until": until}
        with snapshot.connect() as con:
            labels = pl.DataFrame(con.sql(_LABELS, params=said).pl())
        grid, obs, settlements, forecasts, markets = (
            snapshot.scan(table, cities=(known.key,), since=since, until=until)
            for table in (OBS_5M, OBS, SETTLEMENTS, FORECASTS, MARKETS)
        )
        return cls(
            city=known,
            dates=tuple(event_dates(since, until)),
            grid=grid.select(_GRID).collect(),
            words=pl.concat([_bulletins(obs), _preliminary(settlements)]),
            highs=_told(forecasts, "high_f"),
            curves=_told(forecasts, "temp_f"),
            trading=markets.group_by("event_date").agg(pl.col("open_utc").min(), pl.col("close_utc").max()).collect(),
            labels=labels,
        )


def _bulletins(obs: pl.LazyFrame) -> pl.DataFrame:
    """Return the maxima of six hours that the station's own bulletins tell."""
    told = obs.filter(pl.col("max_6h_f").is_not_null())
    return told.select(
        "event_date", since_utc=pl.col("ts_utc") - SIX_HOURS, until_utc="ts_utc", known_utc="known_utc",
        max_f="max_6h_f",
    ).collect()  # fmt: skip


def _preliminary(settlements: pl.LazyFrame) -> pl.DataFrame:
    """Return the climate reports of the running day: the high from midnight to an hour of the afternoon."""
    told = settlements.filter(~pl.col("is_final") & pl.col("high_f").is_not_null() & pl.col("as_of_utc").is_not_null())
    return told.select(
        "event_date", since_utc=pl.lit(None, UTC_TYPE), until_utc="as_of_utc", known_utc="known_utc", max_f="high_f"
    ).collect()


def _told(forecasts: pl.LazyFrame, column: str) -> pl.DataFrame:
    """Return the forecasts of a column; of equals the last to be valid comes last."""
    told = forecasts.filter(pl.col(column).is_not_null())
    wanted = told.select("event_date", "source", "issued_utc", "known_utc", "valid_utc", column).collect()
    return wanted.sort("event_date", "source", "issued_utc", "valid_utc")
