"""Failures on purpose are drawn from a seed, pass when asked again, and look like those of the vendors."""

from __future__ import annotations

import http.client
import urllib.error
from collections import Counter
from collections.abc import Callable

import pytest

from pipelines.demo import World
from pipelines.demo.wire import Faults, Limits, serve
from pipelines.demo.wire.faults import HttpFaults
from warehouse.errors import Usage

STATUS = "/trade-api/v2/exchange/status"
TIMELINE = "/VisualCrossingWebServices/rest/services/timeline"


def test_strikes_follow_from_seed_and_question_alone() -> None:
    """Asking other questions in between changes nothing; another seed does."""
    faults = Faults(http_500=0.5, seed=3)
    plain, mixed = HttpFaults(faults), HttpFaults(faults)

    struck = [plain.strike("/a") for _ in range(50)]
    others = [(mixed.strike("/b"), mixed.strike("/a"))[1] for _ in range(50)]

    assert struck == others
    assert struck != [HttpFaults(Faults(http_500=0.5, seed=4)).strike(f"/a{n}") for n in range(50)]


def test_faults_strike_as_often_as_they_should() -> None:
    """Each rate is the share of its fault."""
    faults = HttpFaults(Faults(http_429=0.1, http_500=0.2, http_html=0.05))

    struck = Counter(faults.strike(f"/{n}") for n in range(4000))

    assert 0.08 < struck["http_429"] / 4000 < 0.12
    assert 0.18 < struck["http_500"] / 4000 < 0.22
    assert 0.035 < struck["http_html"] / 4000 < 0.065
    assert struck[None] == 4000 - sum(faults.struck.values())


@pytest.mark.parametrize("rates", [{"http_429": 1.5}, {"ws_drop": -0.1}, {"http_500": 0.7, "http_html": 0.7}])
def test_rates_that_are_no_shares_are_refused(rates: dict) -> None:
    """A rate is 0 … 1, and so is their sum."""
    with pytest.raises(Usage):
        Faults(**rates)


@pytest.mark.parametrize(
    ("fault", "status", "begins"),
    [
        ("http_429", 429, b'{"error":"too many requests"}'),
        ("http_500", 500, b"Internal Server Error"),
        ("http_html", 200, b"<!DOCTYPE html>"),
    ],
)
def test_each_fault_looks_like_the_real_one(
    served_world: World, asking: Callable, fault: str, status: int, begins: bytes
) -> None:
    """Shapes as they were seen; a rate limit says nothing of when to come back."""
    with serve(served_world, faults=Faults(**{fault: 1.0})) as served:
        reply = asking(served)(STATUS)

    assert status == reply.status
    assert reply.body.startswith(begins)
    assert "Retry-After" not in reply.headers
    assert {fault: 1} == dict(served.struck)


def test_a_cut_answer_is_shorter_than_it_says(served_world: World, asking: Callable) -> None:
    """The connection ends in the middle of the body."""
    with serve(served_world, faults=Faults(http_truncated=1.0)) as served, pytest.raises(http.client.IncompleteRead):
        asking(served)(STATUS)


def test_a_hanging_answer_never_comes(served_world: World, asking: Callable) -> None:
    """After its silence the connection is dropped."""
    with (
        serve(served_world, faults=Faults(http_hang=1.0, hang_seconds=0.1)) as served,
        pytest.raises((urllib.error.URLError, http.client.RemoteDisconnected)),
    ):
        asking(served)(STATUS)


def test_the_weather_vendor_refuses_in_its_own_words(served_world: World, asking: Callable) -> None:
    """Its 429 is plain text."""
    with serve(served_world, faults=Faults(http_429=1.0)) as served:
        reply = asking(served)(f"{TIMELINE}/stn:KMDW/2026-11-01", key="k")

    assert (429, "Maximum concurrency exceeded") == (reply.status, reply.text)


def test_whoever_asks_again_is_answered(served_world: World, asking: Callable) -> None:
    """A rate below one lets every question through in the end."""
    with serve(
        served_world, faults=Faults(http_500=0.6, seed=1), limits=Limits(kalshi_tokens_per_second=None)
    ) as served:
        ask = asking(served)
        answered = [any(ask(STATUS, n=n).status == 200 for _ in range(40)) for n in range(5)]

    assert [True] * 5 == answered
