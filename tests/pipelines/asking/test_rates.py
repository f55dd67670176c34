"""The token bucket never gives more than was allowed, and hardly less."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.asking.rates import TokenBucket
from warehouse.errors import Usage


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        """Return the present."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


def grants(rate: float, burst: float, steps: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return when how many tokens were given to one who idles and asks."""
    time = FakeTime()
    bucket = TokenBucket(tokens_per_second=rate, burst=burst, monotonic=time.monotonic, sleep=time.sleep)
    given_out = []
    for idle_s, share in steps:
        time.now_s += idle_s
        tokens = max(share * burst, 1e-3)
        bucket.take(tokens)
        given_out.append((time.now_s, tokens))
    return given_out


@given(
    rate=st.floats(0.5, 500),
    burst=st.floats(1, 600),
    steps=st.lists(st.tuples(st.floats(0, 3), st.floats(0.01, 1)), min_size=1, max_size=40),
)
def test_no_window_ever_sees_more_than_burst_and_rate(rate, burst, steps):
    """In any window of T seconds at most burst + rate × T tokens are given."""
    given_out = grants(rate, burst, steps)

    for first, (begins_s, _) in enumerate(given_out):
        sums = 0.0
        for at_s, tokens in given_out[first:]:
            sums += tokens
            assert sums <= burst + rate * (at_s - begins_s) + 1e-6 * (1 + sums)


@given(rate=st.floats(1, 500), cost=st.floats(0.1, 10), burst=st.floats(10, 100))
def test_who_always_asks_gets_the_whole_rate(rate, cost, burst):
    """A saturated bucket uses at least 99 % of its rate."""
    given_out = grants(rate, burst, [(0, cost / burst)] * 300)

    elapsed_s = given_out[-1][0] - 1_000.0
    assert sum(tokens for _, tokens in given_out) >= 0.99 * rate * elapsed_s


def test_threads_are_served_in_the_order_of_asking_and_never_too_much():
    """Eight threads at once get what one would get."""
    bucket = TokenBucket(tokens_per_second=2_000, burst=20)
    began, lock, total = threading.Barrier(8), threading.Lock(), []

    def ask(_: int) -> None:
        began.wait()
        for _ in range(10):
            waited_s = bucket.take(10)
            with lock:
                total.append(waited_s)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))

    assert 80 == len(total)
    assert 0.0 <= min(total) <= max(total) <= 80 * 10 / 2_000


def test_a_place_in_the_queue_is_kept_while_others_ask():
    """Each place is one cost later than the one before it."""
    time = FakeTime()
    bucket = TokenBucket(tokens_per_second=10, burst=10, monotonic=time.monotonic, sleep=lambda _: None)

    places = [bucket._reserve(10)[1] - time.now_s for _ in range(4)]

    assert [0.0, 1.0, 2.0, 3.0] == pytest.approx(places)


@pytest.mark.parametrize(("rate", "burst", "tokens"), [(1, 1, 2), (0, 1, 1), (1, 0, 1)])
def test_what_can_never_be_given_is_refused_at_once(rate, burst, tokens):
    """More tokens than fit, or a bucket that lets nothing through, is a mistake and not a wait."""
    with pytest.raises(Usage):
        TokenBucket(tokens_per_second=rate, burst=burst).take(tokens)


def test_another_rate_holds_from_its_moment_on():
    """What was handed out already is not given twice, and what was saved is kept up to the new size."""
    time = FakeTime()
    bucket = TokenBucket(tokens_per_second=10, burst=100, monotonic=time.monotonic, sleep=time.sleep)
    bucket.take(95)
    bucket.resize(tokens_per_second=1, burst=20)

    assert 5.0 == bucket.take(10)
    time.now_s += 1_000
    assert 0.0 == bucket.take(20)
    assert 1.0 == bucket.take(1)
    with pytest.raises(Usage):
        bucket.resize(tokens_per_second=0, burst=1)
