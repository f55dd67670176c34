"""Small demo worlds, drawn once for the whole folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from pipelines.demo import CityDay, World, simulate

CITY = "chicago"
AllRows = Callable[[list[CityDay], str], pl.DataFrame]


@pytest.fixture(scope="session")
def lagging_world() -> World:
    """A world whose makers lag twelve minutes; its second day is the first of winter time."""
    return World(days=3, until=date(2026, 11, 2))


@pytest.fixture(scope="session")
def efficient_world() -> World:
    """A world whose makers know everything."""
    return World(days=3, until=date(2026, 11, 2), efficiency=1)


@pytest.fixture(scope="session")
def lagging(lagging_world: World) -> list[CityDay]:
    """The days of one city of the lagging world, its eve first."""
    return list(simulate(lagging_world, CITY))


@pytest.fixture(scope="session")
def efficient(efficient_world: World) -> list[CityDay]:
    """The days of one city of the efficient world, its eve first."""
    return list(simulate(efficient_world, CITY))


@pytest.fixture(scope="session")
def all_rows() -> AllRows:
    """Gather one table over days, with the event date as a column."""

    def gather(days: list[CityDay], name: str) -> pl.DataFrame:
        return pl.concat(
            day.frames[name].with_columns(event_date=pl.lit(day.partition.event_date))
            for day in days
            if name in day.frames
        )

    return gather


@pytest.fixture(scope="session")
def quotes_at_minute_ends(all_rows: AllRows) -> Callable[[list[CityDay]], pl.DataFrame]:
    """Carry the last candle's closing quotes to every minute, beside the truth of that minute."""

    def carry(days: list[CityDay]) -> pl.DataFrame:
        candles = all_rows(days, "candles_1m").drop("event_date")
        truth = all_rows(days, "truth_probabilities")
        keys = ["market_ticker", "ts_utc"]
        joined = truth.join(candles, on=keys, how="left", maintain_order="left").sort(keys)
        closes = pl.col("yes_bid_close_ticks", "yes_ask_close_ticks")
        return joined.with_columns(closes.forward_fill().over("market_ticker") / 10_000)

    return carry
