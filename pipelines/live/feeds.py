"""All feeds of a running day behind one call: what came, through which minute prices are in, who is silent and why."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import polars as pl

from pipelines.archive import RawArchive
from pipelines.asking.budget import FILE_NAME, Budget
from pipelines.asking.waiting import Patience
from pipelines.http import Client
from pipelines.ingest.access import USUAL_PATIENCE, Entry, require_one_world
from pipelines.ingest.lived import LIVE_RUN
from pipelines.ingest.loopback import Hello, hello_of
from pipelines.ingest.recording import sign_with
from pipelines.kalshi.signing import signer_of
from pipelines.live import weather
from pipelines.live.arrivals import Arrival, Moved, Top
from pipelines.live.asking import Asking
from pipelines.live.background import Inbox, Threads, polled
from pipelines.live.books import BookFeed
from pipelines.live.candles import CandleFeed
from pipelines.live.catalogue import Catalogue
from pipelines.live.feed import AskedFeed, Feed, Questions
from pipelines.live.listing import ListingFeed
from pipelines.live.settings import LIVE_PATIENCE, FeedSettings
from pipelines.live.tape import Tape
from pipelines.live.trades import TradeFeed, taped_until
from warehouse.clock import Clock
from warehouse.lake.fetched import FetchLedger
from warehouse.lake.store import Lake


@dataclass(frozen=True, kw_only=True)
class Polled:
    """What came since the last time, and how far each source is.

    `priced_until`: by city, the last minute whose prices are all in; `taped_until`: and whose trades are too.
    `heard_utc`: by feed, since when all of its parts are heard, None while one never was; `heard_of` tells each part.
    `failed`: what is wrong now, by feed. `ahead_s`: by how much our clock is ahead of the exchange's at least, below
    zero where it is behind; None where nobody knows.
    """

    arrivals: tuple[Arrival, ...]
    priced_until: Mapping[str, datetime]
    taped_until: Mapping[str, datetime]
    heard_utc: Mapping[str, datetime | None]
    heard_of: Mapping[tuple[str, str], datetime | None]
    failed: Mapping[str, str]
    ahead_s: float | None = None


class Feeds:
    """Every source of a running day.

    In the background each feed has its own thread, and a poll only takes what they brought. Otherwise they are asked
    one after the other inside the poll, which tests and simulated days need: the same instants, the same answers.
    """

    def __init__(
        self,
        asked: Sequence[Feed],
        *,
        candles: CandleFeed,
        tape: Tape,
        books: BookFeed | None,
        clock: Clock,
        background: bool,
        woken: threading.Event,
        stirred: threading.Event,
        ahead_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._asked = tuple(asked)
        self._candles = candles
        self._tape = tape
        self._books = books
        self._woken = woken
        self._stirred = stirred
        self._ahead_s = ahead_s
        self._inbox = Inbox(woken)
        self._threads = Threads(self._asked, self._inbox, clock=clock) if background else None

    def start(self) -> None:
        """Begin: threads and the stream, where there are some."""
        if self._threads is not None:
            self._threads.start()
        if self._books is not None:
            self._books.start()

    def close(self) -> None:
        """End everything that was started."""
        if self._books is not None:
            self._books.close()
        if self._threads is not None:
            self._threads.close()

    def poll(self, now_utc: datetime) -> Polled:
        """Return what came since the last poll."""
        self._woken.clear()
        if self._threads is None:
            self._ask(now_utc)
        # How far the minutes are is read first: what that promises lies in the inbox by then.
        priced = self._candles.priced_until
        taped = taped_until(self._tape, priced)
        taken = self._inbox.take()
        if self._books is not None:
            taken += self._books.poll(now_utc)
        everyone = [*self._asked, *([] if self._books is None else [self._books])]
        return Polled(
            arrivals=tuple(taken),
            priced_until=priced,
            taped_until=taped,
            heard_utc={feed.name: feed.heard.oldest_utc for feed in everyone},
            heard_of={(feed.name, part): at for feed in everyone for part, at in feed.heard.of_parts.items()},
            failed={feed.name: why for feed in everyone if (why := feed.heard.why_not) is not None},
            ahead_s=self._ahead_s(),
        )

    def _ask(self, now_utc: datetime) -> None:
        for feed in self._asked:
            self._inbox.put(polled(feed, now_utc))
            feed.delivered()

    def wait(self, timeout_s: float) -> bool:
        """Wait until something comes, at most so long; tell whether something did."""
        return self._woken.wait(timeout_s)

    def wait_for_moves(self, timeout_s: float) -> bool:
        """Wait until best quotes change or somebody stirs, at most so long; tell whether that was."""
        return self._stirred.wait(timeout_s)

    def stir(self) -> None:
        """Let whoever waits for moves look, whether there were some or not."""
        self._stirred.set()

    def moved(self) -> Moved:
        """Return the markets whose best quotes changed since the last time this was asked."""
        self._stirred.clear()
        return Moved() if self._books is None else self._books.moved()

    def tops(self) -> dict[str, Top]:
        """Return the best quotes of every book that the stream keeps whole now."""
        return {} if self._books is None else self._books.tops()

    def shown(self, now_utc: datetime) -> tuple[datetime, dict[str, Top]]:
        """Return them, and until when what was received is in them: until now where no stream was ever heard."""
        until_utc, tops = (None, dict[str, Top]()) if self._books is None else self._books.shown()
        return until_utc or now_utc, tops


@contextmanager
def live_feeds(
    entry: Entry,
    lake: Lake,
    *,
    cities: Sequence[str],
    settings: FeedSettings | None = None,
    markets: pl.DataFrame | None = None,
    hello: Hello | None = None,
    background: bool = True,
) -> Iterator[Feeds]:
    """Open the feeds of some cities, start them, and close them at the end.

    `markets` are rows of markets that are known already: with them prices are asked for before any listing came.
    `hello` says where the stream is and what time it is, where its owner knows better than the server's greeting.
    """
    settings = settings or FeedSettings()
    hello = hello or hello_of(entry)
    require_one_world(lake, entry.origin, world=hello.world)
    archive = RawArchive(
        folder=lake.paths.raw, run_id=f"{hello.clock():%Y%m%dT%H%M%S}-{os.getpid()}-{LIVE_RUN}", clock=hello.clock
    )
    with ExitStack() as opened:
        opened.enter_context(archive)
        patience = settings.patience or (LIVE_PATIENCE if background else USUAL_PATIENCE)
        client = opened.enter_context(_client(entry, archive, patience=patience, clock=hello.clock))
        asking = Asking(
            asker=client, ledger=FetchLedger(lake.paths.fetched), raw=lake.paths.raw, clock=hello.clock
        )  # fmt: skip
        feeds = feeds_over(
            entry, lake, asking, cities=cities, settings=settings, markets=markets, hello=hello, background=background,
            ahead_s=partial(_ahead_s, client, hello),
        )  # fmt: skip
        opened.callback(feeds.close)
        feeds.start()
        yield feeds


def _ahead_s(client: Client, hello: Hello) -> float | None:
    """Return by how much our clock is ahead of the exchange's, beyond what it may be off by itself."""
    ahead_s, error_s = client.clocks.ahead_s("kalshi"), hello.clock_error_s
    if ahead_s is None or error_s is None:
        return None
    return max(ahead_s - error_s, 0.0) + min(ahead_s + error_s, 0.0)


