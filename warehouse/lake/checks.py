"""The check runner: files against their manifest, then every statement of `sql/checks`, which must return no row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from warehouse.errors import ChecksFailed, FileBroken
from warehouse.lake.catalog import CATALOG, open_catalog
from warehouse.lake.files import sha256_of
from warehouse.lake.manifest import FileEntry
from warehouse.lake.statements import Statement, statements
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import TABLES

ROWS_SHOWN = 20
FILES_CHECK = "files_as_published"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What one check found: the offending rows (the first few of them) and what to do about them."""

    name: str
    meaning: str
    mend: str
    found: int
    rows: pl.DataFrame
    seconds: float

    @property
    def passed(self) -> bool:
        """Nothing was found."""
        return self.found == 0


def run_checks(
    snapshot: Snapshot, *, on_done: Callable[[CheckResult], None] = lambda result: None
) -> list[CheckResult]:
    """Run every check on a snapshot, the files first; tell each result as it comes."""
    results = []
    for result in _all(snapshot):
        on_done(result)
        results.append(result)
    return results


def require_all(results: Sequence[CheckResult]) -> None:
    """Raise when a check has found something, naming each such check and its first row."""
    failed = [result for result in results if not result.passed]
    if failed:
        told = "; ".join(f"{r.name}: {r.found} row(s), the first {r.rows.row(0, named=True)}" for r in failed)
        raise ChecksFailed(f"{len(failed)} of {len(results)} checks failed: {told}", hint=failed[0].mend)


def _all(snapshot: Snapshot) -> Iterator[CheckResult]:
    files = _check_files(snapshot)
    yield files
    try:
        con = snapshot.connect()
    except FileBroken:
        if files.passed:
            raise
        return  # what is missing has been told; without it no view can answer
    try:
        for statement in statements("checks").values():
            yield _check_rows(con, statement)
    finally:
        con.close()


def _check_rows(con: duckdb.DuckDBPyConnection, statement: Statement) -> CheckResult:
    started = time.perf_counter()
    try:
        rows = con.sql(statement.select).pl()
    except duckdb.Error as error:
        # A check that cannot run has not passed: broken files under a view end here.
        rows = pl.DataFrame({"error": [str(error).splitlines()[0]]})
    return CheckResult(
        name=statement.name,
        meaning=statement.meaning,
        mend=statement.hint,
        found=rows.height,
        rows=rows.head(ROWS_SHOWN),
        seconds=time.perf_counter() - started,
    )


def _check_files(snapshot: Snapshot) -> CheckResult:
    """Hold the tree against the manifest: a file is missing, foreign, altered, or not of its table."""
    started = time.perf_counter()
    broken = [finding for name in snapshot.manifest.tables for finding in _findings(snapshot, name)]
    broken += _catalog_findings(snapshot)
    schema = {"table_name": pl.String, "file": pl.String, "wrong": pl.String}
    return CheckResult(
        name=FILES_CHECK,
        meaning="A row is a file that is not as it was published.",
        mend="write the named days again (kwx lake build, kwx lake dense): what is damaged is replaced; or kwx lake rollback",
        found=len(broken),
        rows=pl.DataFrame(broken, schema=schema, orient="row").head(ROWS_SHOWN),
        seconds=time.perf_counter() - started,
    )


def _catalog_findings(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    if snapshot.manifest.root != str(snapshot.paths.root):
        yield "", CATALOG, f"written for {snapshot.manifest.root}: other tools read that place; kwx lake dense writes it anew"
    try:
        open_catalog(snapshot.folder / CATALOG).close()
    except duckdb.Error as error:
        yield "", CATALOG, f"cannot be opened: {str(error).splitlines()[0]}"


def _findings(snapshot: Snapshot, name: str) -> Iterator[tuple[str, str, str]]:
    folder = snapshot.paths.version(name, snapshot.manifest.tables[name].version)
    try:
        listed = {entry.path: entry for entry in snapshot.files(name)}
    except FileBroken as error:
        yield name, f"{folder.name}.json", str(error)
        return
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    for path in sorted(listed.keys() - present):
        yield name, path, "missing"
    for path in sorted(present - listed.keys()):
        yield name, path, "foreign: the manifest does not name it"
    for path in sorted(listed.keys() & present):
        if wrong := _wrong(folder / path, listed[path], name):
            yield name, path, wrong


def _wrong(path: Path, entry: FileEntry, name: str) -> str:
    if path.stat().st_size != entry.bytes or sha256_of(path) != entry.sha256:
        return "altered: its bytes are not those that were published"
    try:
        schema = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        return f"not Parquet: {error}"
    return "" if schema == TABLES[name].schema else "its columns are not those of the contract of today"
