"""YAML with the line of every key: a key said twice is refused, and 1e-3 is a number as people write it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from warehouse.errors import Usage

KeyPath = tuple[str, ...]


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """The safe loader, with exponents that need no dot."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a file says, and on which line it says each key."""

    file: str
    values: Mapping[str, Any]
    lines: Mapping[KeyPath, int]

    def where(self, path: KeyPath) -> str:
        """Return file, line and dotted key of a setting, or of the nearest thing around it that the file says."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return f"{self.file}:{self.lines[path[:end]]}: {'.'.join(path)}"
        return f"{self.file}: {'.'.join(path)}"


def read_document(path: Path) -> Document:
    """Read a file of YAML whose top is a mapping."""
    try:
        text = path.read_text()
    except OSError as error:
        raise Usage(
            f"the configuration {path} cannot be read: {error.strerror}",
            hint="name a file with --config FILE; without it the one that kwx ships is used",
        ) from error
    except UnicodeDecodeError as error:
        raise Usage(f"the configuration {path} is not text in UTF-8", hint="save it as UTF-8") from error
    return parsed(text, file=str(path))


def parsed(text: str, *, file: str) -> Document:
    """Read YAML whose top is a mapping."""
    loader = _Loader(text)
    lines: dict[KeyPath, int] = {}
    try:
        node = loader.get_single_node()
        values = {} if node is None else _value(loader, node, (), lines, file)
    except (yaml.YAMLError, ValueError) as error:
        raise _broken(error, file) from error
    finally:
        loader.dispose()
    if not isinstance(values, dict):
        raise Usage(f"{file}: the file is no mapping of keys to values", hint="start with a line: defaults:")
    return Document(file=file, values=values, lines=lines)


def _broken(error: Exception, file: str) -> Usage:
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark is not None else ""
    problem = getattr(error, "problem", None) or str(error)
    return Usage(f"{file}{line}: this is not YAML: {problem}", hint="look for a missing colon, bracket or quote there")


def _value(loader: Any, node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], file: str) -> Any:
    """Return what a node says; the keys of mappings are text, and each is said once."""
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node, deep=True)
    said: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key: Hashable = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise Usage(f"{file}:{line}: the key {key!r} is no word", hint="put it in quotes if it is meant as a word")
        if key in said:
            raise Usage(
                f"{file}:{line}: {'.'.join((*path, key))} is said twice, first on line {lines[*path, key]}",
                hint="remove one of them",
            )
        lines[*path, key] = line
        said[key] = _value(loader, value_node, (*path, key), lines, file)
    return said
