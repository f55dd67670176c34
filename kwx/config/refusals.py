"""What is said where a configuration is refused: the file, the key, its value, what it may be, and the nearest key."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from kwx.config.yaml_text import Document, KeyPath
from warehouse.errors import BadDateRange, Usage

Where = Callable[[KeyPath], str]


class Beside(str):
    """Where a setting comes from that was said beside the configuration file; it stands before the setting's key."""

    __slots__ = ()


COMMAND_LINE = Beside("the command line")

_NOT_OF_A_FILE = frozenset({"city", "bracket"})
_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", date: "a date as 2026-11-01"}
_LIMITS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
_BRANCHES = frozenset({"int", "float", "str", "date", "none", "literal['balanced']", "constrained-int"})
"""Names that the validator gives to the branches of a type; no key of ours is called so."""


def refusal(
    error: ValidationError, document: Document, paths: Mapping[KeyPath, KeyPath], *, model: type[BaseModel], pair: str
) -> Usage:  # fmt: skip
    """Return the first error of a validation as a person reads it, and how many more there are."""
    first, more = error.errors()[0], len(error.errors()) - 1
    key = tuple(part for part in first["loc"] if isinstance(part, str) and part not in _BRANCHES)
    where = _where(_said_at(key, first, paths), document)
    rest = f"; {more} more settings are refused" if more else ""
    if first["type"] == "value_error":
        told = f"{where}: {first['ctx']['error']} ({pair}){rest}"
        wrong_order = "comes before start_date" in told
        return (BadDateRange if wrong_order else Usage)(told, hint=_hint_of(model, key))
    return Usage(f"{where} is {first['input']!r} ({pair}){rest}", hint=_hint_of(model, key))


def _where(places: Sequence[KeyPath], document: Document) -> str:
    beside: dict[str, list[str]] = {}
    for at in places:
        if isinstance(at[0], Beside):
            beside.setdefault(at[0], []).append(".".join(at[1:]))
    told = [f"{origin}: {' and '.join(keys)}" for origin, keys in beside.items()]
    return " and ".join([*told, *(document.where(at) for at in places if not isinstance(at[0], Beside))])


def _said_at(key: KeyPath, first: Any, paths: Mapping[KeyPath, KeyPath]) -> Sequence[KeyPath]:
    """Return where the refused setting was said.

    Of several settings that contradict each other: all that were said beside the file, and the last of the file.
    """
    if key in paths:
        return [paths[key]]
    words = str(first.get("msg", "")).split()
    below = {path: at for path, at in paths.items() if path[: len(key)] == key}
    named = [at for path, at in below.items() if path[-1] in words] or [*below.values()][-1:] or [key]
    said = [at for at in named if isinstance(at[0], Beside)]
    return [*said, *[at for at in named if not isinstance(at[0], Beside)][-1:]]


def _hint_of(model: type[BaseModel], key: KeyPath) -> str:
    field = field_of(model, key)
    return f"{'.'.join(key)} may be {allowed(field)}" if field is not None else "change one of them"


def field_of(model: type[BaseModel], path: KeyPath) -> FieldInfo | None:
    """Return the setting under a dotted key, None where that is a whole section."""
    field: FieldInfo | None = None
    for key in path:
        field = model.model_fields.get(key)
        if field is None:
            return None
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            model, field = field.annotation, None
    return field


def allowed(field: FieldInfo) -> str:
    """Return in words what a setting may be."""
    told = _type_told(field.annotation)
    limits = _limits_told([*field.metadata, *_metadata_within(field.annotation)])
    return f"{told} {limits}".strip() + (f": {field.description}" if field.description else "")


def _type_told(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " | ".join("null" if one is None else str(one) for one in get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list of {_type_told(get_args(kind)[0])}"
    if get_origin(kind) in {Union, UnionType}:
        return " | ".join(_type_told(one) for one in get_args(kind))
    if hasattr(kind, "__metadata__"):
        return _type_told(get_args(kind)[0])
    return "null" if kind is NoneType else _WORDS.get(kind, getattr(kind, "__name__", str(kind)))


def _metadata_within(kind: Any) -> list[Any]:
    """Return the limits of the branches of a union."""
    found: list[Any] = []
    for one in get_args(kind) if get_origin(kind) in {Union, UnionType} else ():
        for note in getattr(one, "__metadata__", ()):
            found += getattr(note, "metadata", [note])
    return found


def _limits_told(metadata: Sequence[Any]) -> str:
    told = [
        f"{word} {getattr(note, name):.12g}"
        for name, word in _LIMITS.items()
        for note in metadata
        if hasattr(note, name)
    ]
    told += [f"with {note.min_length} entry or more" for note in metadata if hasattr(note, "min_length")]
    return " and ".join(told)


def require_mapping(values: Any, known: Sequence[str], *, where: Where, above: KeyPath = (), what: str = "key") -> None:
    """Refuse what is no mapping, or has a key that is not known."""
    if not isinstance(values, Mapping):
        raise Usage(f"{where(above)} is {values!r}, not a mapping", hint=f"below it may stand: {' '.join(known)}")
    for key in values:
        if key not in known:
            raise Usage(f"{where((*above, key))}: there is no {what} {key!r} here", hint=_nearest(key, known))


def require_known_keys(
    values: Any, fields: Mapping[str, FieldInfo], *, where: Where, above: KeyPath = (), but: tuple[str, ...] = ()
) -> None:
    """Refuse keys that the settings do not have, at every depth."""
    known = [*(name for name in fields if name not in _NOT_OF_A_FILE), *but]
    require_mapping(values, known, where=where, above=above)
    for key, value in values.items():
        inner = fields[key].annotation if key in fields else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            require_known_keys(value, inner.model_fields, where=where, above=(*above, key))
        elif isinstance(value, Mapping) and key not in but:
            raise Usage(f"{where((*above, key))} is a mapping", hint=f"{key} may be {allowed(fields[key])}")


def require_choice(word: str, known: Sequence[str], *, what: str, option: str) -> None:
    """Refuse a word that is none of some."""
    if word not in known:
        raise Usage(f"there is no {what} {word!r}", hint=f"{option}: {_nearest(word, known)}")


def _nearest(word: str, known: Sequence[str]) -> str:
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(word).lower(), list(by_lower), n=1)
    listed = f"known: {' '.join(known)}"
    return f"did you mean {by_lower[near[0]]!r}? {listed}" if near else listed
