"""What an account is asked and told lies in the raw archive and is no data of the lake."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime

from pipelines.archive import RawArchive
from pipelines.asking.responses import Response
from pipelines.calls import Call
from pipelines.ingest.parsers import parser_of
from pipelines.ingest.replay import recognise
from pipelines.kalshi.portfolio import calls, writes
from pipelines.kalshi.portfolio.kinds import ASKED, DONE, OF_ACCOUNTS

NOON = datetime(2026, 10, 4, 12, tzinfo=UTC)


def kinds_in(module) -> set[str]:
    """Return every kind that a module names in its text."""
    words = inspect.getsource(module).replace('"', " ").split()
    return {word for word in words if word.startswith("kalshi_")}


def test_every_kind_is_listed():
    """A new endpoint is a new kind; the status of the exchange is not the account's."""
    assert ASKED | {"kalshi_status"} == kinds_in(calls)
    assert DONE == kinds_in(writes)


def test_a_replay_passes_over_what_is_about_an_account(tmp_path):
    """And reads the rest of the same archive."""
    with RawArchive(folder=tmp_path, run_id="run", clock=lambda: NOON) as archive:
        for kind in [*sorted(OF_ACCOUNTS), "kalshi_trades"]:
            call = Call(vendor="kalshi", kind=kind, path=f"/{kind}")
            archive.keep(call, Response(uri="u", status=200, body=b"{}"))

    (load,) = recognise(tmp_path, clock=lambda: NOON).loads

    assert "kalshi_trades" == load.kind
    assert callable(parser_of(load.kind))
