"""The catalog of a snapshot: a DuckDB file with views only, one per table and one per file of `sql/views`.

It is written in the 1.2 storage format, so that DuckDB 1.x tools open it too. Unchanged tables keep the view that the
parent's catalog had: the cost of a new catalog follows the change, not the size of the lake.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import duckdb
import polars as pl

from warehouse.lake.statements import create_views, statements
from warehouse.lake.tables import TABLES, UTC_TYPE, Layout, Table
from warehouse.market.cities import CITIES

CATALOG = "kwx.duckdb"
STORAGE_VERSION = "v1.2.0"  # the newest DuckDB command line that package indexes carry cannot open 2.0's own format

_NO_EXTENSIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

_SQL_TYPES: dict[pl.DataType, str] = {
    pl.String(): "VARCHAR",
    pl.Int32(): "INTEGER",
    pl.Int64(): "BIGINT",
    pl.Float64(): "DOUBLE",
    pl.Boolean(): "BOOLEAN",
    pl.Date(): "DATE",
    UTC_TYPE: "TIMESTAMPTZ",
    pl.List(pl.Int64): "BIGINT[]",
    pl.List(pl.Float64): "DOUBLE[]",
    pl.List(pl.String): "VARCHAR[]",
}


def sql_type(dtype: pl.DataType) -> str:
    """Return the SQL name of a column type of the lake."""
    return _SQL_TYPES[dtype]


def relation_over(contract: Table, files: Sequence[Path]) -> str:
    """Return the SELECT that reads a table from its files, or a typed one without rows when it has none."""
    if not files:
        return relation_without_rows(contract)
    stored = ", ".join(contract.schema)
    day = ", date as event_date" if contract.layout is Layout.CITY_DAY else ""
    types = "{'city': VARCHAR, 'date': DATE}" if day else "{'city': VARCHAR}"
    listed = ", ".join(_quoted(str(path)) for path in files)
    return f"select city{day}, {stored} from read_parquet([{listed}], hive_partitioning = true, hive_types = {types})"


def relation_without_rows(contract: Table) -> str:
    """Return a SELECT of the table's columns, typed, with no rows."""
    columns = {**contract.path_columns, **contract.schema}
    typed = ", ".join(f"cast(null as {sql_type(dtype)}) as {name}" for name, dtype in columns.items())
    return f"select {typed} where false"


def cities_relation() -> str:
    """Return the SELECT of the city registry."""
    rows = ", ".join(
        f"({', '.join(map(_quoted, (city.key, city.name, city.station, city.zone)))},"
        f" {city.standard_offset_hours * 60}, {str(city.vc_excluded).lower()})"
        for city in CITIES.values()
    )
    return f"select * from (values {rows}) as city(city, name, station, zone, standard_offset_minutes, vc_excluded)"


def create_relations(con: duckdb.DuckDBPyConnection, relations: Mapping[str, str]) -> None:
    """Create or replace one view per table."""
    for name, select in relations.items():
        con.execute(f"create or replace view {name} as {select}")


def write_catalog(path: Path, files: Mapping[str, Sequence[Path]], *, parent: Path | None) -> None:
    """Write a catalog: `files` holds the tables that changed, or every table when there is no parent to start from."""
    relations = {name: relation_over(TABLES[name], paths) for name, paths in files.items()}
    if parent is not None:
        shutil.copyfile(parent, path)
    con = duckdb.connect(config=_NO_EXTENSIONS)
    try:
        con.execute(f"attach {_quoted(str(path))} as catalog (storage_version '{STORAGE_VERSION}')")
        con.execute("use catalog")
        if parent is None:
            create_relations(
                con, {name: relation_without_rows(table) for name, table in TABLES.items() if name not in relations}
            )
            con.execute(f"create view cities as {cities_relation()}")
        create_relations(con, relations)
        if parent is None:
            create_views(con)
        con.execute("checkpoint catalog")
    finally:
        con.close()


def open_catalog(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a catalog read-only, in UTC, without network; one that is there but cannot answer is an error at once."""
    con = _ready(duckdb.connect(path, read_only=True, config=_NO_EXTENSIONS))
    con.sql("select count(*) from cities").fetchall()
    return con


def build_in_memory(files: Mapping[str, Sequence[Path]]) -> duckdb.DuckDBPyConnection:
    """Build the same relations in memory: for a lake without a snapshot, moved since, or written by other code."""
    con = _ready(duckdb.connect(config=_NO_EXTENSIONS))
    create_relations(con, {name: relation_over(table, files.get(name, ())) for name, table in TABLES.items()})
    con.execute(f"create view cities as {cities_relation()}")
    create_views(con)
    return con


@cache
def sql_sha256() -> str:
    """Hash everything that a catalog is made of besides the files: contracts, cities and the text of the views."""
    parts = [relation_without_rows(table) for table in TABLES.values()]
    parts += [cities_relation(), *(statement.text for statement in statements("views").values())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def judgement_sha256() -> str:
    """Hash all that a judgement is made of: what a catalog is made of, and the text of every check."""
    texts = [sql_sha256(), *(check.text for check in statements("checks").values())]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _ready(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Set what every connection needs; GLOBAL, because cursors do not inherit a session's own settings."""
    con.execute("set global TimeZone = 'UTC'")
    con.execute("set enable_progress_bar = false")  # it would write into what a command prints
    con.execute("set global parquet_metadata_cache = true")  # a path of the lake never names other bytes
    con.execute("set global arrow_output_version = '1.4'")  # text goes to Polars in its own layout, uncopied
    return con


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
