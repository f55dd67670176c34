"""How a fit did on dates that it had not seen: its loss beside those of market and weather alone, by event dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kwx.fuse.fit.kinds import CityFit, Kind, losses_of
from kwx.fuse.fit.loss import cross_entropy
from kwx.fuse.fit.sample import Sample
from kwx.fuse.market.minutes import Floats
from kwx.scoring.paired import compare
from kwx.scoring.resampling import LEAST_BLOCKS
from warehouse.lake.tables.contract import ALL_CITIES


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean and its bootstrap interval over whole event dates; without an interval where there are too few dates."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Held:
    """What one city's, or all, held-out minutes say of a fit: losses, and what it gains on either side alone.

    A gain is a difference of losses, fused minus alone: below zero fused is better.
    """

    loss: Estimate
    market: Estimate
    weather: Estimate
    on_market: Estimate
    on_weather: Estimate
    winner_loss: Estimate
    brier: Estimate
    weight: Estimate
    minutes: int
    dates: int

    @property
    def is_no_worse(self) -> bool:
        """Tell whether the loss is no larger than that of the market alone."""
        return self.on_market.value <= 0

    @property
    def is_not_beaten(self) -> bool:
        """Tell whether the market did not beat the fit beyond chance: the interval of the difference reaches zero."""
        low = self.on_market.low
        return (self.on_market.value if low is None else low) <= 0

    def metrics(self) -> dict[str, Any]:
        """Return everything, as JSON holds it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One kind on the held-out dates: all cities together, and each by itself."""

    kind: Kind
    overall: Held
    by_city: Mapping[str, Held]

    def of(self, city: str) -> Held:
        """Return what is said of a city; of all together where it is not told apart."""
        return self.overall if city == ALL_CITIES else self.by_city.get(city, self.overall)


def judge(kind: Kind, fits: Mapping[str, CityFit], held_out: Sample) -> Judged:
    """Judge the fits of a kind by minutes that they have not seen."""
    return Judged(
        kind=kind,
        overall=_held(fits, held_out),
        by_city={
            city: _held(fits, held_out.of_city(city))
            for number, city in enumerate(held_out.cities)
            if (held_out.city == number).any()
        },
    )


def _held(fits: Mapping[str, CityFit], sample: Sample) -> Held:
    loss = losses_of(fits, sample)
    market, weather = (cross_entropy(p, sample.target) for p in (sample.p_mkt, sample.p_wx))
    p, weight = _pooled(fits, sample)
    rows = np.arange(len(sample))
    came = np.zeros(p.shape)
    came[rows, sample.winner] = 1.0
    return Held(
        loss=_mean(loss, sample),
        market=_mean(market, sample),
        weather=_mean(weather, sample),
        on_market=_mean(loss - market, sample),
        on_weather=_mean(loss - weather, sample),
        winner_loss=_mean(cross_entropy(p, came), sample),
        brier=_mean(((p - came) ** 2).sum(axis=1), sample),
        weight=_mean(weight, sample),
        minutes=len(sample),
        dates=len(sample.days),
    )


def _pooled(fits: Mapping[str, CityFit], sample: Sample) -> tuple[Floats, Floats]:
    """Return the pool and the market's weight of each minute under the numbers of its city."""
    p, weight = np.empty(sample.p_mkt.shape), np.empty(len(sample))
    for number, city in enumerate(sample.cities):
        ours = sample.city == number
        candidate = fits.get(city, fits[ALL_CITIES]).candidate
        p[ours], weight[ours] = candidate.probabilities(sample.where(ours)), candidate.weight(sample.where(ours))
    return p, weight


def _mean(values: Floats, sample: Sample) -> Estimate:
    """Return the mean, each date counting once, with its interval where there are dates enough."""
    if len(sample.days) < LEAST_BLOCKS:
        _, date = np.unique(sample.day, return_inverse=True)
        return Estimate(value=float(np.mean(np.bincount(date, weights=values) / np.bincount(date))))
    found = compare(values, reference=np.zeros(len(values)), dates=sample.day)
    return Estimate(value=found.difference, low=found.low, high=found.high)
