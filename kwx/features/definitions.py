"""What features are by definition: one text for the same code, in every process; another where a formula is another.

A feature over the panel is its name, its sources, when it is known, and its expression. Columns that no expression
makes (the snapshots of a day; book and tape) are the code that makes them, without its comments and docstrings. The
views that make the panel are of the lake, not of a feature.
"""

from __future__ import annotations

import ast
import io
import json
import tokenize
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from kwx.features.book.microstructure import MICROSTRUCTURE
from kwx.features.feature import Feature
from kwx.features.sets import FEATURE_SETS
from kwx.features.tmax.sets import MARKET_CLOCK, TOD

_HERE = Path(__file__).parent
_OF_SNAPSHOTS, _OF_BOOKS = ("tmax",), ("book", "hawkes.py")


def definition_of(feature: Feature) -> dict[str, Any]:
    """Return a feature as JSON has it."""
    return {
        "name": feature.name,
        "sources": list(feature.sources),
        "known": feature.known,
        "value": json.loads(feature.value.meta.serialize(format="json")),
    }


def panel_definitions(names: Sequence[str]) -> dict[str, Any]:
    """Return what some features over the panel are, in their order; a name of no feature is a column as it is."""
    every = (*FEATURE_SETS.values(), MICROSTRUCTURE)
    known = {one.name: one for features in every for one in features.features}
    found: dict[str, Any] = {
        "features": [definition_of(known[name]) if name in known else {"name": name} for name in names]
    }
    return found if set(names).isdisjoint(MICROSTRUCTURE.names) else found | {"code": code_of(_OF_BOOKS)}


def snapshot_definitions(columns: Sequence[str]) -> dict[str, Any]:
    """Return what the columns of a snapshot are, and the features that the models of the high make of them."""
    made = {one.name: one for features in (TOD, MARKET_CLOCK) for one in features.features}
    return {
        "columns": list(columns),
        "features": [definition_of(one) for one in made.values()],
        "code": code_of(_OF_SNAPSHOTS),
    }


@cache
def code_of(places: tuple[str, ...]) -> dict[str, str]:
    """Return the code of some modules and folders of features, by module."""
    found = sorted(path for place in places for path in _modules(_HERE / place))
    return {path.relative_to(_HERE).as_posix(): bare(path.read_text()) for path in found}


def _modules(place: Path) -> Iterator[Path]:
    yield from place.rglob("*.py") if place.is_dir() else (place,)


def bare(text: str) -> str:
    """Return the source of a module without comments, docstrings, empty lines and trailing blanks."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(text)):
        if _is_docstring(node):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _is_docstring(node: ast.AST) -> bool:
    """Tell whether a statement is a text that nothing reads."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
