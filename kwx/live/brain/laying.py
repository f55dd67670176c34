"""One minute of an event date as the arrays that a step is given, by the functions that lay out a backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import jax
import numpy as np
import polars as pl

from kwx.exec.bars.bars import Words
from kwx.exec.bars.blank import UNKNOWN_CENTI, blank_minutes
from kwx.exec.bars.events import Event
from kwx.exec.bars.grid import MINUTE, Extent, Grid
from kwx.exec.bars.plan import BarsRecipe
from kwx.exec.bars.prints import lay_candles, lay_prints
from kwx.exec.bars.quotes import lay_quotes
from kwx.exec.bars.read import lay_signals
from kwx.exec.minute import Minute
from kwx.live.brain.tail import Tail
from kwx.live.brain.trail import Trail
from kwx.live.journal.record import EVERY
from pipelines.live.arrivals import Top
from warehouse.lake.tables import Partition, utc_expr
from warehouse.market.climate_day import opens_utc

_THE_MINUTE_AND_ITS_END = 2
"""Rows of the arrays that are laid out: the minute, and the settlement, which nobody knows yet."""


class Laid(NamedTuple):
    """The tickers of a date and its minute."""

    tickers: Words
    minute: Minute


class Tape(NamedTuple):
    """The trades of a minute, and the city-days of which no trade is held at all."""

    trades: pl.DataFrame
    untaped: list[Partition]


def still_told(since_utc: datetime) -> pl.Expr:
    """Tell of trades which ones are of minutes after an instant."""
    return pl.col("ts_utc") > utc_expr(since_utc)


def tape_of(trades: Tail, places: Sequence[Partition], minute_utc: datetime) -> Tape:
    """Return what traded within the minute that ends then, as far as it was known by its end."""
    begins_utc = minute_utc - timedelta(minutes=1)
    told = trades.of(places, begins_utc)
    begins, ends = utc_expr(begins_utc), utc_expr(minute_utc)
    within = pl.col("ts_utc").is_between(begins, ends, closed="right") & (pl.col("known_utc") <= ends)
    return Tape(told.filter(within), trades.without_rows(places))


def laid(
    trail: Trail, events: Sequence[Event], columns: pl.DataFrame | None, tape: Tape,
    *, event_date: date, cities: Sequence[str], brackets: int, recipe: BarsRecipe,
) -> Laid:  # fmt: skip
    """Return the last minute of a trail for one event date: [B, C, 1], sizes at the best quotes unknown.

    columns: of the strategy; None where nobody was asked.
    """
    begins = trail.minute_utc - MINUTE - opens_utc(event_date)
    extent = Extent(first=begins, minutes=_THE_MINUTE_AND_ITS_END, brackets=brackets)
    grid = Grid.of(events, extent, cities=cities, dates=(event_date,))
    minutes = blank_minutes(grid, guard_minutes=recipe.guard_minutes, fee_rounding=recipe.fee_rounding)
    lay_quotes(trail.last, grid, minutes)
    if tape.trades.height:
        lay_prints(tape.trades, grid, minutes)
    untaped = [place.city for place in tape.untaped if place.event_date == event_date]
    if untaped:
        told = trail.last.filter((pl.col("event_date") == event_date) & pl.col("city").is_in(untaped))
        lay_candles(told, grid, minutes)
    if columns is not None:
        lay_signals(columns, grid, minutes)
    first: Minute = jax.tree.map(lambda field: field[0], minutes)
    return Laid(tickers=grid.tickers, minute=first)


def with_sizes(minute: Minute, tickers: Words, tops: Mapping[str, Top]) -> Minute:
    """Return a minute with what books show at the best quotes: unknown stays what lies elsewhere than the quote."""
    bid, ask = (np.full(minute.bid_ticks.shape, UNKNOWN_CENTI, np.int32) for _ in range(2))
    for place in zip(*np.nonzero(tickers != ""), strict=True):
        top = tops.get(str(tickers[place]))
        if top is None:
            continue
        if top.bid_ticks == minute.bid_ticks[place]:
            bid[place] = top.bid_centi
        if top.ask_ticks == minute.ask_ticks[place]:
            ask[place] = top.ask_centi
    return minute._replace(bid_size_centi=bid, ask_size_centi=ask)


def unsized_of(minute: Minute, tickers: Words, tops: Mapping[str, Top]) -> tuple[str, ...]:
    """Return the open markets of which no book is at hand: EVERY where that is all of them."""
    is_open = [str(name) for name in tickers[np.asarray(minute.open)]]
    missing = tuple(name for name in is_open if name not in tops)
    return (EVERY,) if missing and len(missing) == len(is_open) else missing


def silent(minute: Minute) -> Minute:
    """Return a minute of which nobody has an opinion, and in which nothing is fresh: a step takes its orders out."""
    nothing = np.full(minute.p_fair.shape, np.nan, np.float32)
    no = np.zeros(minute.fresh.shape, np.bool_)
    return minute._replace(p_fair=nothing, p_gate=nothing, score=nothing, urgent=no, fresh=no)
