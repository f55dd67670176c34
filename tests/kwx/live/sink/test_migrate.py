"""Migrations: up, down, together, and never over a history that is not the files'."""

from __future__ import annotations

import threading
from dataclasses import replace

import psycopg
import pytest

from kwx.live.sink.migrate import Migration, migrate, migrations, standing
from kwx.live.sink.server import server_of
from warehouse.errors import FileBroken, Refused, Usage

SECOND = Migration(
    number=2,
    name="notes",
    up="create table rt_notes (note text); insert into rt_notes values ('100 %');",
    down="drop table rt_notes;",
)
BROKEN = replace(SECOND, number=3, name="broken", up="create table rt_more (a integer); select no_such_column;")
COLUMNS = [
    ("ts_utc", "timestamp with time zone", None, "NO"),
    ("market_ticker", "character varying", 100, "NO"),
    ("city", "character varying", 50, "NO"),
    ("bracket", "character varying", 20, "NO"),
    ("p_model", "double precision", None, "NO"),
    ("p_market", "double precision", None, "NO"),
    ("p_blend", "double precision", None, "NO"),
    ("edge_cents", "double precision", None, "NO"),
    ("kelly_fraction", "double precision", None, "YES"),
    ("size_fraction", "double precision", None, "YES"),
    ("spread_cents", "integer", None, "YES"),
    ("minutes_to_close", "integer", None, "NO"),
    ("model_id", "character varying", 200, "NO"),
    ("wf_window", "character varying", 100, "NO"),
    ("created_at", "timestamp with time zone", None, "NO"),
]


@pytest.fixture
def empty(empty_dsn):
    """A connection to an empty schema."""
    with server_of(empty_dsn).connect() as connection:
        yield connection


def tables(connection):
    """Return the tables that are there."""
    rows = connection.execute("select tablename from pg_tables where schemaname = current_schema() order by 1")
    return [name for (name,) in rows.fetchall()]


def test_the_table_is_the_one_that_was_asked_for(empty):
    """Names, types, lengths, nulls, key and indexes."""
    moved = migrate(empty)

    assert (0, 1, ("0001_rt_signals up",)) == (moved.before, moved.after, moved.done)
    assert (
        COLUMNS
        == empty.execute(
            "select column_name, data_type, character_maximum_length, is_nullable from information_schema.columns"
            " where table_name = 'rt_signals' and table_schema = current_schema() order by ordinal_position"
        ).fetchall()
    )
    indexes = empty.execute(
        "select indexdef from pg_indexes where tablename = 'rt_signals' and schemaname = current_schema()"
    ).fetchall()
    assert ["(city, bracket)", "(edge_cents)", "(ts_utc)", "(ts_utc, market_ticker)"] == sorted(
        text.partition(" btree ")[2] for (text,) in indexes
    )


def test_up_and_down_to_any_number(empty):
    """Only what is missing is done, the last first on the way down; twice is once."""
    known = (*migrations(), SECOND)

    assert 2 == migrate(empty, known=known).after
    assert () == migrate(empty, known=known).done
    assert ("0002_notes down",) == migrate(empty, to=1, known=known).done
    assert ["rt_migrations", "rt_signals"] == tables(empty)
    assert ("0001_rt_signals down",) == migrate(empty, to=0, known=known).done
    assert ["rt_migrations"] == tables(empty)
    assert ("0001_rt_signals up", "0002_notes up") == migrate(empty, known=known).done
    assert [("100 %",)] == empty.execute("select note from rt_notes").fetchall()


def test_an_error_undoes_all_of_the_call(empty):
    """Nothing of three steps is there when the last one fails."""
    with pytest.raises(psycopg.errors.UndefinedColumn):
        migrate(empty, known=(*migrations(), SECOND, BROKEN))

    assert [] == tables(empty)


def test_a_changed_migration_is_refused(empty):
    """In both directions; the database stays as it was, and the standing says which one."""
    migrate(empty)
    (first,) = migrations()
    changed = (replace(first, up=first.up + " "), SECOND)

    for to in (0, 2):
        with pytest.raises(Refused, match=r"0001_rt_signals was applied on .* with another text"):
            migrate(empty, to=to, known=changed)
    assert ["rt_migrations", "rt_signals"] == tables(empty)
    assert [("0001_rt_signals", True), ("0002_notes", False)] == [
        (one.migration, one.changed) for one in standing(empty, known=changed)
    ]


def test_a_database_of_a_newer_version_is_refused(empty):
    """What this version does not know it does not touch."""
    migrate(empty, known=(*migrations(), SECOND))

    with pytest.raises(Refused, match="0002_notes, which this version does not know"):
        migrate(empty, to=0)
    assert ["0001_rt_signals", "0002_notes"] == [one.migration for one in standing(empty)]


def test_the_standing_of_an_empty_database_changes_nothing(empty):
    """Not even the table of migrations is made."""
    (one,) = standing(empty)

    assert (None, False) == (one.applied_at, one.changed)
    assert [] == tables(empty)


def test_a_number_that_is_not_there_is_refused(empty):
    """Numbers are those of the files, and 0."""
    with pytest.raises(Usage, match="there is no migration 7"):
        migrate(empty, to=7)


def test_many_at_once_wait_for_each_other(empty_dsn, empty):
    """Eight callers, one of whom does it."""
    done, server = [], server_of(empty_dsn)
    slow = replace(SECOND, up=SECOND.up + " select pg_sleep(0.2);")

    def call():
        with server.connect() as connection:
            done.append(migrate(connection, known=(*migrations(), slow)).done)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [()] * 7 + [("0001_rt_signals up", "0002_notes up")] == sorted(done)
    assert [(1,), (2,)] == empty.execute("select number from rt_migrations order by 1").fetchall()


@pytest.mark.parametrize(
    "names",
    [
        ["0001_a.up.sql"],
        ["0001_a.up.sql", "0001_b.down.sql"],
        ["0002_a.up.sql", "0002_a.down.sql"],
        ["first.sql"],
        ["0001_a.up.sql", "0001_a.down.sql", "0001_b.up.sql", "0001_b.down.sql"],
    ],
)
def test_files_that_are_no_row_of_migrations_are_refused(tmp_path, names):
    """Numbers without a gap, each once, each with both ways."""
    for name in names:
        (tmp_path / name).write_text("select 1;")

    with pytest.raises(FileBroken):
        migrations(tmp_path)
