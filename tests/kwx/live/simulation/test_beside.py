"""Books are asked about beside the looks: at once, whatever a look waits for, and never against what it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from kwx.exec.venue.told import Did
from kwx.live.beside import Beside
from kwx.live.health.file import HALTED, read_health
from kwx.live.health.watch import Watch
from kwx.live.living import Living
from kwx.live.meantime import Between
from kwx.live.run import live_on
from kwx.live.ticks import Tick
from pipelines.live.arrivals import Moved, Top
from tests.kwx.live.simulation.world import Life, resting_life
from warehouse.lake.store import Lake

WAIT_S = 20
LOOK_S = 0.01
MOST_LOOKS = 600
EMPTY = (0, 0, 10_000, 0)
"""A book of which nobody keeps an order in it."""


@dataclass
class Moving:
    """Feeds whose books move when they are told to."""

    life: Life
    quotes: dict[str, Top] = field(default_factory=dict)
    told: frozenset[str] = frozenset()
    stirred: threading.Event = field(default_factory=threading.Event)
    breaks: bool = False

    def move(self, market_ticker: str) -> None:
        """Let a book be emptied."""
        self.quotes[market_ticker] = Top(*EMPTY, self.life.exchange.clock())
        self.told |= {market_ticker}
        self.stirred.set()

    def wait_for_moves(self, timeout_s: float) -> bool:
        """Wait until one moves."""
        return self.stirred.wait(timeout_s)

    def stir(self) -> None:
        """Let whoever waits look."""
        self.stirred.set()

    def moved(self) -> Moved:
        """Say once which moved."""
        self.stirred.clear()
        told, self.told = self.told, frozenset()
        return Moved(told, self.life.exchange.clock() if told else None)

    def shown(self, now_utc: datetime) -> tuple[datetime, dict[str, Top]]:
        """Return what they show now."""
        return now_utc, self.tops()

    def tops(self) -> dict[str, Top]:
        """Return what they show, or fail."""
        if self.breaks:
            raise ZeroDivisionError("a fault of ours")
        return dict(self.quotes)


@dataclass
class Waiting:
    """Holds up the first word of a kind to the exchange until it may be answered."""

    life: Life
    kind: str
    begun: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._fetch, self._send = self.life.exchange.fetch, self.life.exchange.send
        self.life.exchange.fetch = lambda call: self._held(self._fetch, call)  # type: ignore[method-assign]
        self.life.exchange.send = lambda write: self._held(self._send, write)  # type: ignore[method-assign]

    def _held(self, go_on: Any, word: Any) -> Any:
        if word.kind == self.kind and not self.begun.is_set():
            self.begun.set()
            assert self.may_end.wait(WAIT_S)
        return go_on(word)


@pytest.fixture
def life(tmp_path: Path, lake: Lake) -> Iterator[Life]:
    """A life with orders in two books at least."""
    one = resting_life(tmp_path, lake)
    yield one
    one.close()


@pytest.fixture
def books(life: Life) -> Moving:
    """Its books, that move as they are told."""
    life.loop.meantime.feeds = moving = Moving(life)  # type: ignore[assignment]
    return moving


@pytest.fixture
def found() -> SimpleQueue[Between]:
    """What was decided between."""
    return SimpleQueue()


def beside(life: Life, found: SimpleQueue[Between]) -> Beside:
    def fail(error: BaseException) -> None:
        raise AssertionError("no fault is expected") from error

    return Beside(life.loop.meantime, on_between=found.put, on_fault=fail)


def written(life: Life) -> int:
    """Return how many decisions between minutes stand in the journals."""
    journal = life.loop.desk.journal
    return sum(len(journal.read(day).between) for day in life.loop.desk.days)


def test_a_book_that_moves_while_a_look_waits_for_the_exchange_is_decided_before_that_wait_ends(
    life: Life, books: Moving, found: SimpleQueue[Between]
) -> None:
    """Its order is gone as well, and the look that goes on then finds nothing that is not as it should be."""
    ticker = min(life.loop.desk.trader.resting)
    waiting = Waiting(life, "kalshi_fills")
    with beside(life, found):
        look = threading.Thread(target=life.loop.tick)
        look.start()
        assert waiting.begun.wait(WAIT_S)
        books.move(ticker)
        between = found.get(timeout=WAIT_S)
        assert look.is_alive()
        assert [outcome.did for outcome in between.outcomes] == [Did.CANCELLED]
        assert ticker not in life.loop.desk.trader.resting
        waiting.may_end.set()
        look.join(WAIT_S)
    assert life.executor.halted is None
    for _ in range(5):
        life.look(30)
    assert life.executor.halted is None


def test_books_are_decided_while_an_order_is_being_taken_out(
    life: Life, books: Moving, found: SimpleQueue[Between]
) -> None:
    """One thread asks and another waits; nothing is asked twice of an order that is going already."""
    first, second = sorted(life.loop.desk.trader.resting)[:2]
    waiting = Waiting(life, "kalshi_cancel")
    with beside(life, found):
        books.move(first)
        assert waiting.begun.wait(WAIT_S)
        books.move(first)
        books.move(second)
        for _ in range(round(WAIT_S / LOOK_S)):
            if second in life.loop.desk.asked_out:
                break
            assert found.empty()
            time.sleep(LOOK_S)
        assert second in life.loop.desk.asked_out
        waiting.may_end.set()
        both = [found.get(timeout=WAIT_S) for _ in range(2)]
    assert [one.not_kept for one in both] == [(first,), (second,)]
    assert [outcome.did for one in both for outcome in one.outcomes] == [Did.CANCELLED, Did.CANCELLED]
    assert written(life) == 2


def test_the_end_waits_for_what_was_decided_and_nobody_asks_after_it(
    life: Life, books: Moving, found: SimpleQueue[Between]
) -> None:
    first, second = sorted(life.loop.desk.trader.resting)[:2]
    waiting = Waiting(life, "kalshi_cancel")
    with beside(life, found):
        books.move(first)
        assert waiting.begun.wait(WAIT_S)
        threading.Timer(0.2, waiting.may_end.set).start()
    books.move(second)

    assert [outcome.did for outcome in found.get(timeout=0).outcomes] == [Did.CANCELLED]
    assert not [one.name for one in threading.enumerate() if one.name.startswith("between")]
    assert found.empty()
    assert written(life) == 1


def test_a_fault_in_it_halts_and_everybody_is_told(
    life: Life, books: Moving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    living = Living(
        loop=life.loop, watch=Watch(path=tmp_path / "health.json", clock=life.exchange.clock, every_s=0),
        mode="live", bankroll_dollars=1_000, started_utc=life.exchange.clock(),
    )  # fmt: skip
    ticker = min(life.loop.desk.trader.resting)
    books.breaks = True
    books.move(ticker)

    live_on(living, seconds=0.5)
    books.breaks = False
    life.exchange.made.advance_to(life.exchange.clock().replace(second=59))
    looked = living.look(Tick(number=1, late_s=0.0, missed=0))

    assert life.executor.halted is not None
    assert not life.exchange.resting
    assert looked is not None
    assert "between two minutes failed: ZeroDivisionError" in looked.stopped
    said = read_health(tmp_path / "health.json")
    assert said is not None
    assert said["state"] == HALTED
    assert any(record.levelname == "CRITICAL" and record.exc_info for record in caplog.records)


def test_a_decision_that_took_too_long_is_told(life: Life, tmp_path: Path) -> None:
    """As of every stage of a look."""
    now_utc = life.exchange.clock()
    living = Living(
        loop=life.loop, watch=Watch(path=tmp_path / "health.json", clock=life.exchange.clock, every_s=0),
        mode="live", bankroll_dollars=1_000, started_utc=now_utc,
    )  # fmt: skip
    for milliseconds in (9, 11):
        decided_utc = now_utc + timedelta(milliseconds=milliseconds)
        living.decided_between(Between(received_utc=now_utc, looked_utc=now_utc, decided_utc=decided_utc))

    assert living.watch.watched.over_budget.value(stage="between") == 1


def test_a_book_that_moved_after_a_minute_looked_at_it_is_asked_about_once_the_minute_is_decided(
    life: Life, books: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The minute wants an order there by the book as it was; nothing moves after that."""
    decide = life.loop.brain.decide

    def slow(*args: Any, **said: Any) -> Any:
        decided = decide(*args, **said)
        for name in wanted(life):
            books.move(name)
        assert life.loop.between() is not None, "by the minute before"
        return decided

    monkeypatch.setattr(life.loop.brain, "decide", slow)
    assert any(life.look(20).minutes for _ in range(MOST_LOOKS))
    life.loop.between()

    assert not life.exchange.resting


