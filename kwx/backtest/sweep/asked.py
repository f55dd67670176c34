"""What a sweep asks: a file of settings and their values, as the list of all sets that are tried.

    trade.taker_thresh_cents: [1, 2, 3]                       # values
    risk.kelly_alpha: {from: 0.05, to: 0.4, steps: 4, scale: log}   # a range, stepped through
    fill: [A, queue]                                          # models of fills are swept like settings
    trade.sizing: single                                      # one value holds in every set

Every value is tried beside every other. `draws: 200` tries so many sets at random instead (`seed: 0`), and ranges need
no steps then. `sets:` is a list of whole sets, each of which is tried beside what else is said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from kwx.backtest.sweep.axis import FILL, Axis
from kwx.config.yaml_text import Document, parsed
from warehouse.errors import Usage

MOST_TRIALS = 20_000
_DRAWS, _SEED, _SETS = "draws", "seed", "sets"
_WORDS = (_DRAWS, _SEED, _SETS)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One set of settings that is tried: what it says beside the configuration, by dotted key."""

    settings: Mapping[str, Any]

    @property
    def said(self) -> dict[str, Any]:
        """The settings as the configuration takes them, section by section; the model of fills is none of them."""
        nested: dict[str, Any] = {}
        for key, value in self.settings.items():
            if key != FILL:
                section, _, name = key.partition(".")
                nested.setdefault(section, {})[name] = value
        return nested

    def told(self, keys: Sequence[str]) -> str:
        """Return some of its settings as people write them on the command line."""
        return " ".join(f"{key}={_written(self.settings[key])}" for key in keys if key in self.settings)


@dataclass(frozen=True, kw_only=True)
class Question:
    """All sets of a file, none of them twice; varied: the keys in which they differ."""

    file: str
    trials: tuple[Trial, ...]

    @property
    def varied(self) -> tuple[str, ...]:
        """The keys in which the sets differ, in the order of the file."""
        keys = dict.fromkeys(key for trial in self.trials for key in trial.settings)
        return tuple(key for key in keys if len({repr(trial.settings.get(key)) for trial in self.trials}) > 1)


def read_question(path: Path | str) -> Question:
    """Read a sweep file; refuse what is no setting, and values that it may not have, by file and line."""
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"the sweep {path} cannot be read: {error}", hint="--sweep FILE.yaml") from error
    return asked_of(parsed(text, file=str(path)))


def asked_of(document: Document) -> Question:
    """Return the sets that a document asks for."""
    values = document.values
    axes = [Axis.of(key, said, document, where=(key,)) for key, said in values.items() if key not in _WORDS]
    named = _sets(document)
    if not axes and named == [{}]:
        raise Usage(f"{document.file}: nothing is swept", hint="a line of it is: trade.taker_thresh_cents: [1, 2, 3]")
    found = _drawn(document, axes, named) if _DRAWS in values else _crossed(document, axes, named)
    unique = {repr(sorted(settings.items())): Trial(settings=settings) for settings in found}
    return Question(file=document.file, trials=tuple(unique.values()))


def _sets(document: Document) -> list[dict[str, Any]]:
    """Return the whole sets of a file, one that says nothing where there are none."""
    said, where = document.values.get(_SETS, [{}]), (_SETS,)
    if not isinstance(said, list) or not said or not all(isinstance(one, Mapping) for one in said):
        raise Usage(f"{document.where(where)} is no list of sets", hint="sets: [{risk.kelly_alpha: 0.1}, {}]")
    for key, value in (pair for one in said for pair in one.items()):
        if isinstance(value, list | Mapping):
            raise Usage(f"{document.where(where)}: {key} has several values", hint="a set says one value of each key")
        if key in document.values:
            raise Usage(f"{document.where(where)}: {key} is said beside the sets too", hint="remove one of them")
        Axis.of(str(key), value, document, where=where)
    return [dict(one) for one in said]


def _crossed(
    document: Document, axes: Sequence[Axis], named: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:  # fmt: skip
    for axis in axes:
        if not axis.choices:
            raise Usage(f"{document.where((axis.key,))}: a range needs steps", hint="steps: 4, or draws: 200 beside it")
    if _SEED in document.values:
        raise Usage(f"{document.where((_SEED,))}: nothing is drawn", hint="seed belongs to draws")
    if (number := len(named) * math.prod(len(axis.choices) for axis in axes)) > MOST_TRIALS:
        raise Usage(
            f"{document.file}: {number:,} sets are more than {MOST_TRIALS:,}",
            hint="fewer values, or so many at random: draws: 500",
        )
    beside = [dict(zip((axis.key for axis in axes), each, strict=True)) for each in product(*(a.choices for a in axes))]
    return [{**one, **other} for one in named for other in beside]


def _drawn(
    document: Document, axes: Sequence[Axis], named: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:  # fmt: skip
    draws, seed = document.values[_DRAWS], document.values.get(_SEED, 0)
    if not _is_whole(draws) or not 1 <= draws <= MOST_TRIALS:
        raise Usage(f"{document.where((_DRAWS,))} is {draws!r}", hint=f"a whole number from 1 to {MOST_TRIALS:,}")
    if not _is_whole(seed) or seed < 0:
        raise Usage(f"{document.where((_SEED,))} is {seed!r}", hint="a whole number from 0 on")
    rng = np.random.default_rng(seed)
    return [
        {**named[int(rng.integers(len(named)))], **{axis.key: axis.draw(rng) for axis in axes}} for _ in range(draws)
    ]


def _is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number; YAML's true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _written(value: Any) -> str:
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
