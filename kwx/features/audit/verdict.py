"""What became of a feature in a city, and why."""

from __future__ import annotations

from enum import StrEnum

from kwx.features.audit.counts import Counts
from kwx.features.audit.kinds import Kind, Place


class Status(StrEnum):
    """What became of a feature in a city."""

    USED = "used"
    EXCLUDED = "excluded"
    LEAKS = "the gate leaks"
    NEVER_KNOWN = "never known"
    CONSTANT = "constant"
    NOT_FINITE = "not finite"


PASSING = (Status.USED, Status.EXCLUDED)


def judged(
    kind: Kind, where: Place, counts: Counts, place: int, *, is_seen: bool, why: str | None, leaked_minutes: int
) -> tuple[Status, str]:
    """Return what became of the feature at a place of a set, and why."""
    if leaked_minutes:
        return Status.LEAKS, f"{leaked_minutes:,} market-minutes hold what only the excluded vendor told"
    if is_seen and why is not None:
        return Status.LEAKS, f"in the set in spite of: {why}"
    if not is_seen:
        return Status.EXCLUDED, why or "not in the set"
    return _health(kind, where, counts, place)


def _health(kind: Kind, where: Place, counts: Counts, place: int) -> tuple[Status, str]:
    """Return whether a feature that is used says something, and what is wrong where it does not."""
    feature = kind.features.features[place]
    if not counts.known[place]:
        return Status.NEVER_KNOWN, kind.why_unknown(feature, where)
    if counts.infinite[place]:
        return Status.NOT_FINITE, f"{int(counts.infinite[place]):,} rows are infinite"
    if counts.low[place] == counts.high[place]:
        always, why = f"always {counts.low[place]:g}", kind.why_constant(feature)
        return (Status.CONSTANT, always) if why is None else (Status.USED, f"{always}: {why}")
    return Status.USED, ""
