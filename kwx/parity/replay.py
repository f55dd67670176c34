"""A lived date again, from the lake as it is now: the same minutes, markets and settings, with what is known today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.bars.notes import told as notes_told
from kwx.exec.bars.plan import BarsPlan, BarsRecipe
from kwx.exec.bars.read import Signals, read_bars
from kwx.exec.engine import one_step
from kwx.exec.ledger.places import MINUTE
from kwx.exec.minute import Array, Minute, Prints
from kwx.exec.runs.settings import settings_of
from kwx.exec.state import Actions, State
from kwx.exec.step import empty_state
from kwx.live.journal.recorded import Recorded
from kwx.signals.read import signals_of
from kwx.signals.registry import strategy as strategy_of
from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import Strategy
from warehouse.lake.store import Snapshot


class Step(NamedTuple):
    """One minute of a date as it was stepped: the state before it, what the step was given, and what it did."""

    before: State
    minute: Minute
    actions: Actions


@dataclass(frozen=True, kw_only=True, eq=False)
class Replay:
    """Minutes of the lake along the axes of a journal; where the lake has none, they are those of the journal.

    cities: those that the lake has. notes: what is to be said of the others.
    """

    minutes: Minute
    cities: tuple[str, ...]
    notes: tuple[str, ...]


def replay_of(recorded: Recorded, snapshot: Snapshot) -> Replay:
    """Read a lived date from a snapshot."""
    origin, lived = recorded.last, recorded.bars()
    configs, settings = settings_of(origin.config)
    account = next(iter(configs.values())).trade
    recipe = BarsRecipe(
        guard_minutes=account.guard_minutes, fee_rounding=account.fee_rounding, maker_fee=account.maker_fee,
        with_sizes=True,
    )  # fmt: skip
    plan = BarsPlan.of(snapshot, cities=origin.cities, dates=[recorded.event_date], recipe=recipe)
    bars = read_bars(plan, _signals(strategy_of(origin.strategy), settings))
    left_out = [f"{key}: the lake has no event of it" for key in origin.cities if key not in bars.cities]
    return Replay(
        minutes=_aligned(lived, bars), cities=bars.cities, notes=(*notes_told(bars.notes), *left_out)
    )  # fmt: skip


def _signals(strategy: Strategy, settings: Mapping[str, SignalSettings]) -> Signals:
    def read(snapshot: Snapshot, key: str, since: date, until: date) -> pl.DataFrame:
        return signals_of(snapshot, strategy, city=key, since=since, until=until, settings=settings[key])

    return read


def _aligned(lived: Bars, bars: Bars) -> Minute:
    """Return the minutes of the lake in the places of those that were lived."""
    rows = (lived.starts_utc[0] - bars.starts_utc[0]) // MINUTE + np.arange(len(lived.minutes.open) - 1)
    held = (rows >= 0) & (rows < len(bars.minutes.open) - 1)
    own, theirs = _places(lived, bars)
    fields = {}
    for name, ours in lived.minutes._asdict().items():
        lake: Any = getattr(bars.minutes, name)
        if isinstance(ours, Prints):
            fields[name] = Prints(*(_laid(x, y, rows, held, own, theirs) for x, y in zip(ours, lake, strict=True)))
        else:
            fields[name] = _laid(ours, lake, rows, held, own, theirs)
    return Minute(**fields)


def _places(lived: Bars, bars: Bars) -> tuple[Array, Array]:
    """Return [N, 2] bracket and city of each market that both have, in either's arrays."""
    of_lake = {name: place[:2] for place, name in np.ndenumerate(bars.tickers) if name}
    both = [(place[:2], of_lake[name]) for place, name in np.ndenumerate(lived.tickers) if name in of_lake]
    own, theirs = (np.array([pair[side] for pair in both], np.int64).reshape(-1, 2) for side in (0, 1))
    return own, theirs


def _laid(ours: Array, lake: Array, rows: Array, held: Array, own: Array, theirs: Array) -> Array:
    """Return an array of minutes with what the lake has of them written over it; the settlement is left out."""
    laid = ours[:-1].copy()
    at, from_ = np.flatnonzero(held), rows[held]
    if laid.ndim == 3:  # of a whole event: [T, C, 1]
        own, theirs = np.unique(own[:, 1:], axis=0), np.unique(theirs[:, 1:], axis=0)
        for (city,), (other,) in zip(own, theirs, strict=True):
            laid[at, city] = lake[from_, other]
        return laid
    for (bracket, city), (other_bracket, other_city) in zip(own, theirs, strict=True):
        laid[at, ..., bracket, city, :] = lake[from_, ..., other_bracket, other_city, :]
    return laid


def steps_of(recorded: Recorded, minutes: Minute) -> Iterator[Step]:
    """Yield the steps of some minutes with the settings that each was lived with.

    What an exchange reported is a fact, so a state that it changed is taken as it was.
    """
    state = empty_state(*recorded.last.tickers.shape)
    for t, kept in enumerate(recorded.of_minutes):
        origin = recorded.settings_of(t)
        before = state if kept.before is None else kept.before
        minute = minute_of(minutes, t)
        state, actions = one_step(origin.rules, origin.params, before, minute)
        yield Step(before, minute, actions)


def minute_of(minutes: Minute, t: int) -> Minute:
    """Return one of many minutes."""
    return Minute(*(Prints(*(x[t] for x in field)) if isinstance(field, Prints) else field[t] for field in minutes))


def same_fields(one: Minute, other: Minute, names: Sequence[str]) -> Array:
    """Return [B, C] whether some fields of two minutes are the same."""
    brackets, cities = one.open.shape[:2]
    same = np.ones((brackets, cities), np.bool_)
    for name in names:
        ours, theirs = getattr(one, name), getattr(other, name)
        pairs = zip(ours, theirs, strict=True) if isinstance(ours, Prints) else [(ours, theirs)]
        for x, y in pairs:
            equal = (x == y) | ((x != x) & (y != y))  # noqa: PLR0124 - NaN is the same as NaN
            same &= equal[..., 0].reshape(-1, *equal.shape[-3:-1]).all(axis=0) if equal.ndim > 2 else equal[:, 0]
    return same


def with_fields(minute: Minute, other: Minute, names: Sequence[str]) -> Minute:
    """Return a minute with some of its fields those of another."""
    return minute._replace(**{name: getattr(other, name) for name in names})
