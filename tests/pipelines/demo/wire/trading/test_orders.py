"""Orders over REST: what is sent, answered and read back, field by field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.demo.wire import Limits
from tests.pipelines.demo.wire.trading.conftest import NOON, Trading, trader_of
from tests.pipelines.demo.wire.trading.trader import ORDERS, Trader

IOC = {"time_in_force": "immediate_or_cancel"}


def test_an_order_that_takes(trader: Trader, ticker: str) -> None:
    """Answered with what it traded; order, fill, position and balance say the same."""
    ask = trader.best(ticker)[1]

    placed = trader.place(ticker, "bid", ask, "10.00", **IOC)

    order = trader.get(f"/portfolio/orders/{placed['order_id']}")["order"]
    (fill,) = trader.get("/portfolio/fills")["fills"]
    (position,) = trader.get("/portfolio/positions")["market_positions"]
    cost, fee = round(10 * float(ask) * 10**6), round(float(fill["fee_cost"]) * 10**6)
    assert ("order-1", "10.00", "0.00") == tuple(
        placed[name] for name in ("client_order_id", "fill_count", "remaining_count")
    )
    assert float(ask) == float(placed["average_fill_price"])
    assert ("executed", "10.00", "0.00", "10.00", "yes", "bid") == tuple(
        order[name]
        for name in (
            *("status", "fill_count_fp", "remaining_count_fp"),
            *("initial_count_fp", "outcome_side", "book_side"),
        )
    )
    assert (placed["order_id"], ask, "10.00", True) == tuple(
        fill[name] for name in ("order_id", "yes_price_dollars", "count_fp", "is_taker")
    )
    assert "client_order_id" not in fill
    assert ("10.00", f"{cost / 10**6:.6f}") == (position["position_fp"], position["market_exposure_dollars"])
    assert f"{(10**9 - cost - fee) / 10**6:.4f}" == trader.get("/portfolio/balance")["balance_dollars"]
    assert trader.served.venue.account.cash_micros == 10**9 - cost - fee
    assert trader.served.venue.account.positions == {ticker: 1000}


def test_selling_what_is_not_held_is_to_buy_no(trader: Trader, ticker: str) -> None:
    """The price stays that of yes; the position is below zero."""
    bid = trader.best(ticker)[0]

    trader.place(ticker, "ask", bid, "5.00", **IOC)

    (fill,) = trader.get("/portfolio/fills", ticker=ticker)["fills"]
    (position,) = trader.get("/portfolio/positions")["market_positions"]
    (event,) = trader.get("/portfolio/positions")["event_positions"]
    assert ("no", "ask", bid) == (fill["outcome_side"], fill["book_side"], fill["yes_price_dollars"])
    assert "-5.00" == position["position_fp"]
    assert f"{5 * (1 - float(bid)):.6f}" == position["market_exposure_dollars"] == event["event_exposure_dollars"]


def test_an_order_that_rests_is_filled_by_the_tape(trader: Trader, ticker: str) -> None:
    """Its place in the queue shrinks until it trades, as a maker, without a fee."""
    bid = trader.best(ticker)[0]
    placed = trader.place(ticker, "bid", bid, "3.00", post_only=True)
    queue = f"/portfolio/orders/{placed['order_id']}/queue_position"

    first = float(trader.get(queue)["queue_position_fp"])
    (queued,) = trader.get("/portfolio/orders/queue_positions", market_tickers=ticker)["queue_positions"]
    places = [first]
    for hour in range(1, 12):
        trader.served.advance_to(NOON + timedelta(hours=hour))
        if not trader.served.venue.desk.open:
            break
        places.append(float(trader.get(queue)["queue_position_fp"]))

    (fill,) = trader.get("/portfolio/fills", order_id=placed["order_id"])["fills"]
    assert first > 0
    assert first == float(queued["queue_position_fp"])
    assert (False, "0.000000", bid) == (fill["is_taker"], fill["fee_cost"], fill["yes_price_dollars"])
    assert "executed" == trader.get(f"/portfolio/orders/{placed['order_id']}")["order"]["status"]


def test_a_client_order_id_is_good_once(trader: Trader, ticker: str) -> None:
    """A second one is a conflict, and changes nothing."""
    order = trader.order(ticker, "bid", "0.0100", "1.00")

    first, second = (trader.say("POST", ORDERS, order) for _ in range(2))

    assert (201, 409, "order_already_exists") == (first[0], second[0], second[1]["error"]["code"])
    assert 1 == len(trader.get("/portfolio/orders")["orders"])


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"price": "0.4150"}, 400, "invalid_order"),
        ({"price": 0.41}, 400, "invalid_order"),
        ({"price": "1.0000"}, 400, "invalid_order"),
        ({"count": "0.00"}, 400, "invalid_order_size"),
        ({"count": 5}, 400, "invalid_order"),
        ({"count": "1.005"}, 400, "invalid_order_size"),
        ({"count": "1000000.00"}, 400, "available_balance_too_low"),
        ({"side": "yes"}, 400, "invalid_order"),
        ({"time_in_force": "forever"}, 400, "invalid_order"),
        ({"self_trade_prevention_type": None}, 400, "invalid_order"),
        ({"client_order_id": "not a name"}, 400, "invalid_order"),
        ({"expiration_time": int(NOON.timestamp())}, 400, "invalid_order"),
        ({"ticker": "KXHIGHCHI-26NOV01-B1.5"}, 404, "not_found"),
        ({"order_group_id": "none"}, 404, "not_found"),
        ({"subaccount": 3}, 403, "forbidden"),
        ({"time_in_force": "fill_or_kill", "count": "900000.00", "price": "0.0100"}, 400, "available_balance_too_low"),
        ({"time_in_force": "fill_or_kill", "price": "0.0100"}, 409, "fill_or_kill_insufficient_resting_volume"),
    ],
)
def test_what_cannot_be_meant_is_refused(trader: Trader, ticker: str, changes: dict, status: int, code: str) -> None:
    """With the exchange's status and code, wrapped."""
    order = trader.order(ticker, "bid", "0.0100", "1.00") | changes

    answered, body = trader.say("POST", ORDERS, order)

    assert (status, code) == (answered, body["error"]["code"])
    assert [] == trader.get("/portfolio/orders")["orders"]


