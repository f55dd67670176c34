"""Positions, money and the worst that can come, against sums done by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from kwx.exec.venue.account import Account, Holding
from kwx.exec.venue.own_order import OwnOrder

FILLS = st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 9_999), st.integers(1, 5_000)), max_size=6)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def an_order(side: int, ticks: int, centi: int) -> OwnOrder:
    """An order that may rest."""
    return OwnOrder(
        client_order_id="x", market_ticker="E-M", side=side, ticks=ticks, centi=centi, most_centi=centi, takes=False,
        sent_utc=NOON,
    )  # fmt: skip


def filled(holding: Holding, fills: list[tuple[int, int, int]]) -> Holding:
    """Book fills without fees."""
    for side, ticks, centi in fills:
        holding.fill(side=side, ticks=ticks, centi=centi, fee_micros=0)
    return holding


@given(FILLS, FILLS)
def test_the_worst_loss_is_the_worst_of_all_outcomes(fills, orders):
    """Of each order filled or not, and of both ways to settle; never below nothing."""
    holding = filled(Holding(), fills)
    worst = 0
    for chosen in product((0, 1), repeat=len(orders)):
        after = filled(Holding(), [*fills, *(order for order, is_in in zip(orders, chosen, strict=True) if is_in)])
        worst = max(worst, *(-(after.flow_micros + after.position_centi * value) for value in (0, 10_000)))

    assert worst == holding.worst_loss_micros([an_order(*order) for order in orders])


@given(FILLS, st.sampled_from([0, 10_000]))
def test_settlement_pays_what_was_worth_it(fills, value_ticks):
    """Cash after settlement is what was there, plus what fills and the outcome bring."""
    account = Account(opening_micros=10**9)
    holding = filled(account.of("E-M"), fills)
    position, before = holding.position_centi, account.cash_micros
    revenue = position * value_ticks if position > 0 else -position * (10_000 - value_ticks)

    holding.settle(revenue)

    flows = sum(-side * ticks * centi for side, ticks, centi in fills)
    assert before + revenue == account.cash_micros
    assert 10**9 + flows + position * value_ticks == account.cash_micros
    assert {} == account.positions_centi


def test_fees_are_what_the_exchange_says():
    """They leave cash to the micro."""
    account = Account(opening_micros=1_000_000)
    account.of("E-M").fill(side=1, ticks=4_200, centi=100, fee_micros=17_053)

    assert 1_000_000 - 420_000 - 17_053 == account.cash_micros


def test_both_rules_of_what_is_bound_are_known():
    """Of brackets of one event that are sold short the largest may be enough; never across events."""
    account = Account(opening_micros=10_000_000)
    for ticker, centi in (("E-A", 300), ("E-B", 200), ("F-A", 100)):
        account.of(ticker).fill(side=-1, ticks=5_000, centi=centi, fee_micros=0)
    sold = 10_000_000 + 600 * 5_000

    assert frozenset({sold - 6_000_000, sold - 4_000_000}) == account.cash_may_be([])
    assert sold - 6_000_000 - 40_000 in account.cash_may_be([an_order(1, 400, 100)])
