"""The order-book messages of one event: a snapshot per market at the open, then deltas, numbered over one subscription.

Three levels a side. Replaying every message up to the end of a minute gives exactly the quotes with which its candle
closes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.demo.climate import Ints
from pipelines.demo.market import named
from pipelines.demo.session import FULL_CENTS, MINUTE_US, SECOND_US, Session
from warehouse.market.money import TICKS_PER_CENT

LEVELS = 3
FIRST_LEVELS_US = 2 * SECOND_US
_LAG_US = 35_000
_LAG_SPREAD_US = 60_000
BID, ASK = 0, 1
TAKEN, REFILLED, WITHDRAWN, SHOWN = -2, -1, 0, 10
"""What changes a level, by its rank within an instant; the levels of a move are counted on from its rank."""
NO_TRADE = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Deltas:
    """Changes of single levels; `rank` orders those of one instant, `trade` is the row of the tape that caused one."""

    bracket: Ints
    at_us: Ints
    rank: Ints
    side: Ints
    price: Ints
    change_centi: Ints
    trade: Ints


def books_frame(session: Session, tickers: Sequence[str]) -> pl.DataFrame:
    """Return every message of the event's subscription."""
    frames = [_snapshots(session, tickers), _delta_rows(session, tickers, changes(session))]
    sid = session.event_date.toordinal()
    numbered = pl.concat(frames, how="diagonal").with_row_index("seq", offset=1)
    return numbered.with_columns(pl.col("seq").cast(pl.Int64), sid=pl.lit(sid, pl.Int32))


def changes(session: Session) -> Deltas:
    """Return every change of the event's books after their first levels, in order."""
    parts = [*_requotes(session), *_hits(session)]
    deltas = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Deltas)}
    order = np.lexsort((deltas["bracket"], deltas["rank"], deltas["at_us"]))
    return Deltas(**{name: column[order] for name, column in deltas.items()})


def first_levels(session: Session, side: int) -> list[tuple[Ints, Ints]]:
    """Return the prices and the sizes of each bracket's first levels on a side, worst first."""
    best = session.quotes.bid if side == BID else session.quotes.ask
    shown = [row[_shown(row)] for row in _window(best[:, 0], side)[:, ::-1]]
    return [(row, session.depth_centi[side][place, row]) for place, row in enumerate(shown)]


def _snapshots(session: Session, tickers: Sequence[str]) -> pl.DataFrame:
    """Return the books right after the first quotes; worst level first."""
    levels: dict[str, list[list[int]]] = {}
    for side, word in ((BID, "bid"), (ASK, "ask")):
        shown = first_levels(session, side)
        levels[f"{word}_prices_ticks"] = [(TICKS_PER_CENT * prices).tolist() for prices, _ in shown]
        levels[f"{word}_sizes_centi"] = [sizes.tolist() for _, sizes in shown]
    known_us = FIRST_LEVELS_US + np.arange(len(tickers)) * 1000
    return pl.DataFrame(
        {"market_ticker": list(tickers), "kind": ["snapshot"] * len(tickers), "known_utc": session.instants(known_us)}
        | {name: pl.Series(rows, dtype=pl.List(pl.Int64)) for name, rows in levels.items()}
    )


def _delta_rows(session: Session, tickers: Sequence[str], deltas: Deltas) -> pl.DataFrame:
    # The lag follows from the stamp, so it needs no draw; a message never overtakes the one before it.
    lag_us = _LAG_US + deltas.at_us * 7919 % _LAG_SPREAD_US
    return pl.DataFrame(
        {
            "market_ticker": named(tickers, deltas.bracket),
            "kind": pl.repeat("delta", len(lag_us), eager=True),
            "ts_utc": session.instants(deltas.at_us),
            "known_utc": session.instants(np.maximum.accumulate(deltas.at_us + lag_us)),
            "side": pl.Series(["yes", "no"]).gather(deltas.side),
            "price_ticks": pl.Series(TICKS_PER_CENT * deltas.price).cast(pl.Int32),
            "delta_centi": deltas.change_centi,
        }
    )


def _requotes(session: Session) -> list[Deltas]:
    """Turn each move of the quotes into levels withdrawn, then levels shown: the book is never crossed in between."""
    quotes = session.quotes
    moved = (np.diff(quotes.bid, axis=1) != 0) | (np.diff(quotes.ask, axis=1) != 0)
    bracket, column = np.nonzero(moved)
    at_us = column * MINUTE_US + quotes.moved_us[bracket, column]
    parts = []
    for side, best in ((BID, quotes.bid), (ASK, quotes.ask)):
        before, after = _window(best[bracket, column], side), _window(best[bracket, column + 1], side)
        for rank, mine, other in ((WITHDRAWN, before, after), (SHOWN, after, before)):
            gone = _shown(mine) & ~(mine[:, :, None] == other[:, None, :]).any(axis=2)
            row, level = np.nonzero(gone)
            price = mine[row, level]
            change = (1 if rank == SHOWN else -1) * session.depth_centi[side, bracket[row], price]
            parts.append(
                _part(bracket[row], at_us[row], rank=rank + level, side=side, price=price, change_centi=change)
            )
    return parts


def _hits(session: Session) -> list[Deltas]:
    """Let each trade consume the level it hits, and makers restore it before the quotes move on."""
    tape = session.tape
    side = np.where(tape.buys_yes, ASK, BID)
    return [
        _part(
            tape.bracket,
            at_us,
            rank=rank,
            side=side,
            price=tape.price,
            change_centi=sign * tape.count_centi,
            trade=np.arange(len(tape.price)),
        )
        for at_us, rank, sign in ((tape.since_open_us, TAKEN, -1), (tape.refilled_us, REFILLED, 1))
    ]


def _part(
    bracket: Ints,
    at_us: Ints,
    *,
    rank: Ints | int,
    side: Ints | int,
    price: Ints,
    change_centi: Ints,
    trade: Ints | int = NO_TRADE,
) -> Deltas:
    like = np.zeros_like(bracket)
    return Deltas(
        bracket=bracket,
        at_us=at_us,
        rank=like + rank,
        side=like + side,
        price=price,
        change_centi=change_centi,
        trade=like + trade,
    )


def _window(best: Ints, side: int) -> Ints:
    """Return the prices of the levels, best first; an empty side has prices that are not shown."""
    step = 1 if side == ASK else -1
    return best[:, None] + step * np.arange(LEVELS)


def _shown(price: Ints) -> NDArray[np.bool_]:
    return (price > 0) & (price < FULL_CENTS)
