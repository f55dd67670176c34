"""What is asked of a fit of a model of the high."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from warehouse.errors import Usage

FAMILIES = ("market-clock", "tod")


@dataclass(frozen=True, kw_only=True)
class TmaxRecipe:
    """How a window is fitted.

    family: market-clock (one model of all cities) or tod (one city, its event day). cities: those that a model of all
    is fitted on and speaks of; every one where none is named. fit_every_minutes: how thinly the snapshots that grow the
    trees are taken, at other minutes on other dates; neighbours say nearly the same, and every one of them is
    predicted.
    held_share: of the training dates, the last ones, that choose the number of trees and judge it; then the trees are
    grown again on all dates.
    lent: how much a day of another city weighs where tod is fitted, beside one of its own: a season of one city is
    short, and cities warm up alike. 0 leaves it alone.
    rounds, patience: trees at most, and how many without a gain end the search. learning_rate, leaves, least_rows,
    l2, column_share, bins: LightGBM's learning_rate, num_leaves, min_data_in_leaf, lambda_l2, feature_fraction and
    max_bin. threads: in one fit.
    """

    family: str = "market-clock"
    cities: tuple[str, ...] = ()
    fit_every_minutes: int = 15
    held_share: float = 0.25
    lent: float = 1.0
    rounds: int = 400
    patience: int = 40
    learning_rate: float = 0.05
    leaves: int = 15
    least_rows: int = 500
    l2: float = 10.0
    column_share: float = 0.25
    bins: int = 63
    threads: int = 1
    seed: int = 42

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise Usage(f"{self.family!r} is no model of the high", hint=f"say {' or '.join(FAMILIES)}")
        every = self.clock_minutes
        if self.fit_every_minutes < every or self.fit_every_minutes % every:
            raise Usage(
                f"snapshots of {self.family} stand every {every} minutes, not every {self.fit_every_minutes}",
                hint=f"say fit_every_minutes as a multiple of {every}",
            )
        if not 0 <= self.lent <= 1:
            raise Usage(f"lent {self.lent} is no share of a day's weight", hint="say a number from 0 to 1")
        if not 0 < self.held_share < 1:
            raise Usage(f"held_share {self.held_share} leaves nothing to fit or to judge", hint="say 0.25")

    @property
    def clock_minutes(self) -> int:
        """How far apart the snapshots of the family are."""
        return 5 if self.family == FAMILIES[0] else 15

    @property
    def lends(self) -> bool:
        """Tell whether the days of other cities are looked at too."""
        return self.family != FAMILIES[0] and self.lent > 0

    def config(self) -> dict[str, Any]:
        """Return all that was asked, as JSON has it."""
        return asdict(self) | {"cities": list(self.cities)}

    @property
    def settings(self) -> dict[str, Any]:
        """What LightGBM is told: one thread and one order of sums, so that a rerun gives the same bytes."""
        return {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.least_rows,
            "lambda_l2": self.l2,
            "feature_fraction": self.column_share,
            "max_bin": self.bins,
            "boost_from_average": False,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "seed": self.seed,
            "verbosity": -1,
        }
