"""What a reader may look up of every table and view: what a row is, when it is known, and what each column means.

Tables say it in their contracts. A view says what a row is in the header of its file; the types of its columns are
asked of an empty lake, and each means what it does in the table or view that it is read from, or what `DERIVED` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import duckdb
import polars as pl

from warehouse.errors import LakeError, Usage
from warehouse.lake.catalog import cities_relation, create_relations, relation_without_rows, sql_type
from warehouse.lake.statements import Statement, create_views, in_dependency_order, relations_read, statements
from warehouse.lake.tables import TABLES, Column, Table
from warehouse.lake.tables.derived import DERIVED, DERIVED_IN

_OF_THE_PATH = {
    "city": "city key; the folder's name says it",
    "event_date": "climate day, 24 hours of local standard time: the day that settles; the folder's name says it",
}
# The longest ending that fits counts.
_UNIT_OF_ENDING = {
    "_half_ticks": "ticks of $0.00005",
    "_ticks": "ticks of $0.0001",
    "_micros": "$0.000001",
    "_centi": "0.01 contract",
    "_milli": "1/1000",
    "_prob": "probability",
    "_minutes": "min",
    "_f": "°F",
    "_utc": "UTC",
}


@dataclass(frozen=True, kw_only=True)
class ColumnEntry:
    """One column as it is looked up; `null` is not promised by views, so None there."""

    name: str
    type: str
    unit: str
    null: bool | None
    values: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One table or view as it is looked up; `original` is its name in the first design, in PostgreSQL."""

    name: str
    kind: str
    meaning: str
    grain: tuple[str, ...]
    known: str
    columns: tuple[ColumnEntry, ...]
    laws: tuple[str, ...] = ()
    layout: str = ""
    original: str = ""


def entry(name: str) -> Entry:
    """Return what is to be known of one table or view."""
    found = entries()
    if name not in found:
        raise Usage(f"there is no table or view {name!r}", hint=f"known: {' '.join(found)}")
    return found[name]


@cache
def entries() -> Mapping[str, Entry]:
    """Return every table in the order data flow, then every view by name."""
    told = {name: _of_table(contract) for name, contract in TABLES.items()}
    views = statements("views")
    with duckdb.connect() as con:
        create_relations(con, {name: relation_without_rows(contract) for name, contract in TABLES.items()})
        create_relations(con, {"cities": cities_relation()})
        create_views(con)
        for view in in_dependency_order(views.values()):
            told[view.name] = _of_view(con, view, told)
    return {**{name: told[name] for name in TABLES}, **{name: told[name] for name in views}}


def unit_of(name: str) -> str:
    """Return the unit that a column's name says; nothing where it says none."""
    if name.startswith(("p_", "hazard_")):
        return "probability"
    endings = [ending for ending in _UNIT_OF_ENDING if name.endswith(ending)]
    return _UNIT_OF_ENDING[max(endings, key=len)] if endings else ""


def _of_table(contract: Table) -> Entry:
    of_path = [
        ColumnEntry(name=name, type=sql_type(dtype), unit="", null=False, values="", meaning=_OF_THE_PATH[name])
        for name, dtype in contract.path_columns.items()
    ]
    return Entry(
        name=contract.name,
        kind="table",
        meaning=contract.meaning,
        grain=contract.grain,
        known=contract.known,
        columns=(*of_path, *map(_of_column, contract.columns)),
        laws=tuple(rule.law for rule in contract.rules),
        layout=str(contract.layout),
        original=contract.original,
    )


def _of_column(column: Column) -> ColumnEntry:
    return ColumnEntry(
        name=column.name,
        type=sql_type(column.dtype),
        unit=column.unit or unit_of(column.name),
        null=column.null,
        values=_values(column),
        meaning=column.meaning,
    )


def _values(column: Column) -> str:
    """Return which values a column may hold, as a person writes it."""
    if column.one_of:
        return ", ".join(column.one_of)
    if column.low is not None and column.high is not None:
        return f"{column.low:g} … {column.high:g}"
    if column.low is not None:
        return f"≥ {column.low:g}"
    return f"≤ {column.high:g}" if column.high is not None else ""


def _of_view(con: duckdb.DuckDBPyConnection, view: Statement, told: Mapping[str, Entry]) -> Entry:
    described: pl.DataFrame = con.sql(f"describe {view.name}").pl()
    read = [told[name] for name in sorted(relations_read(con, view)) if name in told]
    return Entry(
        name=view.name,
        kind="view",
        meaning=view.meaning,
        grain=view.grain,
        known=view.known,
        columns=tuple(
            _of_view_column(view.name, name, dtype.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"), read)
            for name, dtype in described.select("column_name", "column_type").iter_rows()
        ),
    )


def _of_view_column(view: str, name: str, dtype: str, read: Iterable[Entry]) -> ColumnEntry:
    said = DERIVED_IN.get((view, name)) or DERIVED.get(name)
    if said is not None:
        return ColumnEntry(
            name=name, type=dtype, unit=said.unit or unit_of(name), null=None, values="", meaning=said.meaning
        )
    if name in _OF_THE_PATH:
        meaning = _OF_THE_PATH[name].partition(";")[0]
        return ColumnEntry(name=name, type=dtype, unit="", null=None, values="", meaning=meaning)
    found = {(column.unit, column.meaning) for other in read for column in other.columns if column.name == name}
    if len(found) != 1:
        raise LakeError(
            f"{view}.{name} has {len(found)} meanings: {sorted(found)}",
            hint="say which it is in warehouse/lake/tables/derived.py",
        )
    ((unit, meaning),) = found
    return ColumnEntry(name=name, type=dtype, unit=unit, null=None, values="", meaning=meaning)
