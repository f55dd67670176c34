"""Every rule of an order: how long it waits, whom it meets, what changes it and what ends it."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from pipelines.demo.venue import Amended, Reason, SelfTrade, Side, Status, TimeInForce, TurnedDown
from pipelines.demo.venue.orders import Order
from tests.pipelines.demo.venue.made_desk import OPEN_US, OTHER, Made

IOC, FOK = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL
SECOND_US = 1_000_000


def amended(order: Order, **changes: object) -> Amended:
    """A change that keeps what is not named."""
    wanted = order.wanted
    kept = {"ticker": wanted.ticker, "side": wanted.side, "ticks": wanted.ticks, "centi": order.initial_centi}
    return Amended(**{**kept, **changes})  # type: ignore[arg-type]


def refusal(call: object, *args: object, **named: object) -> str:
    """Return the code with which something is refused."""
    with pytest.raises(TurnedDown) as refused:
        call(*args, **named)  # type: ignore[operator]
    return refused.value.code


def test_a_taker_pays_the_price_of_who_rested(made: Made) -> None:
    """Level after level, each at its own price; what is left over the limit rests."""
    made.makers(asks=[(40, 5), (41, 5), (45, 5)])

    order = made.order(Side.BID, 42, 12)

    assert [(4000, 500), (4100, 500)] == [(fill.ticks, fill.centi) for fill in made.account.fills]
    assert (1000, 200, Status.RESTING) == (order.filled_centi, order.left_centi, order.status)
    assert [(4200, 200)] == made.market.book.levels(Side.BID)
    assert 500 * 4000 + 500 * 4100 == order.taker_cost_micros


def test_a_maker_is_filled_after_whoever_came_before(made: Made) -> None:
    """The queue before an order is eaten first; then it fills as far as the taker reaches."""
    made.makers(bids=[(40, 10)])
    order = made.order(Side.BID, 40, 4)
    made.makers(bids=[(40, 6)])

    made.taker(Side.ASK, 40, 7)
    before = (made.desk.queue_centi(order), order.filled_centi)
    made.taker(Side.ASK, 40, 5)

    assert (300, 0) == before
    assert (200, 200, 0) == (order.filled_centi, order.left_centi, made.desk.queue_centi(order))
    assert [False] == [fill.is_taker for fill in made.account.fills]
    assert [("public", 700), ("public", 300)] == [
        (one.trade_id, one.centi) for one in made.market.prints.since(0) if one.trade_id == "public"
    ]


def test_the_better_price_trades_first(made: Made) -> None:
    """An order inside the spread is before all makers, at its own price."""
    made.makers(bids=[(40, 10)], asks=[(45, 10)])
    order = made.order(Side.BID, 42, 3)

    made.taker(Side.ASK, 40, 5)

    assert (Status.EXECUTED, 300) == (order.status, order.filled_centi)
    assert [4200] == [fill.ticks for fill in made.account.fills]
    assert [(4000, 800)] == made.market.book.levels(Side.BID)


def test_makers_who_come_across_an_order_trade_with_it(made: Made) -> None:
    """A stale price is picked off by the makers themselves; what they have left rests."""
    order = made.order(Side.BID, 50, 10)

    made.makers(asks=[(44, 4)])
    first = order.filled_centi
    made.makers(asks=[(45, 9)])

    assert (400, Status.EXECUTED) == (first, order.status)
    assert [(4500, 300)] == made.market.book.levels(Side.ASK)
    assert {5000} == {fill.ticks for fill in made.account.fills}


def test_makers_whom_the_account_took_come_back_at_the_end_of_the_minute(made: Made) -> None:
    """Not before, and behind whoever came in between."""
    made.makers(asks=[(40, 10)])
    made.wait(20)
    made.order(Side.BID, 40, 10, time_in_force=IOC)
    mine = made.order(Side.ASK, 40, 2)

    made.wait(39.9)
    before = made.market.book.levels(Side.ASK)
    made.wait(0.1)

    assert [(4000, 200)] == before
    assert [(4000, 1200)] == made.market.book.levels(Side.ASK)
    assert 0 == made.desk.queue_centi(mine)


def test_post_only_never_takes(made: Made) -> None:
    """Where it would, it is cancelled on arrival."""
    made.makers(asks=[(40, 10)])

    crossing = made.order(Side.BID, 40, 1, post_only=True)
    resting = made.order(Side.BID, 39, 1, post_only=True)

    assert (Status.CANCELED, Reason.POST_ONLY, 0) == (crossing.status, crossing.reason, crossing.filled_centi)
    assert Status.RESTING is resting.status
    assert [] == made.account.fills


def test_immediate_or_cancel_never_rests(made: Made) -> None:
    """What it cannot take at once is gone."""
    made.makers(asks=[(40, 3)])

    order = made.order(Side.BID, 45, 10, time_in_force=IOC)
    nothing = made.order(Side.BID, 45, 10, time_in_force=IOC)

    assert (Status.CANCELED, Reason.TRADE, 300, 0) == (
        *(order.status, order.reason),
        *(order.filled_centi, order.left_centi),
    )
    assert (Status.CANCELED, None, 0) == (nothing.status, nothing.reason, nothing.filled_centi)
    assert [] == made.market.book.levels(Side.BID)


def test_fill_or_kill_is_all_or_nothing(made: Made) -> None:
    """Too little within the limit refuses it and leaves no trace; enough fills it whole."""
    made.makers(asks=[(40, 3), (41, 3), (50, 9)])

    code = refusal(made.order, Side.BID, 41, 7, time_in_force=FOK)
    untouched = (dict(made.desk.orders), list(made.account.fills))
    order = made.order(Side.BID, 41, 6, time_in_force=FOK)

    assert "fill_or_kill_insufficient_resting_volume" == code
    assert ({}, []) == untouched
    assert (Status.EXECUTED, 600) == (order.status, order.filled_centi)


def test_fill_or_kill_does_not_count_what_is_its_own(made: Made) -> None:
    """One's own order is gone past, or ends the way."""
    made.makers(asks=[(40, 3)])
    mine = made.order(Side.ASK, 41, 3)
    made.makers(asks=[(41, 3)])

    stopped = refusal(made.order, Side.BID, 41, 6, time_in_force=FOK)
    order = made.order(Side.BID, 41, 6, time_in_force=FOK, self_trade=SelfTrade.MAKER)

    assert "fill_or_kill_insufficient_resting_volume" == stopped
    assert (Status.EXECUTED, Status.CANCELED) == (order.status, mine.status)


