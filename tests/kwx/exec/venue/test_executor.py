"""From wishes to orders: the least that is needed, in an exchange that does what it is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kwx.exec.venue.told import Did
from pipelines.demo.venue.words import Side
from tests.kwx.exec.venue.exchange import OTHER, TICKER
from warehouse.errors import Refused, Usage


def test_a_wish_becomes_an_order_that_only_rests_and_ends_by_itself(exchange, trader, tell):
    """Post-only, in our group, with an end that is the dead man's switch, under an id that bears our mark."""
    executor = trader.started()

    assert ["placed"] == tell(executor.apply([trader.rests(cents=40)], []))

    (order,) = exchange.made.desk.open.values()
    wanted = order.wanted
    assert (True, "good_till_canceled", "taker_at_cross") == (
        wanted.post_only,
        wanted.time_in_force.value,
        wanted.self_trade.value,
    )
    assert wanted.client_order_id.startswith("kwx-")
    assert wanted.group_id in exchange.made.desk.groups.by_id
    assert 120 <= (wanted.expires_us - exchange.made.now.us) / 1e6 <= 121


def test_the_same_wish_again_sends_nothing(exchange, trader, tell):
    """What rests as it is wanted is kept."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    exchange.kinds_sent()
    exchange.wait(9)
    executor.poll()

    assert ["kept"] == tell(executor.apply([trader.rests()], []))
    assert [] == exchange.kinds_sent()


def test_an_order_is_renewed_before_it_ends_and_keeps_its_place(exchange, trader, tell):
    """Only its end is put off: it stays before whoever came after it."""
    executor = trader.started()
    executor.apply([trader.rests(contracts=10)], [])
    exchange.makers(bids=[(40, 5)])
    for _ in range(20):
        exchange.wait(9)
        executor.poll()
        executor.apply([trader.rests(contracts=10)], [])

    exchange.take_from_us(Side.ASK, 40, 4)

    assert ["create", "amend", "amend"] == exchange.kinds_sent()
    assert [400] == [fill.centi for fill in executor.poll()]


def test_an_order_that_nobody_renews_is_gone_by_itself(exchange, trader):
    """Should this process die, nothing of it rests for longer than its orders live."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    exchange.wait(122)

    executor.poll()

    assert {} == exchange.resting
    assert [] == list(executor.open_orders)
    assert not executor.is_halted


@pytest.mark.parametrize(
    ("first", "then", "sent"),
    [
        ({"contracts": 10}, {"contracts": 4}, ["decrease"]),
        ({"contracts": 10}, {"contracts": 12}, ["amend"]),
        ({"cents": 40}, {"cents": 38}, ["amend"]),
        ({"side": 1, "cents": 40}, {"side": -1, "cents": 60}, ["cancel", "create"]),
    ],
    ids=["smaller", "larger", "another price", "the other side"],
)
def test_the_least_is_done(exchange, trader, first, then, sent):
    """One request where one is enough; the other side is another order."""
    executor = trader.started()
    executor.apply([trader.rests(**first)], [])
    executor.poll()
    exchange.kinds_sent()

    executor.apply([trader.rests(**then)], [])

    wish = trader.rests(**then)
    assert sent == exchange.kinds_sent()
    assert [(TICKER, wish.side, wish.ticks, wish.centi)] == list(exchange.resting.values())
    executor.poll()
    assert not executor.is_halted


def test_what_is_not_wished_any_more_is_cancelled(exchange, trader, tell):
    """A market without a wish has no order."""
    executor = trader.started()
    executor.apply([trader.rests(), trader.rests(ticker=OTHER)], [])
    executor.poll()

    outcomes = executor.apply([trader.rests()], [])

    assert ["cancelled", "kept"] == tell(outcomes)
    assert [TICKER] == [ticker for ticker, *_ in exchange.resting.values()]


def test_an_order_counts_what_is_left_of_it(exchange, trader, tell):
    """After a part was filled, the wish for the rest is the order that rests already."""
    executor = trader.started()
    executor.apply([trader.rests(contracts=10)], [])
    exchange.take_from_us(Side.ASK, 40, 3)
    executor.poll()
    exchange.kinds_sent()

    assert ["kept"] == tell(executor.apply([trader.rests(contracts=7)], []))
    assert ["amended"] == tell(executor.apply([trader.rests(contracts=7, cents=39)], []))
    assert [(TICKER, 1, 3_900, 700)] == list(exchange.resting.values())
    assert ["amend"] == exchange.kinds_sent()


