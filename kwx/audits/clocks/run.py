"""The audit of time itself: each part over the city-days that are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from kwx.audits.clocks import changes, days, issues, known, stamps, trading
from kwx.audits.clocks.part import Part
from kwx.audits.finding import Finding, findings_frame, in_order
from kwx.audits.repair import Repairs
from kwx.audits.scope import Scope

_PARTS: dict[str, Callable[[Scope, Repairs], Part]] = {
    days.PART: days.climate_days,
    changes.PART: changes.clock_changes,
    trading.PART: trading.trading_hours,
    stamps.PART: stamps.stamps_of_the_tape,
    issues.PART: issues.issued_known_valid,
    known.PART: known.known_when,
}
PARTS = tuple(_PARTS)


@dataclass(frozen=True, kw_only=True, eq=False)
class TimeAudit:
    """The parts, in order, of one snapshot."""

    snapshot: int
    parts: tuple[Part, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, part by part."""
        return in_order((finding for part in self.parts for finding in part.findings), PARTS)

    @property
    def rows(self) -> pl.DataFrame:
        """The findings as a table."""
        return findings_frame(self.findings)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def audit_time(
    scope: Scope, repairs: Repairs, *, on_part: Callable[[int, int, str], None] = lambda done, total, what: None
) -> TimeAudit:
    """Look at every clock of the city-days that are asked for."""
    parts = []
    for number, (name, look) in enumerate(_PARTS.items()):
        on_part(number, len(_PARTS), name)
        parts.append(look(scope, repairs))
    on_part(len(_PARTS), len(_PARTS), "")
    return TimeAudit(snapshot=scope.snapshot.number, parts=tuple(parts))
