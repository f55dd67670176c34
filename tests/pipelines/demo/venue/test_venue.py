"""A venue over a demo world: alone it tells that world, and whoever trades there meets its makers and takers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from pipelines.demo import World, simulate
from pipelines.demo.venue import Reason, Side, Status, TimeInForce, TurnedDown, Venue, Wanted
from pipelines.demo.venue.account import Fill
from pipelines.demo.venue.market import Market
from warehouse.errors import Usage

DAY = date(2026, 11, 1)
OPEN = datetime(2026, 10, 31, 14, tzinfo=UTC)
NOON = datetime(2026, 11, 1, 18, tzinfo=UTC)
CLOSE = datetime(2026, 11, 2, 6, tzinfo=UTC)
AFTER = datetime(2026, 11, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    """One city, one day."""
    return World(days=1, until=DAY, cities=("chicago",), seed=11)


@pytest.fixture(scope="module")
def frames(world: World) -> dict[str, pl.DataFrame]:
    """What that world writes into a lake."""
    return dict(next(day for day in simulate(world, "chicago") if day.partition.event_date == DAY).frames)


@pytest.fixture(scope="module")
def alone(world: World) -> Venue:
    """A venue at which nobody trades, after the last close."""
    venue = Venue(world, start_utc=OPEN)
    venue.advance_to(CLOSE)
    return venue


def busiest(frames: dict[str, pl.DataFrame]) -> str:
    """Return the market of that world with the most trades."""
    counts = frames["trades"].group_by("market_ticker").len().sort("len", "market_ticker", descending=True)
    return str(counts["market_ticker"][0])


def micros(at: pl.Expr) -> pl.Expr:
    """Return instants as microseconds."""
    return at.dt.epoch("us")


def test_alone_it_prints_the_tape(alone: Venue, frames: dict[str, pl.DataFrame]) -> None:
    """The same trades under the same names at the same instants."""
    tape = frames["trades"].select(micros(pl.col("ts_utc")), "trade_id", "yes_price_ticks", "count_centi", "taker_side")
    printed = [
        (one.at_us, one.trade_id, one.ticks, one.centi, "yes" if one.taker is Side.BID else "no")
        for market in alone.markets.values()
        for one in market.prints.since(0)
    ]

    assert sorted(tape.rows()) == sorted(printed)


def test_alone_its_books_change_as_the_world_s_do(alone: Venue, frames: dict[str, pl.DataFrame]) -> None:
    """Every change of every level after the first."""
    deltas = frames["books"].filter(pl.col("kind") == "delta").sort("seq")
    for ticker, market in alone.markets.items():
        rows = deltas.filter(pl.col("market_ticker") == ticker)
        told = rows.select(micros(pl.col("ts_utc")), "side", "price_ticks", "delta_centi").rows()
        changed = [
            (one.at_us, "yes" if one.side is Side.BID else "no", one.ticks, one.change_centi)
            for one in market.changes.since(0)
        ]
        assert told == changed[len(changed) - len(told) :]


@pytest.mark.parametrize("begins", [OPEN, OPEN + timedelta(hours=5), NOON - timedelta(seconds=1)])
def test_a_book_does_not_depend_on_when_the_venue_began(world: World, begins: datetime) -> None:
    """Whoever looks later sees the same."""
    early, late = Venue(world, start_utc=OPEN), Venue(world, start_utc=begins)

    for venue in (early, late):
        venue.advance_to(NOON)

    assert {ticker: early.levels(ticker) for ticker in early.markets} == {
        ticker: late.levels(ticker) for ticker in late.markets
    }


def rest_at_the_best(venue: Venue, ticker: str, side: Side, contracts: int, **more: object) -> str:
    """Rest an order behind the makers of a side, and return its id."""
    bids, asks = venue.levels(ticker)
    ticks = (bids if side is Side.BID else asks)[-1][0]
    wanted = Wanted(ticker=ticker, side=side, ticks=ticks, centi=100 * contracts, post_only=True, **more)  # type: ignore[arg-type]
    return venue.desk.create(wanted).order_id


def traded_day(world: World, ticker: str, *, seed: int = 0, every: timedelta = timedelta(minutes=10)) -> Venue:
    """Rest on both sides of a market all day long."""
    venue = Venue(world, start_utc=OPEN + timedelta(minutes=1), seed=seed, start_cash_micros=10**11)
    while venue.now_utc + every < CLOSE:
        venue.advance_to(venue.now_utc + every)
        bids, asks = venue.levels(ticker)
        for side, levels in ((Side.BID, bids), (Side.ASK, asks)):
            if levels:
                rest_at_the_best(venue, ticker, side, 40, expires_us=venue.now_us + 500_000_000)
    venue.advance_to(AFTER)
    return venue


def test_orders_are_filled_by_the_tape_and_by_makers_who_cross_them(
    world: World, frames: dict[str, pl.DataFrame]
) -> None:
    """Each fill is a print of the other side; takers of the tape trade as much as they would have, no more."""
    ticker = busiest(frames)

    venue = traded_day(world, ticker)

    market, fills = venue.markets[ticker], venue.account.fills
    prints = {one.trade_id: one for one in market.prints.since(0)}
    assert len(fills) > 20
    for fill in fills:
        printed = prints[fill.trade_id]
        assert (printed.ticks, printed.centi, printed.taker) == (fill.ticks, fill.centi, fill.side.other)
    partly = [order for order in venue.desk.orders.values() if 0 < order.filled_centi < order.initial_centi]
    assert partly
    assert venue.account.is_balanced
    require_no_more_than_the_tape(market, frames, {fill.trade_id: fill for fill in fills})


def require_no_more_than_the_tape(market: Market, frames: dict[str, pl.DataFrame], mine: dict[str, Fill]) -> None:
    """At the instant of a taker of the tape no more is printed than he wanted, and as much where it was there."""
    rows = frames["trades"].filter(pl.col("market_ticker") == market.listing.ticker)
    wanted = dict(rows.select(micros(pl.col("ts_utc")), "count_centi").rows())
    shared = 0
    for at_us, centi in wanted.items():
        printed = [one for one in market.prints.since(0) if one.at_us == at_us]
        shared += any(one.trade_id in mine for one in printed)
        assert sum(one.centi for one in printed) <= centi
    assert shared


def test_the_same_orders_at_the_same_instants_give_the_same_fills(
    world: World, frames: dict[str, pl.DataFrame]
) -> None:
    """And another seed changes no more than their names."""
    ticker = busiest(frames)

    first, again, other = (traded_day(world, ticker, seed=seed) for seed in (1, 1, 2))

    assert first.account.fills == again.account.fills
    assert first.account.fills != other.account.fills
    assert first.account.cash_micros == again.account.cash_micros == other.account.cash_micros


def test_time_may_pass_in_any_steps(world: World, frames: dict[str, pl.DataFrame]) -> None:
    """An order's fate does not depend on how often anybody looks."""
    ticker = busiest(frames)
    fills = []
    for step in (timedelta(seconds=7), timedelta(hours=3)):
        venue = Venue(world, start_utc=NOON)
        rest_at_the_best(venue, ticker, Side.BID, 100)
        while venue.now_utc < NOON + timedelta(hours=6):
            venue.advance_to(venue.now_utc + step)
        fills.append([fill for fill in venue.account.fills if fill.at_us <= venue.start_us + 6 * 3600 * 10**6])

    assert fills[0] == fills[1]
    assert fills[0]