def _client(entry: Entry, archive: RawArchive, *, patience: Patience, clock: Clock) -> Client:
    allowed = entry.vc_records_per_day
    return Client(
        vendors=entry.vendors,
        secrets=entry.secrets,
        archive=archive,
        budget=Budget(
            archive.folder / FILE_NAME, records_per_day={} if allowed is None else {"vc": allowed}, clock=clock
        ),
        patience=patience,
        clock=clock,
    )


def feeds_over(
    entry: Entry,
    lake: Lake,
    asking: Asking,
    *,
    cities: Sequence[str],
    settings: FeedSettings,
    markets: pl.DataFrame | None,
    hello: Hello,
    background: bool,
    ahead_s: Callable[[], float | None] = lambda: None,
) -> Feeds:
    """Put the feeds of some cities together, over whoever answers; nothing is asked yet."""
    catalogue, tape, woken, stirred = Catalogue(markets), Tape(), threading.Event(), threading.Event()
    books = None
    if settings.books and background and (entry.secrets.signed or entry.origin == "loopback"):
        books = BookFeed(
            hello.ws_url,
            sign=sign_with(signer_of(entry.secrets, clock=hello.clock)),
            paths=lake.paths,
            catalogue=catalogue,
            tape=tape,
            cities=cities,
            clock=hello.clock,
            woken=woken,
            stirred=stirred,
        )
    candles = CandleFeed(
        cities,
        asking=asking,
        catalogue=catalogue,
        tape=tape,
        settle_s=settings.settle_s,
        retry_s=settings.candles_s,
    )
    listing = ListingFeed(
        cities,
        asking=asking,
        catalogue=catalogue,
        every_s=settings.listing_s,
        fees_s=settings.fees_s,
        retry_s=settings.retry_s,
    )
    trades = TradeFeed(
        asking=asking,
        catalogue=catalogue,
        tape=tape,
        lookback_s=settings.lookback_s,
        retry_s=settings.trades_s,
        is_streamed=(lambda market_ticker: False) if books is None else books.is_streamed,
    )
    of_weather = _weather_feeds(entry, asking, cities=cities, settings=settings)
    return Feeds(
        [listing, candles, trades, *of_weather],
        candles=candles,
        tape=tape,
        books=books,
        clock=hello.clock,
        background=background,
        woken=woken,
        stirred=stirred,
        ahead_s=ahead_s,
    )


def _weather_feeds(
    entry: Entry, asking: Asking, *, cities: Sequence[str], settings: FeedSettings
) -> Iterator[AskedFeed]:
    """Yield the feeds of the weather; forecasts come first, they must not wait for a budget that others use up."""
    wanted: list[tuple[str, Questions, float]] = [
        ("guidance", weather.guidance(cities), settings.forecasts_s),
        ("metar", weather.metar(cities), settings.metar_s),
        ("reports", weather.reports(cities), settings.settlements_s),
        ("twc", weather.twc_page(cities), settings.settlements_s),
    ]
    if entry.with_vc:
        obs_s, nowcast_s = weather.paced(settings, cities=len(cities), records_per_day=entry.vc_records_per_day)
        wanted = [
            ("vc_forecast", weather.vc_forecast(cities), settings.forecasts_s),
            ("vc_nowcast", weather.vc_nowcast(cities), nowcast_s),
            ("vc_obs", weather.vc_obs(cities), obs_s),
            *wanted,
        ]
    for name, questions, every_s in wanted:
        yield AskedFeed(name, questions, asking=asking, every_s=every_s, retry_s=settings.retry_s)
