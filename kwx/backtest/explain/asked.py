"""Which market and minute are asked about: a ticker that is listed, and an instant at which it trades."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.ledger.places import ends_utc, minutes_alive
from warehouse.errors import Usage
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MARKETS
from warehouse.market.cities import CITIES

_CLOCK = re.compile(r"\d{1,2}:\d{2}")
_EXAMPLE = "2026-10-30T17:05Z, 2026-10-30T12:05 of the city's clock, or 12:05 on the event's date"


@dataclass(frozen=True, kw_only=True)
class Market:
    """One market that the lake lists."""

    ticker: str
    city: str
    event_date: date


def market_of(snapshot: Snapshot, ticker: str) -> Market:
    """Return a market by its ticker; an unknown one is refused with the nearest."""
    listed = snapshot.scan(MARKETS).select("city", "event_date", "market_ticker").collect()
    found = listed.filter(pl.col("market_ticker") == ticker.upper())
    if found.is_empty():
        near = get_close_matches(ticker.upper(), listed["market_ticker"].to_list(), n=3)
        raise Usage(
            f"the lake lists no market {ticker!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else 'kwx sql "select market_ticker from markets"',
        )
    city, day, name = found.row(0)
    return Market(ticker=name, city=city, event_date=day)


def instant_of(word: str, market: Market) -> datetime:
    """Return the minute that a person means, in UTC; without a zone it is of the city's civil clock."""
    zone = CITIES[market.city].tzinfo
    try:
        if _CLOCK.fullmatch(word):
            said = datetime.combine(market.event_date, time.fromisoformat(word.zfill(5)), tzinfo=zone)
        else:
            said = datetime.fromisoformat(word)
    except ValueError as error:
        raise Usage(f"{word!r} is no instant", hint=_EXAMPLE) from error
    aware = said if said.tzinfo is not None else said.replace(tzinfo=zone)
    return aware.astimezone(UTC).replace(second=0, microsecond=0)


def row_of(bars: Bars, market: Market, ts_utc: datetime) -> int:
    """Return the row of the minute that ends at an instant; refuse one in which the event does not trade."""
    city, day = bars.cities.index(market.city), bars.dates.index(market.event_date)
    alive = np.flatnonzero(minutes_alive(bars)[:, city, day])
    begins = bars.starts_utc[day].astype(datetime).replace(tzinfo=UTC)
    row = (ts_utc - begins) // timedelta(minutes=1) - 1
    if not alive[0] <= row <= alive[-1]:
        first, last = ends_utc(bars, alive[[0, -1]], np.full(2, day)).tolist()
        near = first if row < alive[0] else last
        raise Usage(
            f"{market.ticker} does not trade at {ts_utc:%Y-%m-%dT%H:%MZ}; its event trades from"
            f" {first:%Y-%m-%dT%H:%MZ} to {last:%Y-%m-%dT%H:%MZ}",
            hint=f"the nearest minute is {near:%Y-%m-%dT%H:%MZ}",
        )
    return int(row)
