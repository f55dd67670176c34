"""What a report is made of: sentences, tables, pictures, and checks that passed, failed or only tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kwx.plots.theme import Chart


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at; passed is None where it is told and judges nothing."""

    name: str
    passed: bool | None
    told: str

    @property
    def verdict(self) -> str:
        """The word for it."""
        return {True: "passed", False: "FAILED", None: "note"}[self.passed]


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph."""

    words: str


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table; None is a cell of which nothing is known."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing, with the words that stand for it where it cannot be seen."""

    name: str
    words: str
    chart: Chart


Part = Text | Grid | Picture


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report: a number, a name, its parts and its checks."""

    number: int
    title: str
    parts: tuple[Part, ...]
    checks: tuple[Check, ...] = field(default=())

    @property
    def file_name(self) -> str:
        """The name of its file without the ending: 01_model_validation_summary."""
        return f"{self.number:02d}_{self.title.lower().replace(' ', '_')}"

    @property
    def passed(self) -> bool:
        """Whether none of its checks failed."""
        return all(check.passed is not False for check in self.checks)


def checks_grid(checks: Sequence[Check]) -> Grid:
    """Return checks as a table."""
    return Grid(
        headers=("verdict", "check", "found"),
        rows=tuple((check.verdict, check.name, check.told) for check in checks),
    )


def cell(value: Any) -> str:
    """Return a value as a report prints it."""
    if value is None:
        return "·"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
