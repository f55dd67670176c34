"""What one part of the page has to say: its figures, the tiles that stand first, and its section."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kwx.plots.page import Part, Picture, Section, Text, Tile
from kwx.plots.save import svg_of
from kwx.plots.theme import Chart

UNKNOWN = "·"
_COMMAND = re.compile(r"\bkwx [a-z]")


@dataclass(frozen=True, kw_only=True)
class Told:
    """One part. figures: what it says to machines. failed: why it could not be told though something is there."""

    name: str
    section: Section
    tiles: Sequence[Tile] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""


def missing(name: str, title: str, words: str, hint: str) -> Told:
    """Return a part of which the lake has nothing: what that is, and what to type for it."""
    said = f"{words}. {_next(hint)}"
    return Told(
        name=name, section=Section(title=title, parts=[Text(words=said)]), figures={"missing": words, "hint": hint}
    )


def failed(name: str, title: str, why: str, hint: str) -> Told:
    """Return a part that could not be told: something is there, and is not what it should be."""
    said = f"This could not be told: {why}. {_next(hint)}" if hint else f"This could not be told: {why}."
    return Told(
        name=name, section=Section(title=title, parts=[Text(words=said)]), failed=why,
        tiles=[Tile(label=title, value="not told", note=why, state="alarm")], figures={"failed": why, "hint": hint},
    )  # fmt: skip


def _next(hint: str) -> str:
    return f"Next: {hint}" if _COMMAND.match(hint) else f"{hint[:1].upper()}{hint[1:]}."


def picture(chart: Chart, words: str) -> Picture:
    """Return a drawing with the words that stand below it and for it."""
    return Picture(words=words, svg=svg_of(chart))


def texts(*words: str) -> list[Part]:
    """Return a paragraph for each text that says anything."""
    return [Text(words=one) for one in words if one]


def age(span: timedelta) -> str:
    """Return how long ago, as a person says it."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 0:
        return "not yet"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} d"


def at(utc: datetime) -> str:
    """Return an instant as a person reads it."""
    return f"{utc:%Y-%m-%d %H:%M}Z"
