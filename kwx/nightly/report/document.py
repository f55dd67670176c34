"""The report as plain values: what every step did and what people are to know of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from kwx.nightly.journal import Outcome
from kwx.nightly.night import Night
from kwx.nightly.step import Kind, Line, State

FAILED, REFUSED = 1, 3


def exit_code_of(outcomes: Iterable[Outcome], *, optional: Sequence[str]) -> int:
    """Return how a night ends: 3 where a check refused a needed step, 1 where a needed step failed, else 0."""
    needed = [one for one in outcomes if one.name not in optional]
    if any(one.state is State.REFUSED for one in needed):
        return REFUSED
    return FAILED if any(one.state is State.FAILED for one in needed) else 0


def lines_of(outcomes: Iterable[Outcome]) -> list[Line]:
    """Return what people are to know: what steps told, and each step that failed or was refused."""
    lines: list[Line] = []
    for one in outcomes:
        if one.state in (State.FAILED, State.REFUSED):
            verb = "failed" if one.state is State.FAILED else "was refused"
            lines.append(Line(kind=Kind.FAILED, words=f"{one.name} {verb}: {one.error}", hint=one.hint))
        lines += one.lines
    return lines


def report_of(night: Night, outcomes: Sequence[Outcome], *, at_utc: datetime) -> dict[str, Any]:
    """Return the whole report of a night as it stands."""
    begun = night.journal.begun
    assert begun is not None, "a night is begun before it is told"
    return {
        "date": night.event_date.isoformat(),
        "started_utc": begun.started_utc.isoformat(),
        "finished_utc": at_utc.isoformat(),
        "night_utc": begun.night_utc.isoformat(),
        "source": night.source.told,
        "cities": list(night.cities),
        "snapshot_before": begun.snapshot_before,
        "snapshot_after": night.lake.current_number(),
        "exit_code": exit_code_of(outcomes, optional=night.settings.optional),
        "steps": [step_of(one, is_optional=one.name in night.settings.optional) for one in outcomes],
        "lines": [
            {"kind": line.kind.value, "words": line.words, "hint": line.hint}
            for line in (*night.lines, *lines_of(outcomes))
        ],
    }


def step_of(one: Outcome, *, is_optional: bool) -> dict[str, Any]:
    """Return what became of a step as plain values."""
    return {
        "name": one.name,
        "state": one.state.value,
        "why": one.why,
        "optional": is_optional,
        "seconds": round(one.seconds, 3),
        "rows": dict(one.rows),
        "notes": list(one.notes),
        "figures": finite(one.figures),
        "error": one.error or None,
        "hint": one.hint,
        "snapshot": one.snapshot,
    }


def finite(said: Any) -> Any:
    """Return plain values as JSON has them: what is no number is null."""
    if isinstance(said, Mapping):
        return {str(key): finite(value) for key, value in said.items()}
    if isinstance(said, list | tuple):
        return [finite(value) for value in said]
    return None if isinstance(said, float) and not math.isfinite(said) else said
