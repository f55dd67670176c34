"""Scores of the brackets of an event, from the coldest to the warmest: p[n, b], and the place of the winner.

Events with fewer brackets than the widest are filled up with zeros on the right; `count` says how many each has (all
have the width of p when it is left out). `pad` makes that array from rows of one bracket each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kwx.scoring.inputs import LOG_FLOOR, Floats, Ints, distributions, finite, log_floor, whole_numbers
from warehouse.errors import Refused


def rps(p: ArrayLike, *, winner: ArrayLike, count: ArrayLike | None = None) -> Floats:
    """Return the RPS [N]: the sum over the edges between brackets of (P(colder) − 1[winner colder])².

    It is not divided by the number of edges, so that it grows like a distance; a perfect forecast has 0.
    """
    rows, won, _ = _ladders(p, winner, count)
    gap = np.cumsum(rows, axis=1)
    gap -= np.arange(rows.shape[1]) >= won[:, None]
    scores: Floats = np.einsum("nb,nb->n", gap, gap)
    return scores


def multi_brier(p: ArrayLike, *, winner: ArrayLike, count: ArrayLike | None = None) -> Floats:
    """Return the Brier score of all brackets together [N]: the sum over them of (p − 1[wins])², 0 … 2."""
    rows, won, _ = _ladders(p, winner, count)
    return _multi_brier(rows, won)


def contract_brier(p: ArrayLike, *, winner: ArrayLike, count: ArrayLike | None = None) -> Floats:
    """Return the Brier score of a contract [N]: that of all brackets, divided by their number."""
    rows, won, brackets = _ladders(p, winner, count)
    return _multi_brier(rows, won) / brackets


def log_loss(p: ArrayLike, *, winner: ArrayLike, count: ArrayLike | None = None, floor: float = LOG_FLOOR) -> Floats:
    """Return −log p(winner) [N]; a probability below the floor counts as the floor."""
    rows, won, _ = _ladders(p, winner, count)
    return -np.log(np.maximum(rows[np.arange(len(rows)), won], log_floor(floor)))


def pad(values: ArrayLike, *, count: ArrayLike) -> Floats:
    """Return [N, widest] from the values of N events one after another, `count` each, with zeros to the right."""
    flat = finite(values, name="values")
    each = whole_numbers(count, name="count", rows=np.size(count))
    if (each < 1).any() or each.sum() != len(flat):
        raise Refused(f"{len(flat)} values are not the {int(each.sum())} brackets of {len(each)} events")
    wide = np.zeros((len(each), int(each.max(initial=1))))
    wide[np.arange(wide.shape[1]) < each[:, None]] = flat
    return wide


def _multi_brier(rows: Floats, won: Ints) -> Floats:
    """Return Σ p² − 2 p(winner) + 1."""
    at = rows[np.arange(len(rows)), won]
    scores: Floats = np.einsum("nb,nb->n", rows, rows) - 2 * at + 1
    return np.maximum(scores, 0.0)


def _ladders(p: ArrayLike, winner: ArrayLike, count: ArrayLike | None) -> tuple[Floats, Ints, Ints]:
    """Return distributions, winners and numbers of brackets; refuse mass or a winner beyond the last bracket."""
    rows = distributions(p)
    won = whole_numbers(winner, name="winner", rows=len(rows))
    width = rows.shape[1]
    brackets = whole_numbers(width if count is None else count, name="count", rows=len(rows))
    wrong = (brackets < 1) | (brackets > width) | (won < 0) | (won >= brackets)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise Refused(f"row {row}: bracket {won[row]} of {brackets[row]} cannot win ({width} columns, counted from 0)")
    if count is not None and (rows * (np.arange(width) >= brackets[:, None])).any():
        raise Refused("there is probability beyond the last bracket of an event", hint="fill up with zeros only")
    return rows, won, brackets
