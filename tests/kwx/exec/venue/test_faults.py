"""What goes wrong on the way: lost replies, refused cancels, late and doubled fills, restarts in the midst."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from kwx.exec.venue.own_order import Standing
from kwx.exec.venue.told import Did
from pipelines.demo.venue.words import Side
from pipelines.kalshi.portfolio.records import NewOrder
from tests.kwx.exec.venue.exchange import LOST_AFTER, LOST_BEFORE, OTHER, TICKER, UNSENT
from warehouse.errors import Refused, VendorDown

CREATE, CANCEL, AMEND, DECREASE = "kalshi_create", "kalshi_cancel", "kalshi_amend", "kalshi_decrease"


def foreign(name: str = "by-hand", *, cents: int = 20, ticker: str = TICKER) -> NewOrder:
    """An order that a person placed."""
    return NewOrder(client_order_id=name, market_ticker=ticker, side=1, price_ticks=100 * cents, centi=100)


# New orders of which nobody knows


def test_an_order_whose_reply_was_lost_is_found_and_never_doubled(exchange, trader, tell):
    """It was accepted: until that is seen nothing else is sent in its market, and then it is the order that rests."""
    executor = trader.started()
    exchange.will(CREATE, LOST_AFTER)

    outcomes = executor.apply([trader.rests()], [])
    blocked = executor.apply([trader.rests()], [trader.takes()])
    elsewhere = executor.apply([trader.rests(), trader.rests(ticker=OTHER)], [])
    executor.poll()

    assert (["ambiguous"], ["blocked", "blocked"]) == (tell(outcomes), tell(blocked))
    assert ["blocked", "placed"] == tell(elsewhere)
    assert ["kept", "kept"] == tell(executor.apply([trader.rests(), trader.rests(ticker=OTHER)], []))
    assert 2 == len(exchange.resting)
    assert not executor.is_halted


def test_an_order_that_was_never_accepted_is_given_up_after_a_bounded_time(exchange, trader, tell):
    """Several looks, and a minute: so long its market takes no new risk, and then it does again."""
    executor = trader.started()
    exchange.will(CREATE, LOST_BEFORE)
    executor.apply([trader.rests()], [])
    during = []
    for _ in range(6):
        exchange.wait(9)
        executor.poll()
        during += tell(executor.apply([trader.rests()], []))
    exchange.wait(9)
    executor.poll()

    after = tell(executor.apply([trader.rests()], []))

    assert (["blocked"] * 6, ["placed"]) == (during, after)
    assert Standing.ABSENT in {order.standing for order in executor._record.book.orders.values()}
    assert not executor.is_halted


def test_looks_that_may_be_too_old_do_not_count(exchange, trader):
    """A read that is complete only up to before the order was sent says nothing of it."""
    executor = trader.started()
    exchange.makers(asks=[(45, 4)])
    exchange.late(300)
    executor.apply([], [trader.takes(contracts=1)])
    exchange.wait(1)
    exchange.will(CREATE, LOST_BEFORE)
    executor.apply([trader.rests(ticker=OTHER)], [])
    for _ in range(10):
        exchange.wait(9)
        executor.poll()

    assert [Standing.AMBIGUOUS] == [order.standing for order in executor.open_orders]


def test_an_order_given_up_that_turns_up_halts(exchange, trader):
    """It would be a risk that was not counted."""
    executor = trader.started()
    exchange.will(CREATE, LOST_BEFORE)
    executor.apply([trader.rests()], [])
    name = executor.open_orders[0].client_order_id
    for _ in range(8):
        exchange.wait(9)
        executor.poll()
    exchange.portfolio.create(
        NewOrder(client_order_id=name, market_ticker=TICKER, side=1, price_ticks=4_000, centi=1_000)
    )

    executor.poll()

    assert executor.is_halted
    assert "never in the book" in executor.halted.why
    assert {} == exchange.resting


def test_what_was_taken_without_an_answer_is_found_with_its_fills(exchange, trader):
    """The trade happened: it is told once, under its decision."""
    executor = trader.started()
    exchange.makers(asks=[(45, 4)])
    exchange.will(CREATE, LOST_AFTER)

    executor.apply([], [trader.takes(contracts=10)])
    fills = executor.poll()

    assert [400] == [fill.centi for fill in fills]
    assert {TICKER: 400} == executor.positions_centi
    assert [] == list(executor.open_orders)
    assert not executor.is_halted


def test_what_could_not_be_sent_is_no_order(exchange, trader, tell):
    """Refused connections and refusals leave nothing open; the next wish is tried anew."""
    executor = trader.started()
    exchange.will(CREATE, UNSENT)
    exchange.will_refuse(CREATE, 400, "invalid_order")

    told = [tell(executor.apply([trader.rests()], [])) for _ in range(3)]

    assert [["refused"], ["refused"], ["placed"]] == told
    assert 1 == len(executor.open_orders)


def test_an_id_that_is_known_already_is_looked_for(exchange, trader, tell):
    """409: somebody on the way said it twice, so one of both is in the book."""
    executor = trader.started()
    exchange.will(CREATE, LOST_AFTER)
    exchange.will_refuse(CREATE, 409, "order_already_exists")

    assert ["ambiguous"] == tell(executor.apply([trader.rests(ticker=OTHER)], []))
    exchange.refuses.clear()


# Changes that fail


def test_a_cancel_that_was_refused_leaves_the_order_and_nothing_takes_its_place(exchange, trader, tell):
    """Both could be filled."""
    executor = trader.started()
    executor.apply([trader.rests(side=1)], [])
    exchange.will_refuse(CANCEL, 500, "internal")
    exchange.will_refuse(CANCEL, 400, "bad_request")

    first = executor.apply([trader.rests(side=-1, cents=60)], [])
    executor.poll()
    second = executor.apply([trader.rests(side=-1, cents=60)], [])
    executor.poll()
    third = executor.apply([trader.rests(side=-1, cents=60)], [])

    assert [Did.BLOCKED, Did.BLOCKED] == [first[-1].did, second[-1].did]
    assert ["cancelled", "placed"] == tell(third)
    assert 1 == len(exchange.resting)


def test_a_cancel_that_came_too_late_finds_the_fill(exchange, trader, tell):
    """The order was filled meanwhile: it is gone, and its fill comes with the next read."""
    executor = trader.started()
    executor.apply([trader.rests(contracts=10)], [])
    exchange.take_from_us(Side.ASK, 40, 10)

    assert ["cancelled"] == tell(executor.apply([], []))
    assert [1_000] == [fill.centi for fill in executor.poll()]
    assert not executor.is_halted


@pytest.mark.parametrize("fault", [LOST_AFTER, LOST_BEFORE])
@pytest.mark.parametrize("kind", [CANCEL, AMEND, DECREASE])
def test_a_change_that_was_not_heard_is_looked_at(exchange, trader, fault, kind):
    """Made or not: the order is read back, and the next tick ends in what is wished."""
    executor = trader.started()
    executor.apply([trader.rests(contracts=10)], [])
    executor.poll()
    wish = {CANCEL: [], AMEND: [trader.rests(cents=38)], DECREASE: [trader.rests(contracts=4)]}[kind]
    exchange.will(kind, fault)

    executor.apply(wish, [])
    executor.poll()
    executor.apply(wish, [])

    assert [(one.market_ticker, one.side, one.ticks, one.centi) for one in wish] == list(exchange.resting.values())
    executor.poll()
    assert not executor.is_halted


def test_an_amendment_that_is_refused_ends_the_order(exchange, trader, tell):
    """At its old price it is not wanted any more."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    exchange.will_refuse(AMEND, 400, "invalid_order")

    assert ["cancelled"] == tell(executor.apply([trader.rests(cents=38)], []))
    assert {} == exchange.resting