def test_what_is_taken_neither_rests_nor_expires(exchange, trader, tell):
    """Up to what is there, at the price that is shown; its fee is what the exchange says."""
    executor = trader.started()
    exchange.makers(asks=[(45, 4)])

    outcomes = executor.apply([], [trader.takes(cents=46, contracts=10)])
    (fill,) = executor.poll()

    assert ["taken"] == tell(outcomes)
    assert {} == exchange.resting
    assert (400, 4_500, 69_300, True) == (fill.centi, fill.ticks, fill.fee_micros, fill.is_taker)
    assert {TICKER: 400} == executor.positions_centi
    assert exchange.made.account.cash_micros == executor.cash_micros


def test_a_maker_that_would_take_is_not_placed(exchange, trader, tell):
    """Post-only: what crosses is ended by the exchange, and nothing is left open."""
    executor = trader.started()
    exchange.makers(asks=[(45, 4)])

    executor.apply([trader.rests(cents=46)], [])
    executor.poll()

    assert {} == exchange.resting
    assert [] == list(executor.open_orders)
    assert {} == executor.positions_centi
    assert not executor.is_halted


def test_every_fill_is_told_once_and_carries_its_decision(exchange, trader):
    """Whatever the exchange repeats."""
    executor = trader.started()
    wish = trader.rests(contracts=10)
    executor.apply([wish], [])
    exchange.take_from_us(Side.ASK, 40, 3)
    exchange.fills_twice = True

    first = executor.poll()
    exchange.take_from_us(Side.ASK, 40, 2)
    then = executor.poll()

    assert [[300], [200], []] == [[fill.centi for fill in fills] for fills in (first, then, executor.poll())]
    assert wish.decision == first[0].decision
    assert [300, 200] == [fill.centi for fill in executor.fills]
    assert {TICKER: 500} == executor.positions_centi


def test_a_fill_heard_on_the_stream_is_not_told_again(exchange, trader):
    """Stream and listing tell the same trade: one fill."""
    executor = trader.started()
    executor.apply([trader.rests(contracts=10)], [])
    exchange.take_from_us(Side.ASK, 40, 3)

    executor.hear([*exchange.portfolio.fills(), *exchange.portfolio.fills()])

    assert [300] == [fill.centi for fill in executor.poll()]
    assert {TICKER: 300} == executor.positions_centi


def test_selling_short_binds_a_dollar_and_buying_back_frees_it(exchange, trader):
    """Cash is the exchange's to the micro at every step, settlement too."""
    executor = trader.started()
    exchange.makers(bids=[(60, 10)], asks=[(62, 4)])
    executor.apply([], [trader.takes(side=-1, cents=60, contracts=10)])
    executor.poll()
    short = (executor.cash_micros, exchange.made.account.cash_micros)
    executor.apply([], [trader.takes(side=1, cents=62, contracts=4)])
    executor.poll()
    partly = (executor.cash_micros, exchange.made.account.cash_micros)
    exchange.settle()
    executor.poll()

    assert short[0] == short[1]
    assert partly[0] == partly[1]
    assert exchange.made.account.cash_micros == executor.cash_micros
    assert {} == executor.positions_centi
    assert not executor.is_halted


@pytest.mark.parametrize(
    ("changes", "wish", "why"),
    [
        ({"max_order_centi": 500}, {"contracts": 6}, "in one order"),
        ({"max_position_centi": 900}, {"contracts": 10}, "hundredths of"),
        ({"max_gross_micros": 3_900_000}, {"contracts": 10, "cents": 40}, "could be lost"),
        ({"max_gross_micros": 3_900_000}, {"contracts": 10, "cents": 60, "side": -1}, "could be lost"),
    ],
    ids=["order", "position", "gross of a purchase", "gross of a sale"],
)
def test_what_passes_a_limit_is_never_sent(exchange, trader, caplog, changes, wish, why):
    """Whatever the step says; loudly."""
    executor = trader.started(**changes)

    (outcome,) = executor.apply([trader.rests(**wish)], [])

    assert Did.OVER_LIMIT is outcome.did
    assert why in outcome.why
    assert [] == exchange.kinds_sent()
    assert why in caplog.text


