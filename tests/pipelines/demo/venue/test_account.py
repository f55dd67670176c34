"""Money adds up to the micro, whatever an account does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.demo.venue import Side, TimeInForce, TurnedDown
from pipelines.demo.venue.account import Account
from tests.pipelines.demo.venue.made_desk import OTHER, TICKER, Made, listing
from warehouse.market.fees import FeeRule

IOC = TimeInForce.IMMEDIATE_OR_CANCEL


@pytest.mark.parametrize(
    ("cents", "contracts", "direct", "broker"),
    [
        (50, 1, 17_500, 20_000),
        (42, 10, 170_600, 180_000),
        (5, 100, 332_500, 340_000),
        (90, 25, 157_500, 160_000),
        (1, 100, 69_300, 70_000),
        (35, 7, 111_500, 120_000),
    ],
)
def test_the_exchange_s_examples_of_fees(
    making: Callable[..., Made], cents: int, contracts: int, direct: int, broker: int
) -> None:
    """A taker's fee, for direct members and for members of a broker; who rests pays none."""
    for rounding, fee in (("tick", direct), ("cent", broker)):
        made = making(rounding=rounding)
        made.makers(asks=[(cents, contracts)])
        made.order(Side.BID, cents, contracts, time_in_force=IOC)
        assert fee == made.account.fills[0].fee_micros
        assert made.account.start_cash_micros - contracts * cents * 10_000 - fee == made.account.cash_micros


def test_what_rounding_gathers_of_an_order_is_given_back(making: Callable[..., Made]) -> None:
    """Five fills of one contract at 42 cents: the fourth pays one cent less."""
    made = making(rounding="cent", rule=FeeRule(fee_type="quadratic_with_maker_fees", multiplier_milli=4_000))
    made.order(Side.BID, 42, 5)

    for _ in range(5):
        made.taker(Side.ASK, 42, 1)

    assert [20_000, 20_000, 20_000, 10_000, 20_000] == [fill.fee_micros for fill in made.account.fills]


def test_yes_and_no_of_one_market_net(made: Made) -> None:
    """What closes is paid out at once; to sell what is not held is to buy its opposite."""
    made.makers(asks=[(40, 10)])
    cash = [made.account.cash_micros]

    for side, cents, contracts in ((Side.BID, 40, 10), (Side.ASK, 60, 4), (Side.ASK, 60, 10)):
        made.order(side, cents, contracts, time_in_force=IOC)
        made.makers(bids=[(60, 50)])
        cash.append(made.account.cash_micros + sum(fill.fee_micros for fill in made.account.fills))

    holding = made.account.holdings[TICKER]
    assert [-4_000_000, 2_400_000, 3_600_000 - 1_600_000] == [after - before for before, after in pairwise(cash)]
    assert (-400, 1_600_000, 2_000_000) == (holding.position_centi, holding.cost_micros, holding.realized_micros)
    assert (1000, 1400) == (holding.yes_centi, holding.no_centi)


@pytest.mark.parametrize(
    ("value_ticks", "side", "payout"), [(10_000, Side.BID, 10), (0, Side.BID, 0), (0, Side.ASK, 10)]
)
def test_a_market_pays_what_it_is_worth(value_ticks: int, side: Side, payout: int) -> None:
    """A dollar for each contract of the side that is right."""
    made = Made()
    here = listing(value_ticks=value_ticks)
    made.makers(**{"asks" if side is Side.BID else "bids": [(40, 10)]})
    order = made.order(side, 40, 10, time_in_force=IOC)
    made.account.holdings[TICKER].listing = here
    before = made.account.cash_micros

    made.account.settle(TICKER, here.settled_us)

    row = made.account.settlements[0]
    assert 1_000_000 * payout == row.revenue_micros == made.account.cash_micros - before
    assert (1000 if side is Side.BID else 0, 1000 if side is Side.ASK else 0) == (row.yes_centi, row.no_centi)
    assert order.taker_cost_micros == row.yes_cost_micros + row.no_cost_micros
    assert made.account.is_balanced