def test_fills_between_read_and_change_are_not_bought_again(exchange, trader):
    """A change counts the whole of an order: what was filled meanwhile is part of it."""
    executor = trader.started()
    executor.apply([trader.rests(contracts=10)], [])
    executor.poll()
    exchange.take_from_us(Side.ASK, 40, 3)

    executor.apply([trader.rests(contracts=10, cents=41)], [])
    first = list(exchange.resting.values())
    executor.poll()
    exchange.take_from_us(Side.ASK, 41, 2)
    executor.apply([trader.rests(contracts=4, cents=41)], [])
    executor.poll()

    assert [(TICKER, 1, 4_100, 700)] == first
    assert [(TICKER, 1, 4_100, 200)] == list(exchange.resting.values())
    assert {TICKER: 500} == executor.positions_centi
    assert not executor.is_halted


# Fills that come late


def test_a_late_fill_is_no_mismatch_and_is_booked_when_it_comes(exchange, trader):
    """Order and position tell of it before there is a fill."""
    executor = trader.started()
    exchange.late(60)
    executor.apply([trader.rests(contracts=10)], [])
    exchange.take_from_us(Side.ASK, 40, 3)
    early = executor.poll()
    for _ in range(6):
        exchange.wait(9)
        assert [] == list(executor.poll())
    exchange.wait(9)

    assert [] == list(early)
    assert [300] == [fill.centi for fill in executor.poll()]
    assert not executor.is_halted
    assert exchange.made.account.cash_micros == executor.cash_micros