@pytest.mark.parametrize("name", ["ticker", "side", "count", "price", "time_in_force", "self_trade_prevention_type"])
def test_what_is_required_is_required(trader: Trader, ticker: str, name: str) -> None:
    """Nothing is guessed."""
    order = trader.order(ticker, "bid", "0.0100", "1.00")
    del order[name]

    assert (400, "invalid_order") == (
        *(trader.say("POST", ORDERS, order)[:1]),
        trader.say("POST", ORDERS, order)[1]["error"]["code"],
    )


def test_cancel_amend_and_decrease(trader: Trader, ticker: str) -> None:
    """Each is answered with what is left, and the order read back says so."""
    order_id = trader.place(ticker, "bid", "0.0100", "10.00")["order_id"]
    change = {"ticker": ticker, "side": "bid", "price": "0.0200", "count": "8.00", "updated_client_order_id": "new"}

    amended = trader.say("POST", f"{ORDERS}/{order_id}/amend", change)
    decreased = trader.say("POST", f"{ORDERS}/{order_id}/decrease", {"reduce_by": "3.00", "market_ticker": ticker})
    read = trader.get(f"/portfolio/orders/{order_id}")["order"]
    cancelled = trader.say("DELETE", f"{ORDERS}/{order_id}", market_ticker=ticker)
    again = trader.say("DELETE", f"{ORDERS}/{order_id}", market_ticker=ticker)

    assert (200, "8.00", "new") == (amended[0], amended[1]["remaining_count"], amended[1]["client_order_id"])
    assert (200, "5.00") == (decreased[0], decreased[1]["remaining_count"])
    assert ("0.0200", "5.00", "resting") == (
        *(read["yes_price_dollars"], read["remaining_count_fp"]),
        read["status"],
    )
    assert (200, "5.00") == (cancelled[0], cancelled[1]["reduced_by"])
    assert (404, "not_found") == (again[0], again[1]["error"]["code"])
    assert "canceled" == trader.get(f"/portfolio/orders/{order_id}")["order"]["status"]


def test_an_order_ends_at_its_time(trader: Trader, ticker: str) -> None:
    """In unix seconds; the read order says it as an instant."""
    ends = NOON + timedelta(minutes=2)
    order_id = trader.place(ticker, "bid", "0.0100", "1.00", expiration_time=int(ends.timestamp()))["order_id"]
    said = trader.get(f"/portfolio/orders/{order_id}")["order"]["expiration_time"]

    trader.served.advance_to(ends)

    assert ends == datetime.fromisoformat(said).astimezone(UTC)
    assert "canceled" == trader.get(f"/portfolio/orders/{order_id}")["order"]["status"]


