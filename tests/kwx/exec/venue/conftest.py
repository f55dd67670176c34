"""An exchange of one's own, and traders for it that leave a journal behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from kwx.exec.venue.executor import Executor
from kwx.exec.venue.journal import Journal
from kwx.exec.venue.kill import Kill
from kwx.exec.venue.wanted import Decision, Desired, Limits, Take
from tests.kwx.exec.venue.exchange import TICKER, Exchange

LIMITS = Limits(
    max_position_centi=100_000,
    max_order_centi=50_000,
    max_gross_micros=500_000_000,
    max_open_orders=20,
    group_limit_centi=1_000_000,
    order_life=timedelta(minutes=2),
    absent_after=timedelta(seconds=60),
    looks_to_absent=3,
    late_after=timedelta(seconds=120),
)


@dataclass
class Trader:
    """One life after another of a trading process, with one journal."""

    exchange: Exchange
    folder: Path
    limits: Limits = LIMITS
    ids: int = 0
    journals: list[Journal] = field(default_factory=list)

    def new_id(self) -> str:
        """Return an id that looks like a UUID4 and is always the same for the same life."""
        self.ids += 1
        return str(UUID(int=self.ids, version=4))

    def born(self, **changes: object) -> Executor:
        """Begin another life, the one before it left its journal as it was; nothing is started."""
        self.die()
        limits = replace(self.limits, **changes)
        self.journals.append(Journal(self.folder / "journal.jsonl", clock=self.exchange.clock))
        self.kill = Kill(self.folder / "KILL")
        return Executor(
            self.exchange.portfolio, self.journals[-1], limits, self.exchange.clock, self.new_id, self.kill
        )  # fmt: skip

    def started(self, **changes: object) -> Executor:
        """Begin another life and start it."""
        executor = self.born(**changes)
        executor.start()
        self.exchange.sent.clear()
        return executor

    def die(self) -> None:
        """End without a word, as a process does that is killed."""
        for journal in self.journals:
            journal.close()

    def rests(self, side: int = 1, cents: int = 40, contracts: int = 10, ticker: str = TICKER) -> Desired:
        """Wish that an order rests."""
        return Desired(
            market_ticker=ticker, side=side, ticks=100 * cents, centi=100 * contracts, decision=self.decision(ticker)
        )

    def takes(self, side: int = 1, cents: int = 45, contracts: int = 10, ticker: str = TICKER) -> Take:
        """Wish to take."""
        return Take(
            market_ticker=ticker,
            side=side,
            limit_ticks=100 * cents,
            centi=100 * contracts,
            decision=self.decision(ticker),
        )

    def decision(self, ticker: str = TICKER) -> Decision:
        """Decide something now."""
        return Decision(run_id="run", ts_utc=self.exchange.clock(), market_ticker=ticker)


@pytest.fixture
def exchange() -> Exchange:
    """Two empty markets and one account."""
    return Exchange()


@pytest.fixture
def trader(exchange: Exchange, tmp_path: Path) -> Iterator[Trader]:
    """A trader at the exchange."""
    one = Trader(exchange, tmp_path)
    yield one
    one.die()


@pytest.fixture
def tell() -> Callable[..., list[str]]:
    """Return what outcomes say in short."""
    return lambda outcomes: [outcome.did.value for outcome in outcomes]