def test_a_fill_that_never_comes_halts_in_the_end(exchange, trader):
    """What is late is late for a bounded time."""
    executor = trader.started()
    exchange.late(3_600)
    executor.apply([trader.rests(contracts=10)], [])
    exchange.take_from_us(Side.ASK, 40, 3)
    for _ in range(14):
        executor.poll()
        exchange.wait(9)
    before = executor.is_halted
    executor.poll()

    assert (False, True) == (before, executor.is_halted)
    assert {} == exchange.resting


@pytest.mark.parametrize("restarts", [False, True])
def test_a_fill_that_is_told_after_its_market_was_paid_is_found_behind_newer_ones(exchange, trader, restarts):
    """Of another market something was filled since, hours later: what is missing is looked for from the beginning."""
    executor = trader.started(late_after=timedelta(hours=9))
    exchange.late(3 * 3_600)
    executor.apply([trader.rests(contracts=10)], [])
    exchange.take_from_us(Side.ASK, 40, 3)
    executor.poll()
    exchange.settle()
    exchange.wait(2.5 * 3_600)
    exchange.late(0)
    exchange.makers(ticker=OTHER, asks=[(45, 4)])
    executor.apply([], [trader.takes(contracts=2, ticker=OTHER)])
    newer = executor.poll()
    exchange.wait(3_600)
    if restarts:
        executor = trader.started(late_after=timedelta(hours=9))
    executor.poll()

    assert [200] == [fill.centi for fill in newer]
    assert [200, 300] == [fill.centi for fill in executor.fills]
    assert not executor.is_halted
    assert exchange.made.account.cash_micros == executor.cash_micros


def test_contracts_that_may_be_filled_late_count_towards_the_limits(exchange, trader, tell):
    """A position is at its limit before its fills have come."""
    executor = trader.started(max_position_centi=1_000)
    exchange.makers(asks=[(45, 20)])
    exchange.late(60)
    executor.apply([], [trader.takes(contracts=10)])
    executor.poll()

    assert ["over_limit"] == tell(executor.apply([], [trader.takes(contracts=1)]))


# Mismatches


def test_a_foreign_order_halts_within_one_tick(exchange, trader):
    """Somebody else trades on this account: everything is cancelled."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    exchange.portfolio.create(foreign())

    executor.poll()

    assert executor.is_halted
    assert "somebody else" in executor.halted.why
    assert {} == exchange.resting
    assert [Did.BLOCKED] == [outcome.did for outcome in executor.apply([trader.rests()], [])]


def test_a_foreign_fill_halts_within_one_tick(exchange, trader):
    """An order that came and went between two looks has left a fill."""
    executor = trader.started()
    exchange.makers(asks=[(45, 4)])
    exchange.wait(1)
    order = replace(foreign(cents=46), in_force="immediate_or_cancel", post_only=False)
    exchange.portfolio.create(order)

    executor.poll()

    assert executor.is_halted
    assert "not ours" in executor.halted.why


@pytest.mark.parametrize("micros", [-10_000, 10_000, 1])
def test_money_that_nothing_explains_halts_within_one_tick(exchange, trader, micros):
    """A deposit is as strange as a loss: a person must look."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    exchange.made.account.cash_micros += micros * 100

    executor.poll()

    assert executor.is_halted
    assert "cash" in executor.halted.why


