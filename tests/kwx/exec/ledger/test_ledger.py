"""A trace as rows of orders, fills, decisions and equity: the ledger worked out by hand, and what orders come to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.exec.codes import Gate
from kwx.exec.ledger.known import TOLD, Known
from kwx.exec.ledger.ledger import Ledger, ledger_of, together
from kwx.exec.minute import Prints
from tests.kwx.backtest.made_trace import FIRST, made_actions, made_bars
from tests.kwx.backtest.three_trades import CASH_MICROS, FEES_MICROS, RUN, three_trades
from warehouse.errors import Unbalanced
from warehouse.lake.tables import MIDS_AFTER_MINUTES, Partition

MIDNIGHT = datetime(2026, 11, 2, 6, tzinfo=UTC)
BRACKET = "KXHIGHCHI-26NOV02-B70.5"


def at(row: int) -> datetime:
    """Return the end of a minute."""
    return MIDNIGHT + timedelta(minutes=row + 1)


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return three_trades()[2]


def told(bars, **said) -> Ledger:
    return ledger_of(RUN, "a_strategy", bars, made_actions(bars, **said), known=Known.nothing())


def test_an_order_is_told_from_its_placing_to_its_end(ledger):
    """The first rested two minutes until it was filled; the second took, and was over at once."""
    rows = ledger.orders.select(
        "order_id", "ts_utc", "closed_utc", "side", "style", "time_in_force", "post_only", "price_ticks", "count_centi",
        "filled_centi", "status",
    ).rows()  # fmt: skip

    assert [
        (f"a-run-{BRACKET}-1", at(0), at(2), "buy", "maker", "gtc", True, 4_200, 1_000, 1_000, "filled"),
        (f"a-run-{BRACKET}-2", at(3), at(3), "sell", "taker", "ioc", False, 4_900, 500, 500, "filled"),
    ] == rows


def test_a_fill_is_of_its_order_at_its_price(ledger):
    """Two of order 1, one of order 2, with the fees that were charged."""
    rows = ledger.fills.select(
        "fill_id", "order_id", "ts_utc", "side", "style", "price_ticks", "count_centi", "fee_micros", "fee_type",
        "fee_multiplier_milli", "fee_rounding",
    ).rows()  # fmt: skip
    rule = ("quadratic_with_maker_fees", 1_000, "tick")
    first, second = f"a-run-{BRACKET}-1", f"a-run-{BRACKET}-2"

    assert [
        (f"{first}-1", first, at(1), "buy", "maker", 4_200, 400, 17_100, *rule),
        (f"{first}-2", first, at(2), "buy", "maker", 4_200, 600, 25_600, *rule),
        (f"{second}-3", second, at(3), "sell", "taker", 4_900, 500, 87_500, *rule),
    ] == rows


def test_what_was_seen_is_of_the_minute_before_a_resting_order_was_filled(ledger):
    """A fill within a minute did not see the end of that minute; one that takes did."""
    assert [
        (at(0), 8_600, 200),
        (at(1), 8_600, 200),
        (at(3), 10_200, 200),
    ] == ledger.fills.select("seen_utc", "mid_half_ticks", "spread_ticks").rows()


def test_the_mid_is_looked_at_again_until_the_day_is_over(ledger):
    """One minute after the fill at minute 3 the book stood at 52 and 54; five minutes after it nothing did."""
    assert [8_800, 10_200, 10_600] == ledger.fills["mid_1m_half_ticks"].to_list()
    assert [None, None, None] == ledger.fills["mid_5m_half_ticks"].to_list()


def test_decisions_are_what_was_done_and_what_was_stopped(ledger):
    """A bracket without an edge wanted nothing, and has no row."""
    rows = ledger.decisions.sort("ts_utc", "market_ticker")
    columns = ("ts_utc", "action", "gate", "want_centi", "bid_ticks")

    assert [
        (at(0), "place", None, 1_000, 4_200),
        (at(2), "none", "spread", 700, None),
        (at(3), "take", None, -500, 5_000),
        (at(3), "none", "spread", 700, 3_000),
    ] == rows.select(columns).rows()


def test_gates_are_counted_in_every_minute_of_every_bracket(ledger):
    """Two brackets of five minutes each."""
    assert {"none": 6, "spread": 2, "no_edge": 2} == dict(ledger.gates.select("gate", "minutes").iter_rows())
    assert {("chicago", FIRST)} == set(ledger.gates.select("city", "event_date").iter_rows())


def test_equity_is_told_at_fills_and_at_settlement(ledger):
    """No quarter of an hour lies in the example; the settlement is told when it was."""
    rows = ledger.equity.select("ts_utc", "cash_micros", "position_micros", "fees_micros", "mode").rows()

    assert [
        (at(1), -1_697_100, 1_720_000, 17_100, "active"),
        (at(2), -4_242_700, 4_400_000, 42_700, "active"),
        (at(3), -1_880_200, 2_550_000, FEES_MICROS, "active"),
        (MIDNIGHT + timedelta(hours=32), CASH_MICROS, 0, FEES_MICROS, "active"),
    ] == rows


def test_equity_is_told_every_quarter_of_an_hour_while_the_event_trades():
    """From the first open minute to the last, also of an event that did nothing."""
    ledger = told(made_bars(62, open=[False] * 15 + [True] * 40 + [False] * 7))

    assert [at(29), at(44)] == ledger.equity["ts_utc"].to_list()


def test_what_is_not_settled_has_no_settlement():
    """Without an official value the last minute with a fill is the last that is told."""
    ledger = three_trades(winner=-1)[2]

    assert at(3) == ledger.equity["ts_utc"][-1]


def test_every_frame_is_as_its_table_wants_it(ledger):
    """Each is admitted by its contract."""
    for table, frame in ledger.tables():
        for place, rows in table.split(frame):
            assert table.admit(rows, place).height > 0
            assert Partition("chicago", FIRST) == place


def test_an_order_ends_as_its_market_or_the_strategy_ends_it():
    """Canceled while the market trades, expired with it, partly filled or not; resting while neither happened."""
    bars = made_bars(6, brackets=4, open=[True, True, True, True, False, False])
    ledger = told(
        bars,
        order_side={(0, 0): 1, (2, 0): 0, (1, 1): -1, (4, 1): 0, (0, 2): 1, (3, 2): 0, (1, 3): 1},
        order_ticks={(0, 0): 4_000, (1, 1): 6_000, (0, 2): 3_000, (1, 3): 2_000},
        order_left_centi={(0, 0): 500, (1, 1): 500, (0, 2): 500, (1, 2): 200, (1, 3): 300},
        order_serial={(0, 0): 1, (1, 1): 1, (0, 2): 1, (1, 3): 1},
        made_centi={(4, 1): -200, (1, 2): 300, (3, 2): 200},
        made_serial={(4, 1): 1, (1, 2): 1, (3, 2): 1},
    )
    rows = ledger.orders.sort("order_id").select("status", "count_centi", "filled_centi", "closed_utc").rows()

    assert [
        ("canceled", 500, 0, at(2)),
        ("expired", 500, 200, at(4)),
        ("filled", 500, 500, at(3)),
        ("resting", 300, 0, None),
    ] == rows


def test_an_order_that_is_replaced_or_made_smaller_keeps_its_own_fills():
    """Order 1 is cut to what the strategy wants, filled in part and replaced in the same minute; order 2 is filled."""
    ledger = told(
        made_bars(5),
        order_side={(0, 0): 1, (3, 0): 0},
        order_ticks={(0, 0): 4_000, (2, 0): 4_100},
        order_left_centi={(0, 0): 900, (1, 0): 500, (2, 0): 400},
        order_serial={(0, 0): 1, (2, 0): 2},
        made_centi={(2, 0): 300, (3, 0): 400},
        made_serial={(2, 0): 1, (3, 0): 2},
    )

    assert [
        (4_000, 500, 300, "canceled", at(2)),
        (4_100, 400, 400, "filled", at(3)),
    ] == ledger.orders.select("price_ticks", "count_centi", "filled_centi", "status", "closed_utc").rows()
    assert ["1", "2"] == ledger.fills["order_id"].str.split("-").list.last().to_list()


def test_a_fill_of_another_order_than_the_one_that_rests_is_refused():
    """Numbers that do not agree are a defect, not a row."""
    with pytest.raises(Unbalanced, match="a fill is of an order that did not rest"):
        told(
            made_bars(4), order_side={(0, 0): 1}, order_serial={(0, 0): 1}, order_left_centi={(0, 0): 500},
            made_centi={(1, 0): 100}, made_serial={(1, 0): 2},
        )  # fmt: skip


def test_an_order_beside_one_that_took_is_refused():
    """The number of the bracket's orders could not be told apart."""
    with pytest.raises(Unbalanced, match="rests in a minute that took"):
        told(made_bars(4), order_side={(0, 0): 1}, order_serial={(0, 0): 1}, took_centi={(1, 0): 100})


