"""What the exchange would list for a day that nobody trades: a ladder around the middle of its distribution."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from warehouse.market.climate_day import ClimateDay
from warehouse.market.ladder import WIDTH_F, Ladder

_MIDDLES = 4


def assumed_markets(day: ClimateDay, centre_f: float) -> pl.DataFrame:
    """Return a ladder as the exchange lists them, four brackets of 2 °F between two open ones, open from the eve on."""
    lowest_f = round(centre_f) // WIDTH_F * WIDTH_F - WIDTH_F * _MIDDLES // 2
    ladder = Ladder.even(lowest_f, lowest_f + WIDTH_F * _MIDDLES - 1)
    return pl.DataFrame(
        {
            "market_ticker": list(ladder.names),
            "event_ticker": "assumed",
            "low_f": [bracket.low_f for bracket in ladder.brackets],
            "high_f": [bracket.high_f for bracket in ladder.brackets],
            "open_utc": day.start_utc - timedelta(days=1),
        }
    )