def test_batches_answer_each_of_their_orders(trader: Trader, ticker: str) -> None:
    """Some may be refused while others are taken in."""
    orders = [trader.order(ticker, "bid", price, "1.00") for price in ("0.0100", "0.0150", "0.0200")]

    status, placed = trader.say("POST", f"{ORDERS}/batched", {"orders": orders})
    ids = [one.get("order_id", "none") for one in placed["orders"]]
    items = [{"order_id": order_id, "market_ticker": ticker} for order_id in ids]
    gone, cancelled = trader.say("DELETE", f"{ORDERS}/batched", {"orders": items})

    assert (201, 200) == (status, gone)
    assert [None, "invalid_order", None] == [one["error"] and one["error"]["code"] for one in placed["orders"]]
    assert [None, "not_found", None] == [one["error"] and one["error"]["code"] for one in cancelled["orders"]]
    assert ["1.00", None, "1.00"] == [one.get("reduced_by") for one in cancelled["orders"]]


def test_cancelling_everything(trader: Trader, ticker: str) -> None:
    """An empty answer; what comes within the next minute is cancelled too."""
    trader.place(ticker, "bid", "0.0100", "1.00")

    status, body = trader.say("DELETE", ORDERS)
    late = trader.place(ticker, "bid", "0.0100", "1.00")
    trader.served.advance_to(NOON + timedelta(seconds=61))
    trader.place(ticker, "bid", "0.0100", "1.00")

    assert (204, None, "0.00") == (status, body, late["remaining_count"])
    assert ["resting", "canceled", "canceled"] == [one["status"] for one in trader.get("/portfolio/orders")["orders"]]


def test_lists_are_paged_and_filtered(trader: Trader, ticker: str) -> None:
    """By market, event, status and time, newest first."""
    for _ in range(5):
        trader.place(ticker, "bid", "0.0100", "1.00")
        trader.served.advance_to(trader.served.venue.now_utc + timedelta(seconds=10))

    page = trader.get("/portfolio/orders", limit=3, status="resting")
    rest = trader.get("/portfolio/orders", limit=3, status="resting", cursor=page["cursor"])
    names = [one["client_order_id"] for one in (*page["orders"], *rest["orders"])]
    late = trader.get("/portfolio/orders", min_ts=int(NOON.timestamp()) + 30)["orders"]

    assert [f"order-{number}" for number in (5, 4, 3, 2, 1)] == names
    assert "" == rest["cursor"]
    assert ["order-5", "order-4"] == [one["client_order_id"] for one in late]
    assert 5 == len(trader.get("/portfolio/orders", event_ticker="KXHIGHCHI-26NOV01")["orders"])
    assert [] == trader.get("/portfolio/orders", ticker="KXHIGHCHI-26NOV01-B61.5")["orders"]
    assert [] == trader.get("/portfolio/orders", status="executed")["orders"]


def test_order_groups(trader: Trader, ticker: str) -> None:
    """Made, read, limited, triggered, reset and deleted."""
    status, made = trader.say("POST", "/portfolio/order_groups/create", {"contracts_limit": 5})
    group = f"/portfolio/order_groups/{made['order_group_id']}"
    named = {"order_group_id": made["order_group_id"]}
    order_id = trader.place(ticker, "bid", "0.0100", "1.00", **named)["order_id"]

    read = trader.get(group)
    (listed,) = trader.get("/portfolio/order_groups")["order_groups"]
    limited = trader.say("PUT", f"{group}/limit", {"contracts_limit_fp": "7.00"})[0]
    triggered = trader.say("PUT", f"{group}/trigger", {})[0]
    refused = trader.say("POST", ORDERS, trader.order(ticker, "bid", "0.0100", "1.00", **named))
    trader.say("PUT", f"{group}/reset", {})
    again = trader.say("POST", ORDERS, trader.order(ticker, "bid", "0.0100", "1.00", **named))[0]
    deleted = trader.say("DELETE", group)[0]

    assert (201, [order_id], "5.00", made["order_group_id"]) == (
        *(status, read["orders"]),
        *(read["contracts_limit_fp"], listed["id"]),
    )
    assert (200, 200, 400, 201, 200) == (limited, triggered, refused[0], again, deleted)
    assert "canceled" == trader.get(f"/portfolio/orders/{order_id}")["order"]["status"]
    assert 404 == trader.say("GET", group)[0]


