"""The SQL files as statements: their headers are promises, their order is read from their text."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from warehouse.errors import LakeError, Unparsable, Usage
from warehouse.lake import statements as sql
from warehouse.lake.statements import FOLDERS, Statement, in_dependency_order, relations_read, statements, syntax_tree
from warehouse.lake.tables import TABLES

EVERY = [statement for folder in FOLDERS for statement in statements(folder).values()]
VIEWS = list(statements("views").values())
CHECKS = list(statements("checks").values())
# What a listing tells only after the fact, each with another thing to say. Where the bounds were read is among it: on
# some days of early 2025 those of the winner were read elsewhere than those of the others.
ENDINGS = {
    "status": "'finalized'",
    "result": "'yes'",
    "expiration_value_f": "139",
    "settled_utc": "'2026-02-05 14:00Z'",
    "volume_centi": "777",
    "bounds_source": "'siblings'",
}

AFTERWARDS = {"market_paid", "run_days", "decision_outcomes"}
"""Views of who was paid, and of what a run came to: they say so when it is over; nothing that decides reads them."""


def named(statement: Statement) -> str:
    return f"{statement.folder}/{statement.name}"


def view(name: str, select: str) -> Statement:
    return Statement(
        name=name,
        folder="views",
        meaning="",
        grain=(),
        known="",
        hint="",
        scope="day",
        text=f"-- One row.\n{select};\n",
    )


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as con:
        yield con


@pytest.mark.parametrize("statement", EVERY, ids=named)
def test_every_file_says_what_one_of_its_rows_is(statement):
    """A statement begins with a sentence about its rows."""
    assert statement.meaning.endswith(".")
    assert len(statement.meaning) > 30


@pytest.mark.parametrize("statement", VIEWS, ids=named)
def test_a_view_promises_its_grain_and_when_it_is_known(statement):
    """A view says what is unique and when each row may be used."""
    assert statement.grain
    assert statement.known


@pytest.mark.parametrize("statement", CHECKS, ids=named)
def test_a_check_says_how_to_mend_what_it_finds(statement):
    """A check ends its header with the next step."""
    assert statement.hint


@pytest.mark.parametrize("statement", EVERY, ids=named)
def test_no_last_select_takes_whatever_columns_there_are(statement, con):
    """The columns of a relation are written down: its last SELECT holds no star."""
    assert "STAR" not in {column["class"] for column in syntax_tree(con, statement)["select_list"]}


@pytest.mark.parametrize("statement", EVERY, ids=named)
def test_no_cte_takes_the_name_of_a_relation(statement, con):
    """A CTE never hides a table or a view, so what a statement reads can be told from its text."""
    ctes = {entry["key"] for entry in syntax_tree(con, statement)["cte_map"]["map"]}

    assert set() == ctes & (TABLES.keys() | {view.name for view in VIEWS} | {"cities"})


@pytest.mark.parametrize("statement", EVERY, ids=named)
def test_no_statement_reads_the_truth(statement, con):
    """The demo world's truth is for scoring: no view, check or query joins it."""
    assert not [name for name in relations_read(con, statement) if name.startswith("truth_")]


@pytest.mark.parametrize("statement", EVERY, ids=named)
def test_every_statement_answers_on_an_empty_lake(statement, empty_lake):
    """No rows in, no rows out, and no error."""
    assert [] == empty_lake.ask(statement.select)


@pytest.mark.parametrize("statement", VIEWS, ids=named)
def test_a_view_has_the_columns_of_its_grain(statement, empty_lake):
    """The grain that a header promises can be grouped by."""
    assert set(statement.grain) <= set(empty_lake.con.sql(f"from {statement.name}").columns)


@pytest.mark.parametrize("statement", VIEWS, ids=named)
def test_no_view_shows_how_a_market_ended(statement, empty_lake):
    """What a listing says only later has no column; of the panels the labeled one alone has a label."""
    columns = set(empty_lake.con.sql(f"from {statement.name}").columns)

    assert set() == columns & ENDINGS.keys()
    labels = {"label_f", "label_source", "label_known_utc", "settled_yes"} & columns
    told = {"minute_panel_labeled", "settlement_label", "day_high", "market_paid", "decision_outcomes"}
    assert not labels or statement.name in told


@pytest.mark.parametrize("statement", [view for view in VIEWS if view.name not in AFTERWARDS], ids=named)
def test_no_view_depends_on_how_a_market_ended(statement, busy_lake):
    """The rows are the same whatever a listing says of its end, or of where its bounds were read."""
    query = f"from {statement.name} order by all"
    before = busy_lake.ask(query)

    busy_lake.con.execute("update markets set " + ", ".join(f"{name} = {value}" for name, value in ENDINGS.items()))

    assert before == busy_lake.ask(query)


def test_no_view_but_those_of_runs_reads_who_was_paid(con):
    """What is known after the close alone reaches no panel."""
    readers = {view.name for view in VIEWS if AFTERWARDS & set(relations_read(con, view))}

    assert {"run_days", "decision_outcomes"} == readers


def test_a_header_is_read_by_its_keys(tmp_path, monkeypatch):
    """Lines before the first key are the meaning; a line without a key continues the one above."""
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "odd.sql").write_text(
        "-- A row is odd.\n-- grain: a, b\n-- mend: even it\n-- out\nselect 1;\n"
    )
    monkeypatch.setattr(sql, "sql_root", lambda: Path(tmp_path))

    odd = statements("checks")["odd"]

    assert ("A row is odd.", ("a", "b"), "even it out", "select 1") == (odd.meaning, odd.grain, odd.hint, odd.select)


def test_an_unknown_folder_is_refused():
    """Only the folders of SQL can be read."""
    with pytest.raises(Usage, match="there is no folder 'tables'"):
        statements("tables")


def test_views_come_after_the_views_they_read():
    """The order follows the text, whatever the names; a CTE is no relation."""
    views = [
        view("a", "with c as (select 1 as x) select x from c union all select x from b"),
        view("b", "select x from markets asof join c using (x)"),
        view("c", "select 1 as x where exists (select 1 from trades)"),
    ]

    assert ["c", "b", "a"] == [view.name for view in in_dependency_order(views)]


def test_views_that_read_each_other_are_refused():
    """A circle has no first view; the error names it."""
    views = [view("a", "select x from b"), view("b", "select x from c"), view("c", "select x from a")]

    with pytest.raises(LakeError, match=r"a → b → c → a|b → c → a → b|c → a → b → c"):
        in_dependency_order(views)


@pytest.mark.parametrize("text", ["selec 1", "select 1; select 2", "create table a (x int)"])
def test_a_file_that_is_not_one_select_is_refused(con, text):
    """The error names the file."""
    with pytest.raises(Unparsable, match=r"sql/views/odd\.sql"):
        syntax_tree(con, view("odd", text))
