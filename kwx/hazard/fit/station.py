"""The official instrument against the reports: its offset, and what a running maximum of each kind really was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kwx.hazard.fit.past import PastDay
from kwx.hazard.known.evidence import EVE_HOURS
from kwx.hazard.law import RECORD_OFFSETS, RecordKind

FULL_DAY_REPORTS = 250
"""Steps with a report from which on the maximum of a day's reports is that of its five-minute grid."""

USUAL_RECORDS = {
    RecordKind.GROUP: (0.95, 0.02, 0.01, 0.01, 0.01),
    RecordKind.EXACT: (0.88, 0.08, 0.02, 0.01, 0.01),
    RecordKind.WHOLE_C: (0.45, 0.43, 0.08, 0.03, 0.01),
}
"""What is taken for a kind that no past day has."""

_USUAL_DAYS = 5.0
_OFFSET_DAYS = 10.0
_AFTERNOON = EVE_HOURS + 180


def station_offset(days: Sequence[PastDay]) -> tuple[float, int]:
    """Return the mean of label − maximum of the five-minute reports, drawn to zero as by ten days of it, and the days.

    Without full days it is zero: the maximum of hourly reports is no maximum of the grid.
    """
    full = [day for day in days if int((~np.isnan(day.air_f)).sum()) >= FULL_DAY_REPORTS]
    total_f = sum(day.label_f - float(np.nanmax(day.air_f)) for day in full)
    return total_f / (len(full) + _OFFSET_DAYS), len(full)


def record_law(days: Sequence[PastDay]) -> tuple[dict[RecordKind, tuple[float, ...]], dict[RecordKind, int]]:
    """Return P(label − lowest degree of the running maximum = 0 … 4) by kind, and how many days told of each kind.

    The usual law counts as five days. A running maximum is asked in the afternoon and when no later report beat it.
    """
    found: dict[RecordKind, list[int]] = {kind: [] for kind in RecordKind}
    for day in days:
        for kind, over in _offsets(day):
            found[kind].append(over)
    laws = {}
    for kind, offsets in found.items():
        count = np.bincount(offsets, minlength=RECORD_OFFSETS) + _USUAL_DAYS * np.array(USUAL_RECORDS[kind])
        laws[kind] = tuple((count / count.sum()).tolist())
    return laws, {kind: len(offsets) for kind, offsets in found.items()}


def _offsets(day: PastDay) -> Iterator[tuple[RecordKind, int]]:
    """Yield for each kind how far the label lay above its last running maximum; a label below says nothing."""
    evidence = day.evidence
    later_f = np.fmax.accumulate(day.air_f[::-1])[::-1]
    seen: set[RecordKind] = set()
    for place in range(len(evidence) - 1, _AFTERNOON, -1):
        kind = evidence.record_kind[place]
        if kind is None or kind in seen:
            continue
        seen.add(kind)
        step = int(evidence.step[place])
        still_f = later_f[step + 1] if step + 1 < len(later_f) else np.nan
        over = day.label_f - int(evidence.record_lo_f[place])
        if over >= 0 and not still_f > evidence.record_hi_f[place] + 0.5:
            yield kind, min(over, RECORD_OFFSETS - 1)
