"""What the lake told of markets at an instant: the newest row of pmf_minute then, as the view pmf_in_force has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from warehouse.lake.store import Snapshot
from warehouse.lake.tables import PMF_MINUTE

TOLD = ("p_wx", "p_mkt", "p_fused_norm", "hazard_next_5m", "hazard_next_60m")
_STANDS_US = (timedelta(days=1) - timedelta(minutes=1)) // timedelta(microseconds=1)
"""A row stands for a day at most, less the minute in which the day is full."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """Rows of pmf_minute by market and instant."""

    rows: pl.DataFrame

    @classmethod
    def of(cls, snapshot: Snapshot, *, cities: Sequence[str], since: date, until: date) -> Known:
        """Read what a snapshot holds of some cities' event dates."""
        rows = snapshot.scan(PMF_MINUTE, cities=cities, since=since, until=until)
        return cls(rows=rows.select("market_ticker", "ts_utc", *TOLD).collect())

    @classmethod
    def nothing(cls) -> Known:
        """Return what is known where no probabilities are held."""
        return cls(rows=PMF_MINUTE.empty().select("market_ticker", "ts_utc", *TOLD))

    def at(self, rows: pl.DataFrame, instant: str) -> pl.DataFrame:
        """Attach to each row what stood at its instant; the rows keep their order."""
        if self.rows.is_empty():
            return rows.with_columns(pl.lit(None, pl.Float64).alias(name) for name in TOLD)
        place, (laid, _) = self._place(rows["market_ticker"], rows[instant]), self._laid
        return rows.with_columns(laid[name].gather(place) for name in TOLD)

    @cached_property
    def _axis(self) -> _Axis:
        """The axis of the rows' markets and instants, each market after those that came before it."""
        return _Axis(
            numbers=self.rows.select(pl.col("market_ticker").unique(maintain_order=True)).with_row_index("number"),
            least_us=_microseconds(self.rows["ts_utc"]).min(), most_us=_microseconds(self.rows["ts_utc"]).max(),
        )  # fmt: skip

    @cached_property
    def _laid(self) -> tuple[pl.DataFrame, Ints]:
        """The rows in the order of that axis, as the lake has them already, and the place of each on it."""
        key = self._axis.places(self.rows["market_ticker"], _microseconds(self.rows["ts_utc"]))
        if (key[1:] > key[:-1]).all():
            return self.rows, key
        order = np.argsort(key, kind="stable")
        return self.rows[order], key[order]

    def _place(self, tickers: pl.Series, instants: pl.Series) -> pl.Series:
        """Return the place of the last row that was told by each instant and stands still, null where there is none."""
        (rows, key), asked_us = self._laid, _microseconds(instants)
        place = np.searchsorted(key, self._axis.places(tickers, asked_us), side="right") - 1
        found = rows.select("market_ticker", "ts_utc")[np.maximum(place, 0)]
        stands = (place >= 0) & (found["market_ticker"] == tickers).to_numpy()
        stands &= asked_us - _microseconds(found["ts_utc"]) <= _STANDS_US
        return pl.select(pl.when(pl.Series(stands)).then(pl.Series(place))).to_series()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Axis:
    """One axis of markets and instants: all instants of the first market, then those of the second, and so on."""

    numbers: pl.DataFrame
    least_us: int
    most_us: int

    def places(self, tickers: pl.Series, instants_us: Ints) -> Ints:
        """Return where markets and instants lie; a market that is not known lies before all others."""
        number = pl.DataFrame({"market_ticker": tickers}).join(
            self.numbers, on="market_ticker", how="left", maintain_order="left"
        )["number"]
        within = np.clip(instants_us, self.least_us - 1, self.most_us) - self.least_us
        span = self.most_us - self.least_us + 2
        places: Ints = number.cast(pl.Int64).fill_null(-1).to_numpy() * span + within
        return places


def _microseconds(instants: pl.Series) -> Ints:
    return instants.dt.epoch("us").to_numpy()
