"""`kwx signals`: what a person and a machine get, the documented exit codes, and no password anywhere."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from kwx.cli.signals import signals
from kwx.live.sink.dsn import ENVIRONMENT
from kwx.live.sink.sink import open_sink
from tests.kwx.live.sink.made import HandClock, made_signal, made_tick
from warehouse.errors import DatabaseDown, Refused, Usage


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a command on an own lake; return what it printed. Its errors are raised as they are."""
    monkeypatch.setenv("KWX_LAKE", str(tmp_path / "lake"))
    monkeypatch.delenv(ENVIRONMENT, raising=False)

    def one(*words, code=0, **environment):
        done = CliRunner(env=environment).invoke(signals, [str(word) for word in words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert code == done.exit_code, done.output
        return done

    return one


@pytest.mark.parametrize("command", ["migrate", "replay", "show"])
def test_every_command_has_help_with_an_example(run, command):
    """`--help` ends in something to copy, and never shows the environment."""
    said = run(command, "--help", **{ENVIRONMENT: "postgresql://kwx:hunter2@127.0.0.1/x"}).stdout

    assert f"Example:  kwx signals {command}" in said
    assert all(word in said for word in ("--dsn", "--json", "--lake"))
    assert "hunter2" not in said


def test_migrate_goes_up_and_down_and_says_so(run, empty_dsn):
    """Each step by its name; the standing beside it."""
    assert "not applied" in run("migrate", "--dsn", empty_dsn, "--status").stdout
    assert "0001_rt_signals up\nat migration 1\n" == run("migrate", "--dsn", empty_dsn).stdout
    assert "at migration 1: nothing to do\n" == run("migrate", **{ENVIRONMENT: empty_dsn}).stdout
    assert [("0001_rt_signals", False)] == [
        (one["migration"], one["changed"])
        for one in json.loads(run("migrate", "--dsn", empty_dsn, "--status", "--json").stdout)
    ]
    down = json.loads(run("migrate", "--dsn", empty_dsn, "--down-to", 0, "--json").stdout)
    assert {"before": 1, "after": 0, "done": ["0001_rt_signals down"]} == down


def test_migrate_refuses_a_changed_history(run, dsn, database):
    """Exit 3, with the migration's name."""
    database.execute("update rt_migrations set up_sha256 = 'other'")

    assert "CHANGED" in run("migrate", "--dsn", dsn, "--status").stdout
    with pytest.raises(Refused, match="0001_rt_signals was applied") as refused:
        run("migrate", "--dsn", dsn)
    assert 3 == refused.value.exit_code


def test_replay_stores_what_waits_and_says_how_many(run, dsn, database, nobody_there, tmp_path):
    """While the database is away exit 1 and nothing is lost; then all of it, in the lake's own folder."""
    folder = tmp_path / "lake" / "signals"
    with open_sink(nobody_there, folder, clock=HandClock()) as sink:
        for tick in range(3):
            sink.write(made_tick(tick))

    away = run("replay", "--dsn", nobody_there, code=1)
    assert "0 signals stored, 0 set aside, 252 wait\n" == away.stdout
    assert "the last try failed: " in away.stderr
    assert "252 signals stored, 0 set aside, 0 wait\n" == run("replay", "--dsn", dsn).stdout
    assert [(252,)] == database.execute("select count(*) from rt_signals").fetchall()
    assert {"committed": 0, "refused": 0, "spooled": 0, "trouble": None} == json.loads(
        run("replay", "--dsn", dsn, "--spool", folder, "--json").stdout
    )


def test_show_prints_the_newest_signals(run, dsn, tmp_path):
    """A table that fits a page, by city; JSON has every column."""
    assert "no signals yet\n" == run("show", "--dsn", dsn).stdout
    with open_sink(dsn, tmp_path, clock=HandClock()) as sink:
        sink.write([*made_tick(0), *made_tick(1), made_signal(900, city="miami")])

    shown = run("show", "--dsn", dsn, "--limit", 3).stdout.splitlines()
    assert 4 == len(shown)
    assert "2026-11-01 12:00:09Z" in shown[1]
    assert max(len(line.rstrip()) for line in shown) <= 120
    (miami,) = json.loads(run("show", "--dsn", dsn, "--city", "mia", "--json").stdout)
    assert ("KXHIGHCHI-900", "2026-11-01T12:00:00+00:00", 0.9) == (
        miami["market_ticker"],
        miami["ts_utc"],
        miami["p_model"],
    )


def test_without_a_database_the_way_to_one_is_told(run):
    """Nothing is guessed."""
    with pytest.raises(Usage, match="no PostgreSQL is named") as refused:
        run("show")
    assert ENVIRONMENT in refused.value.hint


def test_status_and_down_to_are_not_said_together(run, dsn):
    """One changes, the other does not."""
    assert "--status changes nothing" in run("migrate", "--dsn", dsn, "--status", "--down-to", 0, code=2).stderr


@pytest.mark.parametrize("command", ["migrate", "show"])
def test_a_server_that_is_away_is_named_without_its_password(run, command):
    """An error of one line, exit 1."""
    with pytest.raises(DatabaseDown, match=r"host=127\.0\.0\.1 port=1") as down:
        run(command, "--dsn", "postgresql://kwx:hunter2@127.0.0.1:1/x")

    assert "hunter2" not in f"{down.value} {down.value.hint}"
    assert 1 == down.value.exit_code


def test_embedded_is_migrated_and_stopped_behind_us(run, own_server):
    """A server of the lake's own, for the time of the command."""
    where = f"embedded:{own_server.folder}"

    assert "0001_rt_signals up" in run("migrate", "--dsn", where).stdout
    assert own_server.pid() is None
    with own_server.connect() as connection:
        assert [(0,)] == connection.execute("select count(*) from rt_signals").fetchall()
