"""Laws of the dense minute grid, each on a handful of minutes counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from pipelines.transform import dense_candles
from warehouse.errors import ContractBroken
from warehouse.lake.tables import CANDLES_1M, CANDLES_DENSE, OBS_1M, Partition


def test_every_minute_from_open_to_close_has_one_row(market):
    """The grid excludes the opening instant and includes the closing one."""
    dense = market.dense(market.candle(2), minutes=3)

    assert [market.at(1), market.at(2), market.at(3)] == dense["ts_utc"].to_list()
    assert [1, 2, 3] == dense["minutes_since_open"].to_list()
    assert [2, 1, 0] == dense["minutes_to_close"].to_list()


def test_every_minute_carries_the_bracket_of_its_market(market):
    """What a market pays for stands beside each of its minutes, as it is listed."""
    markets = market.markets({market.ticker: 2, market.other: 1})
    markets = markets.with_columns(
        bracket_order=pl.Series([2, 3], dtype=pl.Int32), high_f=pl.Series([41, None], dtype=pl.Int32)
    )

    dense = dense_candles(CANDLES_1M.empty(), markets, weather=OBS_1M.empty(), city=market.city)

    assert [(market.ticker, 2, 41)] * 2 + [(market.other, 3, None)] == dense[
        "market_ticker", "bracket_order", "high_f"
    ].rows()


def test_seconds_of_open_and_close_are_cut_off(market):
    """An open at 14:00:30 and a close at 14:03:59 give the minutes 14:01 to 14:03."""
    markets = market.listing(market.ticker, market.at(0.5), market.at(3.98))

    dense = dense_candles(CANDLES_1M.empty(), markets, weather=OBS_1M.empty(), city=market.city)

    assert [market.at(1), market.at(2), market.at(3)] == dense["ts_utc"].to_list()


def test_dense_rows_keep_the_contract(market):
    """What is built is admitted: columns, types, rules and order."""
    candles = [market.candle(1, price=4_100, volume=5), market.candle(3, ticker=market.other, bid=0, ask=10_000)]
    dense = market.dense(*candles, minutes={market.other: 4, market.ticker: 4})

    admitted = CANDLES_DENSE.admit(dense, Partition("chicago", date(2026, 2, 4)))

    assert dense.equals(admitted)


def test_silent_minutes_carry_the_quote_and_its_age_and_no_volume(market):
    """Between candles the last quote stands, one minute older each minute, and nothing is traded."""
    dense = market.dense(market.candle(1, bid=3_000, ask=3_300, volume=7, interest=9), minutes=3)

    assert [3_000] * 3 == dense["yes_bid_ticks"].to_list()
    assert [3_300] * 3 == dense["yes_ask_ticks"].to_list()
    assert [0, 1, 2] == dense["quote_age_minutes"].to_list()
    assert [9] * 3 == dense["open_interest_centi"].to_list()
    assert [7, 0, 0] == dense["volume_centi"].to_list()


def test_minutes_before_the_first_candle_are_unknown(market):
    """Before the first candle there is no quote, no age, no open interest, no mid, and no volume."""
    first = market.dense(market.candle(2), minutes=2).row(0, named=True)

    unknown = (
        "yes_bid_ticks",
        "yes_ask_ticks",
        "quote_age_minutes",
        "open_interest_centi",
        "mid_half_ticks",
        "price_source",
    )
    assert [None] * 6 == [first[name] for name in unknown]
    assert (0, 0, 0) == (first["volume_centi"], first["volume_20m_centi"], first["volume_delta_centi"])


def test_late_candle_changes_nothing_before_it_was_known(market):
    """A candle of minute 1 that came at 2:30 takes effect at minute 3, as old as it is."""
    dense = market.dense(market.candle(1, known=2.5, volume=7), minutes=3)

    assert [None, None, 4_000] == dense["yes_bid_ticks"].to_list()
    assert [None, None, 2] == dense["quote_age_minutes"].to_list()
    assert [0, 0, 7] == dense["volume_centi"].to_list()


def test_late_candle_does_not_take_over_from_a_younger_one(market):
    """Quotes, open interest and last price stay with the younger stamp; the late volume counts on arrival."""
    young = market.candle(2, bid=5_000, ask=5_200, price=5_100, volume=1, interest=20)
    late = market.candle(1, bid=1_000, ask=1_200, price=1_100, volume=30, interest=10, known=3)

    last = market.dense(young, late, minutes=3).row(2, named=True)

    assert (5_000, 5_200, 20, 5_100) == tuple(
        last[name] for name in ("yes_bid_ticks", "yes_ask_ticks", "open_interest_centi", "last_price_ticks")
    )
    assert (30, 1_100, 1) == (last["volume_centi"], last["price_close_ticks"], last["quote_age_minutes"])


def test_late_trade_is_the_last_price_when_younger_candles_had_no_trade(market):
    """The last price is that of the youngest candle with a trade, not of the youngest candle."""
    silent, late = market.candle(2), market.candle(1, price=4_100, volume=3, known=3)

    dense = market.dense(silent, late, minutes=3)

    assert [None, None, 4_100] == dense["last_price_ticks"].to_list()


def test_candles_known_in_one_minute_merge(market):
    """Quotes come from the youngest, volume is summed, prices are the first, highest, lowest and last by stamp."""
    early = market.candle(1, bid=3_000, ask=3_100, price=(3_010, 3_090, 3_000, 3_020), volume=2, known=3)
    later = market.candle(2, bid=3_200, ask=3_300, price=(3_210, 3_260, 3_200, 3_250), volume=3, known=3)

    row = market.dense(later, early, minutes=3).row(2, named=True)

    assert (3_200, 3_300, 1, 5) == (
        row["yes_bid_ticks"],
        row["yes_ask_ticks"],
        row["quote_age_minutes"],
        row["volume_centi"],
    )
    assert [3_010, 3_260, 3_000, 3_250] == [row[f"price_{moment}_ticks"] for moment in ("open", "high", "low", "close")]


def test_merge_skips_candles_without_a_trade(market):
    """A candle without a trade adds no price to the minute in which it arrives."""
    traded, silent = market.candle(1, price=3_000, volume=2, known=2), market.candle(2)

    row = market.dense(traded, silent, minutes=2).row(1, named=True)

    assert [3_000] * 4 == [row[f"price_{moment}_ticks"] for moment in ("open", "high", "low", "close")]


def test_identical_candles_count_once(market):
    """A candle that was fetched twice adds its volume once."""
    candle = market.candle(1, volume=7, price=4_100)

    assert market.dense(candle).equals(market.dense(candle, candle))


def test_contradiction_keeps_what_was_known_first(market):
    """Of two candles with one stamp the first known stays, wherever it stands in the input."""
    first, second = market.candle(1, bid=3_000), market.candle(1, bid=2_000, known=2)

    dense = market.dense(second, first, minutes=3)

    assert [3_000] * 3 == dense["yes_bid_ticks"].to_list()


def test_order_of_the_input_does_not_matter(market):
    """Shuffled candles give the same rows as sorted ones."""
    candles = [
        market.candle(ts, bid=100 * ts, volume=ts, known=ts + delay) for ts, delay in ((1, 3), (2, 0), (3, 0), (4, 1))
    ]

    assert market.dense(*candles).equals(market.dense(*candles[::-1]))


@pytest.mark.parametrize("outside", [-1, 0, 6])
def test_candles_outside_the_trading_minutes_are_dropped(market, outside):
    """What is stamped at or before the open, or effective after the close, has no row."""
    inside = market.candle(1)

    assert market.dense(inside).equals(market.dense(inside, market.candle(outside, bid=100, volume=9, price=100)))


def test_candle_stamped_before_the_open_stays_out_even_when_it_comes_late(market):
    """A pre-open candle known during trading is not a quote of this session."""
    dense = market.dense(market.candle(0, known=2, volume=9))

    assert [0] * 5 == dense["volume_centi"].to_list()
    assert 5 == dense["yes_bid_ticks"].null_count()


def test_empty_book_is_no_price(market):
    """Bid 0 and ask 10000 are kept as they are, and the mid falls back to the last trade."""
    candles = (market.candle(1, bid=0, ask=10_000), market.candle(2, bid=0, ask=10_000, price=3_300, volume=1))

    dense = market.dense(*candles, minutes=3)

    assert [0, 0, 0] == dense["yes_bid_ticks"].to_list()
    assert [None, 6_600, 6_600] == dense["mid_half_ticks"].to_list()
    assert [None, "last", "last"] == dense["price_source"].to_list()


@pytest.mark.parametrize(("bid", "ask"), [(0, 300), (9_800, 10_000), (5_000, 4_900)])
def test_one_sided_or_crossed_book_has_no_mid(market, bid, ask):
    """A mid needs a bid above 0, an ask below 10000, and the bid not above the ask."""
    dense = market.dense(market.candle(1, bid=bid, ask=ask), minutes=1, weather=market.weather({1: 0}))

    assert [None] == dense["mid_half_ticks"].to_list()
    assert [False] == dense["complete"].to_list()


def test_velocity_and_acceleration_are_differences_of_one_minute(market):
    """Velocity needs the mid of the minute before, acceleration its velocity; a silent minute has velocity 0."""
    candles = (market.candle(1, bid=4_000, ask=4_200), market.candle(2, bid=4_100, ask=4_200))

    dense = market.dense(*candles, minutes=4)

    assert [8_200, 8_300, 8_300, 8_300] == dense["mid_half_ticks"].to_list()
    assert [None, 100, 0, 0] == dense["velocity_half_ticks"].to_list()
    assert [None, None, -100, 0] == dense["acceleration_half_ticks"].to_list()


def test_volume_window_is_twenty_minutes_long(market):
    """A trade counts in its own minute and the nineteen that follow."""
    dense = market.dense(market.candle(1, price=4_100, volume=7), market.candle(3, price=4_100, volume=2), minutes=24)

    assert [7, 7] + [9] * 18 + [2, 2, 0, 0] == dense["volume_20m_centi"].to_list()


def test_volume_delta_compares_with_the_minute_before(market):
    """The change of volume may be negative; the first minute is compared with nothing."""
    dense = market.dense(market.candle(1, volume=7), market.candle(2, volume=2), minutes=4)

    assert [7, -5, -2, 0] == dense["volume_delta_centi"].to_list()


def test_nothing_leaks_from_one_market_into_the_next(market):
    """A market that lies behind another one in memory begins with nothing: no quote, volume, price or velocity."""
    busy = market.candle(3, bid=8_000, ask=8_200, price=8_100, volume=50, interest=60)
    quiet = market.candle(2, ticker=market.other, bid=100, ask=300)

    both = market.dense(busy, quiet, minutes={market.other: 3, market.ticker: 3})

    alone = market.dense(quiet, minutes={market.other: 3})
    assert alone.equals(both.filter(pl.col("market_ticker") == market.other))


def test_market_without_a_minute_takes_no_row_from_its_neighbours(market):
    """A market that closes in the minute of its open has no row, and the others are as without it."""
    candle = market.candle(2, ticker=market.other)
    lengths = {market.ticker: 0, market.other: 3, "KXHIGHCHI-26FEB04-T50": 0}

    assert market.dense(candle, minutes={market.other: 3}).equals(market.dense(candle, minutes=lengths))


def test_civil_offset_changes_within_the_night_of_the_clock_change(market):
    """Chicago is six hours behind UTC up to 08:00Z of 8 March 2026 and five from then on."""
    opens = datetime(2026, 3, 8, 7, 57, tzinfo=UTC)
    markets = market.listing("A", opens, opens.replace(hour=8, minute=1))

    dense = dense_candles(CANDLES_1M.empty(), markets, weather=OBS_1M.empty(), city=market.city)

    assert [-360, -360, -300, -300] == dense["utc_offset_minutes"].to_list()


def test_complete_needs_fresh_weather_in_the_same_minute(market):
    """Weather of at most 15 minutes is fresh; an older or a missing row is not."""
    dense = market.dense(market.candle(1), minutes=4, weather=market.weather({1: 15, 2: 16, 4: 0}))

    assert [True, False, False, True] == dense["complete"].to_list()


def test_complete_needs_a_quote_of_at_most_an_hour(market):
    """A quote is fresh for sixty minutes after it was last told."""
    dense = market.dense(market.candle(1), minutes=62, weather=market.weather(dict.fromkeys(range(63), 0)))

    assert [True] * 61 + [False] == dense["complete"].to_list()


def test_candles_of_an_unlisted_market_are_refused(market):
    """Without open and close there is no grid; the error names the market."""
    with pytest.raises(ContractBroken, match=market.other):
        market.dense(market.candle(1, ticker=market.other))


def test_no_candles_give_an_empty_book_of_nulls(market):
    """A market nobody quoted still has all its minutes."""
    dense = market.dense(minutes=3)

    assert 3 == dense.height
    assert CANDLES_DENSE.schema == dense.schema


def test_no_markets_give_no_rows(market):
    """Nothing in, nothing out, in the right shape."""
    assert CANDLES_DENSE.empty().equals(market.dense(minutes={}))


def test_the_last_trade_is_bounded_by_the_side_that_is_left(market):
    """A trade at 49 cents is no price once the only offer is 1 cent, or the only bid is 90."""
    traded = market.candle(1, bid=4_800, ask=5_000, price=4_900, volume=100)

    dense = market.dense(traded, market.candle(2, bid=0, ask=100), market.candle(3, bid=9_000, ask=10_000), minutes=3)

    assert ["mid", "last", "last"] == dense["price_source"].to_list()
    assert [9_800, 200, 18_000] == dense["mid_half_ticks"].to_list()


def test_a_candle_of_the_tape_leaves_quotes_their_age_and_open_interest_alone(market):
    """What has no quotes says nothing about them, and ages no quote."""
    quoted = market.candle(1, bid=3_000, ask=3_300, interest=9)

    dense = market.dense(quoted, market.tape_candle(2), minutes=3)

    held = ["yes_bid_ticks", "yes_ask_ticks", "open_interest_centi"]
    assert [(3_000, 3_300, 9)] * 3 == dense.select(held).rows()
    assert [0, 1, 2] == dense["quote_age_minutes"].to_list()


def test_a_candle_of_the_tape_brings_its_trades(market):
    """Prices, volume and the last price are those of the tape."""
    dense = market.dense(market.tape_candle(2, price=(3_000, 3_500, 2_900, 3_100), volume=7), minutes=3)

    told = ["price_open_ticks", "price_high_ticks", "price_low_ticks", "price_close_ticks"]
    assert [(None,) * 4, (3_000, 3_500, 2_900, 3_100), (None,) * 4] == dense.select(told).rows()
    assert [None, 3_100, 3_100] == dense["last_price_ticks"].to_list()
    assert [0, 7, 0] == dense["volume_centi"].to_list()


def test_without_any_quote_the_mid_is_the_last_trade(market):
    """A market known by its tape alone has a price, and no quote, no age and no open interest."""
    dense = market.dense(market.tape_candle(2, price=3_100), minutes=3)

    assert [None, 6_200, 6_200] == dense["mid_half_ticks"].to_list()
    assert [None, "last", "last"] == dense["price_source"].to_list()
    unknown = ["yes_bid_ticks", "yes_ask_ticks", "quote_age_minutes", "open_interest_centi"]
    assert {(None,) * 4} == set(dense.select(unknown).rows())


def test_quotes_of_the_market_before_do_not_leak_into_a_market_of_the_tape(market):
    """The market that lies before in memory keeps its quotes to itself."""
    lengths = {market.ticker: 3, market.other: 3}

    dense = market.dense(market.candle(1), market.tape_candle(2, ticker=market.other), minutes=lengths)

    assert [None] * 3 == dense.filter(market_ticker=market.other)["yes_bid_ticks"].to_list()


def test_dense_rows_of_a_tape_keep_the_contract(market):
    """Nothing that stands for null inside leaves as a number."""
    dense = market.dense(market.tape_candle(1), market.candle(2, interest=None), market.tape_candle(3), minutes=4)

    admitted = CANDLES_DENSE.admit(dense, Partition("chicago", date(2026, 2, 4)))

    assert [None] * 4 == admitted["open_interest_centi"].to_list()
    assert [None, 4_000, 4_000, 4_000] == admitted["yes_bid_ticks"].to_list()
