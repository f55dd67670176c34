"""The contract of a step: what it reads and writes, whether it is due and why, and what it tells when it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from kwx.config.nightly import StepName
from pipelines.publishing import Built, OnProgress
from warehouse.errors import ChecksFailed, ContractBroken, KwxError, Refused, Unparsable

if TYPE_CHECKING:
    from kwx.nightly.night import Night


class State(StrEnum):
    """What became of a step.

    held: it ended before with what it would be done with now. skipped: it was left out, by wish or because what it
    needs failed. refused: a check closed the gate, so that nothing of it was published.
    """

    DONE = "done"
    HELD = "held"
    NOT_DUE = "not_due"
    SKIPPED = "skipped"
    FAILED = "failed"
    REFUSED = "refused"


class Kind(StrEnum):
    """What a line of the report is about."""

    SOURCE_DOWN = "source_down"
    LATE_DATA = "late_data"
    CORRECTED = "corrected_settlement"
    UNSETTLED = "unsettled"
    BROKEN_MODEL = "broken_model"
    OLD_MODEL = "old_model"
    UNFITTED = "unfitted_city"
    DISK_FULL = "disk_full"
    DRIFT = "drift"
    REFUSED_ROWS = "refused_rows"
    PARITY = "parity"
    PAGE = "page_not_drawn"
    FAILED = "failed_step"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that people are to know of, in words, and what to do about it."""

    kind: Kind
    words: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Due:
    """Whether a step is due, and why: a sentence."""

    is_due: bool
    why: str


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a step tells.

    rows: those it wrote, by table. short: why it has done only a part; that part stands, and the step counts as failed.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    lines: Sequence[Line] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    short: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a night.

    reads, writes: tables, or words of what is no table. beside: what else it is made of, as text; a step is held
    only while that, its tables and its settings are the same. writes_beside: what it writes is part of that. owes: what
    it is about to do, where neither tables nor their days say so; it is journalled, so that one that was cut off does
    all of it. always: it is done in every run that asks for it.
    """

    name: StepName
    meaning: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    due: Callable[[Night], Due]
    do: Callable[[Night, OnProgress], Done]
    lays_anew: tuple[str, ...] = ()
    beside: Callable[[Night], str] = lambda night: ""
    writes_beside: bool = False
    owes: Callable[[Night], Sequence[str]] = lambda night: ()
    always: bool = False

    @property
    def told_writes(self) -> tuple[str, ...]:
        """What it writes, and then what of the days that it wrote is laid out anew."""
        return tuple(dict.fromkeys((*self.writes, *self.lays_anew)))

    @property
    def changes(self) -> frozenset[str]:
        """All that it may change."""
        return frozenset((*self.writes, *self.lays_anew))


def due(why: str) -> Due:
    """Say that a step is due."""
    return Due(is_due=True, why=why)


def not_due(why: str) -> Due:
    """Say that a step is not due."""
    return Due(is_due=False, why=why)


def rows_of(built: Built | None) -> dict[str, int]:
    """Return the rows that a publish wrote; none where the lake held all of it."""
    return dict(built.written) if built is not None and built.changed else {}


def is_lack(error: KwxError) -> bool:
    """Tell whether a refusal says that data are lacking, not that a rule was broken."""
    return isinstance(error, Refused) and not isinstance(error, ChecksFailed | ContractBroken | Unparsable)


def require_lack(refusal: Refused) -> None:
    """Raise a refusal again that says that a rule was broken; what says that data are lacking is only to be told."""
    if not is_lack(refusal):
        raise refusal
