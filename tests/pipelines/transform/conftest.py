"""Small worlds: one city, minutes counted from the open, everything else said by the test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pipelines.transform import candles_from_trades, dense_candles, observation_grid
from warehouse.lake.tables import CANDLES_1M, MARKETS, OBS, OBS_1M, TRADES
from warehouse.market.cities import CITIES, City
from warehouse.market.climate_day import ClimateDay


@dataclass(frozen=True)
class MarketWorld:
    """Markets of one city that all open at one instant; every time is in minutes since then."""

    city: City = CITIES["chicago"]
    open_utc: datetime = datetime(2026, 2, 3, 14, tzinfo=UTC)
    ticker: str = "KXHIGHCHI-26FEB04-B40.5"
    other: str = "KXHIGHCHI-26FEB04-B42.5"

    def at(self, minute: float) -> datetime:
        """Return an instant."""
        return self.open_utc + timedelta(minutes=minute)

    def candle(self, ts: int, **said: Any) -> dict[str, Any]:
        """Return one candle: 40/42 cents, no trade, known at its own stamp, unless said otherwise."""
        bid, ask, price = said.get("bid", 4_000), said.get("ask", 4_200), said.get("price")
        prices = price if isinstance(price, tuple) else (price,) * 4
        row = {"market_ticker": said.get("ticker", self.ticker), "ts_utc": self.at(ts)}
        row |= {f"yes_bid_{moment}_ticks": bid for moment in ("open", "high", "low", "close")}
        row |= {f"yes_ask_{moment}_ticks": ask for moment in ("open", "high", "low", "close")}
        row |= {f"price_{moment}_ticks": p for moment, p in zip(("open", "high", "low", "close"), prices, strict=True)}
        row |= {"volume_centi": said.get("volume", 0), "open_interest_centi": said.get("interest", 0)}
        return row | {"known_utc": self.at(said.get("known", ts))}

    def tape_candle(self, ts: int, **said: Any) -> dict[str, Any]:
        """Return one candle made from the tape alone: a trade at 41 cents, no quotes, no open interest."""
        return self.candle(ts, **{"bid": None, "ask": None, "interest": None, "price": 4_100, "volume": 1} | said)

    def markets(self, minutes: dict[str, int] | int) -> pl.DataFrame:
        """Return markets by ticker and length; a bare number is the one market."""
        lengths = minutes if isinstance(minutes, dict) else {self.ticker: minutes}
        if not lengths:
            return MARKETS.empty()
        return pl.concat([self.listing(ticker, self.open_utc, self.at(length)) for ticker, length in lengths.items()])

    def listing(self, ticker: str, open_utc: datetime, close_utc: datetime) -> pl.DataFrame:
        """Return one market as listed, with what its minutes carry of it."""
        bracket = {"event_ticker": ticker.rpartition("-")[0], "strike_type": "between", "floor_strike": 40.0}
        bracket |= {"cap_strike": 41.0, "low_f": 40, "high_f": 41, "bracket_order": 2}
        row = {"market_ticker": ticker, **bracket, "open_utc": open_utc, "close_utc": close_utc}
        return pl.DataFrame([row], schema={name: MARKETS.schema[name] for name in row})

    def weather(self, stale_minutes: dict[int, int]) -> pl.DataFrame:
        """Return weather rows by minute and staleness."""
        rows = [{"ts_utc": self.at(minute), "stale_minutes": stale} for minute, stale in stale_minutes.items()]
        return pl.DataFrame(rows, schema=OBS_1M.schema)

    def dense(self, *candles: dict[str, Any], minutes: dict[str, int] | int = 5, **other: Any) -> pl.DataFrame:
        """Lay the candles out on the minutes."""
        told = pl.DataFrame(list(candles), schema=CANDLES_1M.schema)
        weather = other.get("weather", OBS_1M.empty())
        return dense_candles(told, self.markets(minutes), weather=weather, city=self.city)


@dataclass(frozen=True)
class StationWorld:
    """One station on one climate day; every time is in minutes since its opening midnight."""

    day: ClimateDay

    def at(self, minute: float) -> datetime:
        """Return an instant."""
        return self.day.start_utc + timedelta(minutes=minute)

    def report(self, ts: float, temp_f: float, **said: Any) -> dict[str, Any]:
        """Return one exact METAR report, known at its own stamp, unless said otherwise."""
        low_f, high_f = said.get("interval", (round(temp_f), round(temp_f)))
        return {
            "ts_utc": self.at(ts),
            "source": said.get("source", "metar"),
            "station": self.day.city.station,
            "temp_f": float(temp_f),
            "temp_lo_f": low_f,
            "temp_hi_f": high_f,
            "dew_f": said.get("dew_f"),
            "humidity_pct": said.get("humidity_pct"),
            "wind_mph": said.get("wind_mph"),
            "is_whole_c": "interval" in said,
            "is_filled": said.get("is_filled", False),
            "known_utc": self.at(said.get("known", ts)),
        }

    def grid(self, *reports: dict[str, Any], step_minutes: int = 1) -> pl.DataFrame:
        """Lay the reports out on the day."""
        return observation_grid(pl.DataFrame(list(reports), schema=OBS.schema), day=self.day, step_minutes=step_minutes)

    def row(self, grid: pl.DataFrame, minute: int) -> dict[str, Any]:
        """Return the row of one minute."""
        return grid.row(by_predicate=pl.col("ts_utc") == self.at(minute), named=True)


@dataclass(frozen=True)
class TapeWorld:
    """Trades of one market; every time is in seconds since the open."""

    open_utc: datetime = datetime(2026, 2, 3, 14, tzinfo=UTC)
    ticker: str = "KXHIGHCHI-26FEB04-B40.5"

    def at(self, second: float) -> datetime:
        """Return an instant."""
        return self.open_utc + timedelta(seconds=second)

    def trade(self, trade_id: str, second: float, price: int, count: int = 100, **said: Any) -> dict[str, Any]:
        """Return one trade, on the book and known at once unless said otherwise."""
        return {
            "trade_id": trade_id,
            "market_ticker": said.get("ticker", self.ticker),
            "ts_utc": self.at(second),
            "yes_price_ticks": price,
            "count_centi": count,
            "taker_side": "yes",
            "is_block": said.get("is_block", False),
            "known_utc": self.at(said.get("known", second)),
        }

    def candles(self, *trades: dict[str, Any]) -> pl.DataFrame:
        """Aggregate the trades."""
        return candles_from_trades(pl.DataFrame(list(trades), schema=TRADES.schema))


@pytest.fixture(scope="session")
def market() -> MarketWorld:
    """Give a market world."""
    return MarketWorld()


@pytest.fixture(scope="session")
def station() -> StationWorld:
    """Give a station world."""
    return StationWorld(ClimateDay(CITIES["chicago"], date(2026, 2, 4)))


@pytest.fixture(scope="session")
def tape() -> TapeWorld:
    """Give a tape world."""
    return TapeWorld()
