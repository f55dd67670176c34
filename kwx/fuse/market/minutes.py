"""The minutes in which all brackets of an event trade, as arrays of minutes by brackets, the coldest bracket first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from warehouse.errors import Refused
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.ladder import Ladder

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Scalar = TypeVar("Scalar", bound=np.generic)

MINUTE_US = 60_000_000
ABSENT = -1
"""Stands for null inside arrays of prices and ages."""

_PRICES = ("yes_bid_ticks", "yes_ask_ticks", "quote_age_minutes", "last_price_ticks")
_FLOWS = ("volume_20m_centi", "velocity_half_ticks")
COLUMNS = ("market_ticker", "ts_utc", *_PRICES, *_FLOWS)
"""What of candles_dense is read."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EventMinutes:
    """One event while all of its brackets trade: T minutes by B brackets, in the order of `ladder`.

    In memory a bracket lies after another: sums over brackets are several times as quick.

    ts_us: [T] microseconds since 1970. bid_ticks, ask_ticks, age_minutes, last_ticks: [T, B], ABSENT where never told.
    volume_centi: [T, B] of the last 20 minutes. velocity_half_ticks: [T, B] 0 where there is none.
    """

    event: str
    ladder: Ladder
    ts_us: Ints
    bid_ticks: Ints
    ask_ticks: Ints
    age_minutes: Ints
    last_ticks: Ints
    volume_centi: Ints
    velocity_half_ticks: Ints

    def __len__(self) -> int:
        return len(self.ts_us)

    @property
    def ts_utc(self) -> pl.Series:
        """[T] the minutes as instants."""
        return pl.Series("ts_utc", self.ts_us).cast(UTC_TYPE)

    def hold(self, at_us: Ints) -> NDArray[np.bool_]:
        """Tell which instants are minutes of the event."""
        place = np.searchsorted(self.ts_us, at_us)
        there = place < len(self)
        there[there] = self.ts_us[place[there]] == at_us[there]
        return there


def those(values: NDArray[Scalar], where: NDArray[np.bool_]) -> NDArray[Scalar]:
    """Return [N, B] the minutes where it is so, laid out as they were."""
    return values if where.all() else values.T[:, where].T


def put(into: Floats, where: NDArray[np.bool_], values: Floats) -> None:
    """Write [N, B] into the minutes where it is so."""
    into.T[:, where] = values.T


def instants_us(values: pl.Series) -> Ints:
    """Return instants, of which none is missing, as microseconds since 1970."""
    instants: Ints = values.to_numpy().view(np.int64)
    return instants


class _Run(NamedTuple):
    """Where the minutes of one market lie in the frame, and the first and last of them."""

    row: int
    minutes: int
    first_us: int
    last_us: int


def event_minutes(dense: pl.DataFrame, ladder: Ladder, *, event: str) -> EventMinutes:
    """Lay the minutes out that all brackets of one event share; none where a bracket has no minute.

    `dense` holds rows of candles_dense, sorted by market and minute, of the event and maybe of others. Minutes that are
    there twice or not at all would shift one bracket against another, so they are refused.
    """
    ts_us = instants_us(dense["ts_utc"])
    runs = _runs(dense["market_ticker"], ts_us, ladder.names, event=event)
    missing = [name for name in ladder.names if name not in runs]
    first_us = 0 if missing else max(runs[name].first_us for name in ladder.names)
    last_us = -1 if missing else min(runs[name].last_us for name in ladder.names)
    shared = max(0, (last_us - first_us) // MINUTE_US + 1)
    begins = [runs[name].row + (first_us - runs[name].first_us) // MINUTE_US for name in ladder.names if shared]
    rows = np.asarray(begins, dtype=np.int64)[:, None] + np.arange(shared)
    columns = dense.select(pl.col(_PRICES).fill_null(ABSENT), pl.col(_FLOWS).fill_null(0))
    laid = {values.name: values.to_numpy()[rows].astype(np.int64).T for values in columns}
    return EventMinutes(
        event=event,
        ladder=ladder,
        ts_us=first_us + MINUTE_US * np.arange(shared),
        bid_ticks=laid["yes_bid_ticks"],
        ask_ticks=laid["yes_ask_ticks"],
        age_minutes=laid["quote_age_minutes"],
        last_ticks=laid["last_price_ticks"],
        volume_centi=laid["volume_20m_centi"],
        velocity_half_ticks=laid["velocity_half_ticks"],
    )


def _runs(tickers: pl.Series, ts_us: Ints, names: Sequence[str], *, event: str) -> dict[str, _Run]:
    """Return the run of each of some markets; minutes must follow each other within it."""
    lengths = tickers.rle().struct.unnest()
    ends = np.cumsum(lengths["len"].to_numpy())
    found: dict[str, _Run] = {}
    for name, end, length in zip(lengths["value"].to_list(), ends.tolist(), lengths["len"].to_list(), strict=True):
        if name not in names:
            continue
        begin = end - length
        wrong = np.flatnonzero(np.diff(ts_us[begin:end]) != MINUTE_US)
        if name in found or len(wrong):
            at = pl.Series(ts_us[begin + (wrong[:1] if len(wrong) else [0])]).cast(UTC_TYPE)[0]
            raise Refused(
                f"{event}: minutes of {name} are there twice, or not at all, after {at:%Y-%m-%d %H:%M}Z",
                hint="make the grid whole: kwx lake dense, then kwx lake check",
            )
        found[name] = _Run(begin, length, int(ts_us[begin]), int(ts_us[end - 1]))
    return found
