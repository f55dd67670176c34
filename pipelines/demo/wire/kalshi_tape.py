"""Candles and trades in the exchange's words: live and historical dialect, rendered a whole event at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.demo.session import SECOND_US
from pipelines.demo.wire.told import Once, Told
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.cities import City
from warehouse.market.money import CENTI_PER_CONTRACT, TICKS_PER_CENT, TICKS_PER_DOLLAR, dollars_text

Dialect = Literal["live", "historical"]

_EVENTS_KEPT = 24
_MOMENTS = ("open", "low", "high", "close")
_MINUTE = timedelta(minutes=1)
_DOLLARS = pl.Series([dollars_text(cents * TICKS_PER_CENT) for cents in range(TICKS_PER_DOLLAR // TICKS_PER_CENT + 1)])


class Lane(NamedTuple):
    """The candles of one market in the order of time: their stamps, their texts, and at which price each closed."""

    stamps_us: NDArray[np.int64]
    texts: pl.Series
    price_close_ticks: pl.Series

    @classmethod
    def of(cls, candles: pl.DataFrame) -> Lane:
        """Lay out the rendered candles of one market."""
        return cls(candles["ts_utc"].to_physical().to_numpy(), candles["text"], candles["price_close_ticks"])

    def within(self, start_s: int, end_s: int, *, now_us: int) -> slice:
        """Return the places of candles stamped within two seconds of the epoch, both included, that ended by now."""
        until_us = min(end_s * SECOND_US, now_us)
        first, beyond = np.searchsorted(self.stamps_us, (start_s * SECOND_US, until_us + 1))
        return slice(int(first), max(int(first), int(beyond)))


class Tape:
    """What the exchange says of an event's past, as text beside the stamps by which it is chosen."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._candles: Once[dict[str, Lane]] = Once(_EVENTS_KEPT)
        self._trades: Once[pl.DataFrame] = Once(_EVENTS_KEPT)

    def candles(self, city: City, day: date, *, period_minutes: int, dialect: Dialect) -> dict[str, Lane]:
        """Return the candles of an event by market, the future's too."""
        key = (city.key, day, period_minutes, dialect)
        return self._candles.get(key, lambda: self._rendered(city, day, period_minutes, dialect))

    def trades(self, city: City, day: date) -> pl.DataFrame:
        """Return market_ticker, ts_utc and text of the trades of an event by now, newest first."""
        if self._told.venue is not None:  # what is printed there is not known beforehand
            return trade_texts(self._told.table("trades", city, day))
        trades = self._trades.get((city.key, day), lambda: trade_texts(self._told.whole("trades", city, day)))
        return trades.filter(pl.col("ts_utc") <= self._now())

    def _rendered(self, city: City, day: date, period_minutes: int, dialect: Dialect) -> dict[str, Lane]:
        candles, trades = (self._told.whole(name, city, day) for name in ("candles_1m", "trades"))
        with_means = candles.join(_means(trades), on=["market_ticker", "ts_utc"], how="left", maintain_order="left")
        texts = candle_texts(longer(with_means, period_minutes=period_minutes), dialect=dialect)
        by_market = texts.partition_by("market_ticker", as_dict=True, maintain_order=True)
        return {str(ticker): Lane.of(candles) for (ticker,), candles in by_market.items()}

    def _now(self) -> pl.Expr:
        return pl.lit(self._told.clock(), UTC_TYPE)


def longer(candles: pl.DataFrame, *, period_minutes: int) -> pl.DataFrame:
    """Fold minute candles into longer periods, each stamped with its inclusive end."""
    if period_minutes == 1:
        return candles
    end = (pl.col("ts_utc") - _MINUTE).dt.truncate(f"{period_minutes}m") + timedelta(minutes=period_minutes)
    pick = {"open": pl.Expr.first, "low": pl.Expr.min, "high": pl.Expr.max, "close": pl.Expr.last}
    sides = [
        choose(pl.col(f"{side}_{moment}_ticks").drop_nulls())
        for side in ("yes_bid", "yes_ask", "price")
        for moment, choose in pick.items()
    ]
    worth = (pl.col("mean_ticks") * pl.col("volume_centi")).sum() / pl.col("volume_centi").sum()
    return candles.group_by("market_ticker", end.alias("ts_utc"), maintain_order=True).agg(
        *sides,
        pl.col("volume_centi").sum(),
        pl.col("open_interest_centi").last(),
        mean_ticks=pl.when(pl.col("volume_centi").sum() > 0).then(worth.round()).cast(pl.Int64),
    )


