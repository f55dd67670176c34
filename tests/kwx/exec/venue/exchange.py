"""An exchange in this process: the demo venue behind its own wire bodies and our own client, with faults on demand."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pipelines.asking.responses import Fate, Response, code_of, judge_write, told
from pipelines.calls import Call
from pipelines.demo.session import MINUTE_US
from pipelines.demo.venue.backdrop import instant_of
from pipelines.demo.venue.desk import Desk
from pipelines.demo.venue.market import Market
from pipelines.demo.venue.words import Reason, Side
from pipelines.demo.wire.answers import Ask, Rejected, asked
from pipelines.demo.wire.kalshi_orders import Trading
from pipelines.demo.wire.kalshi_trading import KalshiTrading
from pipelines.demo.wire.limits import Limits
from pipelines.kalshi.portfolio.client import Portfolio
from pipelines.payload import Payload
from pipelines.vendors import KALSHI_SIGNED, Vendor
from pipelines.writes import Write
from tests.pipelines.demo.venue.made_desk import OTHER, TICKER, Made, listing
from warehouse.errors import Unheard, VendorDown, VendorRefused

__all__ = ["OTHER", "TICKER", "Exchange"]

OPENS_US = 1_793_541_600_000_000  # 2026-11-01T14:00:00Z

# Some work was taken on; what becomes of it depends on which step on the way fails.
LOST_AFTER, LOST_BEFORE, UNSENT = "lost after it was done", "lost before it was done", "not sent"


class _Desk(Made):
    """A desk by hand that a `Trading` takes for a venue."""

    is_paused = False

    def __post_init__(self) -> None:
        self.now.us = OPENS_US
        super().__post_init__()
        for ticker in (TICKER, OTHER):
            opens = replace(
                listing(ticker),
                open_us=OPENS_US,
                close_us=OPENS_US + 1_000 * MINUTE_US,
                settled_us=OPENS_US + 1_100 * MINUTE_US,
            )
            self.markets[ticker] = Market(opens, now=self.now, match=self.floor.matched)

    @property
    def now_us(self) -> int:
        return self.now.us

    @contextmanager
    def at(self, instant_utc: datetime) -> Iterator[Desk]:
        yield self.desk

    def levels(self, ticker: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        book = self.markets[ticker].book
        return book.levels(Side.BID), book.levels(Side.ASK)


class Exchange:
    """Two empty markets, one account, a clock that moves when it is told to. It is the transport of `portfolio`.

    `faults` befall the writes to come, by kind, one each; `refuses` is answered in place of the next write of a kind.
    `behind` holds portfolio reads back: each answer is one that was taken so long ago.
    """

    def __init__(self, *, cash_micros: int = 1_000_000_000) -> None:
        self.made = _Desk(cash_micros=cash_micros)
        self.vendors = {"kalshi": KALSHI_SIGNED}
        self.faults: dict[str, deque[str]] = {}
        self.refuses: dict[str, deque[tuple[int, str]]] = {}
        self.fails_to_read: set[str] = set()
        self.sent: list[Write] = []
        self.asked: Counter[str] = Counter()
        self.before_write: Callable[[Write], None] = lambda write: None
        self.fills_twice = False
        self.skew = timedelta(0)
        self._trading = KalshiTrading(
            trading=Trading(venue=self.made, clock=self.clock, skew=self.skew), limits=Limits(), public=_nothing
        )
        self.portfolio = Portfolio(self)

    # What the world does

    def clock(self) -> datetime:
        """Return the present."""
        return instant_of(self.made.now.us)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.made.wait(seconds)

    def makers(self, **more: object) -> None:
        """Let others quote."""
        self.made.makers(**more)

    def take_from_us(self, side: Side, cents: int, contracts: int) -> None:
        """Let a taker come who trades with whatever rests, ours too."""
        self.made.market.take(side, 100 * cents, 100 * contracts, f"public-{self.made.now.us}-{cents}-{contracts}")

    def late(self, seconds: float) -> None:
        """Have fills told so late from now on."""
        self.made.floor.late_us = lambda trade_id: int(seconds * 1_000_000)

    def settle(self, ticker: str = TICKER) -> None:
        """Close a market and let it pay."""
        market = self.made.markets[ticker]
        self.made.floor.cancel_all([lot.order for lot in market.lots.values() if lot.order], Reason.CLOSE)
        market.clear()
        self.made.account.settle(ticker, self.made.now.us)

    def will(self, kind: str, *faults: str) -> None:
        """Have faults befall the next writes of a kind, in their order."""
        self.faults.setdefault(kind, deque()).extend(faults)

    def will_refuse(self, kind: str, status: int, code: str) -> None:
        """Refuse the next write of a kind, without doing it."""
        self.refuses.setdefault(kind, deque()).append((status, code))

    @property
    def resting(self) -> dict[str, tuple[str, int, int, int]]:
        """What rests of ours: market, side, ticks and what is left, by client order id."""
        return {
            order.wanted.client_order_id: (
                order.wanted.ticker,
                int(order.wanted.side),
                order.wanted.ticks,
                order.left_centi,
            )
            for order in self.made.desk.open.values()
        }

    def kinds_sent(self) -> list[str]:
        """Return what was sent since the last look, without the groups."""
        kinds = [write.kind.removeprefix("kalshi_") for write in self.sent if "group" not in write.kind]
        self.sent.clear()
        return kinds

    # What the client asks of a transport

    def send(self, write: Write) -> Response:
        """Have one thing done, or let a fault have it."""
        self.before_write(write)
        self.sent.append(write)
        fault = self.faults.get(write.kind, deque()).popleft() if self.faults.get(write.kind) else ""
        if fault == UNSENT:
            raise VendorDown(f"{write} was not done: refused connection")
        if fault == LOST_BEFORE:
            raise Unheard(f"{write} may have been done or not: timeout")
        response = self._refused(write) or self._answer(write.method, write.path, write.query, write.content)
        if fault == LOST_AFTER:
            raise Unheard(f"{write} may have been done or not: timeout")
        judgement = judge_write(response)
        if judgement.fate is Fate.USE:
            return response
        if judgement.fate is Fate.ASK_AGAIN:
            raise Unheard(f"{write} may have been done or not: {judgement.why}")
        raise VendorRefused(f"{write}: {judgement.why}", status=response.status, code=code_of(response))

    def fetch(self, call: Call) -> Payload:
        """Ask one question."""
        self.asked[call.kind] += 1
        if call.kind in self.fails_to_read:
            raise VendorDown(f"{call} has no usable answer")
        response = self._answer("GET", call.path, call.query, b"")
        if response.status != 200:
            raise VendorRefused(f"{call}: {told(response)}", status=response.status, code=code_of(response))
        body = response.body
        if self.fills_twice and call.kind == "kalshi_fills":
            body = body.replace(b'{"fills":[', b'{"fills":[' + body[len(b'{"fills":[') : body.rindex(b"]")] + b",")
            body = body.replace(b",]", b"]").replace(b"[,", b"[")
        return Payload(kind=call.kind, asked=call.asked, body=body, received_utc=self.clock())

    def pages(self, call: Call) -> Iterator[Payload]:
        """Ask a question; a page of these tests is large enough."""
        yield self.fetch(replace(call, query={**call.query, "limit": "1000"}) if call.pages else call)

    def resize(self, vendor: Vendor) -> None:
        """Know no limits."""

    def _refused(self, write: Write) -> Response | None:
        if not self.refuses.get(write.kind):
            return None
        status, code = self.refuses[write.kind].popleft()
        body = b'{"error":{"code":"%s","message":"on purpose"}}' % code.encode()
        return Response(uri=write.path, status=status, body=body)

    def _answer(self, method: str, path: str, query: object, content: bytes) -> Response:
        target = urlsplit(path).path + "?" + "&".join(f"{name}={value}" for name, value in dict(query).items())
        try:
            answer = self._trading.answer(asked(target, headers={}, client="us", method=method, body=content))
        except Rejected as rejected:
            answer = rejected.answer
        return Response(uri=path, status=answer.status, body=answer.body)


def _nothing(ask: Ask) -> object:
    raise AssertionError(f"{ask.path} is not asked here")