def test_one_account_does_not_trade_with_itself(made: Made) -> None:
    """By choice the incoming order stops at the meeting, or the resting one yields."""
    made.makers(asks=[(40, 2), (42, 2)])
    mine = made.order(Side.ASK, 41, 5)

    stops = made.order(Side.BID, 42, 9, self_trade=SelfTrade.TAKER)
    after_stop = (mine.status, made.market.book.levels(Side.BID))
    goes_on = made.order(Side.BID, 42, 9, self_trade=SelfTrade.MAKER)

    assert (Status.CANCELED, Reason.SELF_TRADE, 200) == (stops.status, stops.reason, stops.filled_centi)
    assert (Status.RESTING, []) == after_stop
    assert (Status.CANCELED, Reason.SELF_TRADE) == (mine.status, mine.reason)
    assert (200, Status.RESTING) == (goes_on.filled_centi, goes_on.status)


def test_reduce_only_is_capped_at_the_position(made: Made) -> None:
    """It never opens; with nothing to reduce it is cancelled."""
    made.makers(asks=[(40, 5)], bids=[(39, 50)])
    nothing = made.order(Side.ASK, 39, 5, time_in_force=IOC, reduce_only=True)
    made.order(Side.BID, 40, 5, time_in_force=IOC)

    order = made.order(Side.ASK, 39, 20, time_in_force=IOC, reduce_only=True)

    assert (Status.CANCELED, Reason.REDUCE_ONLY) == (nothing.status, nothing.reason)
    assert 500 == order.filled_centi
    assert {} == made.account.positions


