"""What snapshots of a city's days are made of, read from the lake in bulk; or of one day of each of several cities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from warehouse.lake.store import Snapshot
from warehouse.lake.tables import FORECASTS, MARKETS, OBS, OBS_5M, SETTLEMENTS, UTC_TYPE
from warehouse.market.cities import City
from warehouse.market.cities import city as city_of
from warehouse.market.climate_day import ClimateDay, event_dates

_LABELS = """
    select event_date, label_f, label_known_utc from settlement_label
    where city = $city and event_date between $since and $until order by event_date
"""
SIX_HOURS = timedelta(hours=6)
_GRID = ("event_date", "ts_utc", "source", "temp_f", "stale_minutes", "run_max_f", "run_max_lo_f", "run_max_hi_f")


@dataclass(frozen=True, kw_only=True, eq=False)
class TmaxInputs:
    """Some climate days as the lake has them: of one city, one after the other; or of `cities`, one for each day.

    grid: rows of obs_5m, each of which holds only reports known at its instant. words: what the station's own bulletins
    and preliminary climate reports say of the high of a stretch of the day. highs, curves: the forecasts of the days'
    highs, and of the air hour by hour. trading: the first open and the last close of each event. labels: what each day
    settled on and when that was known, for fitting and scoring alone. Of several cities rows say in `day` which of the
    days they are of.
    """

    city: City
    dates: tuple[date, ...]
    grid: pl.DataFrame
    words: pl.DataFrame
    highs: pl.DataFrame
    curves: pl.DataFrame
    trading: pl.DataFrame
    labels: pl.DataFrame
    cities: tuple[City, ...] = ()

    @property
    def days(self) -> tuple[ClimateDay, ...]:
        """The climate days."""
        cities = self.cities or (self.city,) * len(self.dates)
        return tuple(ClimateDay(city, day) for city, day in zip(cities, self.dates, strict=True))

    def day_of(self, rows: pl.DataFrame) -> pl.Expr:
        """Return the place of each row's day."""
        if self.cities:
            return pl.col("day")
        return (pl.col("event_date") - pl.lit(self.dates[0])).dt.total_days().alias("day")

    @classmethod
    def together(cls, parts: Sequence[TmaxInputs]) -> TmaxInputs:
        """Return single days as one, in their order; how they ended is left out."""
        frames = ("grid", "words", "highs", "curves", "trading")
        laid = {
            name: pl.concat(
                getattr(part, name).with_columns(day=pl.lit(place, pl.Int64)) for place, part in enumerate(parts)
            )
            for name in frames
        }
        return cls(
            city=parts[0].city, dates=tuple(part.dates[0] for part in parts), labels=parts[0].labels.clear(),
            cities=tuple(part.city for part in parts), **laid,
        )  # fmt: skip

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
        unheard = cls.of(known, tuple(event_dates(since, until)), forecasts, markets, labels=labels)
        return unheard.heard(grid, obs, settlements)

    @classmethod
    def of(
        cls,
        city: City,
        dates: tuple[date, ...],
        forecasts: pl.LazyFrame,
        markets: pl.LazyFrame,
        *,
        labels: pl.DataFrame,
    ) -> TmaxInputs:
        """Lay out what is forecast of some days and when their markets trade; nothing was reported yet."""
        return cls(
            city=city,
            dates=dates,
            grid=pl.DataFrame(schema={name: (OBS_5M.path_columns | OBS_5M.schema)[name] for name in _GRID}),
            words=_bulletins(pl.LazyFrame(schema=OBS.path_columns | OBS.schema)),
            highs=_told(forecasts, "high_f"),
            curves=_told(forecasts, "temp_f"),
            trading=markets.group_by("event_date").agg(pl.col("open_utc").min(), pl.col("close_utc").max()).collect(),
            labels=labels,
        )

    def heard(self, grid: pl.LazyFrame, obs: pl.LazyFrame, settlements: pl.LazyFrame) -> TmaxInputs:
        """Return the same days with what was reported of them."""
        words = pl.concat([_bulletins(obs), _preliminary(settlements)])
        return replace(self, grid=grid.select(_GRID).collect(), words=words)


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
