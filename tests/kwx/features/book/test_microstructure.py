"""The columns of a recorded day, the laws of its trades, and the set of features: nothing of them is known early."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.stats import kstest

from kwx.features.book.aggression import SIDES, Laws, fit_laws, intensities, tapes_of
from kwx.features.book.microstructure import (
    COLUMNS,
    MICROSTRUCTURE,
    microstructure,
    microstructure_of,
    recorded_dates,
    with_microstructure,
)
from kwx.features.hawkes import Law, fit, residuals
from kwx.features.panel import read_panel
from warehouse.lake.store import Lake
from warehouse.lake.tables import BOOKS, MARKETS, TRADES, Partition

DAY = Partition("chicago", date(2026, 11, 1))
BEFORE = date(2026, 10, 31)
LAWS = Laws(
    buy=Law(mu_per_minute=0.02, alpha_per_minute=0.5, beta_per_minute=1.0),
    sell=Law(mu_per_minute=0.03, alpha_per_minute=0.1, beta_per_minute=0.2),
)


@pytest.fixture(scope="module")
def snapshot(demo_lake):
    return Lake(demo_lake).snapshot()


@pytest.fixture(scope="module")
def told(snapshot):
    return microstructure_of(snapshot, DAY, LAWS)


def test_one_row_a_market_and_minute(snapshot, told):
    """Every minute of every market whose book was told has its row, in order, and its book."""
    assert dict(told.schema) == COLUMNS
    assert not told.select("market_ticker", "ts_utc").is_duplicated().any()
    assert told.equals(told.sort("market_ticker", "ts_utc"))
    assert told["market_ticker"].n_unique() == snapshot.read(MARKETS, DAY).height
    assert told["queue_imbalance"].drop_nulls().is_between(-1, 1).all()
    assert (told["cancelled_bid_1m"].drop_nulls() >= 0).all()
    assert (told["hawkes_buy"] >= LAWS.buy.mu_per_minute).all()


def test_the_book_is_the_quote_of_the_panel(snapshot, told):
    """Both are known at the minute: where the panel has a two-sided quote, the recorded book has the same one."""
    panel = read_panel(
        snapshot, "chicago", since=DAY.event_date, until=DAY.event_date, columns=("bid_prob", "ask_prob")
    )
    both = panel.join(told, on=("market_ticker", "ts_utc")).drop_nulls(("bid_prob", "ask_prob"))
    assert both.height > 1000
    np.testing.assert_allclose(both["bid_prob"], both["book_bid_ticks"] / 10_000)
    np.testing.assert_allclose(both["ask_prob"], both["book_ask_ticks"] / 10_000)


def test_later_messages_and_trades_change_no_earlier_minute(snapshot, told):
    """Poison all that was received after an instant, and take it away: the minutes up to it are the same."""
    books, trades, markets = (snapshot.read(table, DAY) for table in (BOOKS, TRADES, MARKETS))
    middle = told["ts_utc"].sort()[told.height // 2]
    later, earlier = pl.col("known_utc") > middle, pl.col("ts_utc") <= middle
    side = pl.when(later & (pl.col("taker_side") == "yes")).then(pl.lit("no")).otherwise("taker_side")
    poisoned = microstructure(
        books.with_columns(pl.when(later).then(7_777_700).otherwise("delta_centi").alias("delta_centi")),
        trades.with_columns(taker_side=side, count_centi=pl.when(later).then(1).otherwise("count_centi")),
        markets, LAWS,
    )  # fmt: skip
    cut = microstructure(books.filter(~later), trades.filter(~later), markets, LAWS)

    assert poisoned.filter(earlier).equals(told.filter(earlier))
    assert cut.filter(earlier).equals(told.filter(earlier))
    assert not poisoned.filter(~earlier).equals(told.filter(~earlier))


def test_a_day_without_books_has_no_rows_and_unknown_features(snapshot, script, markets):
    day = microstructure(BOOKS.empty(), script.trade(5, 40, 1, "yes").trades, markets, LAWS)
    assert day.height == 0
    assert dict(day.schema) == COLUMNS
    assert recorded_dates(snapshot, "chicago", (date(2025, 1, 1), DAY.event_date)) == (DAY.event_date,)


def test_beside_a_panel_nothing_else_changes(snapshot, told):
    """Rows and order stay; a date that was not recorded has nulls."""
    panel = read_panel(snapshot, "chicago", since=BEFORE, until=DAY.event_date, every_minutes=30, columns=("mid_prob",))
    unrecorded = panel.head(3).with_columns(event_date=date(2020, 1, 1), market_ticker=pl.lit("X"))
    beside = with_microstructure(pl.concat([panel, unrecorded]), snapshot, "chicago", LAWS)

    assert beside.select(panel.columns).equals(pl.concat([panel, unrecorded]))
    assert beside.tail(3)["queue_imbalance"].null_count() == 3
    of_day = beside.filter(pl.col("event_date") == DAY.event_date).select(*COLUMNS)
    assert of_day.equals(told.filter(pl.col("ts_utc").dt.minute() % 30 == 0))


def test_the_set_builds_numbers_of_declared_columns(told):
    """Each feature reads columns of this table only, says what it means, and is finite where they are known."""
    built = MICROSTRUCTURE.build(told)
    known = told.select(pl.all_horizontal(pl.col(name).is_not_null() for name in COLUMNS).alias("known"))["known"]

    assert set(MICROSTRUCTURE.sources) <= set(COLUMNS)
    assert all(feature.meaning and feature.unit and feature.known == "ts_utc" for feature in MICROSTRUCTURE.features)
    assert known.sum() > 1000
    assert np.isfinite(built.filter(known).to_numpy()).all()
    assert built["queue_imbalance"].is_nan().sum() == told["queue_imbalance"].null_count()


def test_features_of_a_row_by_hand():
    row = pl.DataFrame(
        {
            "book_bid_ticks": [4000], "book_ask_ticks": [4400], "book_bid_contracts": [30.0],
            "book_ask_contracts": [10.0], "queue_imbalance": [0.5], "ofi_bid_1m": [-3.0], "ofi_ask_1m": [0.0],
            "ofi_1m": [-3.0], "ofi_5m": [40.0], "cancelled_bid_1m": [3.0], "cancelled_ask_1m": [0.0],
            "hawkes_buy": [0.3], "hawkes_sell": [0.1],
        }
    )  # fmt: skip
    built = MICROSTRUCTURE.build(row).row(0, named=True)
    assert built["micro_gap"] == pytest.approx(0.02 * 0.5)
    assert built["ofi_bid_log"] == pytest.approx(-np.log(4))
    assert built["ofi_5m_depth"] == pytest.approx(np.log(3))
    assert built["cancelled_bid_log"] == pytest.approx(np.log(4))
    assert built["hawkes_tilt"] == pytest.approx(0.5)


def test_orders_that_swept_the_book_are_one_event(script, markets):
    """Prints of one instant and side are one order; blocks and what the other side took are none of it."""
    script.trade(5, 40, 1, "yes").trade(5, 41, 2, "yes").trade(5, 42, 2, "no").trade(90, 41, 2, "yes", block=True)
    script.trade(120, 44, 1, "yes").trade(700, 44, 1, "yes")
    tapes = tapes_of(script.trades, markets, taker_side="yes")

    np.testing.assert_allclose(tapes.times_minutes, [5 / 60, 2.0])
    assert tapes.watched_minutes == 10


def test_a_trade_counts_from_when_it_is_known(script, markets, instant):
    """A trade that came two minutes late lifts the rate only then."""
    trades = script.trade(30, 40, 1, "yes").trades.with_columns(known_utc=pl.lit(instant(150)))
    minutes = pl.DataFrame({"market_ticker": [script.name] * 3, "ts_utc": [instant(60 * m) for m in (1, 2, 3)]})
    minutes = minutes.with_columns(pl.col("ts_utc").cast(pl.Datetime("us", "UTC")))
    rates = intensities(LAWS, trades, markets, minutes)["hawkes_buy"].to_list()
    assert rates == pytest.approx([0.02, 0.02, 0.02 + 0.5 * np.exp(-0.5)])


def test_laws_are_of_the_dates_that_were_asked_for(snapshot):
    """Later trades change nothing; the laws come back from their document."""
    laws = fit_laws(snapshot, "chicago", (BEFORE,))
    both = fit_laws(snapshot, "chicago", (BEFORE, DAY.event_date))

    assert laws.buy is not None
    assert laws.sell is not None
    assert laws != both
    closed = snapshot.read(MARKETS, Partition("chicago", BEFORE))["close_utc"].max()
    assert laws.known_utc == closed < both.known_utc
    assert Laws.of(json.loads(json.dumps(laws.document()))) == laws
    assert Laws.of(Laws(buy=None, sell=LAWS.sell).document()) == Laws(buy=None, sell=LAWS.sell)
    assert tuple(laws.of_column) == tuple(SIDES)


def test_laws_say_nothing_of_minutes_before_they_were_known(script, markets, instant):
    """However they are asked, no row is told of by trades that came after it; in hindsight every minute is."""
    book = script.whole(5, {40: 1}, {44: 1}).trade(30, 40, 1, "yes")
    late = replace(LAWS, known_utc=instant(240))

    always, then = (microstructure(book.books, book.trades, markets, laws) for laws in (LAWS, late))
    early = pl.col("ts_utc") < instant(240)

    assert then.filter(early).select(pl.col(tuple(SIDES)).null_count()).row(0) == (3, 3)
    assert then.filter(~early).equals(always.filter(~early))
    assert then.drop(*SIDES).equals(always.drop(*SIDES))
    assert microstructure(book.books, book.trades, markets, late.in_hindsight()).equals(always)


def test_too_few_trades_leave_a_rate_unknown(script, markets):
    day = microstructure(
        script.whole(5, {40: 1}, {44: 1}).books, script.trades, markets, Laws(buy=None, sell=LAWS.sell)
    )
    assert day["hawkes_buy"].null_count() == day.height == 10
    assert day["hawkes_sell"].to_list() == [LAWS.sell.mu_per_minute] * 10


def test_real_orders_come_in_bursts(recorded):
    """Ten January days of Chicago: an order brings most of a next one, and the law fits far better than none."""
    read = pl.read_parquet(recorded("kalshi_2024_2025/markets.parquet"), columns=["ticker", "open_time", "close_time"])
    of_days = read.filter(pl.col("ticker").str.contains("HIGHCHI-25JAN1")).select(
        market_ticker="ticker",
        open_utc=pl.col("open_time").str.to_datetime(time_zone="UTC", time_unit="us"),
        close_utc=pl.col("close_time").str.to_datetime(time_zone="UTC", time_unit="us"),
    )
    trades = pl.read_parquet(recorded("kalshi_2024_2025/trades.parquet")).select(
        "taker_side", market_ticker="ticker", known_utc="created_time_utc", is_block=pl.lit(value=False)
    )
    tapes = tapes_of(trades, of_days, taker_side="yes")
    found = fit(tapes)
    flat = Law(mu_per_minute=found.events / found.watched_minutes, alpha_per_minute=0.0, beta_per_minute=1.0)

    assert found.events > 3000
    assert 0.7 < found.law.branching < 0.98
    assert found.log_likelihood - found.memoryless_log_likelihood > found.events
    near, far = (kstest(residuals(law, tapes), "expon").statistic for law in (found.law, flat))
    assert near < 0.15
    assert far > 0.4
