"""Which market and minute are asked about: a ticker that is listed, and an instant at which it trades."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.codes import Verb
from kwx.exec.ledger.places import ends_utc, minutes_alive
from kwx.exec.runs.kept import run_of, runs_of
from warehouse.errors import Usage
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import DECISIONS, MARKETS, Partition
from warehouse.market.cities import CITIES

_NAMED = 5
"""So many minutes are named where none was said."""

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


def no_minute(snapshot: Snapshot, ticker: str, *, run_id: str | None = None) -> Usage:
    """Return the refusal of a question that names no minute: it names those in which a kept run decided something.

    Of the run that is named, else of the newest that decided anything of the market.
    """
    market = market_of(snapshot, ticker)
    run = None if run_id is None else run_of(snapshot, run_id).run_id
    decided = _decided(snapshot, market, run)
    told = f"{market.ticker} is explained at one minute: say which"
    if decided.is_empty():
        opens_utc, closes_utc = _trades(snapshot, market)
        which = "no kept run" if run is None else f"run {run}"
        return Usage(
            f"{told}; {which} decided anything of it, and it trades from {_said(opens_utc)} to {_said(closes_utc)}",
            hint=f"a minute is written {_EXAMPLE}",
        )
    name, minutes = decided.item(0, "run_id"), decided["ts_utc"].sort()
    acted = decided.filter(pl.col("action") != Verb.NONE.word)["ts_utc"].sort()
    some = (acted if len(acted) else minutes).to_list()
    did = "it acted at" if len(acted) else "it was stopped in all of them, as at"
    return Usage(
        f"{told}; run {name} decided something of it in {len(minutes):,} minutes from {_said(minutes[0])} to"
        f" {_said(minutes[-1])}; {did} {_list(some)}",
        hint=f"kwx backtest --explain {market.ticker} {_said(some[0])} --run {name}",
    )


def _decided(snapshot: Snapshot, market: Market, run_id: str | None) -> pl.DataFrame:
    """Return run_id, ts_utc and action of what one run decided of a market."""
    rows = (
        snapshot.scan(DECISIONS, cities=(market.city,), since=market.event_date, until=market.event_date)
        .filter(pl.col("market_ticker") == market.ticker)
        .select("run_id", "ts_utc", "action")
        .collect()
    )
    deciding = set(rows["run_id"])
    newest = next((one for one in runs_of(snapshot)["run_id"] if one in deciding), "") if run_id is None else run_id
    return rows.filter(pl.col("run_id") == newest)


def _trades(snapshot: Snapshot, market: Market) -> tuple[datetime, datetime]:
    listed = snapshot.read(MARKETS, Partition(market.city, market.event_date))
    opens_utc, closes_utc = listed.filter(market_ticker=market.ticker).select("open_utc", "close_utc").row(0)
    return opens_utc, closes_utc


def _said(ts_utc: datetime) -> str:
    return f"{ts_utc:%Y-%m-%dT%H:%MZ}"


def _list(instants: Sequence[datetime]) -> str:
    more = len(instants) - _NAMED
    return ", ".join(map(_said, instants[:_NAMED])) + (f" and {more:,} more" if more > 0 else "")


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
