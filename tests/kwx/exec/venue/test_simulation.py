"""Lives of a trader among random faults: whatever fails on the way, nothing is lost, doubled, or risked unknown."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwx.exec.venue.limits import gross_micros
from pipelines.demo.venue.words import Side
from tests.kwx.exec.venue.conftest import Trader
from tests.kwx.exec.venue.exchange import LOST_AFTER, LOST_BEFORE, OTHER, TICKER, UNSENT, Exchange

TICKERS = (TICKER, OTHER)
KINDS = ("kalshi_create", "kalshi_cancel", "kalshi_amend", "kalshi_decrease")
MOST_CENTI = 3_000
TIGHT = {"max_position_centi": MOST_CENTI, "max_gross_micros": 25_000_000}


class Life:
    """One simulated stretch of trading, from one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = Random(seed)
        self.exchange = Exchange()
        self.trader = Trader(self.exchange, folder)
        self.executor = self.trader.started(**TIGHT)
        self.told: list[tuple[str, str]] = []
        self.exchange.before_write = self.require_known
        self.quotes: dict[tuple[str, Side], int] = {}

    def require_known(self, write) -> None:
        """No new order is sent where nobody knows of another, and never one without an intent and its decision."""
        if write.kind != "kalshi_create":
            return
        book = self.executor._record.book
        name = next(name for name in book.orders if name.encode() in write.content)
        order = book.orders[name]
        others = [one for one in book.open_in(order.market_ticker) if one is not order]
        assert not any(one.is_unknown for one in others)
        assert order.decision is not None
        assert order.decision.market_ticker == order.market_ticker

    def tick(self) -> None:
        """Let the world move, look, and wish something."""
        chance = self.chance
        self.move_the_world()
        self.exchange.fills_twice = chance.random() < 0.2
        if chance.random() < 0.05:
            self.executor = self.trader.born(**TIGHT)
            self.told = self.told[: len(self.executor.fills)]
            self.executor.start()
        self.told += [(fill.trade_id, fill.order_id) for fill in self.executor.poll()]
        for kind in KINDS:
            self.exchange.faults.pop(kind, None)
            self.exchange.refuses.pop(kind, None)
            if chance.random() < 0.15:
                self.exchange.will(kind, chance.choice([LOST_AFTER, LOST_BEFORE, UNSENT]))
            elif chance.random() < 0.1:
                self.exchange.will_refuse(kind, *chance.choice([(400, "invalid_order"), (429, ""), (503, "")]))
        desired = [self.wish(ticker) for ticker in TICKERS if chance.random() < 0.8]
        takes = [self.take(ticker) for ticker in TICKERS if chance.random() < 0.2]
        self.executor.apply(desired, takes)
        self.exchange.faults.clear()
        self.exchange.refuses.clear()

    def move_the_world(self) -> None:
        """Let others quote and take, and time pass."""
        chance = self.chance
        for ticker in TICKERS:
            market = self.exchange.made.markets[ticker]
            if chance.random() < 0.5:
                market.take(
                    chance.choice(list(Side)),
                    100 * chance.randint(35, 65),
                    100 * chance.randint(1, 9),
                    f"p{chance.random()}",
                )
            if chance.random() < 0.3:
                low = chance.randint(38, 50)
                self.exchange.makers(bids=[(low, 5)], asks=[(low + chance.randint(2, 6), 5)], ticker=ticker)
            self.exchange.wait(chance.choice([0, 0, 1, 5, 9, 30]))
        self.exchange.late(chance.choice([0, 0, 0, 5, 40]))

    def wish(self, ticker: str):
        """Wish that something rests."""
        side, centre = self.chance.choice([1, -1]), self.chance.choice([38, 41, 44])
        return self.trader.rests(
            side=side, cents=centre if side > 0 else centre + 20, contracts=self.chance.choice([3, 5, 8]), ticker=ticker
        )

    def take(self, ticker: str):
        """Wish to take something."""
        side = self.chance.choice([1, -1])
        return self.trader.takes(
            side=side, cents=55 if side > 0 else 45, contracts=self.chance.randint(1, 6), ticker=ticker
        )

    def require_sound(self) -> None:
        """Hold everything that must always be so."""
        executor, account = self.executor, self.exchange.made.account
        assert not executor.is_halted, executor.halted
        assert len(self.told) == len(set(self.told))
        assert all(abs(centi) <= MOST_CENTI for centi in account.positions.values())
        assert gross_micros(executor._record.book) <= TIGHT["max_gross_micros"] + 1_000_000
        names = [ticker for ticker, *_ in self.exchange.resting.values()]
        assert len(names) == len(set(names))

    def end(self) -> None:
        """Let what is late come, leave, and hold the whole account against the exchange's own books."""
        for _ in range(20):
            self.exchange.late(0)
            self.exchange.wait(9)
            self.told += [(fill.trade_id, fill.order_id) for fill in self.executor.poll()]
        self.executor.stop()
        account = self.exchange.made.account
        assert account.positions == self.executor.positions_centi
        assert account.cash_micros == self.executor.cash_micros
        assert {(fill.trade_id, fill.order_id) for fill in account.fills} == set(self.told)
        assert len(account.fills) == len(self.told)
        assert {} == self.exchange.resting
        self.executor = self.trader.born(**TIGHT)
        assert account.cash_micros == self.executor.cash_micros


@given(seed=st.integers(0, 2**32))
@settings(max_examples=8)
def test_no_fault_loses_or_doubles_anything(seed):
    """Lost replies before and after acceptance, refusals, repeats, late fills, restarts: the books always agree."""
    live(seed, ticks=40)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_long_lives_among_faults_keep_their_books(seed):
    """The same over hundreds of ticks each."""
    live(seed, ticks=250)


def live(seed: int, *, ticks: int) -> None:
    """Live through so many ticks."""
    with tempfile.TemporaryDirectory() as folder:
        life = Life(seed, Path(folder))
        for _ in range(ticks):
            life.tick()
            life.require_sound()
        life.end()
        life.trader.die()
