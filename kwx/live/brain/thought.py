"""What came of thinking about a minute, and of deciding it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

import polars as pl

from kwx.exec.bars.bars import Words
from kwx.exec.minute import Minute
from kwx.exec.state import Actions, State


@dataclass(frozen=True, kw_only=True, eq=False)
class Thought:
    """One minute of every event date that trades in it, from what was known at its end.

    tickers, minutes: by event date, [B, C, 1] in NumPy, the cities as the brain has them; sizes at the best quotes are
    unknown. signals: a row for each market that has a price, without what its decision adds. features: a row for each
    market, of all that was read. stages: how long each part took, in seconds. stale: by city why none of its markets is
    fresh. notes: what else is to be known, such as a city without a promoted model. left_out: events that are open and
    cannot be traded, each with the reason.
    """

    minute_utc: datetime
    tickers: Mapping[date, Words]
    minutes: Mapping[date, Minute]
    signals: pl.DataFrame
    features: pl.DataFrame
    stages: Mapping[str, float]
    stale: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def dates(self) -> tuple[date, ...]:
        """The event dates that trade, in order."""
        return tuple(self.minutes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Decided:
    """What a minute led to: the states after it, what was done, and the minutes as the step had them.

    tell: makes the signals, which are nobody's to wait for before orders are sent.
    """

    states: Mapping[date, State]
    actions: Mapping[date, Actions]
    minutes: Mapping[date, Minute]
    seconds: float
    tell: Callable[[], pl.DataFrame] = field(repr=False)

    @cached_property
    def signals(self) -> pl.DataFrame:
        """Those of the thought with edge_cents, kelly_fraction and size_fraction, null where there is no opinion."""
        return self.tell()
