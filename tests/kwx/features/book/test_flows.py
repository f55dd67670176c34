"""Flows of minutes, against sums done by hand and against the formulas taken literally."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest

from kwx.features.book.flows import FLOWS, flow_minutes, minutes_of
from kwx.features.book.tops import tops_of
from warehouse.lake.store import Lake
from warehouse.lake.tables import BOOKS, CANDLES_DENSE, MARKETS, TRADES, Partition

DAY = Partition("chicago", date(2026, 11, 1))


def flows(script, markets: pl.DataFrame) -> pl.DataFrame:
    return flow_minutes(tops_of(script.books), script.trades, minutes_of(markets))


def row(found: pl.DataFrame, minute: int) -> dict[str, object]:
    """Return the row of the minute that ends so many minutes after the opening."""
    return found.filter(pl.col("ts_utc") == found["ts_utc"][0] + pl.duration(minutes=minute - 1)).row(0, named=True)


def test_minutes_are_those_of_the_dense_candles(demo_lake):
    """The grid of a market is that of the warehouse, so a join with the panel misses nothing."""
    snapshot = Lake(demo_lake).snapshot()
    dense = snapshot.read(CANDLES_DENSE, DAY).select("market_ticker", "ts_utc").sort("market_ticker", "ts_utc")
    assert minutes_of(snapshot.read(MARKETS, DAY)).equals(dense)


def test_order_flow_of_a_book_written_by_hand(script, markets):
    """The second minute: +5 joins the bid, a better bid of 4 comes, it goes, 3 leave the offer, which then retreats."""
    script.whole(10, {40: 10, 39: 20}, {44: 8, 45: 6})
    script.bid(61, 40, 5).bid(62, 41, 4).bid(63, 41, -4).ask(64, 44, -3).ask(65, 44, -5)
    second = row(flows(script, markets), 2)

    # Bid: +5; a better price brings 4; falling back takes 4 away, and 15 stand below as they did.
    assert second["ofi_bid_1m"] == 5 + 4 - 4
    # Offer: −3, then the retreat to 45 takes the last 5 away.
    assert second["ofi_ask_1m"] == -3 - 5
    assert second["ofi_1m"] == 5 + 8
    assert (second["book_bid_ticks"], second["book_ask_ticks"]) == (4000, 4500)
    assert (second["book_bid_contracts"], second["book_ask_contracts"]) == (15, 6)
    assert second["queue_imbalance"] == pytest.approx((15 - 6) / (15 + 6))
    assert second["cancelled_bid_1m"] == 4
    assert second["cancelled_ask_1m"] == 8


def test_what_was_traded_was_not_cancelled(script, markets):
    """Of 8 that left the offer, 5 were bought; a trade at another price, side or off the book frees none."""
    script.whole(10, {40: 10}, {44: 8, 45: 6})
    script.ask(61, 44, -8).trade(61, 44, 5, "yes").trade(61, 45, 1, "yes").trade(61, 44, 2, "no")
    script.trade(61, 44, 3, "yes", block=True)
    script.bid(121, 40, -4).trade(121, 40, 4, "no").trade(121, 40, 4, "yes")
    found = flows(script, markets)

    assert row(found, 2)["cancelled_ask_1m"] == 3
    assert row(found, 3)["cancelled_bid_1m"] == 0
    assert row(found, 3)["ofi_bid_1m"] == -4


def test_a_sweep_of_two_levels_is_no_cancellation(script, markets):
    script.whole(10, {40: 10}, {44: 8, 45: 6}).ask(61, 44, -8).ask(61.001, 45, -2)
    script.trade(61, 44, 8, "yes").trade(61, 45, 2, "yes")
    assert row(flows(script, markets), 2)["cancelled_ask_1m"] == 0


def test_a_message_on_the_minute_belongs_to_the_minute_that_ends(script, markets):
    script.whole(10, {40: 10}, {44: 8}).bid(120, 40, 1).bid(120.000001, 40, 2)
    found = flows(script, markets)
    assert [row(found, minute)["ofi_bid_1m"] for minute in (2, 3, 4)] == [1, 2, 0]


def test_a_quiet_minute_carries_the_book_and_has_no_flow(script, markets):
    script.whole(10, {40: 10}, {44: 8})
    found = flows(script, markets)

    assert found.height == 10
    assert found["book_bid_contracts"].to_list() == [10.0] * 10
    assert found["ofi_1m"].to_list() == [None, *[0.0] * 9]
    assert found["ofi_5m"].to_list() == [None] * 5 + [0.0] * 5


def test_five_minutes_are_summed(script, markets):
    script.whole(10, {40: 10}, {44: 8})
    for minute in range(1, 8):
        script.bid(60 * minute + 1, 40, minute)
    assert row(flows(script, markets), 7)["ofi_5m"] == 2 + 3 + 4 + 5 + 6


def test_a_flow_that_was_not_watched_is_unknown(script, markets):
    """A gap in the third minute and a new book in the fifth: the flows from the one to the other are not known."""
    script.whole(10, {40: 10}, {44: 8}).bid(61, 40, 1).gap(130).bid(131, 40, 9).whole(250, {50: 3}, {60: 4}, sid=2)
    script.bid(301, 50, 2, sid=2)
    found = flows(script, markets)

    assert [row(found, minute)["ofi_bid_1m"] for minute in range(1, 8)] == [None, 1, None, None, None, 2, 0]
    assert [row(found, minute)["book_bid_ticks"] for minute in range(1, 7)] == [4000, 4000, None, None, 5000, 5000]
    assert [row(found, minute)["cancelled_bid_1m"] for minute in range(1, 8)] == [None, 0, None, None, None, 0, 0]


def test_there_is_no_row_before_the_first_whole_book(script, markets, instant):
    found = flows(script.bid(10, 40, 1).whole(200, {40: 10}, {44: 8}), markets)
    assert found["ts_utc"].min() == instant(240)


def test_a_side_that_is_empty_weighs_nothing(script, markets):
    """One side alone has all of the queue; of no order at all nothing is said."""
    script.whole(10, {40: 10}, {}).bid(61, 40, -10)
    found = flows(script, markets)
    assert found["queue_imbalance"].to_list()[:2] == [1.0, None]


def test_flows_of_a_recorded_day_are_the_formula_taken_literally(demo_lake):
    """Step by step in plain Python: the sum of each minute is the same."""
    snapshot = Lake(demo_lake).snapshot()
    books, trades, markets = (snapshot.read(table, DAY) for table in (BOOKS, TRADES, MARKETS))
    found = flow_minutes(tops_of(books), trades, minutes_of(markets))
    name = markets["market_ticker"][2]
    steps = tops_of(books).filter(pl.col("market_ticker") == name).rows(named=True)
    wanted: dict[object, int] = {}
    for before, now in pairwise(steps):
        flow = (now["bid_ticks"] >= before["bid_ticks"]) * now["bid_centi"]
        flow -= (now["bid_ticks"] <= before["bid_ticks"]) * before["bid_centi"]
        flow -= (now["ask_ticks"] <= before["ask_ticks"]) * now["ask_centi"]
        flow += (now["ask_ticks"] >= before["ask_ticks"]) * before["ask_centi"]
        whole = now["known_utc"].replace(second=0, microsecond=0)
        end = whole if whole == now["known_utc"] else whole + timedelta(minutes=1)
        wanted[end] = wanted.get(end, 0) + flow
    told = found.filter((pl.col("market_ticker") == name) & pl.col("ofi_1m").is_not_null())

    assert told.height > 1000
    assert sum(abs(flow) for flow in wanted.values()) > 0
    for end, value in told.select("ts_utc", "ofi_1m").rows():
        assert value == pytest.approx(wanted.get(end, 0) / 100, abs=1e-9)


def test_no_book_gives_no_row(markets):
    found = flow_minutes(tops_of(BOOKS.empty()), TRADES.empty(), minutes_of(markets))
    assert found.height == 0
    assert dict(found.schema) == FLOWS
