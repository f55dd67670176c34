"""Recording from the command line: which markets trade now, where their stream is, and who may listen."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from pipelines.archive import RawArchive
from pipelines.http import Client
from pipelines.ingest.access import Entry, require_one_world
from pipelines.ingest.loopback import hello_of
from pipelines.kalshi import calls as kalshi
from pipelines.kalshi.filters import MarketFilter
from pipelines.kalshi.recorder import Beside, OnProgress, record
from pipelines.kalshi.signing import Signer, signer_of
from pipelines.kalshi.stream import Sign, Stream, StreamSettings
from pipelines.kalshi.writer import Progress
from warehouse.clock import Clock
from warehouse.errors import KwxError, Unparsable, Usage, VendorDown
from warehouse.lake.layout import LakePaths
from warehouse.lake.store import Lake
from warehouse.market.cities import CITIES
from warehouse.market.tickers import parse_market_ticker

logger = logging.getLogger(__name__)

_LISTED_STATUSES = ("open", "unopened")
"""Markets that are not open yet are listened to as well: a recorder runs through the hour in which they open."""

LISTED_EVERY = timedelta(minutes=10)
"""How often a recorder looks for markets that are new, by the clock of the world that it records."""

LEFT_AFTER = timedelta(hours=1)
"""How long after its close a market is still listened to."""


def record_stream(
    lake_root: Path | str | None = None,
    *,
    entry: Entry,
    cities: Sequence[str] = (),
    market_tickers: Sequence[str] = (),
    seconds: float | None = None,
    on_progress: OnProgress = lambda progress: None,
) -> Progress:
    """Record the books and trades of some markets, or of every market that some cities trade, until told to stop."""
    lake = Lake(lake_root)
    hello = hello_of(entry)
    require_one_world(lake, entry.origin, world=hello.world)
    clock = hello.clock
    signer = signer_of(entry.secrets, clock=clock)
    run_id = f"{clock():%Y%m%dT%H%M%S}-{os.getpid()}-record"
    archive = RawArchive(folder=lake.paths.raw, run_id=run_id, clock=clock)
    with archive, Client(vendors=entry.vendors, secrets=entry.secrets, archive=archive, clock=clock) as client:
        markets = None if market_tickers else Trading(client=client, cities=cities or tuple(CITIES), clock=clock)
        recording = _Recording(
            settings=StreamSettings(
                url=hello.ws_url, market_tickers=tuple(market_tickers) if markets is None else markets.first()
            ),
            sign=sign_with(signer),
            paths=lake.paths,
            clock=clock,
            on_progress=on_progress,
            beside=None if markets is None else markets.follow,
        )
        return asyncio.run(recording.run(seconds))


@dataclass(frozen=True, kw_only=True)
class _Recording:
    settings: StreamSettings
    sign: Sign
    paths: LakePaths
    clock: Clock
    on_progress: OnProgress
    beside: Beside | None

    async def run(self, seconds: float | None) -> Progress:
        """Record for so many seconds of ours, whatever time it is in the world that is recorded."""
        stop = asyncio.Event()
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, stop.set)
        return await record(
            self.settings,
            sign=self.sign,
            paths=self.paths,
            clock=self.clock,
            stop=stop,
            on_progress=self.on_progress,
            beside=self.beside,
        )


@dataclass(kw_only=True)
class Trading:
    """The markets that some cities trade: those of tomorrow join while a recording runs, those of yesterday leave."""

    client: Client
    cities: Sequence[str]
    clock: Clock
    _closes: dict[str, datetime | None] = field(default_factory=dict)

    def first(self) -> tuple[str, ...]:
        """Return the markets that are open or about to open."""
        tickers = self._listed()
        if not tickers:
            cities = ", ".join(self.cities)
            raise Usage(f"no market of {cities} is open or about to open", hint="name markets with --market TICKER")
        return tickers

    async def follow(self, stream: Stream) -> None:
        """Keep a stream on what trades; an exchange that cannot be asked now is asked again later."""
        while True:
            due = self.clock() + LISTED_EVERY
            while self.clock() < due:
                await asyncio.sleep(1)
            try:
                listed = await asyncio.to_thread(self._listed)
            except (KwxError, OSError) as error:
                logger.warning("which markets trade cannot be asked now: %s", error)
                continue
            await stream.follow([ticker for ticker in listed if ticker not in stream.books])
            await stream.leave([ticker for ticker in stream.books if self._is_over(ticker)])

    def _is_over(self, ticker: str) -> bool:
        closes_utc = self._closes.get(ticker)
        return closes_utc is not None and closes_utc + LEFT_AFTER < self.clock()

    def _listed(self) -> tuple[str, ...]:
        told: dict[str, datetime | None] = {}
        for key in self.cities:
            for status in _LISTED_STATUSES:
                call = kalshi.markets(MarketFilter(series_ticker=CITIES[key].series, status=status))
                for page in self.client.pages(call):
                    told |= {market.ticker: market.close_time for market in _markets(page.body)}
        ours = {ticker: closes for ticker, closes in told.items() if _is_ours(ticker)}
        self._closes |= ours
        return tuple(ours)


class _Market(msgspec.Struct):
    ticker: str
    close_time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _Listing(msgspec.Struct):
    markets: list[_Market]


def _markets(body: bytes) -> list[_Market]:
    try:
        return msgspec.json.decode(body, type=_Listing).markets
    except msgspec.DecodeError as error:
        raise VendorDown(f"the exchange's list of markets cannot be read: {error}") from error


def _is_ours(ticker: str) -> bool:
    try:
        return parse_market_ticker(ticker).event.city is not None
    except Unparsable:
        return False


def sign_with(signer: Signer | None) -> Sign:
    """Return what signs a handshake; without a key it says nothing of who we are."""
    return _unsigned if signer is None else signer.stream_headers


def _unsigned() -> Mapping[str, str]:
    """Return no headers: only a loopback server lets anybody listen."""
    return {}
