"""The running maximum of a climate day: the whole degrees that it can mean at each evaluation, and how it was told.

The lowest is the highest of the lowest degrees of its reports, the highest the highest of the highest. A group is
exact: it raises both, and what it spans cannot mean more than it says, unless it contradicts the group altogether.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kwx.hazard.known.reports import COLDEST_F, Heard
from kwx.hazard.law import RecordKind
from kwx.hazard.question import Ints

_NONE_F = COLDEST_F - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """The running maximum at each evaluation; None in `kind` where the day has no report yet."""

    lo_f: Ints
    hi_f: Ints
    kind: tuple[RecordKind | None, ...]


def record_of(heard: Heard, evaluations: int) -> Record:
    """Return the running maximum of a day at each of its evaluations."""
    reports, groups = heard.reports, heard.groups
    ours = reports.minute >= 0
    lo_f, counts = reports.lo_f[ours], reports.counts[ours]
    spoken = _highest(groups.max_f[groups.is_of_day], groups.known[groups.is_of_day], evaluations)
    lowest_f = np.maximum(_highest(lo_f, counts, evaluations), spoken)
    highest_f = np.maximum(_highest_meant(heard, evaluations), spoken)
    kinds = np.select(
        [highest_f == _NONE_F, spoken == highest_f, lowest_f == highest_f], [-1, 0, 1], default=2
    )  # fmt: skip
    return Record(lo_f=lowest_f, hi_f=highest_f, kind=tuple(_KINDS[kind] for kind in kinds.tolist()))


_KINDS = {-1: None, 0: RecordKind.GROUP, 1: RecordKind.EXACT, 2: RecordKind.WHOLE_C}


def _highest_meant(heard: Heard, evaluations: int) -> Ints:
    """Return the highest degree that any report can mean, capped by the groups that span it once they are known."""
    reports, groups = heard.reports, heard.groups
    ours = reports.minute >= 0
    minute, counts = reports.minute[ours], reports.counts[ours]
    lo_f, hi_f = reports.lo_f[ours], reports.hi_f[ours]
    highest_f = _highest(hi_f, counts, evaluations)
    for first, last, max_f, known in zip(groups.first, groups.last, groups.max_f, groups.known, strict=True):
        spanned = (minute >= first) & (minute <= last) & (lo_f <= max_f)
        hi_f = np.where(spanned, np.minimum(hi_f, max_f), hi_f)
        highest_f[known:] = _highest(hi_f, counts, evaluations)[known:]
    return highest_f


def _highest(values_f: Ints, since: Ints, evaluations: int) -> Ints:
    """Return the highest of the values that count by each evaluation."""
    highest_f = np.full(evaluations, _NONE_F, dtype=np.int64)
    heard = since < evaluations
    np.maximum.at(highest_f, since[heard], values_f[heard])
    return np.maximum.accumulate(highest_f)
