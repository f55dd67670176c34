"""The check runner: files against their manifest, then every statement of `sql/checks`, which must return no row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from warehouse.errors import ChecksFailed, FileBroken
from warehouse.lake.catalog import CATALOG, build_in_memory, judgement_sha256, open_catalog
from warehouse.lake.files import sha256_of
from warehouse.lake.manifest import Change, FileEntry
from warehouse.lake.statements import Statement, statements, tables_read
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import TABLES
from warehouse.lake.window import Window, windows

ROWS_SHOWN = 20
FILES_CHECK = "files_as_published"

_Connection = duckdb.DuckDBPyConnection
_Look = tuple[_Connection, Window | None]


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
    snapshot: Snapshot,
    *,
    changes: Sequence[Change] | None = None,
    on_done: Callable[[CheckResult], None] = lambda result: None,
) -> list[CheckResult]:
    """Run every check on a snapshot, the files first; tell each result as it comes.

    Where `changes` are said, only their days are judged: the cost follows the change, not the size of the lake. If all
    that did not change was judged by the checks of today when it was published, only those are asked that read a table
    which changed.
    """
    results = []
    for result in _all(snapshot, changes):
        on_done(result)
        results.append(result)
    return results


def require_all(results: Sequence[CheckResult]) -> None:
    """Raise when a check has found something, naming each such check and its first row."""
    failed = [result for result in results if not result.passed]
    if failed:
        told = "; ".join(f"{r.name}: {r.found} row(s), the first {r.rows.row(0, named=True)}" for r in failed)
        raise ChecksFailed(f"{len(failed)} of {len(results)} checks failed: {told}", hint=failed[0].mend)


def _all(snapshot: Snapshot, changes: Sequence[Change] | None) -> Iterator[CheckResult]:
    files = _check_files(snapshot, changes)
    yield files
    try:
        with ExitStack() as opened:
            looks = _Looks.open(snapshot, changes, opened)
            for statement in _concerned(snapshot, changes):
                yield _check_rows(statement, looks.of_scope(statement.scope))
    except FileBroken:
        if files.passed:
            raise  # else what is missing has been told; without it no view can answer


def _concerned(snapshot: Snapshot, changes: Sequence[Change] | None) -> list[Statement]:
    """Return the checks that a change concerns; all of them where the rest of the lake was not judged as of today."""
    checks = list(statements("checks").values())
    if not changes or snapshot.manifest.judged_by != judgement_sha256():
        return checks
    changed = {change.table for change in changes}
    reads = tables_read(checks)
    return [check for check in checks if reads[check.name] & changed]


@dataclass(frozen=True, kw_only=True)
class _Looks:
    """The connections through which a snapshot is judged: as a whole, its days, and its changed tables alone."""

    whole: list[_Look]
    days: list[_Look]
    tables: list[_Look]

    @classmethod
    def open(cls, snapshot: Snapshot, changes: Sequence[Change] | None, opened: ExitStack) -> _Looks:
        """Open them for as long as the stack is."""
        looks = windows(snapshot, changes)
        whole: list[_Look] = [(opened.enter_context(snapshot.connect()), None)]
        days: list[_Look] = [(opened.enter_context(look.connect()), look) for look in looks or ()]
        changed = {change.table for change in changes or ()}
        if not changed:
            return cls(whole=whole, days=days or whole, tables=days or whole)
        tables: list[_Look] = [
            (opened.enter_context(_over(look or snapshot, changed)), look) for look in looks or (None,)
        ]
        return cls(whole=whole, days=days or whole, tables=tables)

    def of_scope(self, scope: str) -> list[_Look]:
        """Return the connections for a check of that scope."""
        return {"lake": self.whole, "table": self.tables}.get(scope, self.days)


def _over(source: Snapshot | Window, tables: Set[str]) -> _Connection:
    """Return a connection on some tables alone; the others are there without rows."""
    return build_in_memory({name: source.locations(name) for name in tables})


def _check_rows(statement: Statement, through: Sequence[_Look]) -> CheckResult:
    started = time.perf_counter()
    rows = [_rows_found(con, look, statement) for con, look in through]
    return CheckResult(
        name=statement.name,
        meaning=statement.meaning,
        mend=statement.hint,
        found=sum(part.height for part in rows),
        rows=pl.concat([part.head(ROWS_SHOWN) for part in rows], how="diagonal_relaxed").head(ROWS_SHOWN),
        seconds=time.perf_counter() - started,
    )


def _rows_found(con: _Connection, look: Window | None, statement: Statement) -> pl.DataFrame:
    try:
        rows = con.sql(statement.select).pl()
    except duckdb.Error as error:
        # A check that cannot run has not passed: broken files under a view end here.
        return pl.DataFrame({"error": [str(error).splitlines()[0]]})
    return rows if look is None else look.judge(rows)


def _check_files(snapshot: Snapshot, changes: Sequence[Change] | None) -> CheckResult:
    """Hold the tree against the manifest: a file is missing, foreign, altered, or not of its table."""
    started = time.perf_counter()
    names = snapshot.manifest.tables if changes is None else dict.fromkeys(change.table for change in changes)
    written = None if changes is None else {(change.table, change.partition) for change in changes}
    broken = [finding for name in names for finding in _findings(snapshot, name, written)]
    broken += _catalog_findings(snapshot)
    schema = {"table_name": pl.String, "file": pl.String, "wrong": pl.String}
    return CheckResult(
        name=FILES_CHECK,
        meaning="A row is a file that is not as it was published.",
        mend=(
            "write the named days again (kwx lake build, kwx lake dense): what is damaged is replaced;"
            " or go back with kwx lake rollback"
        ),
        found=len(broken),
        rows=pl.DataFrame(broken, schema=schema, orient="row").head(ROWS_SHOWN),
        seconds=time.perf_counter() - started,
    )


def _catalog_findings(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    if snapshot.manifest.root != str(snapshot.paths.root):
        yield (
            "",
            CATALOG,
            f"written for {snapshot.manifest.root}: other tools read that place; kwx lake dense writes it anew",
        )
    try:
        open_catalog(snapshot.folder / CATALOG).close()
    except duckdb.Error as error:
        yield "", CATALOG, f"cannot be opened: {str(error).splitlines()[0]}"


def _findings(snapshot: Snapshot, name: str, written: set[tuple[str, str]] | None) -> Iterator[tuple[str, str, str]]:
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
        if written is not None and (name, str(listed[path].partition)) not in written:
            continue  # an unchanged file is a second name of bytes that an earlier publish judged
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
