"""The minutes of every open event, each asked for once it is over: in one question where all stand at the same minute.

After an outage a window begins at the last minute that was had, so nothing is missing between. That minute itself is
asked for again: it costs nothing more, and the exchange may have corrected it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl

from pipelines.calls import Call
from pipelines.kalshi import calls as kalshi
from pipelines.live.arrivals import Arrival, read
from pipelines.live.asking import Asking
from pipelines.live.catalogue import Catalogue, ListedEvent
from pipelines.live.feed import FAILURES
from pipelines.live.heard import Heard
from pipelines.live.tape import Tape
from pipelines.payload import Payload
from warehouse.errors import Unparsable

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRICES = ""


class _Named(msgspec.Struct):
    market_ticker: str


class _Told(msgspec.Struct):
    markets: list[_Named]


class CandleFeed:
    """The candles of the events of a catalogue. What traded in them is marked on the tape."""

    name = "candles"

    def __init__(
        self,
        cities: Sequence[str],
        *,
        asking: Asking,
        catalogue: Catalogue,
        tape: Tape,
        settle_s: float,
        retry_s: float,
    ) -> None:
        self.heard = Heard(self.name, (_PRICES,))
        self._cities = tuple(cities)
        self._asking = asking
        self._catalogue = catalogue
        self._tape = tape
        self._settle = timedelta(seconds=settle_s)
        self._retry = timedelta(seconds=retry_s)
        self._again_utc: datetime | None = None
        self._since_utc: datetime | None = None
        self._lock = threading.Lock()
        self._had: dict[str, datetime] = {}
        self._asked_until: datetime | None = None
        self._told: dict[str, datetime] = {}

    def poll(self, now_utc: datetime) -> list[Arrival]:
        """Ask for the minutes that are over by now and not had yet."""
        if self._again_utc is not None and now_utc < self._again_utc:
            return []
        self._since_utc = self._since_utc or now_utc
        until_utc = _minute(now_utc - self._settle)
        events = self._followed()
        arrivals: list[Arrival] = []
        failed = ""
        for some, start_utc, end_utc in _together(self._wanted(events, until_utc)):
            try:
                self._take(some, start_utc, end_utc, arrivals)
            except FAILURES as error:
                failed = str(error)
        self._note(now_utc, until_utc, failed, some=bool(events))
        return arrivals

    def delivered(self) -> None:
        """Say from now on that the minutes of the last poll are in."""
        told = self._priced()
        with self._lock:
            self._told = told

    @property
    def priced_until(self) -> dict[str, datetime]:
        """Return, by city, the last minute whose prices are all in; a city without an open event waits for none."""
        with self._lock:
            return dict(self._told)

    def _priced(self) -> dict[str, datetime]:
        until_utc = self._asked_until
        if until_utc is None:
            return {}
        events = self._followed()
        told = dict.fromkeys((event.city for event in events), until_utc)
        for event in events:
            so_far = self._had.get(event.event_ticker, event.opens_utc)
            if event.opens_utc < until_utc and so_far < event.closes_utc:
                told[event.city] = min(told[event.city], so_far)
        return told

    def _followed(self) -> list[ListedEvent]:
        """Return the events that were not over when this feed began."""
        since_utc = self._since_utc
        events = self._catalogue.events(cities=self._cities)
        return [event for event in events if since_utc is None or event.last_candle_utc > since_utc]

    def _wanted(self, events: Sequence[ListedEvent], until_utc: datetime) -> Iterator[_Window]:
        for event in events:
            start_utc = self._had.get(event.event_ticker, _minute(event.opens_utc))
            end_utc = min(until_utc, _minute(event.last_candle_utc))
            if start_utc < end_utc:
                yield event, start_utc, end_utc

    def _take(
        self, some: Sequence[ListedEvent], start_utc: datetime, end_utc: datetime, arrivals: list[Arrival]
    ) -> None:
        """Ask window after window; where an answer leaves a market out, its event has that window not."""
        left = list(some)
        for call in kalshi.batch_candles(
            [ticker for event in some for ticker in event.market_tickers], start_utc=start_utc, end_utc=end_utc
        ):
            pages = self._asking.payloads(call)
            for arrival in read(call.kind, pages):
                arrivals.append(arrival)
                self._mark_traded(arrival.frame)
            named = _named(call, pages)
            silent = [event for event in left if not named.issuperset(event.market_tickers)]
            left = [event for event in left if event not in silent]
            self._had |= {event.event_ticker: _end_of(call) for event in left}
            if silent:
                missing = sorted(set(silent[0].market_tickers) - named)
                raise Unparsable(f"{missing[0]} is missing in an answer about {len(some)} events")

    def _mark_traded(self, candles: pl.DataFrame) -> None:
        traded = (
            candles.filter(pl.col("volume_centi") > 0).group_by("city", "market_ticker").agg(pl.col("ts_utc").max())
        )
        for city, ticker, minute_utc in traded.iter_rows():
            self._tape.mark(city, ticker, minute_utc)

    def _note(self, now_utc: datetime, until_utc: datetime, failed: str, *, some: bool) -> None:
        if failed:
            self.heard.failed(_PRICES, failed)
        elif some:
            self.heard.heard(_PRICES, now_utc)
        self._again_utc = now_utc + self._retry if failed else None
        if not some:
            return
        self._asked_until = until_utc
        names = {event.event_ticker for event in self._catalogue.events()}
        self._had = {name: at for name, at in self._had.items() if name in names}


_Window = tuple[ListedEvent, datetime, datetime]


def _together(wanted: Iterator[_Window]) -> Iterator[tuple[list[ListedEvent], datetime, datetime]]:
    """Put events with one window into one question, as many markets as it takes."""
    groups: dict[tuple[datetime, datetime], list[ListedEvent]] = {}
    for event, start_utc, end_utc in wanted:
        groups.setdefault((start_utc, end_utc), []).append(event)
    for (start_utc, end_utc), events in groups.items():
        some: list[ListedEvent] = []
        for event in events:
            if some and _markets(some) + len(event.market_tickers) > kalshi.TICKERS_PER_BATCH:
                yield some, start_utc, end_utc
                some = []
            some.append(event)
        yield some, start_utc, end_utc


def _markets(events: Sequence[ListedEvent]) -> int:
    return sum(len(event.market_tickers) for event in events)


def _named(call: Call, pages: Sequence[Payload]) -> set[str]:
    """Return the markets that an answer names; what has no minute of its own is named with none."""
    try:
        told = [msgspec.json.decode(page.body, type=_Told) for page in pages]
    except msgspec.DecodeError as error:
        raise Unparsable(f"{call.path} answered no candles: {error}") from error
    return {one.market_ticker for page in told for one in page.markets}


def _end_of(call: Call) -> datetime:
    """Return the last minute that the window of a question holds."""
    return _minute(_EPOCH + timedelta(seconds=int(call.query["end_ts"])))


def _minute(instant_utc: datetime) -> datetime:
    return _EPOCH + (instant_utc - _EPOCH) // _MINUTE * _MINUTE
