"""The clients of production trade at the venue as they would at the exchange."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.archive import RawArchive
from pipelines.asking.secrets import Secret, Secrets
from pipelines.asking.waiting import Patience
from pipelines.demo.wire import Served, serve
from pipelines.demo.world import World
from pipelines.http import Client
from pipelines.kalshi.messages import FrameReader
from pipelines.kalshi.own import OwnFill, OwnGroup, OwnOrder, OwnPosition
from pipelines.kalshi.portfolio.client import Portfolio
from pipelines.kalshi.portfolio.records import Amendment, NewOrder, Placed
from pipelines.vendors import loopback
from tests.pipelines.demo.wire.trading.conftest import FREE, NOON, Trading
from tests.pipelines.demo.wire.trading.trader import Trader
from warehouse.errors import Ambiguous, VendorRefused

QUICK = Patience(connect_s=2, read_s=2, answer_s=4, attempts=2, first_wait_s=0.01, longest_wait_s=0.02, total_s=10)
Accounts = Callable[..., AbstractContextManager[tuple[Portfolio, Served]]]


@pytest.fixture
def accounts(one_day: World, tmp_path: Path) -> Accounts:
    """Return how to serve a venue and open an account of it with production's client."""

    @contextmanager
    def opened(**settings: object) -> Iterator[tuple[Portfolio, Served]]:
        asked = {"now": NOON, "led": True, "limits": FREE, "trading": True, **settings}
        with serve(one_day, **asked) as served:  # type: ignore[arg-type]
            key_file = tmp_path / "key.pem"
            secrets = Secrets(kalshi_key_id=Secret(served.write_key(key_file)), kalshi_key_file=key_file)
            vendors = loopback(served.url, tokens_per_second=100_000)
            with (
                RawArchive(folder=tmp_path / "raw", run_id="run", clock=served.hands) as archive,
                Client(vendors=vendors, secrets=secrets, archive=archive, patience=QUICK) as client,
            ):
                yield Portfolio(client), served

    return opened


def new_order(ticker: str, name: str, ticks: int, centi: int, **more: object) -> NewOrder:
    """Write an order that buys yes."""
    said = {"client_order_id": name, "market_ticker": ticker, "side": 1, "price_ticks": ticks, "centi": centi, **more}
    return NewOrder(**said)  # type: ignore[arg-type]


def taking(ticker: str, name: str, ticks: int, centi: int) -> NewOrder:
    """Write one that takes."""
    return new_order(ticker, name, ticks, centi, in_force="immediate_or_cancel", post_only=False)


def test_an_account_lives_a_day(accounts: Accounts, ticker: str) -> None:
    """Orders, changes, groups, fills, positions, settlement: what it reads is what the venue has."""
    with accounts() as (account, served):
        bids, asks = served.venue.levels(ticker)
        group = account.create_group(limit_centi=100_000)
        took = account.create(taking(ticker, "take", asks[-1][0], 1_000))
        rests = account.create(
            new_order(ticker, "rest", 100, 500, order_group_id=group, expires_utc=NOON + timedelta(hours=1))
        )
        change = Amendment(
            order_id=rests.order_id,
            client_order_id="rest",
            market_ticker=ticker,
            side=1,
            price_ticks=200,
            total_centi=400,
        )
        amended = account.amend(change)
        smaller = account.decrease(rests.order_id, market_ticker=ticker, to_centi=300)
        (queued,) = account.queue_positions(market_tickers=[ticker])
        alone = account.queue_position(rests.order_id, market_ticker=ticker)
        orders = {order.client_order_id: order for order in account.orders()}
        (fill,) = account.fills()
        (held,) = account.positions().markets
        batch = account.create_batch([new_order(ticker, f"batch-{number}", 100, 100) for number in range(3)])
        account.cancel_batch([(one.order_id, ticker) for one in batch if isinstance(one, Placed)])
        account.trigger_group(group)

        assert bids
        assert (1_000, 0) == (took.filled_centi, took.remaining_centi)
        assert (400, 300) == (amended.remaining_centi, smaller.remaining_centi)
        assert queued.ahead_centi == alone.ahead_centi > 0
        assert ("executed", "resting", 300) == (
            *(orders["take"].status, orders["rest"].status),
            orders["rest"].remaining_centi,
        )
        assert (took.order_id, asks[-1][0], 1_000) == (fill.order_id, fill.price_ticks, fill.centi)
        assert served.venue.account.fills[0].fee_micros == fill.fee_micros
        assert (1_000, asks[-1][0] * 1_000) == (held.position_centi, held.exposure_micros)
        assert served.venue.account.cash_micros == account.balance().cash_micros
        assert [] == account.orders(status="resting")
        assert NOON == account.user_data_utc()
        assert account.exchange_status().trading_active

        served.advance_to(NOON + timedelta(days=2))
        (paid,) = account.settlements()
        assert served.venue.account.settlements[0].revenue_micros == paid.revenue_micros
        assert served.venue.account.cash_micros == account.balance().cash_micros
        assert () == account.positions().markets


