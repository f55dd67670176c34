"""A DSN names a server and shows no password, wherever something of it is told."""

from __future__ import annotations

import pytest

from kwx.live.sink.dsn import ENVIRONMENT, read_dsn, said_dsn
from kwx.live.sink.server import server_of
from warehouse.errors import DatabaseDown, Usage

PASSWORD = "p@ss/w:rd %hunter2"
SPELLED = "p%40ss%2Fw%3Ard%20%25hunter2"


@pytest.mark.parametrize(
    "said",
    [
        f"postgresql://kwx:{SPELLED}@127.0.0.1:5499/signals",
        f"host=127.0.0.1 port=5499 dbname=signals user=kwx password='{PASSWORD}'",
    ],
)
def test_a_password_is_used_and_never_shown(said):
    """It is in the parameters, and in nothing that is printed; messages that repeat it are cleaned."""
    dsn = read_dsn(said)

    assert PASSWORD == dsn.parameters()["password"]
    assert "host=127.0.0.1 port=5499 dbname=signals user=kwx" == dsn.shown
    assert "hunter2" not in repr(dsn) + str(dsn)
    for spelling in (PASSWORD, SPELLED, "p%40ss%2Fw%3Ard+%25hunter2"):
        assert "no *** here" == dsn.redact(f"no {spelling} here")


@pytest.mark.parametrize("said", ["hunter2", "postgresql://a:hunter2@[/x", "host=x password", "", "  "])
def test_what_cannot_be_read_is_not_repeated(said):
    """A broken DSN may hold a password in any place."""
    with pytest.raises(Usage) as refused:
        read_dsn(said)

    assert "hunter2" not in f"{refused.value} {refused.value.hint} {refused.value.__cause__}"


def test_a_server_that_is_away_is_named_without_its_password(tmp_path):
    """The error says which server, and why."""
    with pytest.raises(DatabaseDown, match=r"host=127.0.0.1 port=1 .*does not answer") as down:
        server_of(f"postgresql://kwx:{SPELLED}@127.0.0.1:1/signals").connect()

    assert "hunter2" not in f"{down.value} {down.value.hint}"
    assert down.value.__suppress_context__


def test_embedded_is_a_folder_of_the_lake(tmp_path, monkeypatch):
    """Said without a folder it is that of the lake in force."""
    monkeypatch.setenv("KWX_LAKE", str(tmp_path / "other"))

    assert tmp_path / "lake" / "postgres" == read_dsn(said_dsn("embedded", tmp_path / "lake")).folder
    assert tmp_path / "other" / "postgres" == read_dsn("embedded").folder
    assert tmp_path / "here" == read_dsn(f"embedded:{tmp_path}/here").folder


def test_what_is_said_wins_over_the_environment(tmp_path):
    """The command line, else the environment, else nothing at all."""
    environ = {ENVIRONMENT: "dbname=b"}

    assert "dbname=a" == said_dsn("dbname=a", tmp_path, environ=environ)
    assert "dbname=b" == said_dsn(None, tmp_path, environ=environ)
    with pytest.raises(Usage, match="no PostgreSQL is named"):
        said_dsn(None, tmp_path, environ={})
