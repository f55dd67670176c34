"""The elastic net of a logistic regression, solved by proximal Newton steps: saga's minimum in a handful of passes.

The minimum is that of scikit-learn: C · Σ sᵢ·log(1 + exp(−yᵢ·(xᵢw + b))) + (1 − r)/2·‖w‖² + r·‖w‖₁, with b free of
penalty. Divided by C · Σ sᵢ it is a mean loss, so a tolerance means the same for any number of rows. A step solves the
quadratic model of the loss and the penalty together, which takes the products of columns only once per step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from warehouse.errors import Refused

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BALANCED = "balanced"
SEARCH_TOLERANCE = 1e-7
"""In nats of the mean loss: far below what a score of some thousand rows can tell apart."""
EXACT_TOLERANCE = 1e-15
_LEAST_CURVATURE = 1e-10
_MOST_STEPS, _MOST_GUESSES, _MOST_HALVINGS = 200, 2_000, 40
_FAST = 20.0
"""A step is a good one where the next promises so many times less."""
_ROUNDING, _TINY = 1e-14, 1e-300


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """How strongly coefficients are drawn to zero: C is the inverse of the strength, l1_ratio the share of |w|."""

    c: float
    l1_ratio: float

    def __post_init__(self) -> None:
        if not (self.c > 0 and 0 <= self.l1_ratio <= 1):
            raise ValueError(f"C {self.c} is above 0, and l1_ratio {self.l1_ratio} lies in 0 … 1")


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Rows to be fitted: `columns` [d + 1, rows] are the scaled features and then ones; weights sum to the rows."""

    columns: Floats
    came: Floats
    weight: Floats

    @property
    def rows(self) -> int:
        """How many rows are fitted."""
        return len(self.came)

    @property
    def start(self) -> Floats:
        """The coefficients of the model that says the weighted share of yes for every row."""
        coefficients = np.zeros(len(self.columns))
        share = float(self.weight @ self.came) / self.rows
        coefficients[-1] = np.log(share / (1 - share))
        return coefficients

    def weighted(self, class_weight: str | None) -> Problem:
        """Return the same rows, all alike, or so that both classes weigh the same together."""
        weight = np.ones(self.rows)
        if class_weight == BALANCED:
            hits = self.came.sum()
            weight = np.where(self.came > 0, self.rows / (2 * hits), self.rows / (2 * (self.rows - hits)))
        return Problem(columns=self.columns, came=self.came, weight=weight)

    def loss(self, margins: Floats) -> float:
        """Return the weighted mean log loss of margins."""
        softplus = np.maximum(margins, 0) + np.log1p(np.exp(-np.abs(margins)))
        return float(self.weight @ (softplus - self.came * margins)) / self.rows

    def slope(self, p: Floats) -> Floats:
        """Return the gradient of the mean loss [d + 1] where the probabilities are p."""
        gradient: Floats = self.columns @ (self.weight * (p - self.came)) / self.rows
        return gradient

    def curvature(self, p: Floats) -> Floats:
        """Return the second derivatives of the mean loss [d + 1, d + 1] where the probabilities are p."""
        scaled = self.columns * np.sqrt(self.weight * np.maximum(p * (1 - p), _LEAST_CURVATURE) / self.rows)
        products: Floats = scaled @ scaled.T
        return products


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """Coefficients [d + 1], the intercept last, the curvature they were found by, and in how many steps."""

    coefficients: Floats
    curvature: Floats
    steps: int


def problem_of(scaled: Floats, came: Bools, class_weight: str | None) -> Problem:
    """Return the problem of scaled rows [rows, d]; a single class is refused."""
    hits = int(came.sum())
    if hits in (0, len(came)):
        raise Refused(
            f"{hits} of {len(came)} rows settled yes: a single class cannot be fitted; 1 of each is the least",
            hint="fit more days",
        )
    columns = np.ascontiguousarray(np.vstack([scaled.T, np.ones(len(came))]))
    plain = Problem(columns=columns, came=came.astype(np.float64), weight=np.ones(len(came)))
    return plain.weighted(class_weight)


def solve(
    problem: Problem,
    penalty: Penalty,
    *,
    start: Solution | None = None,
    tolerance: float = EXACT_TOLERANCE,
    keep_curvature: bool = False,
) -> Solution:
    """Return the minimum; a step that promises less than the tolerance is the last one.

    A start is the solution of a problem much like this one. Curvature is most of the work of a step and changes slowly:
    it may be kept, that of the start too, for as long as what steps promise falls fast. That finds a minimum to some
    digits in less time, not to the last digit.
    """
    ridge, lasso = _strengths(problem, penalty)
    at = problem.start if start is None else start.coefficients
    curvature = start.curvature if start is not None and keep_curvature else None
    margins = at @ problem.columns
    value, before = problem.loss(margins) + _penalty(at, ridge, lasso), np.inf
    for step in range(1, _MOST_STEPS + 1):
        p = expit(margins)
        slope = problem.slope(p)
        if curvature is not None and keep_curvature:
            aim, promised = _aim(slope, curvature, at, ridge, lasso)
        if curvature is None or not keep_curvature or promised > before / _FAST:
            curvature = problem.curvature(p)
            aim, promised = _aim(slope, curvature, at, ridge, lasso)
        if promised <= tolerance:
            return Solution(coefficients=aim, curvature=curvature, steps=step)
        before = promised
        at, margins, value, moved = _searched(problem, at, aim, value, promised, ridge, lasso)
        if not moved:  # what is promised is lost in the rounding of the loss
            return Solution(coefficients=at, curvature=curvature, steps=step)
    raise Refused(
        f"the elastic net was not solved in {_MOST_STEPS} steps at C {penalty.c:g}, l1_ratio {penalty.l1_ratio:g}",
        hint="look for features of absurd size; a smaller C draws them in",
    )


