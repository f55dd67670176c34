"""How far our clock is ahead of a vendor's, by whole seconds and answers that take their time: never more than sure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from pipelines.archive import RawArchive
from pipelines.asking.clocks import BELIEVED_S, Clocks
from pipelines.asking.responses import Response
from pipelines.asking.secrets import Secrets
from pipelines.calls import Call
from pipelines.demo.wire import Faults, serve
from pipelines.demo.world import World
from pipelines.http import Client
from pipelines.vendors import loopback

NOON = datetime(2026, 11, 5, 12, 0, 0, 400_000, tzinfo=UTC)
SOON = timedelta(seconds=0.1)


def heard(*answers: tuple[datetime, float, timedelta], age: str = "") -> float | None:
    """Hear answers: when each was dated by a true clock, how far ours is ahead, and how long it took both ways."""
    clocks = Clocks()
    for true_utc, ahead_s, took in answers:
        said = format_datetime(true_utc.replace(microsecond=0), usegmt=True)
        headers = (("date", said), *((("age", age),) if age else ()))
        ours = true_utc + timedelta(seconds=ahead_s)
        response = Response(uri="/", status=200, body=b"", headers=headers)
        clocks.hear("kalshi", response, sent_utc=ours - took, received_utc=ours + took)
    return clocks.ahead_s("kalshi")


@pytest.mark.parametrize("fraction_s", [0.0, 0.3, 0.7, 0.999])
@pytest.mark.parametrize("took_s", [0.0, 0.2, 5.0])
def test_the_same_clock_is_never_off(fraction_s: float, took_s: float) -> None:
    at = NOON.replace(microsecond=round(fraction_s * 1e6))
    assert heard((at, 0.0, timedelta(seconds=took_s))) == 0.0


@pytest.mark.parametrize("ahead_s", [-30.0, -4.0, 4.0, 30.0])
def test_a_clock_that_is_off_is_told_within_a_second(ahead_s: float) -> None:
    told = heard((NOON, ahead_s, SOON))
    assert told is not None
    assert abs(told) <= abs(ahead_s)
    assert abs(told - ahead_s) < 1.2


def test_several_answers_say_it_more_closely() -> None:
    """Answers that were dated at other parts of a second leave less room."""
    answers = [(NOON + timedelta(seconds=place * 1.13), 3.0, SOON) for place in range(8)]
    told = heard(*answers)
    assert told is not None
    assert 3.0 - told < 0.4


def test_a_slow_answer_says_little_and_a_clock_that_was_set_counts_at_once() -> None:
    assert heard((NOON, 4.0, timedelta(seconds=10))) == 0.0
    set_back = heard((NOON, 60.0, SOON), (NOON + timedelta(seconds=9), 0.0, SOON))
    assert set_back == 0.0


def test_what_a_cache_kept_is_as_much_older_and_an_answer_without_a_date_says_nothing() -> None:
    old = NOON - timedelta(seconds=40)
    clocks = Clocks()
    clocks.hear("kalshi", Response(uri="/", status=200, body=b""), sent_utc=NOON, received_utc=NOON)
    assert clocks.ahead_s("kalshi") is None
    assert heard((old, 40.0, SOON), age="40") == 0.0


def test_what_was_dated_long_ago_says_nothing_of_now() -> None:
    """Whatever our clock was set to in the meantime."""
    passed_s = [0.0]
    clocks = Clocks(monotonic=lambda: passed_s[0])
    response = Response(uri="/", status=200, body=b"", headers=(("date", format_datetime(NOON, usegmt=True)),))
    clocks.hear("kalshi", response, sent_utc=NOON + 9 * SOON, received_utc=NOON + 9 * SOON)
    passed_s[0] = BELIEVED_S
    assert clocks.ahead_s("kalshi") is not None
    passed_s[0] += 1
    assert clocks.ahead_s("kalshi") is None


@pytest.mark.parametrize("skew_s", [0.0, 5.0])
def test_a_served_exchange_whose_clock_is_ahead_is_found_to_be(tmp_path: Path, skew_s: float) -> None:
    """In a world that is led by hand, whose time is none of ours."""
    world = World(days=1, cities=("miami",))
    with (
        serve(world, now=NOON, led=True, faults=Faults(clock_skew_seconds=skew_s)) as served,
        RawArchive(folder=tmp_path, run_id="clocks") as archive,
        Client(vendors=loopback(served.url), secrets=Secrets(), archive=archive, clock=served.hands) as client,
    ):
        client.fetch(Call(vendor="kalshi", kind="loopback_hello", path="/"))
        told = client.clocks.ahead_s("kalshi")
    assert told is not None
    assert -skew_s <= told <= -skew_s + 1.0
    assert (told == 0.0) == (skew_s == 0.0)
