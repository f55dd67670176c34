"""Everything that can go wrong between a trader and a venue, each seen from both sides."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipelines.demo.wire import Faults
from tests.pipelines.demo.wire.trading.conftest import NOON, Trading, trader_of
from tests.pipelines.demo.wire.trading.trader import LOST, ORDERS, Trader
from warehouse.errors import Usage

IOC = {"time_in_force": "immediate_or_cancel"}


@pytest.mark.parametrize(("fault", "taken_in"), [("order_lost_after", 1), ("order_lost_before", 0)])
def test_a_lost_reply_leaves_two_possibilities(trader: Trader, ticker: str, fault: str, taken_in: int) -> None:
    """The connection breaks either way; only the orders that are read back tell which it was."""
    order = trader.order(ticker, "bid", "0.0100", "1.00")
    trader.served.script(fault)

    with pytest.raises(LOST):
        trader.say("POST", ORDERS, order)
    read = [one["client_order_id"] for one in trader.get("/portfolio/orders")["orders"]]
    again = trader.say("POST", ORDERS, order)[0]

    assert [order["client_order_id"]] * taken_in == read
    assert 409 if taken_in else 201 == again
    assert {fault: 1} == dict(trader.served.struck)


@pytest.mark.parametrize(
    ("fault", "status", "taken_in"),
    [("order_429", 429, 0), ("order_500", 500, 0), ("order_503", 503, 0), ("order_500_after", 500, 1)],
)
def test_an_error_says_nothing_of_what_was_done(
    trader: Trader, ticker: str, fault: str, status: int, taken_in: int
) -> None:
    """An order can rest behind an error."""
    trader.served.script(fault, times=2)

    answered = [trader.say("POST", ORDERS, trader.order(ticker, "bid", "0.0100", "1.00"))[0] for _ in range(3)]

    assert [status, status, 201] == answered
    assert 2 * taken_in + 1 == len(trader.get("/portfolio/orders")["orders"])


def test_a_cancel_can_be_rejected(trader: Trader, ticker: str) -> None:
    """The order rests on; placing one in between does not use the fault up."""
    order_id = trader.place(ticker, "bid", "0.0100", "1.00")["order_id"]
    trader.served.script("cancel_rejected")
    trader.place(ticker, "bid", "0.0100", "1.00")

    refused = trader.say("DELETE", f"{ORDERS}/{order_id}")
    status = trader.get(f"/portfolio/orders/{order_id}")["order"]["status"]
    again = trader.say("DELETE", f"{ORDERS}/{order_id}")[0]

    assert (409, "cancel_rejected", "resting", 200) == (refused[0], refused[1]["error"]["code"], status, again)


def test_a_late_fill_is_booked_but_not_told(trader: Trader, ticker: str) -> None:
    """Order and position have it at once; REST and stream tell it later, and the data say how far they are complete."""
    ask = trader.best(ticker)[1]
    trader.served.script("fill_late")
    with trader.listening("fill") as ear:
        ear.until(lambda heard: len(heard) == 1)
        placed = trader.place(ticker, "bid", ask, "1.00", **IOC)
        early = trader.get("/portfolio/fills")["fills"]
        as_of = datetime.fromisoformat(trader.get("/exchange/user_data_timestamp")["as_of_time"])
        quiet = len(ear.quiet(0.2))
        trader.served.advance_to(NOON + timedelta(seconds=31))
        (told,) = ear.messages("fill")

    (late,) = trader.get("/portfolio/fills")["fills"]
    assert ("1.00", [], 1) == (placed["fill_count"], early, quiet)
    assert as_of < NOON < datetime.fromisoformat(trader.get("/exchange/user_data_timestamp")["as_of_time"])
    assert told["trade_id"] == late["trade_id"]
    assert NOON == datetime.fromisoformat(late["created_time"])


def test_rates_and_bursts_befall_commands_too(trading: Trading, ticker: str) -> None:
    """The same seed strikes the same commands; a burst strikes so many in a row."""
    answered = []
    for _ in range(2):
        with trading(faults=Faults(order_503=0.2, burst=3, seed=5)) as trader:
            orders = [trader.order(ticker, "bid", "0.0100", "1.00") for _ in range(40)]
            answered.append([trader.say("POST", ORDERS, order)[0] for order in orders])

    first = answered[0].index(503)
    assert answered[0] == answered[1]
    assert [503] * 3 == answered[0][first : first + 3]
    assert 201 in answered[0]


def test_questions_can_fail_in_bursts(trading: Trading) -> None:
    """A 503 that lasts."""
    with trading(faults=Faults(http_503=1.0)) as trader:
        assert [503] * 3 == [trader.say("GET", "/exchange/status")[0] for _ in range(3)]


def test_trading_pauses(trading: Trading, ticker: str) -> None:
    """The status says so; orders are refused, cancels are not; afterwards it goes on."""
    pause = (NOON + timedelta(minutes=1), NOON + timedelta(minutes=5))
    with trading(pauses=[pause]) as trader:
        order_id = trader.place(ticker, "bid", "0.0100", "1.00")["order_id"]
        timid = trader.place(ticker, "bid", "0.0100", "1.00", cancel_order_on_pause=True)["order_id"]
        trader.served.advance_to(pause[0])
        status = trader.get("/exchange/status")
        refused = trader.say("POST", ORDERS, trader.order(ticker, "bid", "0.0100", "1.00"))
        states = [trader.get(f"/portfolio/orders/{one}")["order"]["status"] for one in (order_id, timid)]
        cancelled = trader.say("DELETE", f"{ORDERS}/{order_id}")[0]
        trader.served.advance_to(pause[1])

        assert (True, False) == (status["exchange_active"], status["trading_active"])
        assert (409, "trading_is_paused") == (refused[0], refused[1]["error"]["code"])
        assert (["resting", "canceled"], 200) == (states, cancelled)
        assert trader.get("/exchange/status")["trading_active"]
        trader.place(ticker, "bid", "0.0100", "1.00")


def test_a_pause_can_come_unplanned(trader: Trader) -> None:
    """Begun by hand in the middle of the day."""
    trader.served.venue.pause(NOON, NOON + timedelta(minutes=1))
    trader.served.advance_to(NOON + timedelta(seconds=1))

    assert not trader.get("/exchange/status")["trading_active"]


def test_the_exchange_s_clock_can_be_off(trading: Trading, ticker: str, tmp_path: Path) -> None:
    """Whoever stamps with the right time is turned away; what is told is stamped with the wrong one."""
    skew = timedelta(seconds=45)
    with trading(faults=Faults(clock_skew_seconds=skew.total_seconds())) as right:
        wrong = trader_of(right.served, tmp_path, skew_s=skew.total_seconds())
        ends = NOON + timedelta(minutes=2)

        assert (401, "TIMESTAMP_EXPIRED") == (
            right.say("GET", "/portfolio/balance")[0],
            right.say("GET", "/portfolio/balance")[1]["error"]["details"],
        )
        placed = wrong.place(ticker, "bid", "0.0100", "1.00", expiration_time=int(ends.timestamp()))
        order = wrong.get(f"/portfolio/orders/{placed['order_id']}")["order"]
        assert int((NOON + skew).timestamp() * 1000) == placed["ts_ms"]
        assert ends == datetime.fromisoformat(order["expiration_time"])
        right.served.advance_to(ends - skew)
        assert "canceled" == wrong.get(f"/portfolio/orders/{placed['order_id']}")["order"]["status"]


def test_gaps_in_numbers_befall_a_venue_s_stream(trading: Trading, ticker: str) -> None:
    """As they befall a world's."""
    with (
        trading(faults=Faults(ws_gap=0.3, seed=2)) as trader,
        trader.listening("orderbook_delta", market_tickers=[ticker]) as ear,
    ):
        ear.until(lambda heard: any(one["type"] == "orderbook_snapshot" for one in heard))
        trader.served.advance_to(NOON + timedelta(minutes=20))
        ear.messages("orderbook_delta", 10)

    seqs = [one["seq"] for one in ear.heard if "seq" in one]
    assert sorted(set(seqs)) == seqs
    assert len(seqs) < seqs[-1] - seqs[0] + 1


def test_a_script_names_a_fault_that_there_is(trader: Trader) -> None:
    """Anything else is a slip."""
    with pytest.raises(Usage, match="is no fault"):
        trader.served.script("order_600")
