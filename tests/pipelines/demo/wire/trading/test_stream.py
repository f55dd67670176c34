"""What the stream tells of a venue: the account of itself, and everybody of books and trades with the account in."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from websockets.sync.client import connect

from pipelines.demo.wire import Faults
from tests.pipelines.demo.wire.trading.conftest import NOON, Trading
from tests.pipelines.demo.wire.trading.trader import ORDERS, Ear, Said, Trader

IOC = {"time_in_force": "immediate_or_cancel"}
PRIVATE = ("fill", "user_orders", "market_positions", "order_group_updates")


def is_subscribed(channels: int) -> object:
    """Return whether so many channels are subscribed."""
    return lambda heard: sum(one["type"] == "subscribed" for one in heard) >= channels


def test_the_account_hears_of_itself(trader: Trader, ticker: str) -> None:
    """Orders, fills and positions as they change; only order groups are numbered."""
    ask = trader.best(ticker)[1]
    with trader.listening(*PRIVATE) as ear:
        ear.until(is_subscribed(4))  # type: ignore[arg-type]
        trader.say("POST", "/portfolio/order_groups/create", {"contracts_limit": 5})
        placed = trader.place(ticker, "bid", ask, "10.00", **IOC)
        resting = trader.place(ticker, "bid", "0.0100", "2.00")
        trader.say("DELETE", f"{ORDERS}/{resting['order_id']}")

        (fill,) = ear.messages("fill")
        orders = ear.messages("user_order", 3)
        (position,) = ear.messages("market_position")
        (group,) = ear.messages("order_group_updates")

    assert (placed["order_id"], "order-1", ask, "10.00", "10.00", True) == tuple(
        fill[name]
        for name in (
            *("order_id", "client_order_id", "yes_price_dollars"),
            *("count_fp", "post_position_fp", "is_taker"),
        )
    )
    assert [("executed", "Trade"), ("resting", None), ("canceled", "Decrease")] == [
        (one["status"], one.get("last_update_reason")) for one in orders
    ]
    assert (ticker, "10.00", fill["fee_cost"]) == (
        *(position["market_ticker"], position["position_fp"]),
        position["fees_paid_dollars"],
    )
    assert ("created", "5.00") == (group["event_type"], group["contracts_limit_fp"])
    assert {"order_group_updates"} == {one["type"] for one in ear.heard if "seq" in one}


def test_private_channels_can_be_cut_by_market(trader: Trader, ticker: str) -> None:
    """Of other markets nothing comes."""
    with trader.listening("user_orders", market_tickers=[ticker]) as ear:
        ear.until(is_subscribed(1))  # type: ignore[arg-type]
        trader.place("KXHIGHCHI-26NOV01-B61.5", "bid", "0.0100", "1.00")
        trader.place(ticker, "bid", "0.0100", "1.00")

        (order,) = ear.messages("user_order")
        ear.quiet()

    assert ticker == order["ticker"]
    assert 1 == len([one for one in ear.heard if one["type"] == "user_order"])


def test_private_channels_need_a_key(trading: Trading) -> None:
    """An unsigned connection, where one is let in, hears only what is public."""
    with trading(open_ws=True) as trader, connect(trader.served.ws_url, compression=None) as connection:
        connection.send('{"id": 1, "cmd": "subscribe", "params": {"channels": ["fill"]}}')
        (error,) = Ear(connection).messages("error")

    assert 9 == error["code"]


def test_the_book_and_the_tape_have_the_account_in_them(trader: Trader, ticker: str) -> None:
    """Its own changes name its order; what is streamed adds up to what REST tells; its trades are everybody's."""
    bid, ask = trader.best(ticker)
    with trader.listening("orderbook_delta", "trade", market_tickers=[ticker], use_yes_price=True) as ear:
        ear.until(lambda heard: any(one["type"] == "orderbook_snapshot" for one in heard))
        taken = trader.place(ticker, "bid", ask, "10.00", **IOC)
        rested = trader.place(ticker, "bid", bid, "7.00")
        trader.served.advance_to(NOON + timedelta(minutes=30))

        own = [one for one in ear.messages("orderbook_delta", 40) if "client_order_id" in one]
        trades = ear.messages("trade")
        ear.quiet()
        book = added_up(ear.heard)

    (fill,) = trader.get("/portfolio/fills", order_id=taken["order_id"])["fills"]
    listed = trader.get("/markets/trades", ticker=ticker, limit=50)["trades"]
    levels = trader.get(f"/markets/{ticker}/orderbook")["orderbook_fp"]
    assert [(ask, "-10.00", "no", taken["client_order_id"]), (bid, "7.00", "yes", rested["client_order_id"])] == [
        (one["price_dollars"], one["delta_fp"], one["side"], one["client_order_id"]) for one in own[:2]
    ]
    assert fill["trade_id"] == trades[0]["trade_id"]
    assert fill["trade_id"] in {one["trade_id"] for one in listed}
    assert {float(price): float(size) for price, size in levels["yes_dollars"]} == book["yes"]
    assert {round(1 - float(price), 4): float(size) for price, size in levels["no_dollars"]} == book["no"]
    seqs = [one["seq"] for one in ear.heard if one.get("sid") == ear.heard[0]["msg"]["sid"] and "seq" in one]
    assert list(range(seqs[0], seqs[0] + len(seqs))) == seqs


