"""The report that a nightly run leaves in the lake, as the page reads it: where it is broken it is refused."""

from __future__ import annotations

import json
from datetime import date as Day  # noqa: N812 - a report has a field of that name
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError

from warehouse.errors import FileBroken

FAILED_KIND = "failed_step"
"""The kind of line that says so of a step."""
_FAILED_STATES = ("failed", "refused")


class _Said(BaseModel):
    """What is not known here is left alone: another version may say more."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Step(_Said):
    """One step and how it ended."""

    name: str
    state: str
    why: str | None = ""
    error: str | None = ""
    hint: str = ""


class Line(_Said):
    """One thing that somebody should hear of."""

    kind: str
    words: str
    hint: str = ""


def _of_a_day(said: str) -> str:
    Day.fromisoformat(said)
    return said


class Report(_Said):
    """A nightly run: of which date, when, from which snapshot to which, and how."""

    date: Annotated[str, AfterValidator(_of_a_day)]
    started_utc: AwareDatetime | None = None
    finished_utc: AwareDatetime | None = None
    snapshot_before: int | None = None
    snapshot_after: int | None = None
    exit_code: int | None = None
    steps: tuple[Step, ...] = ()
    lines: tuple[Line, ...] = ()

    @property
    def event_date(self) -> Day:
        """The event date that the run was of."""
        return Day.fromisoformat(self.date)

    @property
    def untold(self) -> list[Step]:
        """The steps that failed or were refused and of which no line tells."""
        told = [line.words for line in self.lines if line.kind == FAILED_KIND]
        failed = [step for step in self.steps if step.state in _FAILED_STATES]
        return [step for step in failed if not any(words.startswith(f"{step.name} ") for words in told)]


def report_path(lake_root: Path) -> Path:
    """Return where the newest report of a lake lies."""
    return lake_root / "nightly" / "latest" / "report.json"


def read_report(path: Path) -> Report | None:
    """Return the report, None where no run has left one; refuse one that cannot be read."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return Report.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise FileBroken(f"{path} is no nightly report: {key}: {first['msg'].lower()}", hint=_MEND) from error
    except ValueError as error:
        raise FileBroken(f"{path} is not JSON: {error}", hint=_MEND) from error


_MEND = "the next run writes it anew: kwx nightly"
