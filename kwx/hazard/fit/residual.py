"""The law of the residual from its differences: V(l) = mean (r_{k+l} − r_k)² = 2 S (1 − ρ^l) + 2 R.

Whatever holds for the whole day, the day bias above all, is in no difference. S is the spread of the residual, R the
noise of the reports, which is gone from one report to the next and no part of the air.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kwx.hazard.fit.past import NotEnoughData
from kwx.hazard.law import HOURS, LEADS, hour_label
from kwx.hazard.question import GRID_MINUTES, LEAST_SIGMA_F, STEPS, Floats, Ints

LEAST_PAIRS = 40
"""A lag with fewer pairs says nothing."""

LEAST_LAGS = 3

_DENSE_LAGS = np.array([2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 21, 24, 28, 32, 36])
_HOURLY_LAGS = 12 * np.arange(1, 7)
_DENSE_SHARE = 0.3
_BUCKET_LAG = 12
_BUCKET_PRIOR_PAIRS = 60
_BUCKET_ROUNDS = 6
_LEAD_FACTORS = (0.5, 2.0)
_CAP_SD = 3.0
_CAP_ROUNDS = 3
_RHOS = 1 - np.geomspace(2e-3, 0.2, 120)
_NOISE_ROUNDS = 4

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Residuals:
    """What the air was over its curves, [R, 289] with NaN where nothing was reported.

    `starts` are the steps at which a difference may begin, those at which that curve was in force.
    """

    value_f: Floats
    starts: Flags

    def differences(self, lag: int) -> tuple[Floats, Ints]:
        """Return the differences over a lag, and the step each begins at."""
        apart_f = self.value_f[:, lag:] - self.value_f[:, :-lag]
        rows, steps = np.nonzero(~np.isnan(apart_f) & self.starts[:, :-lag])
        return apart_f[rows, steps], steps

    def pairs(self, lag: int) -> int:
        """Return how many differences there are over a lag."""
        known = ~np.isnan(self.value_f)
        return int((known[:, lag:] & known[:, :-lag] & self.starts[:, :-lag]).sum())


@dataclass(frozen=True, kw_only=True, eq=False)
class ResidualLaw:
    """ρ, the innovations by label, and how well they tell the differences."""

    rho: float
    sigma_f: Mapping[str, float]
    report_noise_f: float
    stationary_f: float
    fit_error: float
    kurtosis: float
    cadence_minutes: int


def residual_law(residuals: Residuals, *, by_lead: bool = False, rho: float | None = None) -> ResidualLaw:
    """Return the law of the residual, with innovations by time of day, or by lead and time of day.

    A ρ that is given is not fitted; the innovations are then those that tell the differences over an hour.
    """
    lags = _lags(residuals)
    pairs = np.array([residuals.pairs(lag) for lag in lags.tolist()])
    apart = [residuals.differences(lag)[0] for lag in lags.tolist()]
    seen = np.array([max(float(np.mean(_capped(one) ** 2)), 1e-6) for one in apart])
    rho, stationary, noise = fit_structure(lags, seen, pairs, rhos=_RHOS if rho is None else np.array([rho]))
    told = _structure(lags, rho, stationary, noise)
    sigma_f = max(float(np.sqrt(stationary * (1 - rho**2))), LEAST_SIGMA_F)
    medium = int(lags[np.argmin(np.abs(lags - _BUCKET_LAG))])
    by_hour = _by_hour(residuals, medium, rho=rho, sigma_f=sigma_f, noise=noise)
    return ResidualLaw(
        rho=rho,
        sigma_f=_by_lead(by_hour, lags, seen, told) if by_lead else by_hour,
        report_noise_f=float(np.sqrt(noise)),
        stationary_f=float(np.sqrt(stationary)),
        fit_error=float(np.sqrt(np.average((told / seen - 1) ** 2, weights=pairs))),
        kurtosis=_kurtosis(apart[int(np.flatnonzero(lags == medium)[0])]),
        cadence_minutes=GRID_MINUTES if lags[0] < _BUCKET_LAG else 60,
    )


def fit_structure(lags: Ints, seen: Floats, pairs: Ints, *, rhos: Floats) -> tuple[float, float, float]:
    """Return ρ, S and R that tell V(l) best; errors count relative to V, a lag by the root of its pairs."""
    weights = np.sqrt(pairs) / np.maximum(seen, 1e-9)
    shares = np.ones(len(lags))
    for _ in range(_NOISE_ROUNDS):
        rho, stationary, noise = _best(lags, seen, weights, shares, rhos)
        shares = rounding_shares(stationary * _grown(lags, rho), noise)
    return rho, stationary, noise


def rounding_shares(apart_f2: Floats, noise: float) -> Floats:
    """Return which share of the noise of rounding shows in differences of air that itself differs by so much (°F²).

    Air that has hardly moved is rounded to the same degree again: all of the noise shows only where it has moved by
    about the step q of the rounding, whose noise is q²/12.
    """
    moved = np.minimum(apart_f2 / max(12 * noise, 1e-9), 50.0)
    order = np.arange(1, 31)
    hidden = np.exp(-2 * np.pi**2 * order**2 * moved[:, None]) @ (6 / (np.pi * order) ** 2)
    shares: Floats = 1 - hidden
    return shares


def _best(lags: Ints, seen: Floats, weights: Floats, shares: Floats, rhos: Floats) -> tuple[float, float, float]:
    least = [_least(lags, seen, weights, shares, rho) for rho in rhos.tolist()]
    place = int(np.argmin([error for error, _, _ in least]))
    fine = 1 - np.geomspace(1 - rhos[max(place - 1, 0)], 1 - rhos[min(place + 1, len(rhos) - 1)], 41)
    finest = [(*_least(lags, seen, weights, shares, rho), rho) for rho in fine.tolist()]
    _, stationary, noise, rho = min(finest)
    return rho, stationary, noise


def _least(lags: Ints, seen: Floats, weights: Floats, shares: Floats, rho: float) -> tuple[float, float, float]:
    """Return error, S and R of the best fit at one ρ, neither of them negative."""
    air, noise, target = weights * _grown(lags, rho), weights * 2 * shares, weights * seen
    square = np.array([[air @ air, air @ noise], [air @ noise, noise @ noise]])
    both = np.linalg.lstsq(square, np.array([air @ target, noise @ target]), rcond=None)[0]
    choices = [(float(target @ air / (air @ air)), 0.0), (0.0, float(target @ noise / (noise @ noise)))]
    if both.min() >= 0:
        choices = [(float(both[0]), float(both[1]))]
    errors = [float(np.sum((s * air + r * noise - target) ** 2)) for s, r in choices]
    best = int(np.argmin(errors))
    return errors[best], *choices[best]


def _grown(lags: Ints, rho: float) -> Floats:
    return np.asarray(2 * (1 - rho**lags), dtype=np.float64)


def _structure(lags: Ints, rho: float, stationary: float, noise: float) -> Floats:
    air = stationary * _grown(lags, rho)
    told: Floats = air + 2 * noise * rounding_shares(air, noise)
    return told


def _lags(residuals: Residuals) -> Ints:
    """Return the lags to fit: up to three hours where reports are minutes apart, else whole hours up to twelve."""
    dense = residuals.pairs(2) > _DENSE_SHARE * residuals.pairs(_BUCKET_LAG)
    lags = _DENSE_LAGS if dense else _HOURLY_LAGS
    chosen: Ints = np.array([lag for lag in lags.tolist() if residuals.pairs(lag) >= LEAST_PAIRS])
    if len(chosen) < LEAST_LAGS:
        raise NotEnoughData(
            f"a fit needs {LEAST_PAIRS} pairs of reports at {LEAST_LAGS} distances in time; there are so many at "
            f"{len(chosen)}",
            hint="fit a longer range, or ingest obs at least every two hours",
        )
    return chosen


def _capped(apart_f: Floats) -> Floats:
    """Cut what is more than three spreads away: a thunderstorm or a broken report must not be half of the variance."""
    for _ in range(_CAP_ROUNDS):
        cap_f = _CAP_SD * float(np.sqrt(np.mean(apart_f**2))) if len(apart_f) else 0.0
        apart_f = np.clip(apart_f, -cap_f, cap_f)
    return apart_f


def _by_hour(residuals: Residuals, lag: int, *, rho: float, sigma_f: float, noise: float) -> dict[str, float]:
    """Find the innovations under which the air does over a lag what it did at each time of day.

    Buckets of few pairs change little.
    """
    apart_f, steps = residuals.differences(lag)
    middle = _hours_at(steps + lag // 2)
    pairs = np.bincount(middle, minlength=len(HOURS))
    seen = np.bincount(middle, weights=_capped(apart_f) ** 2, minlength=len(HOURS)) - 2 * noise * pairs
    by_hour_f = np.full(len(HOURS), sigma_f)
    for _ in range(_BUCKET_ROUNDS):
        told = _within(lag, by_hour_f, rho)
        usual = told * max(float(seen.sum()), 0.0) / max(float(pairs @ told), 1e-9)
        shrunk = (np.maximum(seen, 0.0) + _BUCKET_PRIOR_PAIRS * usual) / (pairs + _BUCKET_PRIOR_PAIRS)
        by_hour_f = np.maximum(by_hour_f * np.sqrt(shrunk / told), LEAST_SIGMA_F)
    return {hour_label(hours): float(value) for hours, value in zip(HOURS, by_hour_f.tolist(), strict=True)}


def _hours_at(steps: Ints) -> Ints:
    bucket: Ints = np.minimum(steps * len(HOURS) // STEPS, len(HOURS) - 1)
    return bucket


def _within(lag: int, by_hour_f: Floats, rho: float) -> Floats:
    """Return by time of day the mean square of a difference over a lag, where every day is alike."""
    variance = np.tile(by_hour_f[_hours_at(np.arange(STEPS))] ** 2, 2)
    fading = rho ** (2 * np.arange(lag))
    grown = np.convolve(variance, fading)[: len(variance)]
    spread, last = np.empty(len(variance)), float(variance.mean() / (1 - rho**2))
    for step, added in enumerate(variance.tolist()):
        last = rho**2 * last + added
        spread[step] = last
    begins = np.arange(STEPS - lag, 2 * STEPS - lag)
    apart = (1 - rho**lag) ** 2 * spread[begins] + grown[begins + lag]
    middle = _hours_at((begins + 1 + lag // 2) % STEPS)
    told: Floats = np.bincount(middle, weights=apart) / np.bincount(middle)
    return told


def _by_lead(by_hour: Mapping[str, float], lags: Ints, seen: Floats, told: Floats) -> dict[str, float]:
    """Scale the innovations by how much faster than told the differences grow within each stretch of leads."""
    minutes = lags * GRID_MINUTES
    factors: list[float] = []
    for lead in LEADS:
        inside = np.flatnonzero((minutes >= lead.first) & (minutes <= lead.end))
        grown = told[inside[-1]] - told[inside[0]] if len(inside) > 1 else 0.0
        if grown < 0.05 * told[-1]:
            factors.append(factors[-1] if factors else 1.0)
            continue
        ratio = max(float((seen[inside[-1]] - seen[inside[0]]) / grown), 0.0)
        factors.append(float(np.clip(np.sqrt(ratio), *_LEAD_FACTORS)))
    return {
        f"{lead}/{label}": max(factor * sigma_f, LEAST_SIGMA_F)
        for lead, factor in zip(LEADS, factors, strict=True)
        for label, sigma_f in by_hour.items()
    }


def _kurtosis(apart_f: Floats) -> float:
    """Return how much heavier than normal the tails of the differences are; zero for the normal law."""
    spread = float(np.mean(apart_f**2))
    return float(np.mean(apart_f**4)) / spread**2 - 3 if spread else 0.0
