"""What is to be fitted: the windows of one city and type of bracket, through a range of event dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

import polars as pl

from kwx.models.artifact import Artifact
from kwx.models.windows import Window, walk
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE, MODEL_RUNS, PREDICTIONS
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.lake.tables.research import SETTLEMENT_HORIZON


class Recipe(Protocol):
    """All that is asked of a family's fit."""

    @property
    def seed(self) -> int:
        """The seed of all that is drawn."""

    def config(self) -> dict[str, Any]:
        """Return what moves a number, as JSON has it."""


class FitWindow(Protocol):
    """How a family is fitted: a function of a module, so that another process finds it by its name."""

    def __call__(self, snapshot: Snapshot, city: str, bracket: str, window: Window, recipe: Any, /) -> Artifact:
        """Fit one window of one city, or of all of them where the city is `all`."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """The windows of one city and type of bracket.

    since, until: event dates; None is the first traded one, and no end: the last window waits for dates to come.
    window: the only one, instead of a walk. lends: other cities' days are looked at too.
    """

    family: str
    city: str
    bracket: str
    fit_window: FitWindow
    recipe: Recipe
    train_days: int
    test_days: int
    step_days: int
    since: date | None = None
    until: date | None = None
    horizon: str = SETTLEMENT_HORIZON
    window: Window | None = None
    lends: bool = False

    @property
    def read_cities(self) -> str:
        """The city whose files a fit is made of, or `all`."""
        return ALL_CITIES if self.lends else self.city

    def windows(self, snapshot: Snapshot) -> list[Window]:
        """Return the windows through the traded dates of the range; refuse a range that holds none."""
        if self.window is not None:
            return [self.window]
        dates = traded_dates(snapshot, self.city)
        since, until = self.since or dates[0], self.until or dates[-1]
        if since > dates[-1]:
            raise Refused(
                f"{self.city} trades until {dates[-1]}, and {since} is after it", hint="say an earlier --since"
            )
        return list(
            walk(
                since, until, train_days=self.train_days, test_days=self.test_days, step_days=self.step_days,
                goes_on=self.until is None,
            )
        )  # fmt: skip


def traded_dates(snapshot: Snapshot, city: str) -> Sequence[date]:
    """Return the event dates that have minutes, of one city or of any."""
    held = snapshot.partitions(CANDLES_DENSE.name)
    dates = sorted({one.event_date for one in held if one.event_date and city in (ALL_CITIES, one.city)})
    if not dates:
        raise Refused(
            f"no event of {city} trades in this lake",
            hint="kwx ingest all fetches quotes, kwx lake dense lays them out; kwx lake status shows what there is",
        )
    return dates


def predicted_cities(snapshot: Snapshot, family: str) -> tuple[str, ...]:
    """Return the cities of which a family has predictions."""
    runs = snapshot.scan(MODEL_RUNS).filter(pl.col("family") == family).select("run_id").collect()
    said = snapshot.scan(PREDICTIONS).select("city", "run_id").unique().collect()
    cities = said.join(runs, on="run_id", how="semi")["city"].unique().sort()
    if cities.is_empty():
        raise Refused(f"{family} has predicted nothing in this lake", hint="kwx train makes and stores predictions")
    return tuple(cities)