def test_places_that_no_event_has_are_not_counted():
    """An event of two brackets in arrays of three: the third has no name, and no gate."""
    bars = made_bars(4, brackets=3)
    bars.tickers[2] = ""

    assert 2 * 3 == told(bars, gate={(0, 2): Gate.CLOSED}).gates["minutes"].sum()


def test_what_the_lake_told_is_attached_as_of_each_instant():
    """The newest row at or before the instant, for less than a day; nothing of another market, nothing from later."""
    bars = made_bars(5, brackets=1)
    rows = [(BRACKET, at(1), 0.2), (BRACKET, at(3), 0.9), ("OTHER", at(0), 0.5)]
    known = Known(
        rows=pl.DataFrame(rows, schema=["market_ticker", "ts_utc", "p_wx"], orient="row").with_columns(
            pl.lit(None, pl.Float64).alias(name)
            for name in ("p_mkt", "p_fused_norm", "hazard_next_5m", "hazard_next_60m")
        )
    )
    actions = made_actions(bars, gate={(t, 0): Gate.SPREAD for t in range(4)})

    ledger = ledger_of(RUN, "a_strategy", bars, actions, known=known)
    late = pl.DataFrame({"market_ticker": [BRACKET, BRACKET], "then": [at(3 + 1_439), at(3 + 1_440)]})

    assert [None, 0.2, 0.2, 0.9] == ledger.decisions["p_wx"].to_list()
    assert [0.9, None] == known.at(late, "then")["p_wx"].to_list()


