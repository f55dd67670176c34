"""How a direction model is made: what a move is, which model, which features, what is tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from kwx.features.gate import EXCLUDED_VC_CITIES
from warehouse.errors import Usage

FAMILY = "direction"
LOGISTIC, TREES = "logistic", "gbdt"
KINDS = (LOGISTIC, TREES)
HORIZON_MINUTES = (1, 5)


@dataclass(frozen=True, kw_only=True)
class DirectionRecipe:
    """All that is asked of a fit.

    A move below `epsilon` (probability) is none: such rows are neither fitted nor judged. Of the candidates (a C each;
    or a depth, a number of trees and a rate) the one with the least log loss on the dates that choose is taken.
    shares: how fit_direction parts dates: to fit, to choose by and judge the choice, and to test on. fit_share: of the
    dates of a window before its test, how many fit. law_share: with the microstructure, how many of these tell the laws
    of trades; what is learnt from begins after they are known.
    """

    horizon_minutes: int = 5
    epsilon: float = 0.005
    kind: str = LOGISTIC
    feature_set: str = "baseline"
    microstructure: bool = False
    every_minutes: int = 5
    excluded_vc_cities: tuple[str, ...] = EXCLUDED_VC_CITIES
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    law_share: float = 0.25
    cs: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
    depths: tuple[int, ...] = (3, 4, 5)
    trees: tuple[int, ...] = (50, 100, 200)
    rates: tuple[float, ...] = (0.05, 0.1, 0.2)
    least_leaf_rows: int = 50
    resamples: int = 2000
    seed: int = 42

    def __post_init__(self) -> None:
        if self.horizon_minutes not in HORIZON_MINUTES:
            raise Usage(f"a move over {self.horizon_minutes} minutes is not learnt", hint="say 1 or 5 minutes")
        if self.kind not in KINDS:
            raise Usage(f"there is no direction model {self.kind!r}", hint=f"kinds: {' '.join(KINDS)}")
        if not 0 < self.epsilon < 1:
            raise Usage(f"epsilon {self.epsilon:g} is no move of a probability", hint="say a number such as 0.005")
        if min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise Usage(f"the shares {self.shares} do not part the dates", hint="three shares above 0, summing to 1")
        if not 0 < self.law_share < 1:
            raise Usage(f"law_share {self.law_share:g} leaves no dates to the laws or none to fit", hint="say 0.25")
        if self.every_minutes < 1:
            raise Usage(f"every {self.every_minutes} minutes is no step", hint="say 1 or more")
        wrong = [c for c in self.cs if c <= 0] + [count for count in (*self.depths, *self.trees) if count < 1]
        wrong += [rate for rate in self.rates if not 0 < rate <= 1]
        tried = (self.cs,) if self.kind == LOGISTIC else (self.depths, self.trees, self.rates)
        if wrong or not all(tried):
            said = f"{wrong[0]:g} is none" if wrong else "there is none"
            raise Usage(f"of the candidates to be tried {said}", hint="C above 0; depths and trees from 1; rates to 1")

    @property
    def horizon(self) -> str:
        """The word that the table predictions has for it."""
        return f"{self.horizon_minutes}m"

    @property
    def fit_share(self) -> float:
        """Which share of the dates before the test is fitted; the rest chooses."""
        return self.shares[0] / (self.shares[0] + self.shares[1])

    @property
    def growths(self) -> tuple[tuple[int, float], ...]:
        """Every depth and rate that trees are grown with."""
        return tuple(product(self.depths, self.rates))

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> DirectionRecipe:
        """Return the recipe that a card's settings were written from."""
        asked: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in config.items()
        }
        return cls(**asked)

    def config(self) -> dict[str, object]:
        """Return all that is asked, as JSON has it."""
        asked = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asked.items()}
