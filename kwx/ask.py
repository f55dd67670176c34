"""Asking the lake: SQL in, a frame out, errors with the next step."""

from __future__ import annotations

import difflib
from pathlib import Path

import duckdb
import polars as pl

from warehouse.errors import FileBroken, KwxError, Usage
from warehouse.lake.statements import statements
from warehouse.lake.store import connect


def ask(question: str, lake_root: Path | None = None, *, snapshot: int | None = None) -> pl.DataFrame:
    """Answer one SELECT from one snapshot."""
    con = connect(lake_root, snapshot=snapshot)
    try:
        # A statement that returns nothing (SET) gives no relation: an empty answer.
        relation = con.sql(question)
        return pl.DataFrame() if relation is None else pl.DataFrame(relation.pl())
    except duckdb.Error as error:
        raise _told(error) from error
    finally:
        con.close()


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


def _told(error: duckdb.Error) -> KwxError:
    """Tell a broken file from a question that cannot be meant."""
    said = "\n".join(line for line in str(error).splitlines() if line.strip())
    if isinstance(error, duckdb.IOException) or ".parquet" in said:
        return FileBroken(said, hint="kwx lake check names what is broken; kwx lake rollback goes back")
    return Usage(said, hint="tables and views: kwx sql 'show tables'; columns: kwx sql 'describe minute_panel_full'")
