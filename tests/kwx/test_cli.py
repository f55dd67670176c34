"""The command line: what a person and a machine get, and the documented exit codes."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parents[2]

LIGHT = (
    "import sys; import kwx.cli; heavy = {'polars', 'duckdb', 'numpy', 'rich'} & set(sys.modules); sys.exit(len(heavy))"
)


def test_help_lists_every_command_with_an_example(kwx):
    """A new user sees what there is and what to type first."""
    done = kwx("--help")

    assert 0 == done.returncode
    assert all(word in done.stdout for word in ("lake", "sql", "doctor", "kwx lake build"))


def test_help_loads_no_engine():
    """`kwx --help` imports click and nothing heavy; that is what keeps it quick."""
    assert 0 == subprocess.run([sys.executable, "-c", LIGHT], check=False).returncode


@pytest.mark.parametrize("command", ["build", "status", "check", "dense", "gc", "rollback"])
def test_every_lake_command_has_help_with_an_example(kwx, command):
    """`--help` of a command ends in something to copy."""
    done = kwx("lake", command, "--help")

    assert 0 == done.returncode
    assert f"Example:  kwx lake {command}" in " ".join(done.stdout.split("\n")).replace("  kwx", "  kwx")


def test_status_shows_every_table_of_the_snapshot(kwx, demo_lake):
    """Tables, rows, days and sizes of the current snapshot."""
    done = kwx("lake", "status", lake=demo_lake)

    assert 0 == done.returncode
    assert all(word in done.stdout for word in ("snapshot 1", "candles_dense", "settlements", "2026-11-02", "empty: "))


def test_status_as_json_is_one_object(kwx, demo_lake):
    """Machines get the manifest."""
    found = json.loads(kwx("lake", "status", "--json", lake=demo_lake).stdout)

    assert 36 == found["tables"]["markets"]["rows"]
    assert [1] == found["snapshots"]


def test_check_passes_on_the_demo_lake(kwx, demo_lake):
    """The demo lake keeps every promise."""
    done = kwx("lake", "check", lake=demo_lake)

    assert 0 == done.returncode, done.stdout
    assert "FAILED" not in done.stdout
    assert "files_as_published" in done.stdout


def test_sql_prints_wide_rows_one_below_the_other(kwx, demo_lake):
    """Sixty columns do not fit a line, so each row becomes a block."""
    done = kwx("sql", "from minute_panel_full limit 2", lake=demo_lake)

    assert 0 == done.returncode, done.stderr
    assert "row 2" in done.stdout
    assert "mid_prob" in done.stdout


def test_sql_prints_narrow_rows_as_a_table(kwx, demo_lake):
    """What fits is a table with a header."""
    done = kwx("sql", "select city, count(*) as markets from markets group by all order by city", lake=demo_lake)

    assert ["city     markets", "chicago       18", "nyc           18"] == [
        line.rstrip() for line in done.stdout.splitlines()
    ]


def test_csv_is_appended_to_a_file_that_is_there(demo_lake, tmp_path):
    """A shell's `>>` keeps what the file held: standard output is never opened anew."""
    kept = tmp_path / "kept.csv"
    kept.write_text("before\n")
    with kept.open("ab") as out:
        words = ["sql", "select 1 as one", "--csv", "--lake", str(demo_lake)]
        subprocess.run([sys.executable, "-m", "kwx", *words], stdout=out, cwd=ROOT, check=True)

    assert "before\none\n1\n" == kept.read_text()