def solve_quadratic(a: Floats, b: Floats, lasso: Floats, start: Floats) -> Floats:
    """Return the minimum of ½·v'av − b'v + Σ lasso·|v| for a positive definite a.

    Where it is known which coordinates are zero and what signs the others have, linear equations tell the minimum. The
    search goes from one such guess to the next, always downhill: a coordinate that would change its sign becomes zero
    first, and of those at zero the one that is held back least is let go.
    """
    at = start.copy()
    signs = np.sign(at)
    slack = _ROUNDING * max(float(np.abs(b).max()), float(lasso.max()), 1e-3)
    for _ in range(_MOST_GUESSES):
        free = (signs != 0) | (lasso == 0)
        at, signs, reached = _downhill(at, _of_signs(a, b, lasso, signs, free), signs, lasso)
        if not reached:
            continue
        pull = np.where(free, 0.0, b - a @ at)
        excess = np.abs(pull) - lasso
        let_go = int(np.argmax(np.where(free, -np.inf, excess)))
        if free.all() or excess[let_go] <= slack:
            return at
        signs[let_go] = np.sign(pull[let_go])
    return at


def _of_signs(a: Floats, b: Floats, lasso: Floats, signs: Floats, free: Bools) -> Floats:
    """Return the minimum over the coordinates that are free, of the given signs."""
    exact = np.zeros(len(b))
    wanted = (b - lasso * signs)[free]
    part = a[np.ix_(free, free)]
    try:
        exact[free] = np.linalg.solve(part, wanted)
    except np.linalg.LinAlgError:  # columns that say the same: any of the minima serves
        exact[free] = np.linalg.lstsq(part, wanted)[0]
    return exact


def _downhill(at: Floats, aim: Floats, signs: Floats, lasso: Floats) -> tuple[Floats, Floats, bool]:
    """Go to the aim, or to where the first coordinate loses its sign; return where, its signs, and if it is the aim."""
    lost = (lasso > 0) & (signs != 0) & (np.sign(aim) != signs)
    if not lost.any():
        return aim, signs, True
    share = np.where(lost, np.abs(at) / np.maximum(np.abs(aim - at), _TINY), np.inf)
    first = float(min(share.min(), 1.0))
    there = at + first * (aim - at)
    zero = share <= first
    there[zero] = 0.0
    return there, np.where(zero, 0.0, signs), False


def _strengths(problem: Problem, penalty: Penalty) -> tuple[Floats, Floats]:
    """Return how strongly w² and |w| of each coefficient are punished, beside the mean loss; the intercept is free."""
    strength = np.full(len(problem.columns), 1 / (penalty.c * problem.rows))
    strength[-1] = 0.0
    return strength * (1 - penalty.l1_ratio), strength * penalty.l1_ratio


def _aim(slope: Floats, curvature: Floats, at: Floats, ridge: Floats, lasso: Floats) -> tuple[Floats, float]:
    """Return the minimum of the quadratic model at a point, and by how much it promises to lower the loss."""
    whole = curvature + np.diag(ridge)
    slope_ridge = slope + ridge * at
    aim = solve_quadratic(whole, whole @ at - slope_ridge, lasso, at)
    return aim, float(slope_ridge @ (at - aim)) + float(lasso @ (np.abs(at) - np.abs(aim)))


def _penalty(at: Floats, ridge: Floats, lasso: Floats) -> float:
    return float(ridge @ (at * at)) / 2 + float(lasso @ np.abs(at))


def _searched(
    problem: Problem, at: Floats, aim: Floats, value: float, promised: float, ridge: Floats, lasso: Floats
) -> tuple[Floats, Floats, float, bool]:
    """Go towards the aim, half as far each time until the loss falls as it should; tell whether it moved at all."""
    share = 1.0
    for _ in range(_MOST_HALVINGS):
        new = at + share * (aim - at) if share < 1 else aim
        margins = new @ problem.columns
        now = problem.loss(margins) + _penalty(new, ridge, lasso)
        if now <= value - 1e-4 * share * promised:
            return new, margins, now, True
        share /= 2
    return at, at @ problem.columns, value, False