def test_a_market_that_was_sold_out_still_has_a_row(made: Made) -> None:
    """With both sides in it, and nothing to pay."""
    made.makers(bids=[(40, 10)], asks=[(41, 10)])
    made.order(Side.BID, 41, 10, time_in_force=IOC)
    made.order(Side.ASK, 40, 10, time_in_force=IOC)

    made.account.settle(TICKER, 0)
    made.account.settle(OTHER, 0)

    (row,) = made.account.settlements
    assert (1000, 1000, 0) == (row.yes_centi, row.no_centi, row.revenue_micros)


def test_resting_orders_speak_for_their_cash(made: Made) -> None:
    """Two that could each be paid, but not both, are not both let in; what closes a position is free."""
    made.order(Side.BID, 60, 1_000)

    with pytest.raises(TurnedDown, match="available_balance_too_low"):
        made.order(Side.BID, 50, 1_000, OTHER)
    with pytest.raises(TurnedDown, match="available_balance_too_low"):
        made.order(Side.ASK, 40, 1_000)
    made.taker(Side.ASK, 60, 1_000)
    made.order(Side.ASK, 65, 1_000)
    with pytest.raises(TurnedDown, match="available_balance_too_low"):
        made.order(Side.ASK, 64, 1_200)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["order", "taker", "makers", "cancel", "wait"]),
        st.sampled_from(list(Side)),
        st.integers(1, 99),
        st.integers(1, 30),
        st.sampled_from(list(TimeInForce)),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(ACTIONS, st.sampled_from(["quadratic", "quadratic_with_maker_fees"]), st.integers(0, 10_000))
def test_cash_positions_costs_and_fees_always_add_up(actions: list, fee_type: str, value_ticks: int) -> None:
    """After any commands, and after settlement: to the micro, never below zero, and no fill beyond a limit."""
    made = Made(cash_micros=20_000_000, rule=FeeRule(fee_type=fee_type))

    for kind, side, cents, contracts, time_in_force, post_only in actions:
        waits = time_in_force is TimeInForce.GOOD_TILL_CANCELED
        with contextlib.suppress(TurnedDown):
            if kind == "order":
                made.order(side, cents, contracts, time_in_force=time_in_force, post_only=post_only and waits)
            elif kind == "taker":
                made.taker(side, cents, contracts)
            elif kind == "makers" and made.market.book.meets(side, 100 * cents) is None:
                made.makers(**{"bids" if side is Side.BID else "asks": [(cents, contracts)]})
            elif kind == "cancel" and made.desk.open:
                made.desk.cancel(sorted(made.desk.open)[cents % len(made.desk.open)])
            else:
                made.wait(contracts)
        require_sound(made)
    made.account.settle(TICKER, made.now.us)
    assert made.account.is_balanced
    assert {} == made.account.positions


def require_sound(made: Made) -> None:
    """What holds of an account and its orders at any time."""
    account: Account = made.account
    assert account.is_balanced
    assert account.cash_micros >= 0
    assert sum(fill.side * fill.centi for fill in account.fills) == account.position_centi(TICKER)
    for order in made.desk.orders.values():
        mine = [fill for fill in account.fills if fill.order_id == order.order_id]
        assert sum(fill.centi for fill in mine) == order.filled_centi
        assert all(order.wanted.side.reaches(order.wanted.ticks, fill.ticks) for fill in mine)
        assert not (order.wanted.post_only and any(fill.is_taker for fill in mine))
        assert order.is_open == (order.order_id in made.market.lots)
        assert not order.is_open or order.filled_centi + order.left_centi == order.initial_centi
        if order.wanted.time_in_force is TimeInForce.FILL_OR_KILL:
            assert order.filled_centi == order.initial_centi
