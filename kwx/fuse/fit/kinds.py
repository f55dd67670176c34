"""A kind of fit is a pool and a method. One fit of a kind: all cities together, then each city drawn towards that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kwx.fuse.fit.grid import fit_grid
from kwx.fuse.fit.loss import Candidate, parameters_of
from kwx.fuse.fit.sample import Sample
from kwx.fuse.fit.search import fit_optuna
from kwx.fuse.market.minutes import Floats
from kwx.fuse.pools import POOLS
from kwx.fuse.weight import Alphas
from warehouse.errors import Usage
from warehouse.lake.tables.contract import ALL_CITIES

METHODS = ("grid", "optuna", "gradient")
SHRINK_DAYS = 30
"""A city with so many days counts half, its own fit and that of all cities alike."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How the two are pooled, and how the numbers are found."""

    pool: str
    method: str

    def __post_init__(self) -> None:
        for word, said, known in (("pool", self.pool, POOLS), ("method", self.method, METHODS)):
            if said not in known:
                raise Usage(f"there is no {word} {said!r}", hint=f"{word}s: {' '.join(known)}")

    def __str__(self) -> str:
        return f"{self.pool} by {self.method}"


@dataclass(frozen=True, kw_only=True)
class CityFit:
    """The numbers of one city, or of `all`; `own_share` is how much of them is the city's own fit."""

    candidate: Candidate
    days: int
    own_share: float


def fit_cities(kind: Kind, sample: Sample) -> dict[str, CityFit]:
    """Return the fit of all cities together and of each one, the fewer its days the nearer to that of all."""
    together = _fit(kind, sample)
    fits = {ALL_CITIES: CityFit(candidate=together, days=len(sample.days), own_share=1.0)}
    for city in sample.cities:
        fits[city] = _shrunk(kind, sample.of_city(city), together)
    return fits


def _shrunk(kind: Kind, ours: Sample, together: Candidate) -> CityFit:
    """Return λ · own + (1 − λ) · all with λ = days / (days + 30), and 0 where there are fewer days than numbers."""
    days = len(ours.days)
    share = days / (days + SHRINK_DAYS) if days >= parameters_of(kind.pool) else 0.0
    own = _fit(kind, ours) if share else together
    return CityFit(candidate=_between(own, together, share), days=days, own_share=share)


def _between(own: Candidate, together: Candidate, share: float) -> Candidate:
    numbers = share * _numbers(own) + (1 - share) * _numbers(together)
    *alphas, beta_a, beta_b = numbers.tolist()
    return Candidate(pool=own.pool, alphas=Alphas(*alphas), beta_a=beta_a, beta_b=beta_b)


def _numbers(candidate: Candidate) -> Floats:
    return np.array([*candidate.alphas.numbers, candidate.beta_a, candidate.beta_b])


def _fit(kind: Kind, sample: Sample) -> Candidate:
    return _methods()[kind.method](kind.pool, sample)


def _methods() -> Mapping[str, Callable[[str, Sample], Candidate]]:
    from kwx.fuse.fit.gradient import fit_gradient  # JAX is imported only where it is used

    return {"grid": fit_grid, "optuna": fit_optuna, "gradient": fit_gradient}


def losses_of(fits: Mapping[str, CityFit], sample: Sample) -> Floats:
    """Return [N] the loss of each minute under the numbers of its city."""
    losses = np.empty(len(sample))
    for number, city in enumerate(sample.cities):
        ours = sample.city == number
        losses[ours] = fits.get(city, fits[ALL_CITIES]).candidate.losses(sample.where(ours))
    return losses
