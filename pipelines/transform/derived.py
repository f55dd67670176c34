"""What follows from one day's raw tables: the observation grids and the dense candles.

A pure function of one city and day.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipelines.transform.dense import dense_candles
from pipelines.transform.grids import observation_grid
from warehouse.market.climate_day import ClimateDay


@dataclass(frozen=True, kw_only=True)
class RawDay:
    """What derived tables are made of: the day's listings and candles, and the observations of the day and its eve."""

    day: ClimateDay
    markets: pl.DataFrame
    candles: pl.DataFrame
    obs: pl.DataFrame
    obs_eve: pl.DataFrame
    grid_eve: pl.DataFrame


def grids_of(day: ClimateDay, *, obs: pl.DataFrame, obs_eve: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return obs_1m and obs_5m of a day; reports of the eve fill its first minutes."""
    reports = pl.concat([obs_eve.select(obs.columns), obs])
    return {
        "obs_1m": observation_grid(reports, day=day, step_minutes=1),
        "obs_5m": observation_grid(reports, day=day, step_minutes=5),
    }


def derive(raw: RawDay) -> dict[str, pl.DataFrame]:
    """Return every derived table of one event; its market opens on the eve, where the eve's grid tells the weather."""
    grids = grids_of(raw.day, obs=raw.obs, obs_eve=raw.obs_eve)
    minutes = grids["obs_1m"]
    weather = pl.concat([raw.grid_eve.select(minutes.columns), minutes])
    dense = dense_candles(raw.candles, raw.markets, weather=weather, city=raw.day.city)
    return {**grids, "candles_dense": dense}
