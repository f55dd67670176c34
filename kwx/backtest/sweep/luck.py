"""Whether any of many tried sets is better than doing nothing, given how many were tried.

White's reality check (2000) as Romano and Wolf (2005) step it down: dates are drawn anew in whole blocks, the same for
all sets, and each set's mean gain is held, over its own standard error, against the highest that any set reaches in
draws from which every set's own mean was taken away. The first step is the reality check of the best set. Sets that
were found better leave, and the others are asked again. The chance of calling any set better that is not is held below
the level, whatever the sets have in common.

Draws of few blocks lie too close together: their distances are stretched by √(n / (n − 1)).
"""

from __future__ import annotations

import numpy as np

from kwx.scoring.inputs import Floats
from kwx.scoring.resampling import Draws

_ROUNDING = 1e-9
"""Gains that never differ do so in draws by their rounding, which is less than this share of them."""


def better_than_nothing(gains: Floats, draws: Draws) -> Floats:
    """Return [P] adjusted p-values that sets gain more than nothing, of what each gained by date [P, N].

    1 for a set whose gains never differ, such as one without a trade; NaN for all where blocks are too few to draw.
    """
    if not len(draws.times):
        return np.full(len(gains), np.nan)
    means, away = gains.mean(axis=1), _away(gains, draws)
    errors = np.sqrt((away**2).mean(axis=1))
    tested = np.flatnonzero(errors > _ROUNDING * np.abs(gains).max(axis=1))
    adjusted = np.ones(len(gains))
    if len(tested):
        reached, drawn = means[tested] / errors[tested], away[tested] / errors[tested, None]
        adjusted[tested] = _stepped_down(reached, drawn)
    return adjusted


def _away(gains: Floats, draws: Draws) -> Floats:
    """Return [P, R] how far the mean of each draw lies from the mean of all dates."""
    of_block = np.stack([np.bincount(draws.blocks.of_row, weights=own, minlength=draws.blocks.number) for own in gains])
    drawn = of_block @ draws.times.T / draws.rows_drawn
    stretch = np.sqrt(draws.blocks.number / (draws.blocks.number - 1))
    away: Floats = stretch * (drawn - gains.mean(axis=1)[:, None])
    return away


def _stepped_down(reached: Floats, drawn: Floats) -> Floats:
    """Return the p-values of sets by what each reached [P], and what each reached in draws [P, R]."""
    order = np.argsort(-reached, kind="stable")
    # The highest of a set and of all that reached less.
    highest = np.maximum.accumulate(drawn[order][::-1], axis=0)[::-1]
    exceeded = (highest >= reached[order][:, None]).sum(axis=1)
    adjusted = np.empty(len(reached))
    adjusted[order] = np.maximum.accumulate((1 + exceeded) / (1 + drawn.shape[1]))
    return adjusted
