"""From what the vendors send to what the lake reads best: minute grids, day grids, candles of the tape."""

from __future__ import annotations

from pipelines.transform.dense import QUOTE_FRESH_MINUTES, WEATHER_FRESH_MINUTES, dense_candles, latest_candles
from pipelines.transform.grids import observation_grid
from pipelines.transform.tape import candles_from_trades, tape_candles

__all__ = [
    "QUOTE_FRESH_MINUTES",
    "WEATHER_FRESH_MINUTES",
    "candles_from_trades",
    "dense_candles",
    "latest_candles",
    "observation_grid",
    "tape_candles",
]
