"""The opinion pool of a model and the market: p_blend, and how much of the say the model gets.

The weight is the model's share: 1 is the model alone, 0 the market alone. The linear pool is the mean of the two; the
log-odds pool is the mean of their log-odds, surer than the linear one where both are sure of the same. Brackets that
are pooled each by itself need not sum to one over a ladder; `renormalised` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from kwx.models.calibration import LEAST_P
from kwx.models.contract import Floats
from kwx.scoring import contracts
from kwx.scoring.inputs import Bools, Ints, probabilities, whole_numbers
from kwx.scoring.resampling import Draws, Estimate, draw
from warehouse.errors import Refused, Usage

GRID = (0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80)
"""The weights that are tried one by one."""
ENDS = (0.0, 1.0)
"""The market alone and the model alone: to be read beside the grid, never chosen from it."""
POOLS = ("linear", "log_odds")
_FINE = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, kw_only=True, eq=False)
class BlendRows:
    """What model and market say of rows [N], what came, the event date, and the ladder that a row belongs to.

    ladder: one number for all brackets of an event at one minute; None where each bracket stands by itself.
    """

    p_model: Floats
    p_market: Floats
    hit: Bools
    day: np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]
    ladder: Ints | None = None

    def __len__(self) -> int:
        return len(self.p_model)

    def blended(self, pool: str, weight: float) -> Floats:
        """Return the pool of the two, summing to one over each ladder where there are ladders."""
        p = blended(self.p_model, self.p_market, weight, pool=pool)
        return p if self.ladder is None else renormalised(p, self.ladder)


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """One weight and its scores; on_market, on_model: Brier score minus that of one side alone, below 0 is better."""

    weight: float
    brier: Estimate
    log_loss: Estimate
    on_market: Estimate
    on_model: Estimate


@dataclass(frozen=True, kw_only=True)
class BlendFit:
    """One pool on some rows.

    ends: the market alone and the model alone, which are not tried. grid: every weight of the grid. best: the weight of
    the grid with the least Brier score; fitted: the weight in 0 … 1 with the least log loss; both with the interval in
    which they lie when dates are drawn anew. at_fitted: the scores there, which flatter it, for it was fitted to the
    same rows.
    """

    pool: str
    ends: tuple[Weighed, Weighed]
    grid: tuple[Weighed, ...]
    best: Estimate
    fitted: Estimate
    at_fitted: Weighed

    @property
    def at_best(self) -> Weighed:
        """The scores at the best weight of the grid."""
        return next(one for one in self.grid if one.weight == self.best.value)


def blended(p_model: ArrayLike, p_market: ArrayLike, weight: float, *, pool: str = "linear") -> Floats:
    """Return the pool of two probabilities of the same rows [N], each row by itself; refuse what is missing."""
    _require_weight(weight)
    ours, theirs = probabilities(p_model, name="p_model"), probabilities(p_market, name="p_market")
    if len(ours) != len(theirs):
        raise Usage(f"the model speaks of {len(ours)} rows, the market of {len(theirs)}")
    mixed: Floats
    if pool == "linear":
        mixed = weight * ours + (1 - weight) * theirs
    elif pool == "log_odds":
        odds = (logit(np.clip(p, LEAST_P, 1 - LEAST_P)) for p in (ours, theirs))
        mixed = expit(weight * next(odds) + (1 - weight) * next(odds))
    else:
        raise Usage(f"there is no pool {pool!r}", hint=f"pools: {' '.join(POOLS)}")
    return mixed


def renormalised(p: ArrayLike, ladder: ArrayLike) -> Floats:
    """Return probabilities [N] over the sum of their ladder; refuse ladders on which there is nothing."""
    chances = probabilities(p)
    _, of_row = np.unique(whole_numbers(ladder, name="ladder", rows=len(chances)), return_inverse=True)
    total = np.bincount(of_row, weights=chances)
    if (total == 0).any():
        raise Refused("a ladder has no probability on any bracket", hint="leave out ladders of which nothing is known")
    shares: Floats = chances / total[of_row]
    return shares


def fit_blend(
    rows: BlendRows, *, pool: str = "linear", grid: Sequence[float] = GRID, level: float = 0.95, seed: int = 0
) -> BlendFit:
    """Score every weight of a grid and fit one freely, on rows that the model was not fitted on.

    Dates are drawn whole for every interval; on too few of them the bounds are NaN.
    """
    from scipy.optimize import minimize_scalar  # who blends by a weight that stands needs none of it, and starts sooner

    if not len(rows):
        raise Refused("there is no row to blend on", hint="give days that were predicted, quoted and have settled")
    for weight in grid:
        _require_weight(weight)
    weights = np.unique(np.concatenate([_FINE, np.asarray(grid, dtype=np.float64)]))
    draws = draw(rows.day, rows=len(rows), level=level, seed=seed)
    losses = _Losses.of(rows, pool, weights, draws)
    loose = _least(weights, losses.drawn_log_loss)
    at = minimize_scalar(
        lambda weight: float(np.mean(contracts.log_loss(rows.blended(pool, weight), hit=rows.hit))),
        bounds=_around(weights, losses.log_loss), method="bounded", options={"xatol": 1e-7},
    ).x  # fmt: skip
    tried = np.asarray(sorted(grid), dtype=np.float64)
    place = np.searchsorted(weights, tried)
    best = tried[np.argmin(losses.brier[place])]
    drawn_best = tried[np.argmin(losses.drawn_brier[:, place], axis=1)]
    return BlendFit(
        pool=pool,
        ends=(_weighed(rows, pool, ENDS[0], draws), _weighed(rows, pool, ENDS[1], draws)),
        grid=tuple(_weighed(rows, pool, float(weight), draws) for weight in tried),
        best=draws.percentile(float(best), drawn_best),
        fitted=draws.percentile(float(at), loose),
        at_fitted=_weighed(rows, pool, float(at), draws),
    )


def fit_blends(rows: BlendRows, *, pools: Iterable[str] = POOLS, level: float = 0.95, seed: int = 0) -> list[BlendFit]:
    """Fit every pool on the same rows."""
    return [fit_blend(rows, pool=pool, level=level, seed=seed) for pool in pools]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Losses:
    """Mean scores at each weight [W], and in each draw of dates [R, W]."""

    brier: Floats
    log_loss: Floats
    drawn_brier: Floats
    drawn_log_loss: Floats

    @classmethod
    def of(cls, rows: BlendRows, pool: str, weights: Floats, draws: Draws) -> _Losses:
        """Score all weights; the draws of all of them are one product."""
        scored = [
            [score(p, hit=rows.hit) for score in (contracts.brier, contracts.log_loss)]
            for p in (rows.blended(pool, float(weight)) for weight in weights)
        ]
        (brier, drawn_brier), (log_loss, drawn_log_loss) = (
            _means([of_weight[number] for of_weight in scored], draws) for number in range(2)
        )
        return cls(brier=brier, log_loss=log_loss, drawn_brier=drawn_brier, drawn_log_loss=drawn_log_loss)


def _means(values: Sequence[Floats], draws: Draws) -> tuple[Floats, Floats]:
    """Return the mean of each of some values [N], and that in each draw [R, W]."""
    blocks = draws.blocks
    of_block = np.stack([np.bincount(blocks.of_row, weights=one, minlength=blocks.number) for one in values], axis=1)
    drawn: Floats = (draws.times @ of_block) / draws.rows_drawn[:, None]
    return np.array([one.mean() for one in values]), drawn


def _weighed(rows: BlendRows, pool: str, weight: float, draws: Draws) -> Weighed:
    p = rows.blended(pool, weight)
    brier = contracts.brier(p, hit=rows.hit)
    market, model = (contracts.brier(rows.blended(pool, alone), hit=rows.hit) for alone in ENDS)
    scores = (brier, contracts.log_loss(p, hit=rows.hit), brier - market, brier - model)
    estimates = (draws.percentile(float(values.mean()), draws.totals(values) / draws.rows_drawn) for values in scores)
    return Weighed(
        weight=weight,
        brier=next(estimates),
        log_loss=next(estimates),
        on_market=next(estimates),
        on_model=next(estimates),
    )


def _around(weights: Floats, losses: Floats) -> tuple[float, float]:
    """Return the neighbours of the weight with the least loss."""
    place = int(np.argmin(losses))
    return float(weights[max(place - 1, 0)]), float(weights[min(place + 1, len(weights) - 1)])


def _least(weights: Floats, losses: Floats) -> Floats:
    """Return for each draw [R, W] the weight of the lowest point of a parabola through the three lowest weights."""
    place = np.clip(np.argmin(losses, axis=1), 1, len(weights) - 2)
    draw_number = np.arange(len(losses))
    (x0, y0), (x1, y1), (x2, y2) = ((weights[place + step], losses[draw_number, place + step]) for step in (-1, 0, 1))
    rise, fall = (y2 - y1) / (x2 - x1), (y1 - y0) / (x1 - x0)
    bend = (rise - fall) / (x2 - x0)
    curved = bend > 0
    lowest = (x0 + x1) / 2 - fall / (2 * np.where(curved, bend, 1.0))
    found: Floats = np.where(curved, np.clip(lowest, x0, x2), weights[np.argmin(losses, axis=1)])
    return found


def _require_weight(weight: float) -> None:
    if not 0 <= weight <= 1:
        raise Usage(f"a weight of {weight:g} is no share", hint="1 is the model alone, 0 the market alone")