def candle_texts(candles: pl.DataFrame, *, dialect: Dialect) -> pl.DataFrame:
    """Render candles, ordered by market and time, as the JSON of one dialect."""
    suffix, count_suffix = ("_dollars", "_fp") if dialect == "live" else ("", "")
    previous = pl.col("price_close_ticks").forward_fill().shift(1).over("market_ticker")
    texts = [
        (f"{side}_{moment}", _dollars(pl.col(f"{side}_{moment}_ticks")))
        for side in ("yes_bid", "yes_ask", "price")
        for moment in _MOMENTS
    ]
    said = candles.with_columns(previous_ticks=previous).with_columns(
        **dict(texts),
        mean=_any_dollars(pl.col("mean_ticks")),
        previous=_dollars(pl.col("previous_ticks")),
        volume=_count(pl.col("volume_centi")),
        interest=_count(pl.col("open_interest_centi")),
        end=pl.col("ts_utc").dt.epoch("s"),
    )
    text = _text(
        '{"end_period_ts":', pl.col("end").cast(pl.String),
        ',"yes_bid":{', _side("yes_bid", suffix), '},"yes_ask":{', _side("yes_ask", suffix),
        '},"price":{', _live_price() if dialect == "live" else _historical_price(),
        f'}},"volume{count_suffix}":', _quoted("volume"),
        f',"open_interest{count_suffix}":', _quoted("interest"), "}",
    )  # fmt: skip
    return said.select("market_ticker", "ts_utc", "price_close_ticks", text=text)


def trade_texts(trades: pl.DataFrame) -> pl.DataFrame:
    """Render trades, newest first; one tape for both tiers."""
    yes = pl.col("taker_side") == "yes"
    text = _text(
        '{"trade_id":"', pl.col("trade_id"), '","ticker":"', pl.col("market_ticker"),
        '","count_fp":"', _count(pl.col("count_centi")),
        '","yes_price_dollars":"', _dollars(pl.col("yes_price_ticks")),
        '","no_price_dollars":"', _dollars(TICKS_PER_DOLLAR - pl.col("yes_price_ticks")),
        '","taker_outcome_side":"', pl.col("taker_side"),
        '","taker_book_side":"', pl.when(yes).then(pl.lit("bid")).otherwise(pl.lit("ask")),
        '","is_block_trade":', pl.col("is_block").cast(pl.String),
        ',"created_time":"', pl.col("ts_utc").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"), '"}',
    )  # fmt: skip
    newest_first = trades.sort("ts_utc", "trade_id", descending=True)
    return newest_first.select("market_ticker", "ts_utc", text=text)


def _means(trades: pl.DataFrame) -> pl.DataFrame:
    """Return the mean price of each minute, weighted by volume."""
    worth = (pl.col("yes_price_ticks").cast(pl.Int64) * pl.col("count_centi")).sum() / pl.col("count_centi").sum()
    end = (pl.col("ts_utc").dt.truncate("1m") + _MINUTE).alias("ts_utc")
    return trades.group_by("market_ticker", end).agg(mean_ticks=worth.round().cast(pl.Int64))


def _text(*pieces: str | pl.Expr) -> pl.Expr:
    """Join constant text and columns of text; null where a column is."""
    return pl.concat_str([pl.lit(piece) if isinstance(piece, str) else piece for piece in pieces])


def _members(said: Mapping[str, pl.Expr]) -> pl.Expr:
    """Join members of an object; null where one is."""
    return pl.concat_str([_text(f'"{name}":', value) for name, value in said.items()], separator=",")


def _quoted(name: str) -> pl.Expr:
    return _text('"', pl.col(name), '"')


def _side(side: str, suffix: str) -> pl.Expr:
    return _members({f"{moment}{suffix}": _quoted(f"{side}_{moment}") for moment in _MOMENTS})


def _live_price() -> pl.Expr:
    """Say what traded; of a silent period only the last price before it, if there is one."""
    extremes = {"mean": "mean", "min": "price_low", "max": "price_high"}
    columns = {moment: f"price_{moment}" for moment in _MOMENTS} | extremes
    traded = _members({f"{name}_dollars": _quoted(column) for name, column in columns.items()})
    before = _members({"previous_dollars": _quoted("previous")})
    return pl.concat_str([traded, before], separator=",", ignore_nulls=True)


def _historical_price() -> pl.Expr:
    columns = {moment: f"price_{moment}" for moment in _MOMENTS} | {"mean": "mean", "previous": "previous"}
    return _members({name: _quoted(column).fill_null("null") for name, column in columns.items()})


def _dollars(ticks: pl.Expr) -> pl.Expr:
    """Print prices of whole cents."""
    return pl.lit(_DOLLARS).gather(ticks.cast(pl.Int64) // TICKS_PER_CENT)


def _any_dollars(ticks: pl.Expr) -> pl.Expr:
    whole, rest = ticks // TICKS_PER_DOLLAR, ticks % TICKS_PER_DOLLAR
    return _text(whole.cast(pl.String), ".", rest.cast(pl.String).str.zfill(4))


def _count(centi: pl.Expr) -> pl.Expr:
    rest = (centi % CENTI_PER_CONTRACT).cast(pl.String).str.zfill(2)
    return _text((centi // CENTI_PER_CONTRACT).cast(pl.String), ".", rest)


def stamped_within(start_s: int, end_s: int) -> pl.Expr:
    """Tell whether a stamp lies within two seconds of the epoch, both included."""
    return pl.col("ts_utc").dt.epoch("us").is_between(start_s * SECOND_US, end_s * SECOND_US)
