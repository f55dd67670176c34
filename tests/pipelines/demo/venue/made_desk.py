"""Markets made by hand, with makers and takers who come when a test says so, and one account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from pipelines.demo.session import MINUTE_US, SECOND_US
from pipelines.demo.venue.account import Account
from pipelines.demo.venue.desk import Desk
from pipelines.demo.venue.floor import Floor
from pipelines.demo.venue.market import Listing, Market
from pipelines.demo.venue.names import Names
from pipelines.demo.venue.notices import Notices
from pipelines.demo.venue.orders import Order, Wanted
from pipelines.demo.venue.timers import Now, Timers
from pipelines.demo.venue.words import Side
from warehouse.market.fees import FEE_STEP_MICROS, FeeRule

OPEN_US = 1_000 * MINUTE_US
TICKER = "KXHIGHCHI-26NOV01-B60.5"
OTHER = "KXHIGHCHI-26NOV01-B62.5"


def listing(ticker: str = TICKER, *, value_ticks: int = 10_000) -> Listing:
    """A market that trades for a thousand minutes and settles a hundred later."""
    return Listing(
        ticker=ticker,
        event_ticker=ticker.rpartition("-")[0],
        city_key="chicago",
        event_date=date(2026, 11, 1),
        open_us=OPEN_US,
        close_us=OPEN_US + 1_000 * MINUTE_US,
        settled_us=OPEN_US + 1_100 * MINUTE_US,
        value_ticks=value_ticks,
    )


@dataclass
class Made:
    """A desk over two markets."""

    cash_micros: int = 1_000_000_000
    rounding: str = "tick"
    rule: FeeRule = field(default_factory=FeeRule)
    now: Now = field(default_factory=lambda: Now(us=OPEN_US))
    timers: Timers = field(default_factory=Timers)
    names: int = 0

    def __post_init__(self) -> None:
        self.markets: dict[str, Market] = {}
        self.account = Account(start_cash_micros=self.cash_micros, step_micros=FEE_STEP_MICROS[self.rounding])
        self.floor = Floor(
            account=self.account,
            markets=self.markets,
            present=self.now,
            timers=self.timers,
            names=Names(1),
            notices=Notices(now=self.now, timers=self.timers),
            fee_rule_at=lambda listing, at_us: self.rule,
            late_us=lambda trade_id: 0,
        )
        self.desk = Desk(self.floor)
        for ticker in (TICKER, OTHER):
            self.markets[ticker] = Market(listing(ticker), now=self.now, match=self.floor.matched)

    @property
    def market(self) -> Market:
        """The first of the markets."""
        return self.markets[TICKER]

    def makers(
        self, bids: Sequence[tuple[int, int]] = (), asks: Sequence[tuple[int, int]] = (), ticker: str = TICKER
    ) -> None:
        """Let makers show more at (cents, contracts)."""
        for side, levels in ((Side.BID, bids), (Side.ASK, asks)):
            for cents, contracts in levels:
                self.markets[ticker].mean(side, 100 * cents, 100 * contracts)
                self.markets[ticker].follow(side, 100 * cents)

    def taker(self, side: Side, cents: int, contracts: int, name: str = "public") -> None:
        """Let a taker come for what makers show, who mean to show so much less from then on."""
        self.market.mean(side.other, 100 * cents, -100 * contracts)
        self.market.take(side, 100 * cents, 100 * contracts, name)

    def order(self, side: Side, cents: int, contracts: int, ticker: str = TICKER, **more: object) -> Order:
        """Send an order."""
        self.names += 1
        wanted = Wanted(
            ticker=ticker,
            side=side,
            ticks=100 * cents,
            centi=100 * contracts,
            client_order_id=f"mine-{self.names}",
            **more,  # type: ignore[arg-type]
        )
        return self.desk.create(wanted)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        until_us = self.now.us + int(seconds * SECOND_US)
        while (next_us := self.timers.next_us) is not None and next_us <= until_us:
            self.now.us = next_us
            self.timers.pop()()
        self.now.us = until_us
