"""What the scores accept: whole probabilities, whole degrees, yes or no; anything else is refused, never scored.

A shape that cannot be meant is Usage; a value that no forecast may hold (NaN, negative, not summing to one) is Refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from warehouse.errors import Refused, Usage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SUM_TOLERANCE = 1e-6
"""How far from one the probabilities of a distribution may sum."""
ROUNDING = 1e-9
"""How far below zero or above one rounding may leave a probability."""
LOG_FLOOR = 1e-4
"""The least probability that a log loss believes: a miss costs 9.21 at most."""


def distributions(p: ArrayLike) -> Floats:
    """Return [N, J] distributions, one per row; refuse NaN, negative mass and rows that do not sum to one."""
    rows = np.asarray(p, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise Usage(f"distributions come as [rows, probabilities], not as {rows.shape}")
    total = rows @ np.ones(rows.shape[1])
    whole = np.abs(total - 1) <= SUM_TOLERANCE
    if not (whole.all() and rows.min(initial=0.0) >= -ROUNDING):
        _refuse_distribution(rows, total)
    return rows


def _refuse_distribution(rows: Floats, total: Floats) -> None:
    """Say which row is no distribution, and why."""
    wrong = ~(np.abs(total - 1) <= SUM_TOLERANCE) | (rows < -ROUNDING).any(axis=1)
    row = int(np.flatnonzero(wrong)[0])
    lowest = rows[row].min()
    why = f"sums to {total[row]:.6g}" if lowest >= -ROUNDING else f"holds {lowest:.6g}"
    raise Refused(
        f"row {row} is no distribution: it {why} ({int(wrong.sum())} of {len(rows)} rows are like that)",
        hint="leave out rows that are missing; renormalise or mend the others where they are made",
    )


def probabilities(p: ArrayLike, *, name: str = "p") -> Floats:
    """Return [N] probabilities; refuse NaN and what lies outside 0 … 1."""
    chances = finite(p, name=name)
    if len(chances) and (chances.min() < -ROUNDING or chances.max() > 1 + ROUNDING):
        row = int(np.flatnonzero((chances < -ROUNDING) | (chances > 1 + ROUNDING))[0])
        raise Refused(f"{name}[{row}] = {chances[row]:.6g} is no probability")
    return np.clip(chances, 0.0, 1.0)


def finite(values: ArrayLike, *, name: str, rows: int | None = None) -> Floats:
    """Return [N] numbers; refuse NaN and infinity, and a length other than `rows`."""
    numbers = np.asarray(values, dtype=np.float64)
    _require_length(numbers, name=name, rows=rows)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise Refused(
            f"{name}[{row}] is {numbers[row]} ({int(wrong.sum())} of {len(numbers)} are not numbers)",
            hint="leave out rows that are missing before scoring, and say how many they were",
        )
    return numbers


def whole_numbers(values: ArrayLike, *, name: str, rows: int) -> Ints:
    """Return [rows] whole numbers, one for all rows repeated; refuse fractions and NaN."""
    given = np.asarray(values)
    if given.ndim == 0:
        given = np.full(rows, given[()])
    if given.dtype.kind in "iu":
        _require_length(given, name=name, rows=rows)
        return given.astype(np.int64)
    numbers = finite(given, name=name, rows=rows)
    wrong = np.flatnonzero(numbers != np.rint(numbers))
    if len(wrong):
        raise Refused(f"{name}[{int(wrong[0])}] = {numbers[wrong[0]]:.6g} is not whole")
    return numbers.astype(np.int64)


def outcomes(values: ArrayLike, *, name: str = "hit", rows: int) -> Bools:
    """Return [rows] yes or no, from booleans or from 0 and 1; refuse anything else."""
    numbers = whole_numbers(np.asarray(values).astype(np.float64), name=name, rows=rows)
    if not np.isin(numbers, (0, 1)).all():
        raise Refused(f"{name} holds {int(numbers[~np.isin(numbers, (0, 1))][0])}: it is yes (1) or no (0)")
    came: Bools = numbers == 1
    return came


def log_floor(floor: float) -> float:
    """Return the floor of a log loss; a floor of nothing or of a half cannot be meant."""
    if not 0 < floor < 0.5:
        raise Usage(f"the floor of a log loss lies between 0 and 0.5, not at {floor}")
    return floor


def _require_length(values: NDArray[np.generic], *, name: str, rows: int | None) -> None:
    if values.ndim != 1 or (rows is not None and len(values) != rows):
        wanted = "one entry per row" if rows is None else f"{rows} entries, one per row"
        raise Usage(f"{name} has the shape {values.shape}; wanted are {wanted}")