def test_an_order_ends_when_it_wants_to(made: Made) -> None:
    """At its instant, not before."""
    order = made.order(Side.BID, 40, 1, expires_us=OPEN_US + 10 * SECOND_US)

    made.wait(9.999)
    before = order.status
    made.wait(0.001)

    assert Status.RESTING is before
    assert (Status.CANCELED, Reason.EXPIRY) == (order.status, order.reason)
    assert [] == made.market.book.levels(Side.BID)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"cents": 0}, "invalid_order"),
        ({"cents": 100}, "invalid_order"),
        ({"contracts": 0}, "invalid_order_size"),
        ({"contracts": 5_000}, "available_balance_too_low"),
        ({"expires_us": OPEN_US}, "invalid_order"),
        ({"time_in_force": IOC, "expires_us": OPEN_US + 1}, "invalid_order"),
        ({"time_in_force": IOC, "post_only": True}, "invalid_order"),
        ({"reduce_only": True}, "invalid_order"),
        ({"ticker": "KXHIGHCHI-26NOV01-B1.5"}, "not_found"),
        ({"group_id": "none"}, "not_found"),
    ],
)
def test_what_cannot_be_meant_is_refused(made: Made, changes: dict, code: str) -> None:
    """Each with its own word, and nothing has changed."""
    said = {"side": Side.BID, "cents": 40, "contracts": 1, **changes}

    assert code == refusal(made.order, **said)
    assert {} == made.desk.orders


def test_a_price_off_the_grid_is_refused(made: Made) -> None:
    """Half a cent is no price of a market of cents."""
    order = made.order(Side.BID, 40, 1)

    assert "invalid_order" == refusal(made.desk.amend, order.order_id, amended(order, ticks=4050))


def test_a_client_order_id_is_good_once(made: Made) -> None:
    """Also after the order has ended."""
    order = made.order(Side.BID, 40, 1)
    made.desk.cancel(order.order_id)
    made.names = 0

    assert "order_already_exists" == refusal(made.order, Side.BID, 40, 1)


def test_cancelling(made: Made) -> None:
    """Once; what traded stays traded."""
    made.makers(asks=[(40, 2)])
    order = made.order(Side.BID, 40, 5)

    left = made.desk.cancel(order.order_id)

    assert (300, Status.CANCELED, Reason.DECREASE, 200) == (left, order.status, order.reason, order.filled_centi)
    assert "not_found" == refusal(made.desk.cancel, order.order_id)
    assert "not_found" == refusal(made.desk.cancel, "never")


def test_cancelling_everything_hits_what_comes_within_a_minute(made: Made) -> None:
    """In all markets; an order of the next minute ends before it can trade."""
    resting = [made.order(Side.BID, 40, 1), made.order(Side.ASK, 60, 1, OTHER)]

    made.desk.cancel_all()
    made.makers(asks=[(40, 9)])
    made.wait(59)
    late = made.order(Side.BID, 40, 1)
    made.wait(1)
    later = made.order(Side.BID, 40, 1)

    assert [Status.CANCELED] * 2 == [order.status for order in resting]
    assert (Status.CANCELED, 0) == (late.status, late.filled_centi)
    assert Status.EXECUTED is later.status


def test_decreasing_keeps_the_place(made: Made) -> None:
    """By so much or to so much, never up; to nothing it is a cancel."""
    order = made.order(Side.BID, 40, 10)
    made.makers(bids=[(40, 5)])

    made.desk.decrease(order.order_id, by_centi=300)
    made.desk.decrease(order.order_id, to_centi=500)
    made.taker(Side.ASK, 40, 2)

    assert (200, 300) == (order.filled_centi, order.left_centi)
    assert "invalid_order_size" == refusal(made.desk.decrease, order.order_id, to_centi=300)
    assert "invalid_order" == refusal(made.desk.decrease, order.order_id)
    made.desk.decrease(order.order_id, to_centi=0)
    assert (Status.CANCELED, Reason.DECREASE) == (order.status, order.reason)


