"""The lake as bars: what is planned is read in pieces of a few dates, the next one while one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.bars.blank import blank_minutes, laid_fees
from kwx.exec.bars.depth import lay_sizes
from kwx.exec.bars.grid import Grid
from kwx.exec.bars.notes import Note
from kwx.exec.bars.plan import DATES_AT_ONCE, BarsPlan
from kwx.exec.bars.prints import (
    CANDLE_COLUMNS,
    NO_TAPE,
    TAPE_PER_CANDLES,
    THIN_TAPE,
    TRADE_COLUMNS,
    lay_candles,
    lay_prints,
)
from kwx.exec.bars.quotes import QUOTE_COLUMNS, lay_quotes
from kwx.exec.minute import Minute
from pipelines.runner import workers_wanted
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import BOOKS, CANDLES_DENSE, TRADES, Table

Signals = Callable[[Snapshot, str, date, date], pl.DataFrame]
"""The columns of a strategy for a city from one event date to another: market_ticker, ts_utc, p_fair, p_gate, score,
urgent; each value known at its minute."""


def read_bars(plan: BarsPlan, signals: Signals, *, workers: int | None = None) -> Bars:
    """Read all that is planned at once, each city in a thread: Polars and NumPy leave Python's lock while they work."""
    grid = Grid.of(plan.events, plan.extent, cities=plan.cities, dates=plan.dates)
    recipe = plan.recipe
    minutes = blank_minutes(grid, guard_minutes=recipe.guard_minutes, fee_rounding=recipe.fee_rounding)
    with ThreadPoolExecutor(max(1, min(workers_wanted(workers), len(plan.cities)))) as pool:
        said = pool.map(lambda city: _lay_city(plan, city, grid, minutes, signals), plan.cities)
        notes = [*plan.notes, *(note for ours in said for note in ours)]
    return _bars(plan, grid, minutes, notes)


def stream_bars(
    plan: BarsPlan, signals: Signals, *, dates_at_once: int = DATES_AT_ONCE, workers: int | None = None
) -> Iterator[Bars]:
    """Yield what is planned in pieces; the next one is read while one is used, so two of them are in memory."""
    with ThreadPoolExecutor(1) as ahead:
        pieces = iter(plan.pieces(dates_at_once))
        reading = ahead.submit(read_bars, next(pieces), signals, workers=workers)
        for piece in pieces:
            bars = reading.result()
            reading = ahead.submit(read_bars, piece, signals, workers=workers)
            yield bars
            del bars
        yield reading.result()


def _lay_city(plan: BarsPlan, city: str, grid: Grid, minutes: Minute, signals: Signals) -> list[Note]:
    """Read one city into its part of the minutes, which no other city touches."""
    since, until = plan.dates[0], plan.dates[-1]
    dense = _read(plan, CANDLES_DENSE, ("event_date", "volume_centi", *QUOTE_COLUMNS), city, since, until)
    lay_quotes(dense, grid, minutes)
    trades = _read(plan, TRADES, TRADE_COLUMNS, city, since, until)
    lay_prints(trades, grid, minutes)
    if plan.recipe.with_sizes:
        lay_sizes(_read(plan, BOOKS, tuple(BOOKS.schema), city, since, until), grid, minutes)
    lay_signals(signals(plan.snapshot, city, since, until), grid, minutes)
    taped = set(trades["event_date"].unique())
    lacking = [event.event_date for event in plan.events if event.city == city and event.event_date not in taped]
    notes = _thin_tapes(plan, trades, dense, city)
    for day in lacking:
        if lay_candles(_read(plan, CANDLES_DENSE, CANDLE_COLUMNS, city, day, day), grid, minutes):
            notes.append(Note(city, day, NO_TAPE))
    return notes


def _thin_tapes(plan: BarsPlan, trades: pl.DataFrame, dense: pl.DataFrame, city: str) -> list[Note]:
    """Say of which event dates the tape lacks so much that it was recorded in part."""
    told = dense.group_by("event_date").agg(told_centi=pl.col("volume_centi").cast(pl.Int64).sum())
    held = trades.group_by("event_date").agg(held_centi=pl.col("count_centi").cast(pl.Int64).sum())
    thin = held.join(told, on="event_date").filter(pl.col("held_centi") < TAPE_PER_CANDLES * pl.col("told_centi"))
    traded = {event.event_date for event in plan.events if event.city == city}
    return [Note(city, day, THIN_TAPE) for day in thin["event_date"].sort() if day in traded]


def _read(plan: BarsPlan, table: Table, columns: Sequence[str], city: str, since: date, until: date) -> pl.DataFrame:
    return plan.snapshot.scan(table, cities=(city,), since=since, until=until).select(columns).collect()


def lay_signals(columns: pl.DataFrame, grid: Grid, minutes: Minute) -> None:
    """Write the columns of a strategy into the minutes."""
    cells = grid.cells(columns["market_ticker"], columns["ts_utc"])
    numbers = pl.col("p_fair", "p_gate", "score").cast(pl.Float32).fill_null(float("nan"))
    for column in columns.select(numbers, pl.col("urgent").fill_null(value=False)):
        cells.lay(getattr(minutes, column.name), column)


def _bars(plan: BarsPlan, grid: Grid, minutes: Minute, notes: Sequence[Note]) -> Bars:
    of_event = grid.shape[2:]
    settled_f, settled_utc = np.full(of_event, np.nan), np.full(of_event, "NaT", "datetime64[us]")
    fees = laid_fees(grid)
    for event in grid.events:
        place = grid.place_of(event)
        settled_f[place] = event.settled.high_f
        if event.settled.known_utc is not None:
            settled_utc[place] = event.settled.known_utc.replace(tzinfo=None)
    return Bars(
        cities=grid.cities, dates=grid.dates, tickers=grid.tickers, starts_utc=grid.starts_utc,
        settled_utc=settled_utc, settled_f=settled_f, fee_rules=fees.rules, fee_rule=fees.rule,
        listed_maker_fee_num=fees.listed_maker_num, minutes=minutes, notes=tuple(notes),
    )  # fmt: skip