def wanted(life: Life) -> set[str]:
    """Return the markets in which the last minute wants an order."""
    return {
        str(day.origin.tickers[place])
        for day in life.loop.desk.days.values()
        for place in zip(*day.state.orders.side.nonzero(), strict=True)
    }


def test_an_order_whose_book_moves_before_it_is_sent_is_not_sent(life: Life, books: Moving) -> None:
    """The minute that wants it is being sent just then, another order of it before."""
    began_with, called_off = set(life.executor._record.book.orders), set[str]()

    def on_its_way() -> None:
        resting = {ticker for ticker, *_ in life.exchange.resting.values()}
        if called_off or not (coming := wanted(life) - resting):
            return
        ticker = max(coming)
        books.move(ticker)
        between = life.loop.between()
        if between is not None and between.not_kept == (ticker,):
            called_off.add(ticker)

    life.exchange.meanwhile = lambda: on_its_way() if life.loop.desk.trader._is_sending else None
    for _ in range(MOST_LOOKS):
        if called_off:
            break
        began_with = set(life.executor._record.book.orders)
        outcomes = life.look(20).outcomes

    did = {one.did for one in outcomes if one.market_ticker in called_off}
    assert called_off
    assert did <= {Did.BLOCKED, Did.CANCELLED}
    sent = [order for name, order in life.executor._record.book.orders.items() if name not in began_with]
    assert not [order for order in sent if order.market_ticker in called_off and order.is_open]
