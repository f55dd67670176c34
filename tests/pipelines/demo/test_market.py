"""Quotes, trades and candles: who may gain from whom, and that candles tell what the tape and the quotes did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from pipelines.demo import CityDay, World, simulate
from pipelines.demo.market import ladder, market_tickers
from pipelines.demo.session import hold
from pipelines.demo.truth import worth
from warehouse.market.brackets import Bracket, require_tiling
from warehouse.market.cities import city
from warehouse.market.climate_day import ClimateDay
from warehouse.market.tickers import parse_market_ticker

AllRows = Callable[[list[CityDay], str], pl.DataFrame]
Carried = Callable[[list[CityDay]], pl.DataFrame]
TICKS = 10_000
KEYS = ["market_ticker", "ts_utc"]


def test_an_event_has_six_brackets_that_tile_the_degrees(lagging: list[CityDay]) -> None:
    """One `less`, four of two degrees, one `greater`, coldest first."""
    markets = lagging[1].frames["markets"].sort("bracket_order")

    brackets = [Bracket(low, high) for low, high in markets.select("low_f", "high_f").iter_rows()]

    require_tiling(brackets, event="demo")
    assert ["less", *["between"] * 4, "greater"] == markets["strike_type"].to_list()
    assert [1, 2, 3, 4, 5, 6] == markets["bracket_order"].to_list()


def test_strikes_lead_back_to_the_bounds(lagging: list[CityDay]) -> None:
    """Bounds read from strikes are the bounds that pay."""
    for row in lagging[1].frames["markets"].iter_rows(named=True):
        read = Bracket.from_strikes(row["strike_type"], floor_strike=row["floor_strike"], cap_strike=row["cap_strike"])
        assert Bracket(row["low_f"], row["high_f"]) == read


def test_tickers_follow_the_exchange_also_below_zero() -> None:
    """A middle bracket is named by its mean, a tail by its strike."""
    names = market_tickers(city("chicago"), date(2026, 1, 9), ladder(np.array([-5, -3, -1, 1, 3])))

    assert "KXHIGHCHI-26JAN09-T-4" == names[0]
    assert "KXHIGHCHI-26JAN09-B-3.5" == names[1]
    assert "KXHIGHCHI-26JAN09-B0.5" == names[3]
    assert "KXHIGHCHI-26JAN09-T3" == names[5]
    assert names == [str(parse_market_ticker(name)) for name in names]


def test_markets_trade_from_the_eve_to_the_closing_midnight(lagging: list[CityDay]) -> None:
    """Open at 14:00Z on the day before, closed at local-standard midnight, also when the clocks change."""
    for day in lagging[1:]:
        markets, window = day.frames["markets"], ClimateDay(city("chicago"), day.partition.event_date)
        eve = day.partition.event_date - timedelta(days=1)
        assert {datetime(eve.year, eve.month, eve.day, 14, tzinfo=UTC)} == set(markets["open_utc"])
        assert {window.end_utc} == set(markets["close_utc"])
        assert (markets["known_utc"] < markets["open_utc"]).all()


def test_one_bracket_pays_and_it_holds_the_official_high(lagging: list[CityDay]) -> None:
    """Result, value and truth agree."""
    for day in lagging[1:]:
        markets, high_f = day.frames["markets"], day.frames["truth_days"]["high_f"].item()
        paid = markets.filter(pl.col("result") == "yes").row(0, named=True)
        assert high_f in Bracket(paid["low_f"], paid["high_f"])
        assert {high_f} == set(markets["expiration_value_f"])
        assert 1 == (markets["result"] == "yes").sum()


def test_the_source_of_settlement_changes_on_its_date() -> None:
    """Events before 14 August 2026 settle on the climate report, later ones on its relay."""
    days = list(simulate(World(days=2, until=date(2026, 8, 14), books=False), "nyc"))[1:]

    assert [{"nws_cli"}, {"twc"}] == [set(day.frames["markets"]["settlement_source"]) for day in days]
    assert [False, True] == ["twc" in set(day.frames["settlements"]["source"]) for day in days]


def test_quotes_of_an_efficient_market_straddle_the_truth(
    efficient: list[CityDay], quotes_at_minute_ends: Carried
) -> None:
    """At the end of every minute, also where no candle came, bid ≤ truth ≤ ask, a cent or more apart."""
    minutes = quotes_at_minute_ends(efficient)

    outside = minutes.filter(
        (pl.col("yes_bid_close_ticks") > pl.col("p_true") + 1e-9)
        | (pl.col("yes_ask_close_ticks") < pl.col("p_true") - 1e-9)
    )
    assert 0 == outside.height
    assert minutes["yes_bid_close_ticks"].null_count() == 0
    assert (minutes["yes_ask_close_ticks"] - minutes["yes_bid_close_ticks"]).min() > 0.0099


def test_no_trade_of_an_efficient_market_pays_its_maker(efficient: list[CityDay], all_rows: AllRows) -> None:
    """A taker of an efficient market knows more than the quote: by the minute's end the maker has lost."""
    stamped = all_rows(efficient, "trades").with_columns(pl.col("ts_utc").dt.truncate("1m") + pl.duration(minutes=1))

    trades = stamped.join(all_rows(efficient, "truth_probabilities"), on=KEYS)

    taken = pl.when(pl.col("taker_side") == "yes").then(1).otherwise(-1)
    gain = trades.select(taken * (pl.col("p_true") - pl.col("yes_price_ticks") / TICKS)).to_series()
    assert stamped.height == trades.height > 500
    assert gain.min() >= -1e-9


