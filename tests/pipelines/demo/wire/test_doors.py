"""Who is let in: signatures of both kinds of keys, and no more questions a second than a tier allows."""

from __future__ import annotations

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.demo import World
from pipelines.demo.wire import Limits, Served, serve
from pipelines.demo.wire.limits import Buckets
from pipelines.demo.wire.signatures import Keys
from warehouse.clock import utc_now

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


@pytest.mark.parametrize(
    "stamp",
    [
        lambda now_s: 1_000 * (now_s - 31),
        lambda now_s: 1_000 * (now_s + 31),
        lambda now_s: now_s,
        lambda now_s: f"{1_000 * now_s}.0",
    ],
    ids=["old", "ahead", "seconds", "no-whole-number"],
)
def test_a_signature_that_is_not_of_now_in_milliseconds_is_refused(
    over: Served, ask: Callable, signed: Callable, tmp_path: Path, stamp: Callable[[int], object]
) -> None:
    """Whoever keeps a signature, or stamps it in seconds, is not let in."""
    key_id = over.write_key(tmp_path / "key.pem")
    timestamp = stamp(int(utc_now().timestamp()))

    reply = ask(STATUS, headers=signed(tmp_path / "key.pem", key_id, text=f"GET{STATUS}", timestamp=timestamp))

    assert 401 == reply.status


def test_a_signature_of_the_worlds_time_is_let_in(
    over: Served, ask: Callable, signed: Callable, tmp_path: Path
) -> None:
    """Who keeps the clock of the world stamps with it; half a minute from it is too far."""
    key_id = over.write_key(tmp_path / "key.pem")
    now_ms = int(over.told.clock().timestamp() * 1_000)

    statuses = [
        ask(STATUS, headers=signed(tmp_path / "key.pem", key_id, text=f"GET{STATUS}", timestamp=now_ms + off)).status
        for off in (0, 29_000, 31_000)
    ]

    assert [200, 200, 401] == statuses


def test_used_signatures_are_forgotten_when_they_are_stale(signed: Callable, tmp_path: Path) -> None:
    """A signature opens one stream only, and is remembered for no longer than it could be used."""
    now = datetime(2026, 11, 1, 18, tzinfo=UTC)
    keys = Keys(clock=lambda: now, world_clock=lambda: now)
    key_id = keys.write(tmp_path / "key.pem")
    headers = signed(tmp_path / "key.pem", key_id, text="GET/x", timestamp=int(now.timestamp() * 1_000))

    refusals = [keys.refusal(headers, method="GET", path="/x", once=True) for _ in range(2)]
    now += timedelta(seconds=31)

    assert [None, "SIGNATURE_USED"] == refusals
    assert "TIMESTAMP_EXPIRED" == keys.refusal(headers, method="GET", path="/x", once=True)


def test_where_the_worlds_clock_stands_its_stamp_is_good_again(signed: Callable, tmp_path: Path) -> None:
    """A client that keeps that clock signs the same words each time it reconnects."""
    stands = datetime(2026, 11, 1, 18, tzinfo=UTC)
    keys = Keys(world_clock=lambda: stands, speed=0.0, clock=lambda: stands + timedelta(days=5))
    key_id = keys.write(tmp_path / "key.pem")
    headers = signed(tmp_path / "key.pem", key_id, text="GET/x", timestamp=int(stands.timestamp() * 1_000))

    assert [None, None] == [keys.refusal(headers, method="GET", path="/x", once=True) for _ in range(2)]


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
