"""Laws of the candles that are made from the tape, and the recorded tape against the exchange's own volumes."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from pipelines.transform import tape_candles
from warehouse.lake.tables import CANDLES_1M, TRADES, Partition


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


def test_rows_of_the_tape_know_neither_quotes_nor_open_interest(tape):
    """As rows of candles_1m they keep its contract, with null for what no trade tells."""
    rows = tape_candles(pl.DataFrame([tape.trade("a", 10, 4_100, known=75)], schema=TRADES.schema))

    admitted = CANDLES_1M.admit(rows, Partition("chicago", date(2026, 2, 4)))

    untold = [name for name in CANDLES_1M.schema if name.startswith(("yes_", "open_interest"))]
    assert {(None,) * 9} == set(admitted.select(untold).rows())
    assert [(tape.at(60), tape.at(75), 4_100, 100)] == admitted.select(
        "ts_utc", "known_utc", "price_close_ticks", "volume_centi"
    ).rows()
