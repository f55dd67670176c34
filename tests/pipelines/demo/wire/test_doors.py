"""Who is let in: signatures of both kinds of keys, and no more questions a second than a tier allows."""

from __future__ import annotations

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines.demo import World
from pipelines.demo.wire import Limits, Served, serve
from pipelines.demo.wire.limits import Buckets

STATUS = "/trade-api/v2/exchange/status"


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_good_signature_is_let_in_and_a_wrong_one_is_not(
    over: Served, ask: Callable, signed: Callable, tmp_path: Path, kind: str
) -> None:
    """The signature is over time, method and path, without the query."""
    path = tmp_path / "key.pem"
    key_id = over.write_key(path, kind=kind)  # type: ignore[arg-type]

    good = ask(STATUS, headers=signed(path, key_id, text=f"GET{STATUS}"), n=1)
    wrong = ask(STATUS, headers=signed(path, key_id, text=f"GET{STATUS}?n=1"), n=1)

    assert 200 == good.status
    assert (401, "INCORRECT_API_KEY_SIGNATURE") == (wrong.status, wrong.json["error"]["details"])
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_an_unknown_key_is_refused_and_no_key_is_welcome(
    ask: Callable, over: Served, signed: Callable, tmp_path: Path
) -> None:
    """Public data need no signature, but a false one is an error."""
    over.write_key(tmp_path / "key.pem")

    foreign = ask(STATUS, headers=signed(tmp_path / "key.pem", "nobody", text=f"GET{STATUS}"))

    assert (401, "API_KEY_NOT_FOUND") == (foreign.status, foreign.json["error"]["details"])
    assert 200 == ask(STATUS).status


@pytest.mark.parametrize("broken", ["", "no base64!", "AAAA"])
def test_a_damaged_signature_is_refused(
    over: Served, ask: Callable, signed: Callable, tmp_path: Path, broken: str
) -> None:
    """Whatever stands in the header, it is an answer and not a crash."""
    key_id = over.write_key(tmp_path / "key.pem")
    headers = signed(tmp_path / "key.pem", key_id, text=f"GET{STATUS}") | {"KALSHI-ACCESS-SIGNATURE": broken}

    assert 401 == ask(STATUS, headers=headers).status


def test_questions_beyond_the_budget_are_turned_away(served_world: World, asking: Callable) -> None:
    """Ten tokens a question: a bucket of thirty answers three at once, and says nothing of when to come back."""
    limits = Limits(kalshi_tokens_per_second=1, kalshi_burst_tokens=30)
    with serve(served_world, limits=limits) as served:
        replies = [asking(served)(STATUS) for _ in range(5)]

    assert [200, 200, 200, 429, 429] == [reply.status for reply in replies]
    assert {"error": "too many requests"} == replies[-1].json
    assert "Retry-After" not in replies[-1].headers
    assert (2, 5) == (served.too_many, served.asked)


def test_a_bucket_fills_with_time_and_belongs_to_one_client() -> None:
    """Refused questions cost nothing; another client has a bucket of its own."""
    now_s = 0.0
    buckets = Buckets(tokens_per_second=10, burst_tokens=20, monotonic=lambda: now_s)

    first = [buckets.take("a", 10) for _ in range(3)]
    now_s = 1.0

    assert [True, True, False] == first
    assert [True, False] == [buckets.take("a", 10) for _ in range(2)]
    assert buckets.take("b", 20)
    assert 2 == buckets.refused


def test_the_same_day_asked_by_many_at_once_is_drawn_once(served_world: World, asking: Callable) -> None:
    """Threads wait for the one that simulates, and all read the same."""
    with serve(served_world) as served, ThreadPoolExecutor(6) as threads:
        ask = asking(served)
        bodies = list(threads.map(lambda _: ask("/json/cli.py", station="KMDW", year=2026).body, range(6)))

    assert 1 == len(set(bodies))
