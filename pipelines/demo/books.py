"""The order-book messages of one event: a snapshot per market at the open, then deltas, numbered over one subscription.

Three levels a side. Replaying every message up to the end of a minute gives exactly the quotes with which its candle
closes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.demo.climate import Ints
from pipelines.demo.market import named
from pipelines.demo.session import FULL_CENTS, MINUTE_US, SECOND_US, Session
from warehouse.market.money import TICKS_PER_CENT

LEVELS = 3
_SNAPSHOT_US = 2 * SECOND_US
_LAG_US = 35_000
_LAG_SPREAD_US = 60_000
_BID, _ASK = 0, 1


@dataclass(frozen=True, kw_only=True, eq=False)
class _Deltas:
    """Changes of single levels; `rank` orders those of one instant."""

    bracket: Ints
    at_us: Ints
    rank: Ints
    side: Ints
    price: Ints
    change_centi: Ints


def books_frame(session: Session, tickers: Sequence[str]) -> pl.DataFrame:
    """Return every message of the event's subscription."""
    parts = [*_requotes(session), *_hits(session)]
    deltas = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("bracket", "at_us", "rank", "side", "price", "change_centi")
    }
    order = np.lexsort((deltas["bracket"], deltas["rank"], deltas["at_us"]))
    deltas = {name: column[order] for name, column in deltas.items()}
    frames = [_snapshots(session, tickers), _delta_rows(session, tickers, deltas)]
    sid = session.event_date.toordinal()
    numbered = pl.concat(frames, how="diagonal").with_row_index("seq", offset=1)
    return numbered.with_columns(pl.col("seq").cast(pl.Int64), sid=pl.lit(sid, pl.Int32))


def _snapshots(session: Session, tickers: Sequence[str]) -> pl.DataFrame:
    """Return the books right after the first quotes; worst level first."""
    levels: dict[str, list[list[int]]] = {}
    for side, word, best in ((_BID, "bid", session.quotes.bid), (_ASK, "ask", session.quotes.ask)):
        window = _window(best[:, 0], side)[:, ::-1]
        shown = [row[_shown(row)] for row in window]
        levels[f"{word}_prices_ticks"] = [(TICKS_PER_CENT * row).tolist() for row in shown]
        sizes = session.depth_centi[side]
        levels[f"{word}_sizes_centi"] = [sizes[place, row].tolist() for place, row in enumerate(shown)]
    known_us = _SNAPSHOT_US + np.arange(len(tickers)) * 1000
    return pl.DataFrame(
        {"market_ticker": list(tickers), "kind": ["snapshot"] * len(tickers), "known_utc": session.instants(known_us)}
        | {name: pl.Series(rows, dtype=pl.List(pl.Int64)) for name, rows in levels.items()}
    )


def _delta_rows(session: Session, tickers: Sequence[str], deltas: dict[str, Ints]) -> pl.DataFrame:
    # The lag follows from the stamp, so it needs no draw; a message never overtakes the one before it.
    lag_us = _LAG_US + deltas["at_us"] * 7919 % _LAG_SPREAD_US
    return pl.DataFrame(
        {
            "market_ticker": named(tickers, deltas["bracket"]),
            "kind": pl.repeat("delta", len(lag_us), eager=True),
            "ts_utc": session.instants(deltas["at_us"]),
            "known_utc": session.instants(np.maximum.accumulate(deltas["at_us"] + lag_us)),
            "side": pl.Series(["yes", "no"]).gather(deltas["side"]),
            "price_ticks": pl.Series(TICKS_PER_CENT * deltas["price"]).cast(pl.Int32),
            "delta_centi": deltas["change_centi"],
        }
    )


def _requotes(session: Session) -> list[_Deltas]:
    """Turn each move of the quotes into levels withdrawn, then levels shown: the book is never crossed in between."""
    quotes = session.quotes
    moved = (np.diff(quotes.bid, axis=1) != 0) | (np.diff(quotes.ask, axis=1) != 0)
    bracket, column = np.nonzero(moved)
    at_us = column * MINUTE_US + quotes.moved_us[bracket, column]
    parts = []
    for side, best in ((_BID, quotes.bid), (_ASK, quotes.ask)):
        before, after = _window(best[bracket, column], side), _window(best[bracket, column + 1], side)
        for rank, (mine, other) in enumerate(((before, after), (after, before))):
            gone = _shown(mine) & ~(mine[:, :, None] == other[:, None, :]).any(axis=2)
            row, level = np.nonzero(gone)
            price = mine[row, level]
            change = (2 * rank - 1) * session.depth_centi[side, bracket[row], price]
            parts.append(
                _part(bracket[row], at_us[row], rank=10 * rank + level, side=side, price=price, change_centi=change)
            )
    return parts


def _hits(session: Session) -> list[_Deltas]:
    """Let each trade consume the level it hits, and makers restore it before the quotes move on."""
    tape = session.tape
    side = np.where(tape.buys_yes, _ASK, _BID)
    return [
        _part(tape.bracket, at_us, rank=rank, side=side, price=tape.price, change_centi=sign * tape.count_centi)
        for at_us, rank, sign in ((tape.since_open_us, -2, -1), (tape.refilled_us, -1, 1))
    ]


def _part(
    bracket: Ints, at_us: Ints, *, rank: Ints | int, side: Ints | int, price: Ints, change_centi: Ints
) -> _Deltas:
    like = np.zeros_like(bracket)
    return _Deltas(
        bracket=bracket, at_us=at_us, rank=like + rank, side=like + side, price=price, change_centi=change_centi
    )


def _window(best: Ints, side: int) -> Ints:
    """Return the prices of the levels, best first; an empty side has prices that are not shown."""
    step = 1 if side == _ASK else -1
    return best[:, None] + step * np.arange(LEVELS)


def _shown(price: Ints) -> NDArray[np.bool_]:
    return (price > 0) & (price < FULL_CENTS)
