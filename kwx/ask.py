"""Asking the lake: SQL in, rows out, errors with the next step."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import duckdb
import polars as pl

from warehouse.errors import FileBroken, KwxError, NoSnapshot, Usage
from warehouse.lake.statements import statements
from warehouse.lake.store import Lake

_BATCH_ROWS = 20_000


def ask(
    question: str, lake_root: Path | None = None, *, snapshot: int | None = None, at_most: int | None = None
) -> pl.DataFrame:
    """Answer one question from one snapshot, with its first rows only where `at_most` is said."""
    with _answer(question, lake_root, snapshot) as relation:
        return pl.DataFrame((relation if at_most is None else relation.limit(at_most)).pl())


def ask_in_batches(
    question: str, lake_root: Path | None = None, *, snapshot: int | None = None
) -> Iterator[pl.DataFrame]:
    """Answer one question a batch of rows at a time, so that a long answer needs no more memory than a short one."""
    with _answer(question, lake_root, snapshot) as relation:
        for batch in relation.arrow(_BATCH_ROWS):
            yield pl.DataFrame(batch)


def save_parquet(question: str, path: Path, lake_root: Path | None = None, *, snapshot: int | None = None) -> None:
    """Write the answer to a Parquet file, row group by row group, however long it is."""
    with _answer(question, lake_root, snapshot) as relation:
        relation.write_parquet(str(path))


def print_csv(
    question: str, lake_root: Path | None = None, *, snapshot: int | None = None, out: BinaryIO | None = None
) -> None:
    """Write the answer to standard output as CSV, as it comes.

    The engine writes by name alone, and to open standard output anew would empty a file that it is appended to. So it
    writes into a pipe, and what comes out is handed on.
    """
    with _answer(question, lake_root, snapshot) as relation, _handed_on(out or sys.stdout.buffer) as name:
        relation.write_csv(name, header=True)


def ready_question(name: str) -> str:
    """Return the text of one query of `sql/queries`."""
    ready = statements("queries")
    if name not in ready:
        near = difflib.get_close_matches(name, ready, n=1)
        raise Usage(
            f"there is no query {name!r}",
            hint=(f"did you mean {near[0]!r}? " if near else "") + "queries: " + " ".join(ready),
        )
    return ready[name].select


@contextmanager
def _handed_on(out: BinaryIO) -> Iterator[str]:
    """Yield the name of a pipe whose other end is copied to `out`; a reader who had enough ends the writing too."""
    end, beginning = os.pipe()
    gone: list[OSError] = []

    def copy() -> None:
        with open(end, "rb") as source:
            try:
                shutil.copyfileobj(source, out)
                out.flush()
            except OSError as error:
                gone.append(error)

    copying = threading.Thread(target=copy)
    copying.start()
    try:
        yield f"/dev/fd/{beginning}"
    except duckdb.Error:
        if not gone:
            raise
    finally:
        os.close(beginning)
        copying.join()
    if gone:
        raise gone[0]


@contextmanager
def _answer(question: str, lake_root: Path | None, snapshot: int | None) -> Iterator[duckdb.DuckDBPyRelation]:
    """Yield what a question means on a lake that is there; anything but a question is refused."""
    lake = Lake(lake_root)
    if not lake.paths.root.is_dir():
        raise NoSnapshot(
            f"there is no lake at {lake.paths.root}", hint="build one with: kwx lake build; or say --lake DIR"
        )
    con = lake.connect(snapshot)
    try:
        _require_one_question(con, question)
        yield con.sql(question)
    except duckdb.Error as error:
        raise _told(error) from error
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise Usage(
            f"the answer has a type that cannot be shown: {error}", hint="cast it, e.g. column::varchar"
        ) from error
    finally:
        con.close()


def _require_one_question(con: duckdb.DuckDBPyConnection, text: str) -> None:
    """Refuse what could write a file or change the session: a lake is asked, never changed, through SQL."""
    kinds = [statement.type for statement in con.extract_statements(text)]
    if kinds not in ([duckdb.StatementType.SELECT], [duckdb.StatementType.EXPLAIN]):
        raise Usage(
            "kwx sql takes one SELECT (or from …, show, describe, explain)",
            hint="to save an answer: --csv, --json or --parquet FILE; for more, open lake/current/kwx.duckdb in DuckDB",
        )


def _told(error: duckdb.Error) -> KwxError:
    """Tell a broken file from a question that cannot be meant."""
    said = "\n".join(line for line in str(error).splitlines() if line.strip())
    if isinstance(error, duckdb.IOException) or ".parquet" in said:
        return FileBroken(said, hint="kwx lake check names what is broken; kwx lake rollback goes back")
    return Usage(said, hint="tables and views: kwx sql 'show tables'; columns: kwx sql 'describe minute_panel_full'")