def test_a_closed_market_and_its_settlement(trader: Trader, ticker: str) -> None:
    """Every command is refused after the close; the settlement pays cents and leaves a row."""
    ask = trader.best(ticker)[1]
    trader.place(ticker, "bid", ask, "10.00", **IOC)
    order_id = trader.place(ticker, "ask", "0.9900", "1.00")["order_id"]

    trader.served.advance_to(datetime(2026, 11, 2, 6, tzinfo=UTC))
    refused = trader.say("DELETE", f"{ORDERS}/{order_id}", market_ticker=ticker)
    before = trader.get("/portfolio/balance")["balance"]
    trader.served.advance_to(datetime(2026, 11, 3, tzinfo=UTC))
    (row,) = trader.get("/portfolio/settlements")["settlements"]
    market = trader.get(f"/markets/{ticker}")["market"]

    assert (409, "MARKET_INACTIVE") == (refused[0], refused[1]["error"]["code"])
    assert market["result"] == row["market_result"]
    won = row["market_result"] == "yes"
    assert (1000 if won else 0, 100 if won else 0) == (row["revenue"], row["value"])
    assert row["revenue"] == trader.get("/portfolio/balance")["balance"] - before
    assert ("10.00", "0.00") == (row["yes_count_fp"], row["no_count_fp"])
    assert [] == trader.get("/portfolio/positions")["market_positions"]
    assert 1 == len(trader.get("/portfolio/positions", settlement_status="all")["market_positions"])


def test_keys_do_what_they_may(trader: Trader, ticker: str, tmp_path: Path) -> None:
    """A key that only reads places nothing; a key that only trades reads nothing; no key neither."""
    reads, trades = (trader_of(trader.served, tmp_path, scopes=(scope,)) for scope in ("read", "write::trade"))
    nobody = trader_of(trader.served, tmp_path)
    nobody.headers = lambda method, path: {}  # type: ignore[method-assign]
    order = trader.order(ticker, "bid", "0.0100", "1.00")

    assert 200 == reads.say("GET", "/portfolio/balance")[0]
    assert (403, "forbidden") == (
        reads.say("POST", ORDERS, order)[0],
        reads.say("POST", ORDERS, order)[1]["error"]["code"],
    )
    assert 403 == trades.say("GET", "/portfolio/balance")[0]
    assert 201 == trades.say("POST", ORDERS, order)[0]
    assert [401, 401, 401] == [
        nobody.say("GET", "/portfolio/balance")[0],
        nobody.say("GET", "/exchange/user_data_timestamp")[0],
        nobody.say("POST", ORDERS, order)[0],
    ]
    assert 200 == nobody.say("GET", "/exchange/status")[0]


def test_the_method_is_signed_too(trader: Trader, ticker: str) -> None:
    """A signature for a question opens no command."""
    order = trader.order(ticker, "bid", "0.0100", "1.00")
    sign = trader.headers
    trader.headers = lambda method, path: sign("GET", path)  # type: ignore[method-assign]

    assert (401, "INCORRECT_API_KEY_SIGNATURE") == (
        *(trader.say("POST", ORDERS, order)[:1]),
        trader.say("POST", ORDERS, order)[1]["error"]["details"],
    )


def test_commands_have_a_bucket_of_their_own(trading: Trading, ticker: str) -> None:
    """Ten for an order, two for a cancel, a batch by its items and all at once; the key is told its limits."""
    limits = Limits(kalshi_write_tokens_per_second=0.001, kalshi_write_burst_tokens=55)
    with trading(limits=limits) as trader:
        orders = [trader.order(ticker, "bid", "0.0100", "1.00") for _ in range(6)]
        too_many = trader.say("POST", f"{ORDERS}/batched", {"orders": orders})
        placed = trader.say("POST", f"{ORDERS}/batched", {"orders": orders[:5]})[1]["orders"]
        cancels = [trader.say("DELETE", f"{ORDERS}/{one['order_id']}")[0] for one in placed]

        assert (429, {"error": "too many requests"}) == too_many
        assert [200, 200, 429, 429, 429] == cancels
        assert {"refill_rate": 0.001, "bucket_capacity": 55} == trader.get("/account/limits")["write"]
        assert {"refill_rate": 200, "bucket_capacity": 600} == trader.get("/account/limits")["read"]


def test_without_a_venue_nothing_is_traded(trading: Trading, ticker: str) -> None:
    """Commands are not known there, and neither is a portfolio."""
    with trading(trading=False) as trader:
        order = trader.order(ticker, "bid", "0.0100", "1.00")

        assert 501 == trader.say("POST", ORDERS, order)[0]
        assert 404 == trader.say("GET", "/portfolio/balance")[0]
