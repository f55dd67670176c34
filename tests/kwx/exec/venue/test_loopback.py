"""The executor through the real client against the served exchange, with faults, held against its books."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from kwx.exec.venue.executor import Executor
from kwx.exec.venue.journal import Journal
from kwx.exec.venue.kill import Kill, kill_now
from kwx.exec.venue.told import Did
from kwx.exec.venue.wanted import Decision, Desired, Take
from pipelines.archive import RawArchive, scan
from pipelines.asking.secrets import Secret, Secrets
from pipelines.asking.waiting import Patience
from pipelines.demo import World
from pipelines.demo.wire import Faults, Limits, Served, serve
from pipelines.http import Client
from pipelines.kalshi.own import PRIVATE_CHANNELS, OwnFill, OwnOrder
from pipelines.kalshi.portfolio.client import Portfolio
from pipelines.kalshi.signing import signer_of
from pipelines.kalshi.stream import Stream, StreamSettings
from pipelines.vendors import loopback
from tests.kwx.exec.venue.conftest import LIMITS
from warehouse.errors import VendorError

NOON = datetime(2026, 11, 1, 18, tzinfo=UTC)
QUICK = Patience(connect_s=2, read_s=2, answer_s=4, attempts=4, first_wait_s=0.001, longest_wait_s=0.002, total_s=20)
FREE = Limits(kalshi_tokens_per_second=None, kalshi_write_tokens_per_second=None)


class Desk:
    """A trading process against a served exchange: key, client, journal, executor."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.served = served
        self.folder = folder
        key_file = folder / "key.pem"
        self.key_id = served.write_key(key_file)
        self.secrets = Secrets(kalshi_key_id=Secret(self.key_id), kalshi_key_file=key_file)
        self.archive = RawArchive(folder=folder / "raw", run_id="run")
        self.client = Client(
            vendors=loopback(served.url, tokens_per_second=100_000),
            secrets=self.secrets,
            archive=self.archive,
            patience=QUICK,
            random=Random(0),
        )
        self.portfolio = Portfolio(self.client)
        self.portfolio.keep_to_limits()
        self.lives = 0
        self.journal: Journal | None = None
        self.born()

    def clock(self) -> datetime:
        """Return the world's present."""
        return self.served.hands()

    def born(self) -> Executor:
        """Begin another life with the same journal."""
        if self.journal is not None:
            self.journal.close()
        self.lives += 1
        names = iter(range(10**6))
        self.journal = Journal(self.folder / "live" / "journal.jsonl", clock=self.clock)
        self.kill = Kill(self.folder / "live" / "KILL")
        self.executor = Executor(
            self.portfolio, self.journal, LIMITS, self.clock, lambda: f"{self.lives}-{next(names)}", self.kill
        )
        return self.executor

    def wait(self, seconds: float) -> None:
        """Let the world's time pass."""
        self.served.advance_to(self.clock() + timedelta(seconds=seconds))

    def best(self, ticker: str) -> tuple[int, int]:
        """Return the best bid and offer, in ticks."""
        bids, asks = self.served.venue.levels(ticker)
        return (bids[-1][0] if bids else 100), (asks[-1][0] if asks else 9_900)

    def rests(self, ticker: str, *, side: int = 1, ticks: int | None = None, contracts: int = 10) -> Desired:
        """Wish to join the best quote of a side."""
        bid, ask = self.best(ticker)
        decision = Decision(run_id="run", ts_utc=self.clock(), market_ticker=ticker)
        wanted = ticks or (bid if side > 0 else ask)
        return Desired(market_ticker=ticker, side=side, ticks=wanted, centi=100 * contracts, decision=decision)

    def takes(self, ticker: str, *, side: int = 1, contracts: int = 2) -> Take:
        """Wish to take what is shown."""
        bid, ask = self.best(ticker)
        decision = Decision(run_id="run", ts_utc=self.clock(), market_ticker=ticker)
        return Take(
            market_ticker=ticker,
            side=side,
            limit_ticks=ask if side > 0 else bid,
            centi=100 * contracts,
            decision=decision,
        )

    @property
    def resting(self) -> list[str]:
        """The client order ids that rest by the exchange's own books."""
        return [order.wanted.client_order_id for order in self.served.venue.desk.open.values()]

    def require_agreement(self) -> None:
        """Hold everything against the exchange's own books."""
        account = self.served.venue.account
        assert account.is_balanced
        assert account.positions == self.executor.positions_centi
        assert account.cash_micros == self.executor.cash_micros
        theirs = sorted((fill.trade_id, fill.order_id, fill.fee_micros) for fill in account.fills)
        assert theirs == sorted((fill.trade_id, fill.order_id, fill.fee_micros) for fill in self.executor.fills)


Trading = Callable[..., AbstractContextManager[Desk]]


@pytest.fixture(scope="module")
def one_day() -> World:
    """One city, one day."""
    return World(days=1, until=date(2026, 11, 1), cities=("chicago",), seed=11)


