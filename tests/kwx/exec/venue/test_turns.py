"""While the exchange is waited for another thread may take orders out: each wait is stepped into here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from kwx.exec.venue.executor import Executor
from kwx.exec.venue.told import Did
from kwx.exec.venue.turn import Turn, WaitedFor
from pipelines.calls import Call
from pipelines.payload import Payload
from tests.kwx.exec.venue.conftest import Trader
from tests.kwx.exec.venue.exchange import OTHER, TICKER, UNSENT, Exchange


@dataclass
class Steps:
    """Has something done once, while the first word of a kind is waited for; kept: what came of it."""

    exchange: Exchange
    kind: str
    do: Callable[[], object]
    kept: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.exchange.before_write = lambda write: self.come(write.kind)
        self._fetch = self.exchange.fetch
        self.exchange.fetch = self._asked  # type: ignore[method-assign]

    def _asked(self, call: Call) -> Payload:
        self.come(call.kind)
        return self._fetch(call)

    def come(self, kind: str) -> None:
        """Do it where that is the word."""
        if kind == self.kind and not self.kept:
            self.kept.append("it is being done")
            self.kept.append(self.do())


@pytest.fixture
def resting(trader: Trader) -> Executor:
    """One whose order rests."""
    executor = trader.started()
    executor.apply([trader.rests()], [])
    executor.poll()
    trader.exchange.sent.clear()
    return executor


def test_an_order_that_is_called_off_before_it_is_sent_is_not_sent(trader: Trader, exchange: Exchange) -> None:
    executor, unless = trader.started(), set[str]()
    Steps(exchange, "kalshi_create", lambda: unless.add(OTHER))
    first, second = sorted([TICKER, OTHER])
    assert second == OTHER, "which is sent second"

    outcomes = executor.apply([trader.rests(), trader.rests(ticker=OTHER)], [], unless=unless)

    assert [one.did for one in outcomes] == [Did.PLACED, Did.BLOCKED]
    assert [ticker for ticker, *_ in exchange.resting.values()] == [first]


def test_an_order_that_is_called_off_while_it_is_sent_is_taken_out_at_once(trader: Trader, exchange: Exchange) -> None:
    """Whoever calls it off knows nothing yet that could be cancelled."""
    executor, unless = trader.started(), set[str]()

    def call_off() -> object:
        unless.add(TICKER)
        return executor.withdraw([TICKER], why="a test")

    steps = Steps(exchange, "kalshi_create", call_off)
    outcomes = executor.apply([trader.rests()], [], unless=unless)

    assert steps.kept[1] == []
    assert [one.did for one in outcomes] == [Did.PLACED, Did.CANCELLED]
    assert not exchange.resting


@pytest.mark.parametrize("cents", [40, 41], ids=["kept", "changed"])
def test_an_order_that_rests_in_a_market_that_is_called_off_is_taken_out(
    resting: Executor, trader: Trader, exchange: Exchange, cents: int
) -> None:
    outcomes = resting.apply([trader.rests(cents=cents)], [], unless={TICKER})

    assert [one.did for one in outcomes] == [Did.CANCELLED]
    assert exchange.kinds_sent() == ["cancel"]
    assert not exchange.resting


@pytest.mark.parametrize("kind", ["kalshi_orders", "kalshi_fills", "kalshi_positions", "kalshi_balance"])
def test_an_order_that_is_taken_out_while_the_account_is_read_is_no_mismatch(
    resting: Executor, exchange: Exchange, kind: str
) -> None:
    steps = Steps(exchange, kind, lambda: resting.withdraw([TICKER], why="a test"))

    resting.poll()

    assert [one.did for one in steps.kept[1]] == [Did.CANCELLED]  # type: ignore[attr-defined]
    assert not resting.is_halted
    assert not resting.open_orders
    exchange.wait(30)
    resting.poll()
    assert not resting.is_halted


def test_an_order_is_cancelled_once_whoever_else_wants_it_gone(resting: Executor, exchange: Exchange) -> None:
    steps = Steps(exchange, "kalshi_cancel", lambda: resting.withdraw([TICKER], why="a test"))

    outcomes = resting.apply([], [])

    assert [one.did for one in outcomes] == [Did.CANCELLED]
    assert steps.kept[1] == []
    assert exchange.kinds_sent() == ["cancel"]


def test_an_order_that_is_being_taken_out_is_not_changed(
    resting: Executor, trader: Trader, exchange: Exchange
) -> None:  # fmt: skip
    """Nor is another placed beside it: what became of it is known in the next minute."""
    steps = Steps(exchange, "kalshi_cancel", lambda: resting.apply([trader.rests(cents=41)], []))

    resting.withdraw([TICKER], why="a test")

    (blocked,) = steps.kept[1]  # type: ignore[misc, attr-defined]
    assert (blocked.did, blocked.why) == (Did.BLOCKED, "it is being taken out")
    assert exchange.kinds_sent() == ["cancel"]
    assert not exchange.resting


def test_an_order_that_could_not_be_taken_out_can_be_asked_out_again(resting: Executor, exchange: Exchange) -> None:
    exchange.will("kalshi_cancel", UNSENT)
    assert [one.did for one in resting.withdraw([TICKER], why="a test")] == [Did.REFUSED]
    assert [one.did for one in resting.withdraw([TICKER], why="a test")] == [Did.CANCELLED]


def test_nothing_is_sent_once_another_thread_halted(trader: Trader, exchange: Exchange) -> None:
    """What is under way just then is seen by the next look, and taken out."""
    executor = trader.started()
    Steps(exchange, "kalshi_create", lambda: executor.halt("a test"))

    outcomes = executor.apply([trader.rests(), trader.rests(ticker=OTHER)], [])

    assert exchange.kinds_sent().count("create") == 1
    assert outcomes[1].did is Did.BLOCKED
    exchange.wait(90)
    executor.poll()
    assert not exchange.resting


def test_others_have_their_turn_while_an_exchange_is_waited_for_and_only_then() -> None:
    turn, came, asked, may_answer = Turn(), threading.Event(), threading.Event(), threading.Event()

    class Slow:
        def balance(self) -> int:
            asked.set()
            assert may_answer.wait(10)
            return 7

    def other() -> None:
        with turn:
            came.set()

    def look() -> None:
        with turn:
            answers.append(WaitedFor(Slow(), turn).balance())  # type: ignore[arg-type]
            thread = threading.Thread(target=other)
            came.clear()
            thread.start()
            assert not came.wait(0.05), "the turn is ours again"
        thread.join()

    answers: list[int] = []
    looks = threading.Thread(target=look)
    looks.start()
    assert asked.wait(10)
    other()
    assert came.is_set()
    may_answer.set()
    looks.join()
    assert answers == [7]


def test_nobody_waits_in_a_turn_that_somebody_outside_holds() -> None:
    turn = Turn()
    with turn, turn, pytest.raises(AssertionError, match="held 2 times"), turn.let_go():
        pass