def test_news_moves_every_bracket_at_one_instant(efficient_world: World) -> None:
    """Informed trades come within half a second before the quotes of the whole event move: nobody can follow them."""
    day = efficient_world.event_dates[1]
    session = hold(efficient_world, "chicago", day, p_true=worth(efficient_world, "chicago").brackets_of(day))
    tape, moved_us = session.tape, session.quotes.moved_us

    ahead_us = (tape.minute - 1) * 60_000_000 + moved_us[tape.bracket, tape.minute - 1] - tape.since_open_us

    assert (moved_us == moved_us[0]).all()
    assert 0 < ahead_us.min() <= ahead_us.max() <= 500_000


def test_belief_of_an_efficient_market_is_the_truth(efficient: list[CityDay], all_rows: AllRows) -> None:
    """At efficiency one makers know everything."""
    truth = all_rows(efficient, "truth_probabilities")

    assert truth["p_true"].equals(truth["p_belief"])


def test_belief_of_a_lagging_market_follows_the_truth_of_twelve_minutes_ago(
    lagging: list[CityDay], all_rows: AllRows
) -> None:
    """At efficiency 0.8 belief lies nearest to the truth a fifth of an hour before."""
    truth = all_rows(lagging, "truth_probabilities").sort(KEYS)
    distance = {
        lag: truth.select((pl.col("p_belief") - pl.col("p_true").shift(lag).over("market_ticker")).abs().mean()).item()
        for lag in (0, 6, 12, 18, 40)
    }

    assert 12 == min(distance, key=distance.__getitem__)
    assert distance[0] > 0.003


def test_quotes_of_a_lagging_market_straddle_its_belief(lagging: list[CityDay], quotes_at_minute_ends: Carried) -> None:
    """Makers quote what they believe."""
    belief = pl.col("p_belief").is_between(pl.col("yes_bid_close_ticks") - 1e-9, pl.col("yes_ask_close_ticks") + 1e-9)

    assert quotes_at_minute_ends(lagging).select(belief.all()).item()


@pytest.mark.parametrize("world", ["lagging", "efficient"])
def test_candles_are_sparse(world: str, request: pytest.FixtureRequest, all_rows: AllRows) -> None:
    """A quarter to a half of the minutes have one; the first minute always."""
    days = request.getfixturevalue(world)
    candles, minutes = all_rows(days, "candles_1m"), all_rows(days, "truth_probabilities").height

    first = candles.group_by("market_ticker").agg(pl.col("ts_utc").min())
    opened = all_rows(days, "markets").join(first, on="market_ticker")
    assert 0.22 < candles.height / minutes < 0.45
    assert 18 == opened.filter(pl.col("ts_utc") == pl.col("open_utc") + pl.duration(minutes=1)).height


