"""The SQL files: one SELECT per file, the file's name is the relation's name, the header says what one row is.

Nothing numbers the views: their order is read from the text of the statements themselves.
"""

from __future__ import annotations

import graphlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb

from warehouse.errors import FileBroken, LakeError, Unparsable, Usage

FOLDERS = ("views", "checks", "queries")

_KEYED = re.compile(r"(grain|known|mend|scope):\s*(.*)")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One SQL file: what its rows are, when they are known, and the SELECT that makes them.

    A check of scope `lake` looks at all days together; any other can be run on some days and the days around them. One
    of scope `table` looks at each table by itself, so that tables which did not change need not be there.
    """

    name: str
    folder: str
    meaning: str
    grain: tuple[str, ...]
    known: str
    hint: str
    scope: str
    text: str

    @property
    def select(self) -> str:
        """The SELECT alone: no header, no semicolon."""
        lines = self.text.splitlines()
        body = next((place for place, line in enumerate(lines) if not _is_header(line)), len(lines))
        return "\n".join(lines[body:]).strip().removesuffix(";").rstrip()


def statements(folder: str) -> dict[str, Statement]:
    """Read every statement of a folder, by name, in the order of the names."""
    if folder not in FOLDERS:
        raise Usage(f"there is no folder {folder!r} of SQL", hint=f"folders: {' '.join(FOLDERS)}")
    return {path.stem: _read(path) for path in sorted((sql_root() / folder).glob("*.sql"))}


def in_dependency_order(views: Collection[Statement]) -> list[Statement]:
    """Return the views so that each comes after those it reads; refuse views that read each other in a circle."""
    by_name = {view.name: view for view in views}
    return [by_name[name] for name in _order(tuple(sorted(views, key=lambda view: view.name)))]


@lru_cache(maxsize=4)
def _order(views: tuple[Statement, ...]) -> list[str]:
    """Return the names in that order: to parse all views takes as long as to create them."""
    by_name = {view.name: view for view in views}
    with duckdb.connect() as con:
        reads = {name: relations_read(con, view) & by_name.keys() for name, view in by_name.items()}
    try:
        return list(graphlib.TopologicalSorter(reads).static_order())
    except graphlib.CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise LakeError(
            f"views read each other in a circle: {circle}",
            hint="move what they share into a view of its own below both",
        ) from error


def tables_read(checks: Collection[Statement]) -> dict[str, set[str]]:
    """Return by name which tables each check reads, itself or through views."""
    views = statements("views")
    with duckdb.connect() as con:
        of_view = {name: relations_read(con, view) for name, view in views.items()}
        of_check = {check.name: relations_read(con, check) for check in checks}
    for name in (view.name for view in in_dependency_order(views.values())):
        of_view[name] = _through(of_view[name], of_view)
    return {name: _through(reads, of_view) for name, reads in of_check.items()}


def _through(reads: set[str], of_view: Mapping[str, set[str]]) -> set[str]:
    """Replace each view by what it reads."""
    return {table for name in reads for table in of_view.get(name, {name})}


def create_views(con: duckdb.DuckDBPyConnection) -> None:
    """Create every view on a connection that already has the tables, each after those it reads."""
    for view in in_dependency_order(statements("views").values()):
        con.execute(f'create view "{view.name}" as {view.select}')


def relations_read(con: duckdb.DuckDBPyConnection, statement: Statement) -> set[str]:
    """Return the tables and views that a statement reads: every relation it names but its own CTEs."""
    tree = syntax_tree(con, statement)
    own = {entry["key"] for node in _nodes(tree) if "cte_map" in node for entry in node["cte_map"]["map"]}
    named = {str(node["table_name"]) for node in _nodes(tree) if node.get("type") == "BASE_TABLE"}
    return named - own


def syntax_tree(con: duckdb.DuckDBPyConnection, statement: Statement) -> dict[str, Any]:
    """Parse one statement without binding it; refuse a file that is not exactly one SELECT."""
    found = con.sql("select json_serialize_sql($text::varchar)", params={"text": statement.select}).fetchall()[0][0]
    parsed = json.loads(found)
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise Unparsable(
            f"sql/{statement.folder}/{statement.name}.sql: {parsed.get('error_message', 'more than one statement')}",
            hint="a file holds exactly one SELECT",
        )
    tree: dict[str, Any] = parsed["statements"][0]["node"]
    return tree


def sql_root() -> Path:
    """Return the folder of SQL: inside the package in a wheel, beside the packages in a checkout."""
    here = Path(__file__).resolve()
    for root in (here.parents[1] / "sql", here.parents[2] / "sql"):
        if root.is_dir():
            return root
    raise FileBroken(f"the SQL files are not beside {here.parents[1]}", hint="install the package again")


def _read(path: Path) -> Statement:
    text = path.read_text(encoding="utf-8")
    header = _header(text)
    return Statement(
        name=path.stem,
        folder=path.parent.name,
        meaning=header.get("meaning", ""),
        grain=tuple(word.strip() for word in header.get("grain", "").split(",") if word.strip()),
        known=header.get("known", ""),
        hint=header.get("mend", ""),
        scope=header.get("scope", "day"),
        text=text,
    )


def _header(text: str) -> Mapping[str, str]:
    """Part the leading comment into its meaning and its keyed promises; a line without a key continues the last."""
    parts: dict[str, list[str]] = {}
    key = "meaning"
    for line in text.splitlines():
        if not _is_header(line):
            break
        said = line.strip().removeprefix("--").strip()
        if match := _KEYED.fullmatch(said):
            key, said = match[1], match[2]
        parts.setdefault(key, []).append(said)
    return {name: " ".join(filter(None, said)) for name, said in parts.items()}


def _is_header(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("--")


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for child in tree.values():
            yield from _nodes(child)
    elif isinstance(tree, list):
        for child in tree:
            yield from _nodes(child)
