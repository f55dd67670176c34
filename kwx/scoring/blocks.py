"""Blocks of dates: rows of one date share their weather, so they are never counted as independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kwx.scoring.inputs import Ints, whole_numbers
from warehouse.errors import Refused, Usage


@dataclass(frozen=True, kw_only=True, eq=False)
class Blocks:
    """Which block each row belongs to, [N] from 0 to number − 1."""

    of_row: Ints
    number: int


def blocks_of(dates: ArrayLike, *, rows: int, block_days: int = 1, least: int = 2) -> Blocks:
    """Return the blocks of rows by event date, `block_days` dates of the calendar each; refuse fewer than `least`.

    Dates may be datetime64, dates, or whole numbers of days; any other label makes a block of its own.
    """
    labels = np.asarray(dates)
    if labels.dtype == object:
        labels = labels.astype("datetime64[D]")
    if labels.shape != (rows,):
        raise Usage(f"dates have the shape {labels.shape}; wanted are {rows} entries, one per row")
    if labels.dtype.kind == "f":
        labels = whole_numbers(labels, name="dates", rows=rows)
    if labels.dtype.kind == "M":
        if np.isnat(labels).any():
            raise Refused(f"dates[{int(np.flatnonzero(np.isnat(labels))[0])}] is missing")
        labels = labels.astype("datetime64[D]").astype(np.int64)
    if block_days > 1:
        labels = _merged(labels, block_days)
    found, of_row = np.unique(labels, return_inverse=True)
    if len(found) < least:
        raise Refused(f"{len(found)} blocks of dates are too few to judge by", hint=f"at least {least} are needed")
    return Blocks(of_row=of_row.astype(np.int64), number=len(found))


def _merged(labels: np.ndarray[tuple[int, ...], np.dtype[np.generic]], block_days: int) -> Ints:
    if labels.dtype.kind not in "iu":
        raise Usage("blocks of several days need dates or numbers of days")
    numbers = labels.astype(np.int64)
    merged: Ints = (numbers - numbers.min(initial=0)) // block_days
    return merged