def test_amending_the_count_down_or_the_end_keeps_the_place(made: Made) -> None:
    """The count is the total, with what is filled."""
    order = made.order(Side.BID, 40, 10)
    made.makers(bids=[(40, 5)])
    made.taker(Side.ASK, 40, 2)

    made.desk.amend(order.order_id, amended(order, centi=700, expires_us=OPEN_US + SECOND_US))
    place = made.desk.queue_centi(order)
    made.desk.amend(order.order_id, amended(order, expires_us=0))
    made.wait(2)

    assert (0, 500, 700) == (place, order.left_centi, order.initial_centi)
    assert (Status.RESTING, 0) == (order.status, made.desk.queue_centi(order))


@pytest.mark.parametrize("changes", [{"centi": 1100}, {"ticks": 4100}])
def test_any_other_change_goes_to_the_end_of_a_queue(made: Made, changes: dict) -> None:
    """More of it, or another price."""
    order = made.order(Side.BID, 40, 10)
    made.makers(bids=[(40, 5), (41, 5)])

    made.desk.amend(order.order_id, amended(order, **changes))

    assert {"centi": 1000, "ticks": 500}[next(iter(changes))] == made.desk.queue_centi(order)


def test_an_amended_price_can_trade(made: Made) -> None:
    """As one that comes anew; only a post-only one ends instead."""
    made.makers(asks=[(45, 4)])
    order, timid = made.order(Side.BID, 40, 10), made.order(Side.BID, 40, 1, post_only=True)

    made.desk.amend(timid.order_id, amended(timid, ticks=4500))
    made.desk.amend(order.order_id, amended(order, ticks=4500, new_client_order_id="new"))

    assert (Status.CANCELED, Reason.POST_ONLY) == (timid.status, timid.reason)
    assert (400, 600, "new") == (order.filled_centi, order.left_centi, order.wanted.client_order_id)
    assert [4500] == [fill.ticks for fill in made.account.fills]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ticker": OTHER}, "order_ticker_mismatch"),
        ({"side": Side.ASK}, "order_side_mismatch"),
        ({"client_order_id": "other"}, "order_id_and_client_order_id_mismatch"),
        ({"new_client_order_id": "mine-1"}, "order_already_exists"),
        ({"centi": 100}, "invalid_order_size"),
        ({"centi": 10_000_000}, "available_balance_too_low"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(made: Made, changes: dict, code: str) -> None:
    """Nothing of the order has changed."""
    made.order(Side.BID, 10, 1, OTHER)
    order = made.order(Side.BID, 40, 5)
    made.taker(Side.ASK, 40, 2)
    before = asdict(order)

    assert code == refusal(made.desk.amend, order.order_id, amended(order, **changes))
    assert before == asdict(order)


def test_a_closed_market_refuses_even_a_cancel(made: Made) -> None:
    """Every command, from the close on."""
    order = made.order(Side.BID, 40, 1)
    made.wait(1_000 * 60)

    codes = [
        refusal(made.desk.cancel, order.order_id),
        refusal(made.desk.decrease, order.order_id, to_centi=50),
        refusal(made.desk.amend, order.order_id, amended(order, ticks=4100)),
        refusal(made.order, Side.BID, 40, 1),
    ]

    assert ["MARKET_INACTIVE"] * 4 == codes


def test_what_is_told_of_an_order_is_what_it_was_then(made: Made) -> None:
    """Later changes leave it alone."""
    made.makers(bids=[(40, 1)])
    order = made.order(Side.BID, 40, 4)
    made.taker(Side.ASK, 40, 3)
    made.desk.cancel(order.order_id)

    told = [notice.about for notice in made.desk.notices.since(0) if isinstance(notice.about, Order)]

    assert [(400, 0, None), (200, 200, Reason.TRADE), (0, 200, Reason.DECREASE)] == [
        (one.left_centi, one.filled_centi, one.reason) for one in told
    ]