def test_the_close_cancels_and_settlement_pays_to_the_tick(world: World, frames: dict[str, pl.DataFrame]) -> None:
    """What rests is cancelled at the close; what is held is paid when the result is public, by the official value."""
    venue = Venue(world, start_utc=NOON)
    rows = {row["market_ticker"]: row for row in frames["markets"].iter_rows(named=True)}
    bought = {}
    for ticker in venue.markets:
        asks = venue.levels(ticker)[1]
        if asks:
            wanted = Wanted(ticker=ticker, side=Side.BID, ticks=asks[-1][0], centi=1_000)
            bought[ticker] = venue.desk.create(wanted)
            venue.desk.create(Wanted(ticker=ticker, side=Side.ASK, ticks=9_900, centi=100))
    cost = sum(order.taker_cost_micros + order.taker_fees_micros for order in bought.values())

    venue.advance_to(CLOSE - timedelta(microseconds=1))
    resting = list(venue.desk.open.values())
    venue.advance_to(CLOSE)
    reasons = {order.reason for order in resting}
    settled_utc = next(iter(rows.values()))["settled_utc"]
    venue.advance_to(settled_utc - timedelta(microseconds=1))
    before, held = venue.account.cash_micros, venue.account.positions
    venue.advance_to(settled_utc)

    assert {Reason.CLOSE} == reasons
    assert venue.account.settlements
    won = sum(max(0, centi if rows[ticker]["result"] == "yes" else -centi) for ticker, centi in held.items())
    assert won * 10_000 == venue.account.cash_micros - before
    assert {} == venue.account.positions
    assert venue.account.is_balanced
    assert cost > 0


