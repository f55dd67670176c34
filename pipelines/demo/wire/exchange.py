"""The exchange of one server: its public endpoints alone, or with a venue behind them at which one account trades."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.demo.session import SECOND_US
from pipelines.demo.venue import Venue
from pipelines.demo.venue.venue import Window
from pipelines.demo.wire.answers import Ask, Vendor
from pipelines.demo.wire.faults import Faults, HttpFaults
from pipelines.demo.wire.hands import Hands
from pipelines.demo.wire.kalshi_live import LiveSource
from pipelines.demo.wire.kalshi_orders import Trading
from pipelines.demo.wire.kalshi_rest import KalshiRest
from pipelines.demo.wire.kalshi_trading import KalshiTrading
from pipelines.demo.wire.kalshi_welcome import TradersWelcome, Welcome
from pipelines.demo.wire.limits import Buckets, Limits
from pipelines.demo.wire.signatures import Keys
from pipelines.demo.wire.told import Told
from pipelines.demo.world import World


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Who answers at the exchange, whom it lets in, and where its frames come from if not from the world alone."""

    answer: Vendor
    welcome: Callable[[Ask], None]
    live: LiveSource | None = None


def opened(
    world: World,
    start_utc: datetime,
    *,
    start_cash_micros: int,
    pauses: Sequence[Window],
    faults: Faults,
    struck: HttpFaults,
) -> Venue:
    """Return a venue over a world, whose account hears of some of its fills too late."""
    late_us = int(faults.late_seconds * SECOND_US)
    return Venue(
        world,
        start_utc=start_utc,
        start_cash_micros=start_cash_micros,
        seed=world.seed,
        pauses=pauses,
        late_us=lambda trade_id: late_us if struck.strike(trade_id, kind="fill") else 0,
    )


def exchange_of(told: Told, *, keys: Keys, buckets: Buckets, hands: Hands, limits: Limits, faults: Faults) -> Exchange:
    """Return the exchange over what is told; where that has a venue, it takes orders."""
    public, welcome = KalshiRest(told), Welcome(keys=keys, buckets=buckets)
    if told.venue is None:
        return Exchange(answer=public.answer, welcome=welcome.require)
    skew = timedelta(seconds=faults.clock_skew_seconds)
    trading = Trading(venue=told.venue, clock=hands, skew=skew)
    write_buckets = Buckets(
        tokens_per_second=limits.kalshi_write_tokens_per_second,
        burst_tokens=limits.kalshi_write_burst_tokens,
        monotonic=faster_of(hands),
    )
    return Exchange(
        answer=KalshiTrading(trading, limits=limits, public=public.answer).answer,
        welcome=TradersWelcome(public=welcome, write_buckets=write_buckets).require,
        live=LiveSource(told=told, venue=told.venue, skew=skew, fills_repeated=int(faults.fills_repeated)),
    )


def faster_of(hands: Hands) -> Callable[[], float]:
    """Return seconds that pass as fast as ours or the world's, whichever run faster: a fast day is not throttled."""
    began_s, began_utc = time.monotonic(), hands()
    return lambda: max(time.monotonic() - began_s, (hands() - began_utc).total_seconds())
