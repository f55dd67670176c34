"""A vendor that fails again and again is left alone, then tried once."""

from __future__ import annotations

import pytest

from pipelines.asking.breaker import Breaker
from warehouse.errors import VendorDown


@pytest.fixture
def now_s() -> list[float]:
    """A clock that the test moves."""
    return [0.0]


@pytest.fixture
def tripped(now_s: list[float]) -> Breaker:
    """A breaker after five failures in a row."""
    breaker = Breaker("iem", failures=5, rest_s=60, monotonic=lambda: now_s[0])
    for _ in range(5):
        breaker.failed("503")
    return breaker


def test_an_open_circuit_refuses_at_once_and_says_why(tripped, now_s):
    """While it rests nothing is sent, and the error names the last failure."""
    now_s[0] = 59.0

    with pytest.raises(VendorDown, match=r"iem is left alone for 1 s more after 5 failures .* 503"):
        tripped.admit()


def test_after_the_rest_one_question_probes_and_others_wait(tripped, now_s):
    """Half open: one passes, the next is refused until the first has told."""
    now_s[0] = 61.0

    tripped.admit()

    with pytest.raises(VendorDown):
        tripped.admit()


def test_a_probe_that_succeeds_closes_the_circuit(tripped, now_s):
    """After one usable answer the count begins anew."""
    now_s[0] = 61.0
    tripped.admit()

    tripped.succeeded()
    tripped.failed("503")

    tripped.admit()


def test_a_probe_that_fails_opens_it_again(tripped, now_s):
    """One failure is enough when the count stands already."""
    now_s[0] = 61.0
    tripped.admit()

    tripped.failed("504")
    now_s[0] = 120.0

    with pytest.raises(VendorDown, match="504"):
        tripped.admit()


def test_single_failures_between_successes_never_open_it(now_s):
    """Only failures in a row count."""
    breaker = Breaker("iem", failures=2, monotonic=lambda: now_s[0])

    for _ in range(10):
        breaker.failed("500")
        breaker.succeeded()

    breaker.admit()