@pytest.fixture
def trading(one_day: World, tmp_path: Path) -> Trading:
    """Return how to serve that world at noon and trade there."""

    @contextmanager
    def begun(**settings: object) -> Iterator[Desk]:
        with serve(one_day, **{"now": NOON, "led": True, "limits": FREE, "trading": True, **settings}) as served:
            desk = Desk(served, tmp_path)
            yield desk
            desk.client.close()
            desk.archive.close()
            desk.journal.close()

    return begun


@pytest.fixture
def tickers() -> tuple[str, str]:
    """Two markets in which much is traded at noon."""
    return "KXHIGHCHI-26NOV01-B59.5", "KXHIGHCHI-26NOV01-B61.5"


def test_orders_rest_and_fill_in_the_served_exchange(trading, tickers):
    """Hours of joining the best quotes: fills come, are told once, and every sum agrees."""
    with trading() as desk:
        desk.executor.start()
        told = []
        for minute in range(30):
            wishes = [desk.rests(ticker, side=1 if minute % 20 < 10 else -1) for ticker in tickers]
            desk.executor.apply(wishes, [desk.takes(tickers[0], side=-1)] if minute % 15 == 0 else [])
            desk.wait(60)
            told += desk.executor.poll()

        assert not desk.executor.is_halted, desk.executor.halted
        assert len(told) == len({(fill.trade_id, fill.order_id) for fill in told}) > 5
        assert {True, False} == {fill.is_taker for fill in told}
        assert all(fill.decision is not None for fill in told)
        desk.require_agreement()
        desk.executor.stop()
        assert [] == desk.resting


def test_a_lost_reply_after_acceptance_leaves_one_order(trading, tickers):
    """Over a real dropped connection; the order is found and kept."""
    with trading() as desk:
        desk.executor.start()
        desk.served.script("order_lost_after")
        wish = desk.rests(tickers[0], ticks=100)

        first = desk.executor.apply([wish], [])
        second = desk.executor.apply([wish], [])
        desk.executor.poll()
        third = desk.executor.apply([wish], [])

        assert [Did.AMBIGUOUS, Did.BLOCKED, Did.KEPT] == [one.did for one in (*first, *second, *third)]
        assert 1 == len(desk.resting)
        assert not desk.executor.is_halted


def test_a_rejected_cancel_is_tried_again_and_nothing_takes_its_place(trading, tickers):
    """The other side is placed only when the first is seen to be gone."""
    with trading() as desk:
        desk.executor.start()
        desk.executor.apply([desk.rests(tickers[0], ticks=100)], [])
        desk.executor.poll()
        desk.served.script("cancel_rejected")
        wish = desk.rests(tickers[0], side=-1, ticks=9_900)

        first = desk.executor.apply([wish], [])
        rests_both = len(desk.resting)
        second = desk.executor.apply([wish], [])

        assert (Did.BLOCKED, 1) == (first[-1].did, rests_both)
        assert [Did.CANCELLED, Did.PLACED] == [one.did for one in second]
        assert 1 == len(desk.resting)


def test_a_kill_from_outside_cancels_and_the_loop_stays_quiet(trading, tickers):
    """By the command's function, with a client of its own, while the executor lives."""
    with trading() as desk:
        desk.executor.start()
        desk.executor.apply([desk.rests(ticker, ticks=100) for ticker in tickers], [])

        killed = kill_now(desk.kill.path, reason="a test", clock=desk.clock, venue=desk.portfolio)
        outcomes = desk.executor.apply([desk.rests(ticker, ticks=100) for ticker in tickers], [])
        desk.executor.poll()

        assert ((), ()) == (killed.left, killed.errors)
        assert {Did.BLOCKED} == {one.did for one in outcomes}
        assert [] == desk.resting
        assert not desk.executor.is_halted


def test_a_day_ends_with_the_market_and_pays_what_it_is_worth(trading, tickers):
    """Orders end at the close, positions at settlement; the books agree to the micro."""
    with trading() as desk:
        desk.executor.start()
        desk.executor.apply(
            [desk.rests(ticker) for ticker in tickers], [desk.takes(tickers[0]), desk.takes(tickers[1], side=-1)]
        )
        held = 0
        for _ in range(15):
            desk.wait(7_200)
            desk.executor.poll()
            held = max(held, len(desk.executor.positions_centi))

        assert 2 == held
        assert not desk.executor.is_halted, desk.executor.halted
        assert {} == desk.executor.positions_centi
        assert 2 == len(desk.served.venue.account.settlements)
        desk.require_agreement()


FAULTS = Faults(
    http_429=0.02, http_500=0.02, http_503=0.01, http_truncated=0.02, order_lost_before=0.04, order_lost_after=0.06,
    order_429=0.02, order_500=0.02, order_503=0.01, order_500_after=0.02, cancel_rejected=0.1, fill_late=0.3,
    late_seconds=20, hang_seconds=0.05,
)  # fmt: skip