def test_the_tape_is_thick_enough_for_twenty_minute_volumes(lagging: list[CityDay], all_rows: AllRows) -> None:
    """Every market trades, most of them a hundred times, a few trades in hundredths of contracts."""
    trades = all_rows(lagging, "trades")
    per_market = trades.group_by("market_ticker").len()["len"]

    assert 18 == len(per_market)
    assert 50 < per_market.median() < 300
    assert 0.01 < (trades["count_centi"] % 100 != 0).mean() < 0.15
    assert trades["count_centi"].min() > 0


def test_candles_tell_the_tape(lagging: list[CityDay], all_rows: AllRows) -> None:
    """Volume and prices of a candle are those of the trades from its minute's beginning to its end."""
    stamp = pl.col("ts_utc").dt.truncate("1m") + pl.duration(minutes=1)
    tape = (
        all_rows(lagging, "trades")
        .sort("ts_utc")
        .group_by("market_ticker", stamp.alias("ts_utc"))
        .agg(
            price_open_ticks=pl.col("yes_price_ticks").first(),
            price_high_ticks=pl.col("yes_price_ticks").max(),
            price_low_ticks=pl.col("yes_price_ticks").min(),
            price_close_ticks=pl.col("yes_price_ticks").last(),
            volume_centi=pl.col("count_centi").sum(),
        )
    )
    told = all_rows(lagging, "candles_1m").filter(pl.col("volume_centi") > 0).select(tape.columns)

    assert told.sort(KEYS).equals(tape.sort(KEYS))


def test_silent_candles_have_no_price(lagging: list[CityDay], all_rows: AllRows) -> None:
    """A minute without a trade has quotes alone."""
    silent = all_rows(lagging, "candles_1m").filter(pl.col("volume_centi") == 0)

    assert silent.height > 0
    assert silent.height == silent["price_open_ticks"].null_count() == silent["price_close_ticks"].null_count()


def test_quotes_open_where_the_last_candle_closed(lagging: list[CityDay], all_rows: AllRows) -> None:
    """Nothing moves between candles; the book is empty at the opening instant."""
    candles = all_rows(lagging, "candles_1m").sort(KEYS)

    for side, empty in (("yes_bid", 0), ("yes_ask", TICKS)):
        before = pl.col(f"{side}_close_ticks").shift(1, fill_value=empty).over("market_ticker")
        assert candles.select((pl.col(f"{side}_open_ticks") == before).all()).item()


def test_lifetime_volume_is_the_sum_of_the_tape(lagging: list[CityDay], all_rows: AllRows) -> None:
    """Markets, candles and trades count the same contracts."""
    sums = [
        all_rows(lagging, name).group_by("market_ticker").agg(pl.col(column).sum().alias("centi")).sort("market_ticker")
        for name, column in (("markets", "volume_centi"), ("candles_1m", "volume_centi"), ("trades", "count_centi"))
    ]

    assert sums[0].equals(sums[1])
    assert sums[1].equals(sums[2])


def test_open_interest_stays_below_the_volume_so_far(lagging: list[CityDay], all_rows: AllRows) -> None:
    """No more contracts are open than were ever traded."""
    candles = all_rows(lagging, "candles_1m").sort(KEYS)

    so_far = pl.col("volume_centi").cum_sum().over("market_ticker")
    assert candles.select((pl.col("open_interest_centi") <= so_far).all()).item()
    assert candles["open_interest_centi"].max() > 0


def test_trade_ids_are_unique_over_events_and_cities(
    lagging_world: World, lagging: list[CityDay], all_rows: AllRows
) -> None:
    """One name, one trade, also across partitions."""
    elsewhere = list(simulate(lagging_world, "denver"))

    names = pl.concat([all_rows(days, "trades")["trade_id"] for days in (lagging, elsewhere)])

    assert names.is_unique().all()
    assert {36} == set(names.str.len_chars())