def test_csv_ends_quietly_when_its_reader_had_enough(demo_lake):
    """`kwx sql … --csv | head -1`: no error, no traceback."""
    words = [sys.executable, "-m", "kwx", "sql", "from candles_dense", "--csv", "--lake", str(demo_lake)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as asking:
        first = asking.stdout.readline()
        asking.stdout.close()
        said = asking.stderr.read()

    assert first.startswith(b"city,")
    assert b"" == said


def test_sql_answers_in_json_csv_and_parquet(kwx, demo_lake, tmp_path):
    """The same rows in each form."""
    question = "select market_ticker, open_utc from markets order by market_ticker limit 2"

    as_json = json.loads(kwx("sql", question, "--json", lake=demo_lake).stdout)
    as_csv = list(csv.DictReader(io.StringIO(kwx("sql", question, "--csv", lake=demo_lake).stdout)))
    kwx("sql", question, "--parquet", tmp_path / "out.parquet", lake=demo_lake)

    tickers = pl.read_parquet(tmp_path / "out.parquet")["market_ticker"].to_list()
    assert tickers == [row["market_ticker"] for row in as_json] == [row["market_ticker"] for row in as_csv]
    assert "2026-10-31T14:00:00+00:00" == as_json[0]["open_utc"]


def test_sql_reads_a_question_from_stdin(kwx, demo_lake):
    """A dash is stdin, so that files can be piped in."""
    assert "18" in kwx("sql", "-", lake=demo_lake, stdin="select count(*) as n from markets where city = 'nyc'").stdout


def test_sql_runs_a_ready_query(kwx, demo_lake):
    """The queries of the repository are at hand by name."""
    done = kwx("sql", "--query", "ladder_now", lake=demo_lake)

    assert 0 == done.returncode, done.stderr
    assert "KXHIGH" in done.stdout


def test_sql_on_an_empty_lake_answers_with_no_rows(kwx, tmp_path):
    """Every view is there before there are data."""
    (tmp_path / "empty").mkdir()

    done = kwx("sql", "select count(*) as n from minute_panel_full", lake=tmp_path / "empty")

    assert ["n", "0"] == done.stdout.split()


def test_sql_on_a_lake_that_is_not_there_says_so(kwx, tmp_path):
    """A misspelt folder is no empty answer."""
    done = kwx("sql", "select count(*) as n from obs", lake=tmp_path / "typo")

    assert 1 == done.returncode
    assert "there is no lake at" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "copy obs to 'out.csv'",
        "attach 'x.db' as x",
        "create table t as select 1",
        "select 1; select 2",
        "set threads = 1",
    ],
)
def test_sql_takes_one_question_and_changes_nothing(kwx, demo_lake, text):
    """What could write a file or change the session is refused, with the way to save an answer."""
    done = kwx("sql", text, lake=demo_lake)

    assert 2 == done.returncode
    assert "--parquet FILE" in done.stderr


def test_a_long_answer_ends_in_a_note_and_json_gives_all_of_it(kwx, demo_lake):
    """A table shows the first rows; machines get every row."""
    question = "select ts_utc from obs_1m order by ts_utc limit 60"

    table, rows = (
        kwx("sql", question, lake=demo_lake),
        json.loads(kwx("sql", question, "--json", lake=demo_lake).stdout),
    )

    assert 51 == len(table.stdout.splitlines())
    assert "more rows" in table.stderr
    assert 60 == len(rows)


@pytest.mark.parametrize(
    ("words", "code", "said", "hint"),
    [
        (("sql", "from no_such_view"), 2, "no_such_view", "show tables"),
        (("sql", "--query", "laddr_now"), 2, "laddr_now", "did you mean 'ladder_now'"),
        (("sql",), 2, "say one question", ""),
        (("sql", ""), 2, "say one question", ""),
        (("sql", "from markets", "--json", "--csv"), 2, "say one of --json, --csv and --parquet", ""),
        (
            ("sql", "from markets", "--parquet", "/no/such/folder/x.parquet"),
            2,
            "there is no folder /no/such/folder",
            "",
        ),
        (("sql", "select interval 1 day as x"), 2, "cannot be shown", "cast it"),
        (("lake", "status", "--lake", "/dev/null/x"), 1, "does not exist", "kwx lake build"),
        (("lake", "build", "--lake", "/dev/null/x"), 1, "Not a directory", "--lake DIR"),
        (("lake", "gc", "--lake", "typo"), 1, "does not exist", "kwx lake build"),
        (("lake", "build", "--until", "1999-01-01"), 2, "2000 to 2099", ""),
        (("sql", "from markets", "--snapshot", "9"), 1, "snapshot 9", "snapshots kept: 1"),
        (("lake", "build", "--city", "chicgo"), 2, "'chicgo' is not in the registry", "did you mean 'chicago'"),
        (("lake", "build", "--days", "0"), 2, "0", ""),
        (("lake", "build", "--until", "2026-13-01"), 2, "is not a date", ""),
        (
            ("lake", "build", "--since", "2026-11-05", "--until", "2026-11-04"),
            2,
            "ends before it begins",
            "--since 2026-11-04",
        ),
        (("lake", "build", "--since", "2026-11-01", "--days", "3"), 2, "both say where the world begins", "say one"),
        (
            ("lake", "dense", "--since", "2026-11-02", "--until", "2026-11-01"),
            2,
            "ends before it begins",
            "--since 2026-11-01",
        ),
        (("lake", "rollback"), 2, "is the first", ""),
        (("nosuch",), 2, "No such command", ""),
    ],
)
def test_bad_input_is_told_with_the_next_step(kwx, demo_lake, words, code, said, hint):
    """What, where, what next; and the exit code says which kind."""
    done = kwx(*words, lake=demo_lake)

    assert code == done.returncode, done.stderr
    assert said in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_that_need_a_snapshot_say_how_to_build_one(kwx, tmp_path):
    """An empty lake is no failure to understand."""
    done = kwx("lake", "status", lake=tmp_path / "none")

    assert 1 == done.returncode
    assert "kwx lake build" in done.stderr


