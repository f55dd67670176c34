"""Reading what vendors say in JSON: decoded or refused, whole degrees exactly, a new field told once."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pipelines.payload import Payload, refusal
from pipelines.weather.reports import COLDEST_F, WARMEST_F, Refusal, subject_of
from warehouse.errors import Refused, Unparsable

_log = logging.getLogger(__name__)
_told: set[tuple[str, str]] = set()
_FIRST_LETTERS = 120


def decoded(payload: Payload, refused: list[Refusal]) -> Any:
    """Return the JSON of an answer; refuse one that is none, with its first words, and return None."""
    try:
        return json.loads(payload.body)
    except (ValueError, RecursionError) as error:
        begin = payload.body[:_FIRST_LETTERS].decode(errors="replace").strip()
        rule = f"no JSON ({error.__class__.__name__}), so cut off or another page: it begins {begin!r}"
        refused.append(refusal(subject_of(payload), rule, begin))
        return None


def records_of(answer: object, *names: str) -> list[Any]:
    """Return the records of an answer: it is a list, or holds one under one of these names; else refuse it."""
    if isinstance(answer, dict):
        answer = next((answer[name] for name in names if name in answer), answer)
    if not isinstance(answer, list):
        raise Refused(f"the answer holds no list of records: it is {type(answer).__name__}")
    return answer


def require_record(record: object) -> dict[str, Any]:
    """Return a record as a mapping, or refuse it."""
    if not isinstance(record, dict):
        raise Refused(f"the record is {type(record).__name__}, not an object")
    return record


def whole_degree(value: object, *, name: str, missing: Iterable[str] = ()) -> int | None:
    """Return a whole °F, said as a number or as text; None for a word that means missing; refuse anything else."""
    if isinstance(value, str):
        value = value.strip()
        if value in missing:
            return None
    try:
        degrees = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        degrees = None
    if degrees is None or not degrees.is_integer():  # neither NaN nor an infinity is an integer
        raise Unparsable(f"{name} {value!r} is not a whole °F")
    if not COLDEST_F <= degrees <= WARMEST_F:
        raise Unparsable(f"{name} {degrees:g} °F is outside {COLDEST_F} … {WARMEST_F} °F, or a mark for nothing")
    return int(degrees)


def instant_of(value: object, *, name: str) -> datetime:
    """Return an instant in UTC from text with a zone; refuse anything else."""
    if value is None:
        raise Unparsable(f"{name} is missing")
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        raise Unparsable(f"{name} {value!r} is not an instant") from None
    if instant.tzinfo is None:
        raise Unparsable(f"{name} {value!r} has no time zone")
    return instant.astimezone(UTC)


def tell_new_fields(vendor: str, record: Iterable[str], known: frozenset[str]) -> None:
    """Log each field that nobody here knows, once in the life of the process; it is kept in the archive."""
    for name in sorted(set(record) - known):
        if (vendor, name) not in _told:
            _told.add((vendor, name))
            _log.warning("%s says a new field %r: it is not read", vendor, name)
