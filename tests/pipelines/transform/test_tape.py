"""Laws of the candles that are made from the tape, and the recorded tape against the exchange's own volumes."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from pipelines.transform import candles_from_trades
from warehouse.lake.tables import TRADES

RECORDED = Path(os.environ.get("KWX_SHARED_DATA", Path(__file__).parents[3].parent / "shared" / "data"))


def test_minute_is_stamped_with_its_end(tape):
    """A trade of 14:00:00 up to 14:00:59.999 belongs to the candle of 14:01."""
    candles = tape.candles(tape.trade("a", 0, 100), tape.trade("b", 59.999, 100), tape.trade("c", 60, 100))

    assert [tape.at(60), tape.at(120)] == candles["ts_utc"].to_list()
    assert [200, 100] == candles["volume_centi"].to_list()


def test_candle_tells_first_highest_lowest_and_last_price(tape):
    """Prices follow the instants of the trades, not the order of the input."""
    row = tape.candles(
        tape.trade("c", 30, 500), tape.trade("a", 10, 300), tape.trade("d", 40, 400), tape.trade("b", 20, 100)
    ).row(0, named=True)

    assert [300, 500, 100, 400] == [row[f"price_{moment}_ticks"] for moment in ("open", "high", "low", "close")]


def test_trades_of_one_instant_count_in_the_order_of_their_names(tape):
    """Ties are broken by trade_id, so that the same tape gives the same candle."""
    row = tape.candles(tape.trade("b", 10, 200), tape.trade("a", 10, 100)).row(0, named=True)

    assert (100, 200) == (row["price_open_ticks"], row["price_close_ticks"])


def test_block_trades_do_not_count(tape):
    """A block is agreed off the book: neither its price nor its volume is in a candle."""
    on_book = tape.trade("a", 10, 100)

    assert tape.candles(on_book).equals(tape.candles(on_book, tape.trade("b", 20, 9_000, is_block=True)))


def test_trade_fetched_twice_counts_once(tape):
    """Pages overlap; a trade_id counts once."""
    trade = tape.trade("a", 10, 100)

    assert tape.candles(trade).equals(tape.candles(trade, trade))


@pytest.mark.parametrize(("known", "expected"), [(10, 60), (60, 60), (75, 75)])
def test_candle_is_known_at_its_end_or_with_its_last_trade(tape, known, expected):
    """The minute must be over, and every trade of it must have arrived."""
    candles = tape.candles(tape.trade("a", 5, 100), tape.trade("b", 10, 100, known=known))

    assert [tape.at(expected)] == candles["known_utc"].to_list()


def test_minutes_without_trades_and_other_markets_stay_apart(tape):
    """One row per market and minute in which something was traded, in the order of the tickers."""
    candles = tape.candles(
        tape.trade("c", 10, 100, ticker="B"),
        tape.trade("a", 10, 100, ticker="A"),
        tape.trade("b", 200, 100, ticker="A"),
    )

    assert [("A", tape.at(60)), ("A", tape.at(240)), ("B", tape.at(60))] == candles.select(
        "market_ticker", "ts_utc"
    ).rows()


def test_empty_tape_gives_no_candles(tape):
    """Nothing in, nothing out, with the columns of a candle."""
    candles = tape.candles()

    assert 0 == candles.height
    assert pl.Int64 == candles.schema["volume_centi"]


def test_recorded_tape_adds_up_to_the_volume_of_its_settled_markets(recorded):
    """Candles of the tape sum to the exchange's volume of every settled market but one, which misses 38 contracts."""
    markets = pl.read_parquet(recorded / "markets.parquet", columns=["ticker", "status", "volume"])
    traded = candles_from_trades(_recorded_trades(recorded)).group_by("market_ticker").agg(pl.sum("volume_centi"))

    both = markets.join(traded, left_on="ticker", right_on="market_ticker", how="left", maintain_order="left")
    settled = both.with_columns(pl.col("volume_centi").fill_null(0)).filter(pl.col("status") == "finalized")

    assert settled.height == 4_554
    missed = settled.filter(pl.col("volume") * 100 != pl.col("volume_centi"))
    assert [("KXHIGHNY-25MAY07-B72.5", 20_317, 2_027_900)] == missed.select("ticker", "volume", "volume_centi").rows()


@pytest.fixture(scope="module")
def recorded():
    """Give the folder of the recorded archive of 2024 and 2025."""
    folder = RECORDED / "kalshi_2024_2025"
    if not folder.is_dir():
        pytest.skip(f"recorded data not present: {folder}")
    return folder


def _recorded_trades(folder):
    named = pl.read_parquet(folder / "trades.parquet").with_row_index("number")
    return named.select(
        pl.col("number").cast(pl.String).str.zfill(8).alias("trade_id"),
        pl.col("ticker").alias("market_ticker"),
        pl.col("created_time_utc").alias("ts_utc"),
        (pl.col("yes_price").cast(pl.Int32) * 100).alias("yes_price_ticks"),
        (pl.col("count").cast(pl.Int64) * 100).alias("count_centi"),
        "taker_side",
        pl.lit(False).alias("is_block"),
        pl.col("created_time_utc").alias("known_utc"),
    ).select(TRADES.schema.names())