def test_a_market_is_closed_to_every_order_before_and_after(world: World) -> None:
    """It is listed before it opens."""
    venue = Venue(world, start_utc=OPEN - timedelta(minutes=1))
    (ticker, *_) = venue.markets
    wanted = Wanted(ticker=ticker, side=Side.BID, ticks=100, centi=100)

    with pytest.raises(TurnedDown, match="MARKET_INACTIVE"):
        venue.desk.create(wanted)
    venue.advance_to(OPEN)
    order = venue.desk.create(wanted)
    venue.advance_to(CLOSE)

    assert not order.is_open
    with pytest.raises(TurnedDown, match="MARKET_INACTIVE"):
        venue.desk.cancel(order.order_id)


@pytest.fixture
def paused(world: World) -> Callable[[], Venue]:
    """Return how to begin a venue that pauses from noon for an hour."""
    return lambda: Venue(world, start_utc=NOON - timedelta(minutes=5), pauses=[(NOON, NOON + timedelta(hours=1))])


def test_nothing_trades_while_trading_is_paused(
    paused: Callable[[], Venue], world: World, frames: dict[str, pl.DataFrame]
) -> None:
    """Orders rest through it unless they do not want to, cancels are allowed; afterwards the world goes on."""
    venue, ticker = paused(), busiest(frames)
    stays, leaves = (
        venue.desk.create(Wanted(ticker=ticker, side=Side.BID, ticks=100, centi=100, cancel_on_pause=timid))
        for timid in (False, True)
    )

    venue.advance_to(NOON + timedelta(minutes=30))
    with pytest.raises(TurnedDown, match="trading_is_paused"):
        venue.desk.create(Wanted(ticker=ticker, side=Side.BID, ticks=100, centi=100))
    states = (venue.is_paused, stays.status, leaves.status, leaves.reason)
    venue.desk.cancel(stays.order_id)
    venue.advance_to(NOON + timedelta(minutes=90))
    undisturbed = Venue(world, start_utc=NOON + timedelta(minutes=90))

    assert (True, Status.RESTING, Status.CANCELED, Reason.HALT) == states
    pause_us = [venue.start_us + minutes * 60_000_000 for minutes in (5, 65)]
    assert [] == [
        one
        for market in venue.markets.values()
        for one in (*market.prints.since(0), *market.changes.since(0))
        if pause_us[0] < one.at_us < pause_us[1] and getattr(one, "ticks", 0) != 100
    ]
    assert not venue.is_paused
    assert {one: undisturbed.levels(one) for one in undisturbed.markets} == {
        one: venue.levels(one) for one in venue.markets
    }


def test_a_pause_that_ends_before_it_begins_is_refused(world: World) -> None:
    """Whoever plans one, plans its end."""
    with pytest.raises(Usage, match="ends before it begins"):
        Venue(world, start_utc=NOON, pauses=[(NOON, NOON)])


def test_a_fill_can_be_told_late(world: World, frames: dict[str, pl.DataFrame]) -> None:
    """It is booked at once; only the account does not hear of it yet."""
    venue = Venue(world, start_utc=NOON, late_us=lambda trade_id: 90_000_000)
    ticker = busiest(frames)
    asks = venue.levels(ticker)[1]
    wanted = Wanted(
        ticker=ticker,
        side=Side.BID,
        ticks=asks[-1][0],
        centi=100,
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
    )

    venue.desk.create(wanted)

    def heard() -> int:
        return sum(isinstance(notice.about, Fill) for notice in venue.desk.notices.since(0))

    first = (heard(), venue.account.position_centi(ticker))
    venue.advance_to(NOON + timedelta(seconds=89))
    second = heard()
    venue.advance_to(NOON + timedelta(seconds=90))
    assert ((0, 100), 0, 1) == (first, second, heard())
