"""Rows of a bracket type with their features and how they settled, and which of them a fit may know."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.features.feature import FeatureSet
from kwx.features.panel import KEYS, STRIKE_TYPES, read_panel
from kwx.models.windows import PURGED_DAYS, Window
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Snapshot
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import opens_utc

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_DATES_OF_A_CLASS = 2
"""A fold is judged by a fit on the others, so each class needs a date in two folds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Rows in the order of date, market and time, whatever order they came in.

    said: the keys, outcome and label_known_utc (null where it has not settled), and market, the market's probability.
    built: the features of the same rows.
    """

    said: pl.DataFrame
    built: pl.DataFrame

    @property
    def came(self) -> Bools:
        """Tell of each row whether it settled yes; only where all are settled."""
        came: Bools = self.said["outcome"].to_numpy()
        return came

    @property
    def days(self) -> NDArray[np.datetime64]:
        """The event date of each row."""
        days: NDArray[np.datetime64] = self.said["event_date"].to_numpy()
        return days

    @property
    def dates(self) -> list[date]:
        """The event dates, the first one first."""
        return self.said["event_date"].unique().sort().to_list()

    def matrix(self) -> Floats:
        """Return the features as numbers [rows, features]."""
        matrix: Floats = self.built.to_numpy()
        return matrix

    def where(self, kept: pl.Series) -> Rows:
        """Return some of the rows."""
        return Rows(said=self.said.filter(kept), built=self.built.filter(kept))

    def known_by(self, by_utc: datetime) -> Rows:
        """Return the rows whose label was known at a time."""
        return self.where((self.said["label_known_utc"] <= by_utc).fill_null(value=False))

    def settled(self) -> Rows:
        """Return the rows whose label is known."""
        return self.where(self.said["outcome"].is_not_null())

    def of(self, dates: Collection[date]) -> Rows:
        """Return the rows of some dates."""
        return self.where(self.said["event_date"].is_in(list(dates)))


def rows_of(panel: pl.DataFrame, features: FeatureSet) -> Rows:
    """Return the rows of a panel; the market is p_mkt, or the mid where a minute has none."""
    ordered = panel.sort("event_date", "market_ticker", "ts_utc")
    said = ordered.select(
        *KEYS, "label_known_utc", outcome="settled_yes", market=pl.coalesce("p_mkt", "mid_prob").cast(pl.Float64)
    )
    return Rows(said=said, built=features.build(ordered))


def read_rows(
    snapshot: Snapshot, city: str, bracket: str, features: FeatureSet, *, since: date, until: date, every_minutes: int
) -> Rows:
    """Return the rows of one city, or of all of them, and bracket type over event dates."""
    if bracket not in STRIKE_TYPES:
        raise Usage(f"there is no bracket type {bracket!r}", hint=f"types: {' '.join(STRIKE_TYPES)}")
    panels = [
        read_panel(
            snapshot, one, since=since, until=until, every_minutes=every_minutes, strike_types=(bracket,),
            columns=(*KEYS, "label_known_utc", "settled_yes", "p_mkt", "mid_prob", *features.sources),
        )
        for one in (CITIES if city == ALL_CITIES else (city,))
    ]  # fmt: skip
    return rows_of(pl.concat(panels), features)


def made_utc(window: Window, test: Rows) -> datetime:
    """Return when the fit of a window is said to be made: as its first test event opens, on the eve."""
    opens, first = opens_utc(window.test_since), test.said["ts_utc"].min()
    return min(opens, first) if isinstance(first, datetime) else opens


def split_later(rows: Rows, share: float) -> tuple[Rows, Rows]:
    """Return the earlier dates, to fit, and the last ones, to calibrate, with what nobody uses between them."""
    dates = rows.dates
    later = dates[-max(1, round(share * len(dates))) :]
    earlier = [day for day in dates if day + timedelta(days=PURGED_DAYS) < later[0]]
    return rows.of(earlier), rows.of(later)


def require_enough(rows: Rows, *, splits: int, what: str) -> None:
    """Refuse rows of fewer dates than folds, or of which a class comes on fewer dates than a search needs."""
    by_date = rows.said.group_by("event_date").agg(yes=pl.col("outcome").any(), no=(~pl.col("outcome")).any())
    if by_date.height < splits:
        raise Refused(
            f"{what}: {by_date.height} dates to fit have a label that was known in time; {splits} are needed,"
            " one for each fold",
            hint="say more --train-days, or kwx ingest settlements",
        )
    for word in ("yes", "no"):
        count = int(by_date[word].sum())
        if count < LEAST_DATES_OF_A_CLASS:
            raise Refused(
                f"{what}: {count} of {by_date.height} dates to fit have a bracket that settled {word};"
                f" {LEAST_DATES_OF_A_CLASS} are needed",
                hint="say more --train-days: a single class cannot be fitted",
            )


def folds_of(rows: Rows, splits: int) -> NDArray[np.int64]:
    """Return the fold of each row: whole dates dealt in turn, those with a yes first, so that no fold takes a class."""
    by_date = rows.said.group_by("event_date").agg(yes=pl.col("outcome").any()).sort(~pl.col("yes"), "event_date")
    fold_of_date = by_date.select("event_date", fold=pl.int_range(pl.len()) % splits)
    dealt = rows.said.select("event_date").join(fold_of_date, on="event_date", how="left", maintain_order="left")
    folds: NDArray[np.int64] = dealt["fold"].to_numpy()
    return folds
