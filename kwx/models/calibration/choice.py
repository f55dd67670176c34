"""Which calibrator serves best: each is judged on later dates than it was fitted on, and must beat doing nothing.

The dates are cut into parts. Each part but the first is calibrated by fits on what was known before its first market
opened, so every judged row is later than its fit. A method may be chosen if none of Brier score, calibration error and
log loss is larger than that of the model as it is, and Brier score or log loss is smaller by more than chance (a
bootstrap of whole dates, its level shared out among all comparisons). Of those that the one with the best Brier score
does not beat by more than chance, the one with the fewest numbers is chosen; if there is none, nothing is done to the
model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np

from kwx.models.calibration.isotonic import LEAST_ROWS
from kwx.models.calibration.methods import METHODS, Fittable, fit_calibrator
from kwx.models.calibration.parametric import Temperature
from kwx.models.calibration.rows import Rows, last_fitted
from kwx.models.contract import Floats
from kwx.scoring.calibration import ECE_BINS, bins_of, calibration_error_of
from kwx.scoring.contracts import brier, log_loss
from kwx.scoring.corp import sort_forecasts
from kwx.scoring.paired import compare
from kwx.scoring.reliability import Reliability, reliability
from kwx.scoring.resampling import Draws, Estimate, draw, mean_of
from kwx.scoring.threads import one_blas_thread
from warehouse.errors import Refused
from warehouse.market.climate_day import opens_utc

NONE = "none"
BY_CHANCE = "no better than chance allows"
NOTHING = Temperature(sharpness=1.0)
"""The calibrator that changes no bit; it is what is stored where doing nothing is best."""
PARTS = 4
LEAST_DATES = 12
"""So many dates leave nine to judge on, three of them in each part."""
_CURVE_CELLS = 500
_CURVES = 500
_BEYOND = 5

Part = tuple[Rows, Rows]
"""The rows that were known before a part of the dates, and those of the part."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """A mean score minus that of the model as it is, below 0 where it is better; interval and level by dates."""

    value: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """One method on the dates that its fits had not seen.

    p: what it says of each judged row. gain, log_gain: in Brier score and log loss on the model as it is; None of the
    model itself. numbers: those of the last fit. against: why it may not be chosen, or None. needs_dates: where only
    chance speaks against it, on how many judged dates a gain of the same size would be beyond chance.
    """

    method: str
    p: Floats
    brier: Estimate
    ece: Estimate
    log_loss: Estimate
    gain: Gain | None
    log_gain: Gain | None
    numbers: int
    against: str | None
    needs_dates: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """What was chosen of all methods judged, the model as it is first, and the calibrator fitted on all dates.

    rows, days: what the calibrator was fitted on. judged_rows, judged_days: what the methods were judged on. unjudged:
    by method that was asked for why it was not judged.
    """

    method: str
    calibrator: Fittable
    judged: tuple[Judged, ...]
    before: Reliability
    after: Reliability
    rows: int
    days: tuple[date, ...]
    judged_rows: int
    judged_days: tuple[date, ...]
    level: float
    unjudged: Mapping[str, str]

    def of(self, method: str) -> Judged:
        """Return what is said of a method."""
        return next(one for one in self.judged if one.method == method)


def choose(
    rows: Rows,
    *,
    methods: Sequence[str] = tuple(METHODS),
    forced: str | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Choice:
    """Judge methods on rows and fit the chosen one on all of them; `forced` is chosen whatever it is worth."""
    if len(rows.days) < LEAST_DATES:
        raise Refused(
            f"{len(rows.days)} settled dates are too few to choose a calibrator by; {LEAST_DATES} are needed,"
            f" a quarter of them to fit before the first is judged",
            hint="predict and settle more days, or say a longer range",
        )
    in_order = rows.in_order()
    parts = list(forward_parts(in_order))
    asked = [one for one in METHODS if one in methods or one == forced]
    unjudged = _too_few_rows(asked, parts, forced=forced)
    # The products are small: spread over threads they wait for each other, and sum in another order.
    with one_blas_thread():
        chosen = _chosen(
            in_order, parts, [one for one in asked if one not in unjudged], forced=forced, level=level, seed=seed
        )
    return replace(chosen, unjudged=unjudged)


def forward_parts(rows: Rows) -> Iterator[Part]:
    """Yield for each part of the dates but the first the rows known before it, and its own."""
    for cut in np.array_split(np.array(rows.days, dtype=object), PARTS)[1:]:
        first, last = cut[0], cut[-1]
        earlier = rows.between(rows.days[0], last_fitted(first)).known_by(opens_utc(first))
        if not len(earlier):
            raise Refused(
                f"no label of the days before {first} was known when its markets opened",
                hint="look at known_utc of the table settlements",
            )
        yield earlier, rows.between(first, last)


def _too_few_rows(methods: Sequence[str], parts: Sequence[Part], *, forced: str | None) -> dict[str, str]:
    """Return the methods that some fit has too few rows for, and why; refuse where that is the one that is forced."""
    fewest = min(len(earlier) for earlier, _ in parts)
    if fewest >= LEAST_ROWS or "isotonic" not in methods:
        return {}
    why = f"isotonic needs {LEAST_ROWS:,} rows; the first dates have {fewest:,}"
    if forced == "isotonic":
        raise Refused(why, hint="another --method, a longer range, or fewer --minutes between rows")
    return {"isotonic": why}


def _chosen(
    rows: Rows, parts: Sequence[Part], methods: Sequence[str], *, forced: str | None, level: float, seed: int
) -> Choice:
    later = rows.between(parts[0][1].days[0], rows.days[-1])
    judge = _Judge(rows=later, level=level, shared_level=1 - (1 - level) / max(2 * len(methods), 1), seed=seed)
    plain = judge.plain()
    judged = [judge.of(method, parts, plain) for method in methods]
    method = forced or judge.fewest_numbers([one for one in judged if one.against is None])
    winner = next((one for one in judged if one.method == method), plain)
    return Choice(
        method=method,
        calibrator=NOTHING if winner is plain else fit_calibrator(method, rows.p, rows.hit),
        judged=(plain, *judged),
        before=judge.reliability(plain),
        after=judge.reliability(winner),
        rows=len(rows),
        days=rows.days,
        judged_rows=len(later),
        judged_days=later.days,
        level=level,
        unjudged={},
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Judge:
    """Judges what is said of rows that no fit has seen."""

    rows: Rows
    level: float
    shared_level: float
    seed: int

    def plain(self) -> Judged:
        """Judge the model as it is."""
        return self._judged(NONE, self.rows.p, numbers=0)

    def of(self, method: str, parts: Sequence[Part], plain: Judged) -> Judged:
        """Judge a method, each part by the fit on what was known before it."""
        fits = [fit_calibrator(method, earlier.p, earlier.hit) for earlier, _ in parts]
        p = np.concatenate([fit.apply(part.p) for fit, (_, part) in zip(fits, parts, strict=True)])
        judged = self._judged(method, p, numbers=fits[-1].numbers)
        gain, log_gain = (self._gain(judged, plain, score) for score in (brier, log_loss))
        against = _against(judged, plain, gain, log_gain)
        needs = _dates_needed(len(self.rows.days), gain, log_gain) if against == BY_CHANCE else None
        return replace(judged, gain=gain, log_gain=log_gain, against=against, needs_dates=needs)

    def fewest_numbers(self, able: Sequence[Judged]) -> str:
        """Return the method with the fewest numbers that the best does not beat by more than chance."""
        if not able:
            return NONE
        best = min(able, key=lambda one: one.brier.value)
        as_good = [one for one in able if one is best or self._gain(best, one, brier).high >= 0]
        return min(as_good, key=lambda one: (one.numbers, one.brier.value)).method

    def reliability(self, judged: Judged) -> Reliability:
        """Return the curve with its band, every market of a day drawn for itself, on cells of neighbours."""
        forecasts = sort_forecasts(judged.p)
        cell = bins_of(forecasts, bins=_CURVE_CELLS)[forecasts.of_row]
        in_cell = np.bincount(cell, minlength=_CURVE_CELLS)
        means = np.bincount(cell, weights=judged.p, minlength=_CURVE_CELLS) / np.maximum(in_cell, 1)
        resamples = max(_CURVES, int(np.ceil(_BEYOND / (1 - self.level))))
        return reliability(
            means[cell], hit=self.rows.hit, dates=self.rows.market, level=self.level, resamples=resamples,
            bins=ECE_BINS, seed=self.seed,
        )  # fmt: skip

    @cached_property
    def _draws(self) -> Draws:
        return draw(self.rows.day, rows=len(self.rows), level=self.level, seed=self.seed)

    def _judged(self, method: str, p: Floats, *, numbers: int) -> Judged:
        return Judged(
            method=method,
            p=p,
            brier=mean_of(brier(p, hit=self.rows.hit), draws=self._draws),
            ece=calibration_error_of(p, hit=self.rows.hit, draws=self._draws, bins=ECE_BINS),
            log_loss=mean_of(log_loss(p, hit=self.rows.hit), draws=self._draws),
            gain=None,
            log_gain=None,
            numbers=numbers,
            against=None,
        )

    def _gain(self, ours: Judged, theirs: Judged, score: Callable[..., Floats]) -> Gain:
        hit = self.rows.hit
        found = compare(
            score(ours.p, hit=hit), reference=score(theirs.p, hit=hit), dates=self.rows.day, dates_alike=False,
            level=self.shared_level, seed=self.seed,
        )  # fmt: skip
        return Gain(value=found.difference, low=found.low, high=found.high, level=self.shared_level)


def _against(judged: Judged, plain: Judged, *gains: Gain) -> str | None:
    """Say why a method may not be chosen, or None."""
    for name, ours, theirs in (
        ("Brier score", judged.brier, plain.brier),
        ("calibration error", judged.ece, plain.ece),
        ("log loss", judged.log_loss, plain.log_loss),
    ):
        if ours.value > theirs.value:
            return f"larger {name}"
    return None if any(gain.high < 0 for gain in gains) else BY_CHANCE


def _dates_needed(dates: int, *gains: Gain) -> int | None:
    """Return on how many dates the same gain would be beyond chance, by the root law; None where there is none."""
    needed = [dates * ((gain.high - gain.value) / gain.value) ** 2 for gain in gains if gain.value < 0]
    return max(math.ceil(min(needed)), dates + 1) if needed else None