def added_up(heard: list[Said]) -> dict[str, dict[float, float]]:
    """Return the book that a snapshot and the changes after it make, at prices of yes."""
    book: dict[str, dict[float, float]] = {"yes": {}, "no": {}}
    for one in heard:
        if one["type"] == "orderbook_snapshot":
            for side in book:
                levels = one["msg"].get(f"{side}_dollars_fp", [])
                book[side] = {float(price): float(size) for price, size in levels}
        elif one["type"] == "orderbook_delta":
            level, price = book[one["msg"]["side"]], float(one["msg"]["price_dollars"])
            level[price] = round(level.get(price, 0) + float(one["msg"]["delta_fp"]), 2)
    return {side: {price: size for price, size in levels.items() if size > 0} for side, levels in book.items()}


def test_a_snapshot_in_between_fits_the_changes_around_it(trader: Trader, ticker: str) -> None:
    """Asked for again, it is what the changes so far have made."""
    with trader.listening("orderbook_delta", market_tickers=[ticker], use_yes_price=True) as ear:
        ear.until(lambda heard: any(one["type"] == "orderbook_snapshot" for one in heard))
        trader.place(ticker, "bid", "0.0100", "2.00")
        trader.served.advance_to(NOON + timedelta(minutes=10))
        ear.messages("orderbook_delta", 5)
        sid = ear.heard[0]["msg"]["sid"]
        params = {"sids": [sid], "action": "get_snapshot", "market_tickers": [ticker]}
        ear.connection.send(f'{{"id": 2, "cmd": "update_subscription", "params": {json_text(params)}}}')
        ear.until(lambda heard: sum(one["type"] == "orderbook_snapshot" for one in heard) == 2)
        place = max(number for number, one in enumerate(ear.heard) if one["type"] == "orderbook_snapshot")

    assert added_up(ear.heard[:place]) == added_up(ear.heard[: place + 1])


def json_text(value: object) -> str:
    """Return a value as JSON."""
    return json.dumps(value)


def test_tickers_tell_the_venue_s_own_quotes(trader: Trader) -> None:
    """At the end of a minute, with the account's order as the best bid."""
    trader.served.advance_to(NOON + timedelta(seconds=59.9))
    books = {one: trader.served.venue.levels(one) for one in trader.served.venue.markets}
    (wide, *_) = [one for one, (bids, asks) in books.items() if bids and asks and asks[-1][0] - bids[-1][0] > 100]
    better = f"{(books[wide][0][-1][0] + 100) / 10_000:.4f}"
    with trader.listening("ticker", market_tickers=[wide]) as ear:
        ear.until(is_subscribed(1))  # type: ignore[arg-type]
        trader.place(wide, "bid", better, "3.00", post_only=True)
        trader.served.advance_to(NOON + timedelta(seconds=61))
        (tick, *_) = ear.messages("ticker")

    assert (better, "3.00") == (tick["yes_bid_dollars"], tick["yes_bid_size_fp"])
    assert better == trader.get(f"/markets/{wide}")["market"]["yes_bid_dollars"]


def test_a_connection_survives_the_settlement_of_what_it_follows(trader: Trader, ticker: str) -> None:
    """What nobody can tell any more is passed over."""
    with trader.listening("orderbook_delta", "ticker", "trade", market_tickers=[ticker]) as ear:
        ear.until(is_subscribed(3))  # type: ignore[arg-type]
        trader.served.advance_to(NOON + timedelta(days=2))
        ear.connection.send('{"id": 3, "cmd": "list_subscriptions"}')
        ear.until(lambda heard: any(one["type"] == "ok" for one in heard))


def test_fills_are_told_again_to_who_comes_back(trading: Trading, ticker: str, tmp_path: Path) -> None:
    """The last few, under the same names."""
    with trading(faults=Faults(fills_repeated=2)) as trader:
        ask = trader.best(ticker)[1]
        for _ in range(3):
            trader.place(ticker, "bid", ask, "1.00", **IOC)
        told = [one["trade_id"] for one in trader.get("/portfolio/fills")["fills"]]

        heard = []
        for _ in range(2):
            with trader.listening("fill") as ear:
                heard.append([one["trade_id"] for one in ear.messages("fill", 2)])

    assert [told[1::-1]] * 2 == heard


def test_a_venue_lives_by_a_clock_that_runs(trading: Trading, ticker: str) -> None:
    """Minutes pass in each second: its frames come when the clock reaches them, never before."""
    with trading(led=False, speed=300.0) as trader:
        with trader.listening("orderbook_delta", "trade", "ticker", market_tickers=[ticker]) as ear:
            ear.messages("ticker", 2)
            heard_at = trader.served.hands()
        stamps = [one["msg"]["ts_ms"] for one in ear.heard if "ts_ms" in one.get("msg", {})]

    assert stamps
    assert max(stamps) <= heard_at.timestamp() * 1_000