def test_the_number_of_open_orders_is_limited(exchange, trader, tell):
    """Further ones are not sent."""
    executor = trader.started(max_open_orders=1)

    outcomes = executor.apply([trader.rests(), trader.rests(ticker=OTHER)], [])

    assert ["placed", "over_limit"] == tell(outcomes)


def test_a_position_over_its_limit_may_always_be_made_smaller(exchange, trader, tell):
    """Limits keep risk from growing, never from shrinking."""
    executor = trader.started()
    exchange.makers(bids=[(60, 10)], asks=[(62, 10)])
    executor.apply([], [trader.takes(cents=62, contracts=10)])
    executor.poll()
    executor = trader.started(max_position_centi=100, max_gross_micros=1)

    assert ["over_limit"] == tell(executor.apply([], [trader.takes(cents=62, contracts=1)]))
    assert ["taken"] == tell(executor.apply([], [trader.takes(side=-1, cents=60, contracts=4)]))


def test_an_amendment_over_a_limit_cancels_instead(exchange, trader, tell):
    """What rests is not wanted at its old price either."""
    executor = trader.started(max_gross_micros=4_000_000)
    executor.apply([trader.rests(cents=40, contracts=10)], [])
    executor.poll()

    assert ["over_limit"] == tell(executor.apply([trader.rests(cents=41, contracts=10)], []))
    assert {} == exchange.resting


def test_nothing_is_sent_before_the_start(trader):
    """Journal and exchange must agree first."""
    executor = trader.born()

    with pytest.raises(Refused, match="reconciled"):
        executor.apply([trader.rests()], [])
    with pytest.raises(Refused, match="reconciled"):
        executor.poll()


def test_wishes_that_contradict_are_a_mistake(trader):
    """One order rests in a market; an order is of its own market's decision."""
    executor = trader.started()

    with pytest.raises(Usage, match="wished for twice"):
        executor.apply([trader.rests(), trader.rests(cents=41)], [])
    with pytest.raises(Usage, match="of a decision on"):
        type(trader.rests())(
            market_ticker=OTHER, side=1, ticks=4_000, centi=100, decision=trader.decision(TICKER)
        )  # fmt: skip


def test_while_the_account_cannot_be_read_only_risk_is_taken_away(exchange, trader, tell):
    """No new order on what may not be so any more; it heals with the next read."""
    executor = trader.started()
    executor.apply([trader.rests(), trader.rests(ticker=OTHER)], [])
    exchange.fails_to_read.add("kalshi_positions")
    with pytest.raises(Exception, match="no usable answer"):
        executor.poll()

    outcomes = executor.apply([trader.rests(ticker=OTHER, cents=42)], [trader.takes()])

    assert ["cancelled", "blocked", "blocked"] == tell(outcomes)
    exchange.fails_to_read.clear()
    executor.poll()
    assert ["amended"] == tell(executor.apply([trader.rests(ticker=OTHER, cents=42)], []))


def test_the_end_leaves_nothing_behind(exchange, trader):
    """All cancelled, seen to be so, and the last fills in the journal."""
    executor = trader.started()
    executor.apply([trader.rests(), trader.rests(ticker=OTHER)], [])
    exchange.take_from_us(Side.ASK, 40, 3)

    executor.stop()

    assert {} == exchange.resting
    assert [300] == [fill.centi for fill in executor.fills]
    assert [] == list(executor.open_orders)


def test_a_group_that_the_exchange_stopped_halts(exchange, trader):
    """More was matched within seconds than the limit: that is for a person to look at."""
    executor = trader.started(group_limit_centi=100)
    executor.apply([trader.rests(contracts=10)], [])
    exchange.take_from_us(Side.ASK, 40, 3)
    executor.poll()

    executor.apply([trader.rests(cents=39)], [])

    assert executor.is_halted
    assert "order group" in executor.halted.why


def test_time_that_passes_alone_changes_nothing(exchange, trader):
    """An hour of ticks without a trade: one order, renewed, and no word of a difference."""
    executor = trader.started(order_life=timedelta(minutes=10))
    for _ in range(60):
        executor.apply([trader.rests()], [])
        exchange.wait(60)
        assert [] == list(executor.poll())

    assert not executor.is_halted
    assert 1 == len(exchange.resting)
    assert {"create", "amend"} == set(exchange.kinds_sent())
