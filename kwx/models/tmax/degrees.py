"""Classes above a base as distributions over whole degrees, and these cut into the brackets of an event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from kwx.models.tmax.classes import CLASSES, HIGHEST, LOWEST, ErrorLaw, Floats, Ints
from warehouse.market.ladder import Ladder

_BEYOND_F = 40
"""Degrees so far beyond the outermost classes share what is beyond them."""
_OVER = np.arange(LOWEST - _BEYOND_F, HIGHEST + _BEYOND_F + 1)
"""Degrees over the base, the same for every row: what one row is told does not hang on the others."""
_INNER = slice(_BEYOND_F + 1, _BEYOND_F + CLASSES - 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Degrees:
    """p: [N, W] the chance of the whole degrees first_f, first_f + 1, …; every row sums to one."""

    first_f: int
    p: Floats

    def masses(self, ladder: Ladder) -> Floats:
        """Return [N, B] the chance of each bracket, from the coldest to the warmest."""
        return ladder.masses(self.p, self.first_f)


def degrees_of(p: Floats, rows: pl.DataFrame, law: ErrorLaw) -> Degrees:
    """Spread the chances of classes [N, 13] of snapshots over degrees.

    Where the base is a report, nothing lies below class −2. Where it is the forecast, that class is open; +10 always
    is. Without a forecast the law of its error is taken about the outermost degree.
    """
    if not len(p):
        return Degrees(first_f=0, p=np.zeros((0, 1)))
    base_f = rows["base_f"].to_numpy().astype(np.int64)
    observed, is_eve = rows["is_observed"].to_numpy(), rows["is_eve"].to_numpy()
    over_base = np.zeros((len(p), len(_OVER)))
    over_base[:, _INNER] = p[:, 1:-1]
    chance = law.at(_OVER + (base_f - _forecast_f(rows, base_f))[:, None], is_eve)
    below = (_OVER == LOWEST) | ((_OVER < LOWEST) & ~observed[:, None])
    for which, beyond in ((0, below), (CLASSES - 1, _OVER >= HIGHEST)):
        share = np.where(beyond, chance, 0.0)
        over_base += share * (p[:, which] / share.sum(axis=1))[:, None]
    first_f = int(base_f.min()) + int(_OVER[0])
    spread = np.zeros((len(p), int(base_f.max() - base_f.min()) + len(_OVER)))
    spread[np.arange(len(p))[:, None], (base_f + int(_OVER[0]) - first_f)[:, None] + np.arange(len(_OVER))] = over_base
    return Degrees(first_f=first_f, p=spread)


def _forecast_f(rows: pl.DataFrame, base_f: Ints) -> Ints:
    """Return the forecast high in whole degrees."""
    told = (rows["forecast_high_f"] + 0.5).floor().to_numpy()
    return np.where(np.isnan(told), base_f + HIGHEST, np.nan_to_num(told)).astype(np.int64)
