"""Worlds whose forecasts are known to be right, or known to be too sure of themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr

EDGES = np.array([-np.inf, -2.0, -1.0, 0.0, 1.0, 2.0, np.inf])


@dataclass(frozen=True, kw_only=True)
class Forecasted:
    """Six brackets of one event a date, one row each: forecast, what is colder, what came, and when."""

    p: NDArray[np.float64]
    below: NDArray[np.float64]
    hit: NDArray[np.bool_]
    date: NDArray[np.int64]


@pytest.fixture
def world() -> Callable[..., Forecasted]:
    """Make dates of known signal and unknown noise; `doubt` scales the noise that the forecaster believes in."""

    def make(*, dates: int, seed: int, doubt: float = 1.0) -> Forecasted:
        rng = np.random.default_rng(seed)
        signal = 1.5 * rng.normal(size=(dates, 1))
        outcome = signal + rng.normal(size=(dates, 1))
        cumulative = ndtr((EDGES - signal) / doubt)
        hit = (outcome > EDGES[:-1]) & (outcome <= EDGES[1:])
        return Forecasted(
            p=np.diff(cumulative, axis=1).ravel(),
            below=cumulative[:, :-1].ravel(),
            hit=hit.ravel(),
            date=np.repeat(np.arange(dates), 6),
        )

    return make