def a_day_of_faults(trading: Trading, tickers: tuple[str, str], *, seed: int, ticks: int) -> None:
    """Trade through so many ticks in which everything goes wrong now and then, with restarts, and compare the books."""
    chance = Random(seed)
    faults = Faults(**{**vars(FAULTS), "seed": seed})
    with trading(faults=faults) as desk:
        started(desk)
        for _ in range(ticks):
            if chance.random() < 0.04:
                desk.born()
                started(desk)
            sides = [chance.choice([1, -1]) for _ in tickers]
            wishes = [desk.rests(ticker, side=side) for ticker, side in zip(tickers, sides, strict=True)]
            takes = [desk.takes(chance.choice(tickers), side=chance.choice([1, -1]))] if chance.random() < 0.2 else []
            looked(desk)
            desk.executor.apply(wishes, takes)
            desk.wait(chance.choice([3, 9, 30]))
            assert not desk.executor.is_halted, desk.executor.halted
            markets = [order.wanted.ticker for order in desk.served.venue.desk.open.values()]
            assert len(markets) == len(set(markets))
            assert all(abs(centi) <= LIMITS.max_position_centi for centi in desk.executor.positions_centi.values())
        for _ in range(12):
            desk.wait(9)
            looked(desk)
        ended(desk)
        assert [] == desk.resting
        desk.wait(60)
        looked(desk)
        desk.require_agreement()
        assert {"order_lost_after", "cancel_rejected", "fill_late"} <= set(desk.served.struck)


def started(desk: Desk) -> None:
    """Start, again where the exchange was away."""
    for _ in range(10):
        try:
            desk.executor.start()
            return
        except VendorError:
            desk.born()
    raise AssertionError("the exchange never answered")


def looked(desk: Desk) -> None:
    """Look at the account; an exchange that is away is for the next turn."""
    try:
        desk.executor.poll()
    except VendorError as error:
        logging.getLogger(__name__).info("%s", error)


def ended(desk: Desk) -> None:
    """Leave, as often as it needs."""
    for _ in range(5):
        try:
            desk.executor.stop()
            return
        except VendorError:
            continue
    raise AssertionError("something still rests")


def test_an_hour_of_faults_loses_and_doubles_nothing(trading, tickers):
    """Lost replies, errors, refused cancels and late fills over real HTTP."""
    a_day_of_faults(trading, tickers, seed=1, ticks=25)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2])
def test_days_of_faults_lose_and_double_nothing(trading, tickers, seed):
    """The same for longer, with other chances."""
    a_day_of_faults(trading, tickers, seed=seed, ticks=120)


def test_fills_come_on_the_private_stream_and_are_booked_once(trading, tickers):
    """Doubled on reconnect by the exchange, told again by the listing: each is one fill."""
    with trading(faults=Faults(fills_repeated=5)) as desk:
        desk.executor.start()
        desk.executor.apply([], [desk.takes(tickers[0])])

        heard = asyncio.run(followed(desk, tickers))

        fills = [message.fill for message in heard if isinstance(message, OwnFill)]
        desk.executor.hear([*fills, *fills])
        told = desk.executor.poll()
        assert any(isinstance(message, OwnOrder) for message in heard)
        assert 0 < len(fills)
        assert len(told) == len(desk.served.venue.account.fills)
        desk.require_agreement()


async def followed(desk: Desk, tickers: tuple[str, str]) -> list[object]:
    """Follow the account on the stream while it trades on, over two connections."""
    settings = StreamSettings(
        url=desk.served.ws_url, market_tickers=tickers, private_channels=PRIVATE_CHANNELS, first_backoff_seconds=0.01
    )
    signer = signer_of(desk.secrets)
    heard: list[object] = []
    for connection in range(2):
        async with Stream(settings, sign=signer.stream_headers) as stream:
            for turn in range(12):
                for event in await stream.next_batch(timeout_seconds=0.2) or []:
                    heard.append(event.message)
                if turn == 6 and connection == 0:
                    await asyncio.to_thread(desk.executor.apply, [], [desk.takes(tickers[0])])
    return heard


def test_the_key_is_in_nothing_that_trading_leaves_behind(trading, tickers, caplog):
    """Journal, archive, logs, and what every object shows of itself, with faults on the way."""
    caplog.set_level(1)
    with trading(faults=FAULTS) as desk:
        started(desk)
        for _ in range(6):
            looked(desk)
            desk.executor.apply([desk.rests(ticker) for ticker in tickers], [desk.takes(tickers[0])])
            desk.wait(9)
        ended(desk)
        shown = [repr(one) for one in (desk.client, desk.portfolio, vars(desk.executor), desk.secrets)]
        texts = [caplog.text, *shown, (desk.folder / "live" / "journal.jsonl").read_text()]
        kept = [archived.payload.body.decode() for archived in scan(desk.archive.folder, unusable=True)]
        private = (desk.folder / "key.pem").read_text().splitlines()[1]

        assert len(kept) > 20
        for secret in (desk.key_id, private):
            assert all(secret not in text for text in [*texts, *kept])