def test_a_position_that_nothing_explains_halts_within_one_tick(exchange, trader):
    """Contracts do not come from nowhere."""
    executor = trader.started()
    exchange.makers(asks=[(45, 4)])
    executor.apply([], [trader.takes(contracts=4)])
    executor.poll()
    exchange.wait(9)
    exchange.made.account.holdings[TICKER].position_centi += 100

    executor.poll()

    assert executor.is_halted
    assert "position" in executor.halted.why


def test_a_position_that_is_gone_is_given_its_time(exchange, trader):
    """It may have been settled a moment ago; when no settlement comes it halts."""
    executor = trader.started()
    exchange.makers(asks=[(45, 4)])
    executor.apply([], [trader.takes(contracts=4)])
    executor.poll()
    exchange.wait(9)
    exchange.made.account.holdings[TICKER].position_centi = 0
    executor.poll()
    before = executor.is_halted
    exchange.wait(121)
    executor.poll()

    assert (False, True) == (before, executor.is_halted)


def test_a_halt_is_for_good_and_keeps_cancelling_until_it_is_seen_to_be_so(exchange, trader):
    """The first cancel of all fails: it is tried again at every turn."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    for _ in range(2):
        exchange.will("kalshi_cancel_all", UNSENT)
        exchange.will("kalshi_group_trigger", UNSENT)
        exchange.will_refuse(CANCEL, 400, "bad_request")
    executor.halt("a test")
    first = dict(exchange.resting)
    executor.poll()
    second = dict(exchange.resting)
    executor.poll()

    assert [1, 1, 0] == [len(first), len(second), len(exchange.resting)]
    assert executor.is_halted


# Restarts


def test_a_restart_goes_on_where_the_last_life_ended(exchange, trader, tell):
    """The same orders, position and cash, read from the journal and agreed by the exchange."""
    executor = trader.started()
    executor.apply([trader.rests(contracts=10)], [])
    exchange.take_from_us(Side.ASK, 40, 3)
    executor.poll()
    exchange.take_from_us(Side.ASK, 40, 1)

    executor = trader.born()
    reconciled = executor.start()

    assert (1, 1, {TICKER: 400}) == (reconciled.resting, reconciled.new_fills, reconciled.positions_centi)
    assert exchange.made.account.cash_micros == reconciled.cash_micros
    assert [100] == [fill.centi for fill in executor.poll()]
    assert [300, 100] == [fill.centi for fill in executor.fills]
    assert ["kept"] == tell(executor.apply([trader.rests(contracts=6)], []))


@pytest.mark.parametrize("fault", [LOST_AFTER, LOST_BEFORE])
def test_a_life_that_ends_while_it_sends_leaves_nothing_doubled(exchange, trader, tell, fault):
    """The intent is in the journal: the next life looks for it before it sends anything else."""

    class Killed(BaseException):
        pass

    def kill(write):
        if write.kind == CREATE:
            if fault == LOST_AFTER:
                exchange.before_write = lambda _: None
                exchange.send(write)
            raise Killed

    executor = trader.started()
    exchange.before_write = kill
    with pytest.raises(Killed):
        executor.apply([trader.rests()], [])
    exchange.before_write = lambda _: None

    executor = trader.born()
    reconciled = executor.start()
    standings = [order.standing for order in executor.open_orders]
    again = tell(executor.apply([trader.rests()], []))

    was_done = fault == LOST_AFTER
    assert [Standing.RESTING if was_done else Standing.AMBIGUOUS] == standings
    assert (1, 0) == ((reconciled.resting, len(reconciled.ambiguous)) if was_done else (1, reconciled.resting))
    assert ["kept" if was_done else "blocked"] == again
    assert int(was_done) == len(exchange.resting)


def test_orders_that_ended_while_nobody_looked_are_booked_at_the_start(exchange, trader):
    """Filled, expired, settled: all of it is explained by the exchange's own records."""
    executor = trader.started()
    executor.apply([trader.rests(contracts=10), trader.rests(ticker=OTHER)], [])
    exchange.take_from_us(Side.ASK, 40, 10)
    exchange.settle()
    exchange.wait(1_000)

    reconciled = trader.born().start()

    assert (0, 1, {}) == (reconciled.resting, reconciled.new_fills, reconciled.positions_centi)
    assert exchange.made.account.cash_micros == reconciled.cash_micros


