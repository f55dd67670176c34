"""Where the rows of a market lie in the lake: its city and its event date, from its ticker alone."""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from warehouse.errors import Unparsable
from warehouse.market.cities import City, city_of_series
from warehouse.market.tickers import EventTicker, parse_market_ticker

_FEW = 1_000
"""So many rows are placed one by one quicker than by a join."""
UNPLACED = "unplaced"
"""The column that says why a row has no place; null where it has one."""

_SCHEMA = pl.Schema({"market_ticker": pl.String(), "city": pl.String(), "event_date": pl.Date(), UNPLACED: pl.String()})


def event_of(market_ticker: str) -> tuple[EventTicker, City]:
    """Return the event of a market and its city; refuse another product, and what is no ticker."""
    series = market_ticker.partition("-")[0]
    city = city_of_series(series)
    if city is None:
        raise Unparsable(f"series {series!r} is another product, not a daily high of a city in the registry")
    return parse_market_ticker(market_ticker).event, city


def with_places(frame: pl.DataFrame) -> pl.DataFrame:
    """Add city and event_date to rows with a market_ticker; where there are none, UNPLACED says why."""
    tickers = frame["market_ticker"]
    if len(tickers) <= _FEW:
        return frame.hstack(_places(tickers)[["city", "event_date", UNPLACED]])
    return frame.join(
        _places(tickers.unique()), on="market_ticker", how="left", maintain_order="left", nulls_equal=True
    )


def _places(tickers: pl.Series) -> pl.DataFrame:
    told = [_place(ticker) for ticker in tickers.to_list()]
    columns = zip(*told, strict=True) if told else ([] for _ in _SCHEMA)
    return pl.DataFrame(
        [pl.Series(name, column, dtype) for (name, dtype), column in zip(_SCHEMA.items(), columns, strict=True)]
    )


@lru_cache(maxsize=100_000)
def _place(ticker: str | None) -> tuple[str | None, str | None, object, str | None]:
    if not ticker:
        return ticker, None, None, "ticker is missing"
    try:
        event, city = event_of(ticker)
    except Unparsable as error:
        return ticker, None, None, str(error)
    return ticker, city.key, event.event_date, None
