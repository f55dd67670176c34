"""Finding rows of one market and minute among others, by one whole number for each row: market, then minute.

The minute panel finds what was said last, and the bracket beside, with two binary searches of whole columns at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_MICROS_A_MINUTE = 60_000_000
_MARKET_BITS = 32
"""Minutes since 1970 fill 25 bits until the year 2033, and 32 for the next eight thousand years."""
_NOBODY = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """The rows of a panel in the order of event date, market and minute, none there twice.

    market: [N] the market's number in that order. minute: [N] since 1970. starts: [M] the first row of each market.
    """

    panel: pl.DataFrame
    market: Ints
    minute: Ints
    starts: Ints

    @classmethod
    def of(cls, panel: pl.DataFrame) -> Places:
        """Return the places of a panel: its markets are numbered in its order."""
        market = panel["market_ticker"].rle_id().to_numpy().astype(np.int64)
        starts = np.flatnonzero(np.diff(market, prepend=_NOBODY))
        return cls(panel=panel, market=market, minute=minutes_of(panel["ts_utc"]), starts=starts)

    @cached_property
    def key(self) -> Ints:
        """[N] market and minute as one number, ascending."""
        return _key(self.market, self.minute)

    @cached_property
    def moment(self) -> Ints:
        """[N] event and minute as one number."""
        return _key(self._event_of_market[self.market], self.minute)

    @cached_property
    def colder(self) -> pl.Series:
        """[N] the row of the next colder bracket at the same minute; null where there is none."""
        return self._beside(-1)

    @cached_property
    def warmer(self) -> pl.Series:
        """[N] the row of the next warmer bracket."""
        return self._beside(1)

    def newest(self, told: pl.DataFrame, *, lives_minutes: int, said: str = "ts_utc") -> pl.Series:
        """Return [N] the row that was told of the market last, at or before the minute; null where there is none.

        A row stands until the market's next, and no longer than so many minutes after the instant `said`.
        """
        market = self._numbers(told["market_ticker"])
        minute = minutes_of(told["ts_utc"], at_the_end=True)
        key = _key(market, minute)
        order = np.argsort(key, kind="stable")
        place = np.searchsorted(key, self.key, side="right", sorter=order) - 1
        if told.is_empty():
            return _rows(place, np.zeros(len(place), dtype=np.bool_))
        row = order[np.maximum(place, 0)]
        until = minutes_of(told[said], at_the_end=True)[row] + lives_minutes
        return _rows(row, (market[row] == self.market) & (minute[row] <= self.minute) & (self.minute < until))

    def of_markets(self, value: pl.Series) -> pl.Series:
        """Return [N] a value for each row from one for each market [M]."""
        return value[pl.Series(self.market)]

    def _beside(self, steps: int) -> pl.Series:
        wanted = _key(self._neighbours(steps)[self.market], self.minute)
        row = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        return _rows(row, self.key[row] == wanted)

    def _numbers(self, names: pl.Series) -> Ints:
        """Return the number of each market by its name, −1 for those that the panel has not."""
        known = self._of_market(("market_ticker",)).with_row_index("number")
        number = pl.DataFrame({"market_ticker": names}).join(
            known, on="market_ticker", how="left", maintain_order="left"
        )  # fmt: skip
        numbers: Ints = number["number"].cast(pl.Int64).fill_null(_NOBODY).to_numpy()
        return numbers

    def _of_market(self, columns: Sequence[str]) -> pl.DataFrame:
        return self.panel[list(columns)][self.starts]

    @cached_property
    def _event_of_market(self) -> Ints:
        names = self._of_market(("event_ticker",))["event_ticker"].to_list()
        number = {name: place for place, name in enumerate(sorted(set(names)), start=1)}
        return np.array([number[name] for name in names], np.int64)

    def _neighbours(self, steps: int) -> Ints:
        """Return [M] the number of the market so many places warmer in the event, −1 for none."""
        listed = self._of_market(("event_ticker", "bracket_order"))
        events, orders = listed["event_ticker"].to_list(), listed["bracket_order"].to_list()
        number_of: dict[tuple[str, int], int] = {}
        for number, place in enumerate(zip(events, orders, strict=True)):
            number_of.setdefault(place, number)
        wanted = ((event, order + steps) for event, order in zip(events, orders, strict=True))
        return np.array([number_of.get(place, _NOBODY) for place in wanted], np.int64)


def minutes_of(instants: pl.Series, *, at_the_end: bool = False) -> Ints:
    """Return the minute since 1970 that each instant lies in, or the one at whose end it is known."""
    micros = instants.to_numpy().view(np.int64)
    minutes: Ints = -(-micros // _MICROS_A_MINUTE) if at_the_end else micros // _MICROS_A_MINUTE
    return minutes


def _key(market: Ints, minute: Ints) -> Ints:
    return (market << _MARKET_BITS) + minute


def _rows(row: Ints, holds: NDArray[np.bool_]) -> pl.Series:
    """Return rows to gather; null where nothing holds."""
    return pl.Series(np.where(holds, row, np.nan), nan_to_null=True).cast(pl.UInt32)
