"""Settings said beside a file, one KEY=VALUE at a time: dotted keys, values as in YAML, else the nearest key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from kwx.config.refusals import COMMAND_LINE
from kwx.config.yaml_text import parsed
from warehouse.errors import Usage


class SaidIn(NamedTuple):
    """Settings that are said beside the configuration file, section by section, and where: in a sweep's file."""

    origin: str
    settings: Mapping[str, Any]


_EXAMPLE = "--set trade.taker_thresh_cents=3"


def said_of(words: Sequence[str], model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """Return what was said, section by section; what each value may be is asked when it is laid over the file."""
    known = tuple(_settings(model))
    said: dict[str, dict[str, Any]] = {}
    for word in words:
        key, _, text = word.partition("=")
        if not text.strip():
            raise Usage(f"{COMMAND_LINE}: {word!r} says no value", hint=f"write KEY=VALUE: {_EXAMPLE}")
        if key not in known:
            raise Usage(f"{COMMAND_LINE}: there is no setting {key!r}", hint=_nearest(key, known))
        section, _, name = key.partition(".")
        if name in said.setdefault(section, {}):
            raise Usage(f"{COMMAND_LINE}: {key} is said twice", hint="say it once")
        said[section][name] = parsed(f"said: {text}", file=f"{COMMAND_LINE}: {key}").values["said"]
    return said


def _settings(model: type[BaseModel]) -> Iterator[str]:
    """Yield the dotted key of every setting that stands in a section."""
    for section, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{section}.{name}" for name in field.annotation.model_fields)


def _nearest(key: str, known: Sequence[str]) -> str:
    """Return the nearest key, by its own name where no section was said."""
    by_name = {one if "." in key else one.partition(".")[2]: one for one in known}
    near = difflib.get_close_matches(key.lower(), by_name, n=1)
    listed = "kwx/config/default.yaml lists them under risk, trade and signals"
    return f"did you mean {by_name[near[0]]}? {listed}" if near else f"{listed}: {_EXAMPLE}"
