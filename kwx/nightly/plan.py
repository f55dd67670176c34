"""The plan of a night: its steps in order, which of them are asked for, which are due and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kwx.config.nightly import STEP_NAMES
from kwx.nightly.inputs import inputs_of
from kwx.nightly.journal import Outcome
from kwx.nightly.night import Night
from kwx.nightly.step import Due, State, Step, not_due
from kwx.nightly.steps import (
    calibrators,
    dense,
    fusion,
    fusion_fit,
    gc,
    hazard,
    hazard_fit,
    ingest,
    models,
    predictions,
    publish,
    report,
    scores,
    settlements,
    shadow,
)
from warehouse.errors import Usage

STEPS: tuple[Step, ...] = (
    ingest.STEP, dense.STEP, settlements.STEP, hazard.STEP, fusion.STEP, predictions.STEP, scores.STEP,
    hazard_fit.STEP, fusion_fit.STEP, calibrators.STEP, models.STEP, shadow.STEP, report.STEP, publish.STEP, gc.STEP,
)  # fmt: skip
"""In the order in which they are done, but for a fit that the hazard cannot do without."""

TELLING = ("report", "publish")
"""Steps that are done whatever else is asked for, unless they are left out by name."""

OF_AN_EMPTY_LAKE = ("ingest", *TELLING)


def steps_of(night: Night) -> Iterator[Step]:
    """Yield the steps in the order of this night, each once all before it are done.

    Where a city has no law yet and days enough for one, it is fitted before the hazard: else the first night of a lake
    would say nothing of its weather.
    """
    was_early = False
    for step in STEPS:
        if step is hazard.STEP and _lacks_a_law(night):
            was_early = True
            yield hazard_fit.STEP
        if not (was_early and step is hazard_fit.STEP):
            yield step


def _lacks_a_law(night: Night) -> bool:
    try:
        return night.has_snapshot and hazard_fit.lacks_a_law(night)
    except Exception:  # what cannot be read is told by the steps that read it
        return False


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which steps are asked for: all, only some, without some; again, also where they are held."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    again: bool = False

    def __post_init__(self) -> None:
        for name in (*self.only, *self.skip):
            if name not in STEP_NAMES:
                raise Usage(f"there is no step {name!r}", hint=f"steps: {' '.join(STEP_NAMES)}")
        if both := [name for name in self.only if name in self.skip]:
            raise Usage(f"{both[0]} is asked for and left out", hint="say --only or --skip of a step, not both")

    def left_out(self, name: str) -> str:
        """Say why a step is left out, "" where it is not."""
        if name in self.skip:
            return "left out: --skip"
        return "left out: --only others" if self.only and name not in (*self.only, *TELLING) else ""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One step as it would be done now. is_done_when: whether it would be, as the lake is now."""

    step: Step
    state: str
    why: str
    is_optional: bool


def plan_of(night: Night, asked: Asked) -> list[Planned]:
    """Return what every step would do now, doing none: a step may become due by what those before it bring."""
    return [
        Planned(step=step, state=state, why=why, is_optional=step.name in night.settings.optional)
        for step in steps_of(night)
        for state, why in [_planned(night, step, asked)]
    ]


def _planned(night: Night, step: Step, asked: Asked) -> tuple[str, str]:
    if why := asked.left_out(step.name):
        return State.SKIPPED.value, why
    try:
        if held_outcome(night, step, asked) is not None:
            return State.HELD.value, HELD_WHY
        found = due_now(night, step)
    except Exception as error:  # what the night itself would tell as a failure
        return "unknown", str(error)
    return ("due" if found.is_due else State.NOT_DUE.value), found.why


HELD_WHY = "it ended before, and nothing that it is made of has changed; --again does it all the same"


def due_now(night: Night, step: Step) -> Due:
    """Return whether a step is due as the lake is now; most have nothing to do on an empty one."""
    if not night.has_snapshot and step.name not in OF_AN_EMPTY_LAKE:
        return not_due("the lake is empty")
    return step.due(night)


def held_outcome(night: Night, step: Step, asked: Asked) -> Outcome | None:
    """Return how a step ended before with the very same inputs; None where it is to be done, or was and was cut off.

    Where a night goes on, what its later steps wrote is no reason to do an earlier one again: the next night does.
    """
    before = night.journal.ended.get(step.name)
    if before is None or not before.stands or step.always or asked.again or step.name in night.journal.started:
        return None
    return before if inputs_of(step, night).are_those_of(before, but=_written_later(night, step)) else None


def _written_later(night: Night, step: Step) -> set[str]:
    """Return the tables of the steps after one that had begun before the night was cut off."""
    if not night.goes_on:
        return set()
    later = STEPS[STEPS.index(step) + 1 :]
    return {table for one in later if one.name in night.journal.done_since for table in one.changes}


def stopped_by(step: Step, stopped: Sequence[Step]) -> Step | None:
    """Return the stopped step on whose outputs a step depends."""
    return next((one for one in stopped if set(one.writes) & set(step.reads)), None)
