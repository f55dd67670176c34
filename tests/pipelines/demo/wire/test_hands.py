"""The clock of a served world: it stands, it runs, or it is led, and then nothing is told before its instant."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import pytest

from pipelines.demo.wire import serve
from pipelines.demo.wire.hands import Hands
from warehouse.errors import Usage

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_hands_stand_run_or_are_led():
    """A speed is so many seconds in each; hands that are led go where they are put, and only forwards."""
    seconds = iter([0.0, 2.0])
    running = Hands(NOON, speed=30, monotonic=lambda: next(seconds))
    led = Hands(NOON, is_led=True)
    led.advance_to(NOON + timedelta(hours=1))

    assert NOON == Hands(NOON)()
    assert NOON + timedelta(minutes=1) == running()
    assert NOON + timedelta(hours=1) == led()
    assert [False, True, True] == [hands.moves for hands in (Hands(NOON), running, led)]
    with pytest.raises(Usage, match="is over"):
        led.advance_to(NOON)
    with pytest.raises(Usage, match="not led"):
        Hands(NOON).advance_to(NOON)
    with pytest.raises(Usage, match="led by nobody"):
        Hands(NOON, speed=2, is_led=True)


def test_a_led_world_tells_what_its_hands_have_reached(served_world):
    """Over HTTP the present is where its owner puts it."""
    with serve(served_world, now=NOON, led=True) as served:
        before = said(served.url)
        served.advance_to(NOON + timedelta(days=1))
        after = said(served.url)

    assert ["2026-11-01T12:00:00Z", "2026-11-02T12:00:00Z"] == [before["now_utc"], after["now_utc"]]


def said(url):
    """Return what the server says of itself."""
    with urlopen(f"{url}/") as answer:
        return json.load(answer)
