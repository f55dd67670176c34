"""The last minutes of every market that trades, laid out from the candles that were known by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from kwx.fuse.market.minutes import Ints
from kwx.live.brain.slate import Slate
from kwx.live.brain.tail import Tail
from kwx.signals.places import Places
from pipelines.transform.dense import RUN_UP_MINUTES, latest_candles
from warehouse.lake.tables import utc_expr


@dataclass(frozen=True, kw_only=True, eq=False)
class Trail:
    """Rows of candles_dense of the last minutes, in the order of city, event date, market and minute.

    A market that trades at the last of them ends with it.
    """

    minute_utc: datetime
    dense: pl.DataFrame
    _numbers: dict[tuple[str, int], Ints] = field(default_factory=dict, repr=False)

    @cached_property
    def last(self) -> pl.DataFrame:
        """The rows of the last minute."""
        return self.dense.filter(pl.col("ts_utc") == utc_expr(self.minute_utc))

    def last_numbers(self, column: str, absent: int = 0) -> Ints:
        """Return a column of whole numbers of the last minute."""
        key = (column, absent)
        if key not in self._numbers:
            self._numbers[key] = _whole_numbers(self.last[column], absent)
        return self._numbers[key]

    @cached_property
    def last_places(self) -> Places:
        """The places of the rows of the last minute."""
        return Places.of(self.last)

    @cached_property
    def last_row(self) -> Mapping[str, int]:
        """Where each market stands among the rows of the last minute."""
        return {name: row for row, name in enumerate(self.last["market_ticker"].to_list())}

    def velocities(self, tickers: Sequence[str], minutes: int) -> Ints:
        """Return [minutes, B] the steps of some markets that have traded for so long; 0 where none is known."""
        ends = [self._end[name] for name in tickers]
        steps: Ints = self._velocity[np.array(ends) + np.arange(-minutes, 0)[:, None]]
        return steps

    @cached_property
    def _end(self) -> dict[str, int]:
        runs = self.dense["market_ticker"].rle().struct.unnest()
        ends = np.cumsum(runs["len"].to_numpy()).tolist()
        return dict(zip(runs["value"].to_list(), ends, strict=True))

    @cached_property
    def _velocity(self) -> Ints:
        return _whole_numbers(self.dense["velocity_half_ticks"], 0)


def _whole_numbers(values: pl.Series, absent: int) -> Ints:
    """Return whole numbers, one that is not known as another says; in NumPy nothing known is NaN."""
    numbers: Ints = np.nan_to_num(values.to_numpy(), nan=absent).astype(np.int64)
    return numbers


LOOKS_BACK = timedelta(minutes=RUN_UP_MINUTES)
"""So long before the first of the minutes candles count one by one; of older ones the last told quote and trade do."""


def still_telling(since_utc: datetime) -> pl.Expr:
    """Tell of candles which ones minutes are made of that begin so long after an instant."""
    ours = pl.col("known_utc") > utc_expr(since_utc)
    told = [pl.col("yes_bid_close_ticks").is_not_null(), pl.col("price_close_ticks").is_not_null()]
    stamp = pl.col("ts_utc")
    # A stamp is there once in each market.
    youngest = (stamp == pl.when(~ours & one).then(stamp).max().over("market_ticker") for one in told)
    return pl.any_horizontal(ours, *(one.fill_null(value=False) for one in youngest))


def trail_of(
    candles: Tail, slate: Slate, *, weather: Mapping[str, pl.DataFrame], minute_utc: datetime, minutes: int
) -> Trail:
    """Return so many of the last minutes of a slate's markets; weather: rows of obs_1m that cover them, by city."""
    since_utc = minute_utc - timedelta(minutes=minutes)
    return Trail(
        minute_utc=minute_utc,
        dense=latest_candles(
            candles.of(slate.places, since_utc - LOOKS_BACK), slate.markets,
            weather=weather, since_utc=since_utc, until_utc=minute_utc,
        ),
    )  # fmt: skip