def test_doctor_looks_at_everything(kwx, demo_lake):
    """Versions, lake, keys, disk, GPU; keys by presence, never by value."""
    found = json.loads(kwx("doctor", "--json", lake=demo_lake).stdout)

    whats = {finding["what"] for finding in found}
    assert {"python", "polars", "duckdb", "lake", "KALSHI_API_KEY_ID", "disk", "gpu"} <= whats
    assert "ok" == next(finding["state"] for finding in found if finding["what"] == "lake")


def test_doctor_never_prints_a_key(kwx, demo_lake, monkeypatch):
    """A secret that is set is called set."""
    monkeypatch.setenv("KALSHI_API_KEY_ID", "a-secret-word")

    done = kwx("doctor", lake=demo_lake)

    assert "a-secret-word" not in done.stdout + done.stderr


@pytest.fixture
def damaged(demo_lake, tmp_path):
    """A copy of the demo lake whose November observations of Chicago are overwritten with nonsense."""
    root = tmp_path / "damaged"
    shutil.copytree(demo_lake, root, symlinks=True)
    path = next((root / "tables" / "obs_1m").glob("v*/city=chicago/date=2026-11-01/*.parquet"))
    path.chmod(0o644)
    path.write_bytes(b"nonsense")
    return root, path


def test_check_shows_a_damaged_file_and_exits_3(kwx, damaged):
    """The offending file, what is wrong with it, and how to mend it."""
    root, path = damaged

    done = kwx("lake", "check", lake=root)

    assert 3 == done.returncode
    assert path.name in done.stdout
    assert "altered" in done.stdout
    assert "mend: write the named days again" in done.stdout


def test_sql_over_a_damaged_file_says_what_to_do(kwx, damaged):
    """No traceback: the file, and the next step."""
    done = kwx("sql", "select max(temp_f) from obs_1m", lake=damaged[0])

    assert 1 == done.returncode
    assert "kwx lake check" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_building_again_mends_what_was_damaged(kwx, damaged):
    """The same world over a damaged lake is a change: afterwards every check passes."""
    root, _ = damaged

    built = kwx(
        "lake",
        "build",
        "--days",
        "3",
        "--until",
        "2026-11-02",
        "--city",
        "chicago",
        "--city",
        "nyc",
        "--seed",
        "11",
        lake=root,
    )

    assert 0 == built.returncode, built.stderr
    assert "snapshot 2 of" in built.stdout
    assert 0 == kwx("lake", "check", lake=root).returncode


def test_a_missing_file_is_told_by_check_and_by_sql(kwx, damaged):
    """A deleted file is found, not stumbled over."""
    root, path = damaged
    path.unlink()

    check, asked = kwx("lake", "check", lake=root), kwx("sql", "select max(temp_f) from obs_1m", lake=root)

    assert (3, 1) == (check.returncode, asked.returncode)
    assert "missing" in check.stdout
    assert "Traceback" not in check.stderr + asked.stderr


@pytest.mark.slow
def test_a_moved_lake_is_told_by_check_and_mended_by_the_next_publish(kwx, demo_lake, tmp_path):
    """A catalog names absolute places: after a copy it is told, and written anew."""
    root = tmp_path / "copied"
    shutil.copytree(demo_lake, root, symlinks=True)

    before = kwx("lake", "check", lake=root)
    mended = kwx("lake", "dense", lake=root)

    assert 3 == before.returncode
    assert "other tools read that place" in " ".join(before.stdout.split())
    assert 0 == mended.returncode, mended.stderr
    assert 0 == kwx("lake", "check", lake=root).returncode


@pytest.mark.slow
def test_an_older_snapshot_can_be_asked_checked_and_gone_back_to(kwx, damaged):
    """After a rebuild the first snapshot is still there; gc says what would go."""
    root, _ = damaged
    built = kwx("lake", "build", "--days", "1", "--city", "miami", "--json", lake=root)

    assert 0 == built.returncode, built.stderr
    assert 2 == json.loads(built.stdout)["snapshot"]
    assert "36" in kwx("sql", "select count(*) as n from markets", "--snapshot", "1", lake=root).stdout
    assert "would remove 1 snapshots" in kwx("lake", "gc", "--keep", "1", "--dry-run", lake=root).stdout
    assert "current is now snapshot 1" in kwx("lake", "rollback", lake=root).stdout