def test_a_start_refuses_what_nothing_explains(exchange, trader):
    """And says what differs, and what to do."""
    trader.started()
    exchange.made.account.cash_micros -= 500

    with pytest.raises(Refused, match="cash of the account: 1000000000 micros by our journal, 999999500") as refused:
        trader.born().start()

    assert "by hand" in refused.value.hint


def test_a_start_refuses_orders_of_others_also_with_adopt(exchange, trader):
    """They are not ours to touch."""
    exchange.portfolio.create(foreign())

    for adopt in (False, True):
        with pytest.raises(Refused, match="not ours"):
            trader.born().start(adopt=adopt)


def test_orders_that_bear_our_mark_are_adopted_where_a_person_says_so(exchange, trader, tell):
    """The journal was lost; the order rests under our name."""
    exchange.portfolio.create(foreign("kwx-lost"))

    with pytest.raises(Refused, match="bear our mark"):
        trader.born().start()
    executor = trader.born()
    reconciled = executor.start(adopt=True)
    exchange.take_from_us(Side.ASK, 20, 1)

    assert 1 == len(reconciled.adopted)
    assert [None] == [fill.decision for fill in executor.poll()]
    assert not executor.is_halted


def test_a_first_start_wants_a_flat_account(exchange, trader):
    """Positions that no journal explains are refused."""
    exchange.makers(asks=[(45, 4)])
    exchange.portfolio.create(replace(foreign(cents=46), in_force="immediate_or_cancel", post_only=False))

    with pytest.raises(Refused, match="positions that no journal explains: 100 hundredths"):
        trader.born().start()


def test_the_end_says_loudly_what_still_rests(exchange, trader):
    """Whoever leaves must know that something is left."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    exchange.will("kalshi_cancel_all", *[UNSENT] * 3)
    exchange.will("kalshi_group_trigger", *[UNSENT] * 3)
    for _ in range(3):
        exchange.will_refuse(CANCEL, 400, "bad_request")

    with pytest.raises(VendorDown, match="1 orders still rest"):
        executor.stop()


def test_a_journal_that_cannot_be_written_halts_before_anything_is_risked(exchange, trader, monkeypatch):
    """An order that no line tells of must not exist; what rests is cancelled all the same."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    executor.poll()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        outcomes = executor.apply([trader.rests(), trader.rests(ticker=OTHER)], [])

    assert Did.BLOCKED is outcomes[-1].did
    assert executor.is_halted
    assert "cannot be written" in executor.halted.why
    assert {} == exchange.resting


def test_a_start_refuses_a_position_that_is_gone(exchange, trader):
    """While trading it may have been settled a moment ago; at a start it may not."""
    executor = trader.started()
    exchange.makers(asks=[(45, 4)])
    executor.apply([], [trader.takes(contracts=4)])
    executor.poll()
    exchange.wait(9)
    exchange.made.account.holdings[TICKER].position_centi = 0

    with pytest.raises(Refused, match="position that is gone"):
        trader.born().start()


def test_a_start_does_not_take_its_own_news_for_lateness(exchange, trader):
    """Fills that were new at the first look make it older than the record: the account is looked at again."""
    executor = trader.started()
    executor.apply([trader.rests(contracts=10)], [])
    exchange.take_from_us(Side.ASK, 40, 3)
    exchange.made.account.cash_micros -= 500
    present = exchange.clock

    def passing() -> datetime:
        exchange.wait(0.001)
        return present()

    exchange.clock = passing
    with pytest.raises(Refused, match="cash of the account"):
        trader.born().start()
