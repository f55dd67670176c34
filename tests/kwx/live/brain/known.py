"""What was known at a minute of a day that a lake holds whole, and what that lake says of the minute afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

import jax
import numpy as np
import polars as pl

from kwx.config.file import Configuration, load_config
from kwx.config.trading import trading_of
from kwx.exec.bars.bars import Bars
from kwx.exec.bars.plan import BarsPlan, BarsRecipe
from kwx.exec.bars.read import read_bars
from kwx.exec.minute import Minute
from kwx.live.brain import Brain
from kwx.signals.read import signals_of
from kwx.signals.settings import SignalSettings, signal_settings
from tests.kwx.live.learned_lake import KEYS, TODAY, TOMORROW, Learned
from warehouse.lake.present import Present
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import (
    CANDLES_1M,
    CANDLES_DENSE,
    FORECASTS,
    OBS,
    OBS_1M,
    OBS_5M,
    PMF_DEGREES,
    PMF_MINUTE,
    PREDICTIONS,
    SETTLEMENTS,
    TABLES,
    TRADES,
    Partition,
    Table,
)

MINUTE = timedelta(minutes=1)
SIX = 6
"""The brackets of every event here: with as much room as a backtest has, minutes can be held against its rows."""
CONFIGURATION: Configuration = load_config()
RAW = (CANDLES_1M, TRADES, OBS, FORECASTS, SETTLEMENTS)
DERIVED = (CANDLES_DENSE, OBS_1M, OBS_5M, PMF_DEGREES, PMF_MINUTE, PREDICTIONS)
DATES = (TODAY - timedelta(days=1), TODAY, TOMORROW)
STRATEGIES = ("market", "fused", "elasticnet", "hybrid", "accel")

Change = Callable[[Table, pl.DataFrame], pl.DataFrame]
"""What becomes of the rows of a table that are known only later."""


def forgotten(table: Table, later: pl.DataFrame) -> pl.DataFrame:
    """Return no row."""
    return later.clear()


def known_at(
    snapshot: Snapshot, at_utc: datetime, later: Change = forgotten, *, cities: Sequence[str] = KEYS
) -> Present:
    """Return the present of an instant: of the days to live only what was known by then, and nothing made of it."""
    present = Present.over(snapshot)
    for table, place in ((table, place) for table in (*RAW, *DERIVED) for place in _places(cities)):
        rows = _rows(snapshot, table, place)
        if table in RAW:
            known = pl.col("known_utc") <= at_utc
            kept = pl.concat([rows.filter(known), later(table, rows.filter(~known))]).sort(table.order)
            present.put(table, place, kept)
        else:
            present.put(table, place, rows.clear())
    return present


def move_on(
    present: Present, snapshot: Snapshot, at_utc: datetime, before_utc: datetime, *, cities: Sequence[str] = KEYS
) -> None:
    """Put into a present what became known after one instant and up to another."""
    for table, place in ((table, place) for table in RAW for place in _places(cities)):
        rows = _rows(snapshot, table, place)
        new = pl.col("known_utc").is_between(before_utc, at_utc, closed="right")
        if rows.select(new.any()).item():
            present.put(table, place, rows.filter(pl.col("known_utc") <= at_utc))


def brain_of(learned: Learned, present: Present, strategy: str, **said: object) -> Brain:
    """Return a brain for all cities that a lake knows."""
    said = {"brackets": SIX} | said  # type: ignore[assignment]
    return Brain(present, learned.cities, CONFIGURATION, strategy, models_root=learned.models, **said)  # type: ignore[arg-type]


def settings_of(city: str) -> SignalSettings:
    """Return what a strategy is told for a city."""
    return signal_settings(CONFIGURATION, city, fields=trading_of(CONFIGURATION, (city,))[city].signals)


@lru_cache(maxsize=32)
def bars_of(learned: Learned, strategy: str, event_date: date) -> Bars:
    """Return what a backtest reads of a date of the whole lake."""
    plan = BarsPlan.of(learned.snapshot, cities=learned.cities, dates=[event_date], recipe=BarsRecipe(with_sizes=True))

    def signals(snapshot: Snapshot, city: str, since: date, until: date) -> pl.DataFrame:
        return signals_of(snapshot, strategy, city=city, since=since, until=until, settings=settings_of(city))

    return read_bars(plan, signals)


def row_of(bars: Bars, at_utc: datetime) -> int:
    """Return the row of the minute that ends at an instant."""
    since_start = np.datetime64(at_utc.replace(tzinfo=None)) - bars.starts_utc[0]
    return int(since_start / np.timedelta64(1, "m")) - 1


def minute_of(bars: Bars, at_utc: datetime) -> Minute:
    """Return one minute of bars."""
    row = row_of(bars, at_utc)
    minute: Minute = jax.tree.map(lambda field: field[row], bars.minutes)
    return minute


def differences(one: Minute, other: Minute) -> list[str]:
    """Return the names of the arrays in which two minutes differ by a bit, a type or a shape."""
    ours, theirs = ({**minute._asdict(), "sells": None, "buys": None} for minute in (one, other))
    for side in ("sells", "buys"):
        ours |= {f"{side}.{name}": value for name, value in getattr(one, side)._asdict().items()}
        theirs |= {f"{side}.{name}": value for name, value in getattr(other, side)._asdict().items()}
    return [name for name, value in ours.items() if value is not None and not _same(value, theirs[name])]


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def _places(cities: Sequence[str]) -> Iterable[Partition]:
    return (Partition(city, day) for city in cities for day in DATES)


@lru_cache(maxsize=512)
def _held(root: str, number: int, table: str, place: Partition) -> pl.DataFrame:
    contract = TABLES[table]
    return Lake(root).snapshot(number).read(contract, place).select(contract.schema.names())


def _rows(snapshot: Snapshot, table: Table, place: Partition) -> pl.DataFrame:
    return _held(str(snapshot.paths.root), snapshot.number, table.name, place)
