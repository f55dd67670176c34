"""What is asked of an elastic net: its features, where the search looks, and how it is calibrated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kwx.features.gate import EXCLUDED_VC_CITIES
from kwx.models.elasticnet.solver import BALANCED
from warehouse.errors import Usage

PENALTIES = ("l1", "l2", "elasticnet")
METHODS = ("isotonic", "sigmoid", "platt", "beta", "temperature")
LEAST_THRESHOLD = 100
PILOT = ("pilot_dir", "pilot_windows", "pilot_total_test_rows")
"""Where settings come from; they move no number."""


def _require(holds: bool, message: str, hint: str = "") -> None:
    if not holds:
        raise Usage(message, hint=hint)


@dataclass(frozen=True, kw_only=True)
class SearchRange:
    """Where the search looks: C by its logarithm, l1_ratio evenly, class weights one by one."""

    c_min: float = 1e-3
    c_max: float = 1e3
    l1_ratio_min: float = 0.0
    l1_ratio_max: float = 1.0
    class_weights: tuple[str | None, ...] = (None, BALANCED)

    def __post_init__(self) -> None:
        _require(
            0 < self.c_min <= self.c_max,
            f"C from {self.c_min:g} to {self.c_max:g} is no range above 0",
            "say c_min above 0, and c_max no smaller",
        )
        _require(
            0 <= self.l1_ratio_min <= self.l1_ratio_max <= 1,
            f"l1_ratio from {self.l1_ratio_min:g} to {self.l1_ratio_max:g}: it lies in 0 … 1",
            "0 is ridge alone, 1 the lasso alone",
        )
        known = bool(self.class_weights) and all(one in (None, BALANCED) for one in self.class_weights)
        _require(known, f"class weights {self.class_weights} are none or not known", f"say null or {BALANCED}, or both")


@dataclass(frozen=True, kw_only=True)
class CalibrationRule:
    """How the model is calibrated: on the last `share` of the training dates, by one method for many rows or few.

    With the guard only where that loses less on dates left out of it; else the model's own numbers are kept.
    """

    method_large: str = "isotonic"
    method_small: str = "sigmoid"
    threshold: int = 1_000
    share: float = 0.2
    guard: bool = True

    def __post_init__(self) -> None:
        for method in (self.method_large, self.method_small):
            _require(method in METHODS, f"there is no calibration {method!r}", f"methods: {' '.join(METHODS)}")
        _require(
            self.threshold >= LEAST_THRESHOLD,
            f"a threshold of {self.threshold} rows is too few for {self.method_large}",
            f"say {LEAST_THRESHOLD} or more",
        )
        _require(0 < self.share < 1, f"{self.share:g} is no share of the dates", "say a number between 0 and 1")

    def method_of(self, rows: int) -> str:
        """Return the method for so many rows, as the calibrators are named."""
        method = self.method_large if rows >= self.threshold else self.method_small
        return "platt" if method == "sigmoid" else method


@dataclass(frozen=True, kw_only=True)
class ElasticnetRecipe:
    """All that is asked.

    cv_splits: folds of whole event dates. Pruning waits for two of them and the last one is judged whole, so that of
    fewer than four no trial is cut short. storage is a folder that keeps searches so that a killed one goes on. It
    changes no number, nor do pilot_dir, pilot_windows and pilot_total_test_rows: the trial runs by which the settings
    were chosen, told so that a card has them.
    """

    feature_set: str = "elasticnet_rich"
    penalties: tuple[str, ...] = ("elasticnet",)
    trials: int = 40
    cv_splits: int = 4
    search: SearchRange = field(default_factory=SearchRange)
    calibration: CalibrationRule = field(default_factory=CalibrationRule)
    every_minutes: int = 5
    excluded_vc_cities: tuple[str, ...] = tuple(sorted(EXCLUDED_VC_CITIES))
    seed: int = 42
    storage: str | None = None
    pilot_dir: str | None = None
    pilot_windows: int | None = None
    pilot_total_test_rows: int | None = None

    def __post_init__(self) -> None:
        unknown = [one for one in self.penalties if one not in PENALTIES]
        _require(
            bool(self.penalties) and not unknown, f"there is no penalty {unknown[:1] or 'at all'}",
            f"penalties: {' '.join(PENALTIES)}",
        )  # fmt: skip
        _require(
            self.trials >= 1, f"{self.trials} trials find nothing", "say 1 or more; 40 is usual, 60 for production"
        )
        _require(self.cv_splits >= 2, f"{self.cv_splits} split leaves nothing to judge on", "say 2 or more")
        _require(self.every_minutes >= 1, f"every {self.every_minutes} minutes is no step", "say 1 or more")

    def config(self) -> dict[str, Any]:
        """Return what moves a number and what the settings were chosen by, as JSON has it."""
        return self.asked() | {name: getattr(self, name) for name in PILOT}

    def asked(self) -> dict[str, Any]:
        """Return what moves a number, as JSON has it."""
        return {
            "feature_set": self.feature_set,
            "penalties": list(self.penalties),
            "trials": self.trials,
            "cv_splits": self.cv_splits,
            "search": {
                "c_min": self.search.c_min,
                "c_max": self.search.c_max,
                "l1_ratio_min": self.search.l1_ratio_min,
                "l1_ratio_max": self.search.l1_ratio_max,
                "class_weights": list(self.search.class_weights),
            },
            "calibration": {
                "method_large": self.calibration.method_large,
                "method_small": self.calibration.method_small,
                "threshold": self.calibration.threshold,
                "share": self.calibration.share,
                "guard": self.calibration.guard,
            },
            "every_minutes": self.every_minutes,
            "excluded_vc_cities": sorted(self.excluded_vc_cities),
            "seed": self.seed,
        }
