"""Recording from the command line: which markets trade now, where their stream is, and who may listen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipelines.archive import RawArchive
from pipelines.http import Client
from pipelines.ingest.access import Entry, require_one_world
from pipelines.ingest.loopback import Hello, hear
from pipelines.kalshi import calls as kalshi
from pipelines.kalshi.filters import MarketFilter
from pipelines.kalshi.recorder import OnProgress, Progress, record
from pipelines.kalshi.signing import Signer, signer_of
from pipelines.kalshi.stream import Sign, StreamSettings
from pipelines.vendors import KALSHI_STREAM_URL
from warehouse.clock import Clock, utc_now
from warehouse.errors import Usage
from warehouse.lake.layout import LakePaths
from warehouse.lake.store import Lake
from warehouse.market.cities import CITIES, city_of_series

_LISTED_STATUSES = ("open", "unopened")
"""Markets that are not open yet are listened to as well: a recorder runs through the hour in which they open."""


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
    require_one_world(lake, entry.origin)
    hello = hear(entry) if entry.origin == "loopback" else Hello(ws_url=KALSHI_STREAM_URL, clock=utc_now)
    clock = hello.clock
    signer = signer_of(entry.secrets, clock=clock)
    run_id = f"{clock():%Y%m%dT%H%M%S}-{os.getpid()}-record"
    archive = RawArchive(folder=lake.paths.raw, run_id=run_id, clock=clock)
    with archive, Client(vendors=entry.vendors, secrets=entry.secrets, archive=archive, clock=clock) as client:
        tickers = tuple(market_tickers) or _trading_now(client, cities or tuple(CITIES))
    settings = StreamSettings(url=hello.ws_url, market_tickers=tickers)
    recording = _Recording(
        settings=settings, sign=_sign(signer), paths=lake.paths, clock=clock, on_progress=on_progress
    )
    return asyncio.run(recording.run(seconds))


@dataclass(frozen=True, kw_only=True)
class _Recording:
    settings: StreamSettings
    sign: Sign
    paths: LakePaths
    clock: Clock
    on_progress: OnProgress

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
        )


def _trading_now(client: Client, cities: Sequence[str]) -> tuple[str, ...]:
    tickers: list[str] = []
    for key in cities:
        for status in _LISTED_STATUSES:
            call = kalshi.markets(MarketFilter(series_ticker=CITIES[key].series, status=status))
            for page in client.pages(call):
                tickers += [market.ticker for market in msgspec.json.decode(page.body, type=_Listing).markets]
    ours = [ticker for ticker in dict.fromkeys(tickers) if city_of_series(ticker.partition("-")[0]) is not None]
    if not ours:
        raise Usage(
            f"no market of {', '.join(cities)} is open or about to open", hint="name markets with --market TICKER"
        )
    return tuple(ours)


class _Market(msgspec.Struct):
    ticker: str


class _Listing(msgspec.Struct):
    markets: list[_Market]


def _sign(signer: Signer | None) -> Sign:
    return _unsigned if signer is None else signer.stream_headers


def _unsigned() -> Mapping[str, str]:
    """Return no headers: only a loopback server lets anybody listen."""
    return {}