def test_a_lost_reply_is_ambiguous_until_the_orders_are_read(accounts: Accounts, ticker: str) -> None:
    """The client sends no second one; the venue has the first, or has it not."""
    for fault, found in (("order_lost_after", 1), ("order_lost_before", 0), ("order_500_after", 1)):
        with accounts() as (account, served):
            served.script(fault)

            with pytest.raises(Ambiguous):
                account.create(new_order(ticker, "mine", 100, 100))

            assert found == len(account.orders())


def test_refusals_are_definite(accounts: Accounts, ticker: str) -> None:
    """Money, a pause and a rejected cancel each say so."""
    with accounts(start_cash_micros=1_000_000) as (account, served):
        with pytest.raises(VendorRefused, match="available_balance_too_low"):
            account.create(new_order(ticker, "dear", 9_000, 1_000, post_only=False))
        placed = account.create(new_order(ticker, "mine", 100, 100, cancel_on_pause=False))
        served.script("cancel_rejected")
        with pytest.raises(VendorRefused, match="cancel_rejected"):
            account.cancel(placed.order_id, market_ticker=ticker)
        served.venue.pause(NOON, NOON + timedelta(hours=1))
        served.advance_to(NOON + timedelta(seconds=1))
        with pytest.raises(VendorRefused, match="trading_is_paused"):
            account.create(new_order(ticker, "late", 100, 100))
        assert 100 == account.cancel(placed.order_id, market_ticker=ticker).reduced_centi


def test_the_limits_that_the_venue_tells_are_kept(accounts: Accounts) -> None:
    """The client sizes its buckets by them."""
    with accounts(limits=None) as (account, _):
        limits = account.keep_to_limits()

    assert (200, 600, 100, 100) == (
        *(limits.read_tokens_per_second, limits.read_burst_tokens),
        *(limits.write_tokens_per_second, limits.write_burst_tokens),
    )


def test_private_frames_are_read_by_production(trading: Trading, ticker: str) -> None:
    """Every one of them, none of them damaged."""
    with trading() as trader:
        heard = [FrameReader(use_yes_price=True).read(json.dumps(frame)) for frame in private_frames(trader, ticker)]

    kinds = [type(one) for one in heard]
    assert {OwnFill, OwnGroup, OwnOrder, OwnPosition} == set(kinds)


def private_frames(trader: Trader, ticker: str) -> list[dict]:
    """Let something of each kind happen, and return what was told of it."""
    ask = trader.best(ticker)[1]
    kinds = ("fill", "user_order", "market_position", "order_group_updates")
    with trader.listening("fill", "user_orders", "market_positions", "order_group_updates") as ear:
        ear.until(lambda heard: len(heard) == 4)
        made = trader.say("POST", "/portfolio/order_groups/create", {"contracts_limit": 5})[1]
        named = {"order_group_id": made["order_group_id"], "expiration_time": int(NOON.timestamp()) + 60}
        trader.place(ticker, "bid", ask, "6.00", **named)
        for kind in kinds:
            ear.messages(kind)
        ear.quiet()
        return [frame for frame in ear.heard if frame["type"] in kinds]