def test_nothing_that_comes_later_changes_what_was_told_before():
    """Garble every minute after the third, and what the lake says after it: earlier rows stay, but for later mids."""
    bars, actions, ledger = three_trades()
    known = Known(rows=pl.DataFrame({"market_ticker": [BRACKET], "ts_utc": [at(3)], "p_wx": [0.9]}).select(
        "market_ticker", "ts_utc", *(pl.lit(0.9).alias(name) for name in TOLD)
    ))  # fmt: skip
    for field in bars.minutes:
        for values in field if isinstance(field, Prints) else (field,):
            values[3:] = values[3:] == 0
    for values, later in ((actions.took_centi, 0), (actions.order_serial, 1), (actions.gate, Gate.SCORE)):
        values[3:] = later

    garbled = ledger_of(RUN, "a_strategy", bars, actions, known=known)

    later = [f"mid_{minutes}m_half_ticks" for minutes in MIDS_AFTER_MINUTES]
    for before, after in ((ledger.fills.drop(later), garbled.fills.drop(later)), (ledger.decisions, garbled.decisions)):
        assert before.filter(pl.col("ts_utc") <= at(2)).equals(after.filter(pl.col("ts_utc") <= at(2)))
        assert not before.equals(after)


def test_chunks_of_dates_come_to_one_ledger(ledger):
    """Nothing is lost where ledgers are put together."""
    both = together([ledger, ledger])

    assert 2 * ledger.fills.height == both.fills.height
    assert np.all([2 * getattr(ledger, name).height == getattr(both, name).height for name in ("orders", "gates")])
