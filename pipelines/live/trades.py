"""The trades of markets that traded, as candles tell it: of each market those since the last one that was had.

A market whose trades the stream tells without a gap is asked for once, for what was before the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from pipelines.kalshi import calls as kalshi
from pipelines.live.arrivals import Arrival
from pipelines.live.asking import Asking
from pipelines.live.catalogue import Catalogue
from pipelines.live.feed import FAILURES
from pipelines.live.heard import Heard
from pipelines.live.tape import Tape, Traded

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
        arrivals: list[Arrival] = []
        failed = ""
        for traded in self._tape.wanted():
            if now_utc < self._again_utc.get(traded.market_ticker, now_utc):
                continue
            try:
                arrivals += self._of_market(traded)
            except FAILURES as error:
                failed = str(error)
                self._again_utc[traded.market_ticker] = now_utc + self._retry
            else:
                self._again_utc.pop(traded.market_ticker, None)
                self._fetched.append(traded)
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

    def _of_market(self, traded: Traded) -> list[Arrival]:
        ticker = traded.market_ticker
        if ticker in self._since and self._is_streamed(ticker):
            return []
        since_utc = self._since.get(ticker) or self._first_utc()
        arrivals = self._asking.arrivals(kalshi.trades(ticker, min_utc=since_utc))
        newest = [arrival.frame["ts_utc"].max() for arrival in arrivals if arrival.frame.height]
        self._since[ticker] = max([since_utc, *(at for at in newest if isinstance(at, datetime))])
        return arrivals

    def _first_utc(self) -> datetime:
        assert self._began_utc is not None, "a poll began"
        return self._began_utc - self._lookback


def taped_until(tape: Tape, priced_until: Mapping[str, datetime]) -> dict[str, datetime]:
    """Return, by city, the last minute whose prices are in and whose trades are too."""
    until = dict(priced_until)
    for one in tape.wanted():
        if one.city in until:
            until[one.city] = min(until[one.city], one.first_utc - _MINUTE)
    return until
