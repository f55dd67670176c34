"""What a reader of results must know of single events, and how it is told: what is said of several dates, once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple


class Note(NamedTuple):
    """Something that a reader of results must know of one event."""

    city: str
    event_date: date
    text: str


def told(notes: Iterable[Note]) -> tuple[str, ...]:
    """Return notes as sentences, those that say the same of several dates of a city as one."""
    ordered = sorted(set(notes), key=lambda note: (note.city, note.text, note.event_date))
    grouped = groupby(ordered, key=lambda note: (note.city, note.text))
    return tuple(f"{city} {_span([note.event_date for note in ours])}: {text}" for (city, text), ours in grouped)


def _span(days: Sequence[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} … {days[-1]} ({len(days)} dates)"
