"""The trades of markets that traded, as candles tell it: of each market those since the last one that was had.

A market whose trades the stream tells without a gap is asked for once, for what was before the stream. The answers of a
minute are few trades each, so they are read as one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from pipelines.calls import Call
from pipelines.kalshi import calls as kalshi
from pipelines.live.arrivals import Arrival, read
from pipelines.live.asking import Asking, readable
from pipelines.live.catalogue import Catalogue
from pipelines.live.feed import FAILURES
from pipelines.live.heard import Heard
from pipelines.live.tape import Tape, Traded
from pipelines.payload import Payload
from warehouse.errors import Unparsable

_MINUTE = timedelta(minutes=1)
_TRADES = ""


class TradeFeed:
    """The trades that the tape wants. `is_streamed` tells of which markets the stream misses nothing now."""

    name = "trades"

    def __init__(
        self,
        *,
        asking: Asking,
        catalogue: Catalogue,
        tape: Tape,
        lookback_s: float,
        retry_s: float,
        is_streamed: Callable[[str], bool] = lambda market_ticker: False,
    ) -> None:
        self.heard = Heard(self.name, (_TRADES,))
        self._asking = asking
        self._catalogue = catalogue
        self._tape = tape
        self._lookback = timedelta(seconds=lookback_s)
        self._retry = timedelta(seconds=retry_s)
        self._is_streamed = is_streamed
        self._again_utc: dict[str, datetime] = {}
        self._since: dict[str, datetime] = {}
        self._began_utc: datetime | None = None
        self._fetched: list[Traded] = []

    def poll(self, now_utc: datetime) -> list[Arrival]:
        """Ask for the trades of every market that the tape wants; one failure does not keep the others away."""
        self._began_utc = self._began_utc or now_utc
        self._forget()
        failed = ""
        answered: list[_Answered] = []
        for traded in self._tape.wanted():
            if now_utc < self._again_utc.get(traded.market_ticker, now_utc):
                continue
            try:
                answered.append(self._ask(traded))
            except FAILURES as error:
                failed = self._is_to_be_asked_again(traded, error, now_utc)
        arrivals, unread = _read(answered)
        for traded, why in unread:
            failed = self._is_to_be_asked_again(traded, why, now_utc)
        self._note(answered, arrivals, [traded.market_ticker for traded, _ in unread])
        if failed:
            self.heard.failed(_TRADES, failed)
        elif not self._again_utc:
            self.heard.heard(_TRADES, now_utc)
        return arrivals

    def delivered(self) -> None:
        """Strike out on the tape what the last poll brought."""
        self._tape.done(self._fetched)
        self._fetched.clear()

    def _forget(self) -> None:
        """Forget markets that are listed no longer."""
        listed = {ticker for event in self._catalogue.events() for ticker in event.market_tickers}
        self._since = {ticker: at for ticker, at in self._since.items() if ticker in listed}
        self._again_utc = {ticker: at for ticker, at in self._again_utc.items() if ticker in listed}
        self._tape.done(one for one in self._tape.wanted() if one.market_ticker not in listed)

    def _ask(self, traded: Traded) -> _Answered:
        """Ask for what a market traded since the newest trade that was had."""
        ticker = traded.market_ticker
        since_utc = self._since.get(ticker) or self._first_utc()
        call = kalshi.trades(ticker, min_utc=since_utc)
        is_told = ticker in self._since and self._is_streamed(ticker)
        return _Answered(traded, call, since_utc, [] if is_told else self._asking.new_payloads(call))

    def _is_to_be_asked_again(self, traded: Traded, error: Exception, now_utc: datetime) -> str:
        self._again_utc[traded.market_ticker] = now_utc + self._retry
        return str(error)

    def _note(self, answered: Sequence[_Answered], arrivals: Sequence[Arrival], unread: Collection[str]) -> None:
        """Note how far the trades of each market are that was answered."""
        newest = _newest(arrivals)
        for traded, call, since_utc, pages in answered:
            ticker = traded.market_ticker
            if ticker in unread:
                continue
            self._asking.was_read(call, pages)
            self._again_utc.pop(ticker, None)
            self._since[ticker] = max(since_utc, newest.get(ticker, since_utc))
            self._fetched.append(traded)

    def _first_utc(self) -> datetime:
        assert self._began_utc is not None, "a poll began"
        return self._began_utc - self._lookback


class _Answered(NamedTuple):
    """A market, what was asked of it, from when on, and what was answered that is not known yet."""

    traded: Traded
    call: Call
    since_utc: datetime
    pages: list[Payload]


def _read(answered: Sequence[_Answered]) -> tuple[list[Arrival], list[tuple[Traded, Unparsable]]]:
    """Read all answers as one; where something in them is refused, one by one: then it is known whose it was."""
    pages = [page for one in answered for page in one.pages]
    together = list(read(pages[0].kind, pages)) if pages else []
    if not any(arrival.refused.height for arrival in together):
        return together, []
    arrivals, unread = list[Arrival](), list[tuple[Traded, Unparsable]]()
    for one in answered:
        try:
            arrivals += readable(one.call, one.pages)
        except Unparsable as error:
            unread.append((one.traded, error))
    return arrivals, unread


def _newest(arrivals: Sequence[Arrival]) -> dict[str, datetime]:
    """Return when each market traded last."""
    parts = [arrival.frame.select("market_ticker", "ts_utc") for arrival in arrivals if arrival.frame.height]
    if not parts:
        return {}
    return dict(pl.concat(parts).group_by("market_ticker").agg(pl.col("ts_utc").max()).iter_rows())


def taped_until(tape: Tape, priced_until: Mapping[str, datetime]) -> dict[str, datetime]:
    """Return, by city, the last minute whose prices are in and whose trades are too."""
    until = dict(priced_until)
    for one in tape.wanted():
        if one.city in until:
            until[one.city] = min(until[one.city], one.first_utc - _MINUTE)
    return until
