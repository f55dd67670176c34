"""What the lake told of markets at an instant: the newest row of pmf_minute then, as the view pmf_in_force has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from warehouse.errors import ContractBroken
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import PMF_MINUTE

TOLD = ("p_wx", "p_mkt", "p_fused_norm", "hazard_next_5m", "hazard_next_60m")
_STANDS_MINUTES = 1_440
"""A row stands for a day at most, less the minute in which the day is full."""


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
        asked = self.rows.join(rows.select("market_ticker").unique(), on="market_ticker", how="semi")
        if asked.is_empty():
            return rows.with_columns(pl.lit(None, pl.Float64).alias(name) for name in TOLD)
        numbered = rows.with_row_index("place").sort("market_ticker", instant)
        # With `by` groups Polars cannot check the order itself: both sides are sorted right here.
        found = numbered.join_asof(
            asked.sort("market_ticker", "ts_utc").rename({"ts_utc": "told_utc"}), left_on=instant,
            right_on="told_utc", by="market_ticker", strategy="backward", tolerance=f"{_STANDS_MINUTES - 1}m",
            coalesce=False, check_sortedness=False,
        )  # fmt: skip
        if (found["told_utc"] > found[instant]).any():
            raise ContractBroken("a row was told after the instant it was asked for", hint="sort both sides by time")
        return found.sort("place").drop("place", "told_utc")
