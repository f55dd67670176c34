"""The self-exciting process: likelihood against its definition, laws found again, residuals, and no look ahead."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from kwx.features.hawkes import (
    Law,
    Tapes,
    excitation,
    fit,
    intensity,
    log_likelihood,
    residuals,
    simulate,
    slopes,
)
from warehouse.errors import Refused, Usage

LAW = Law(mu_per_minute=0.4, alpha_per_minute=1.2, beta_per_minute=2.0)
TWO = Tapes(
    times_minutes=np.array([1.0, 1.5, 4.0, 2.0, 2.25]),
    of_tape=np.array([0, 0, 0, 2, 2]),
    start_minutes=np.array([0.0, 0.0, 1.0]),
    end_minutes=np.array([6.0, 5.0, 3.0]),
)
"""Three tapes, the middle one without an event."""


def rate(law: Law, times: np.ndarray, at: float) -> float:
    """Return the rate as it is written down."""
    past = times[times < at]
    return law.mu_per_minute + law.alpha_per_minute * np.exp(-law.beta_per_minute * (at - past)).sum()


def events_of(tapes: Tapes):
    for tape, (start, end) in enumerate(zip(tapes.start_minutes, tapes.end_minutes, strict=True)):
        yield tapes.times_minutes[tapes.of_tape == tape], start, end


def integral(law: Law, times: np.ndarray, start: float, end: float) -> float:
    edges = [start, *times[(times > start) & (times < end)], end]
    return sum(quad(lambda at: rate(law, times, at), a, b)[0] for a, b in pairwise(edges))


def mean_per_minute(law: Law) -> float:
    """Return how many events of a law there are in a minute, in the long run."""
    return law.mu_per_minute / (1 - law.branching)


def many(law: Law, *, tapes: int, minutes: float, seed: int) -> Tapes:
    rng = np.random.default_rng(seed)
    found = [simulate(law, minutes=minutes, rng=rng) for _ in range(tapes)]
    return Tapes(
        times_minutes=np.concatenate(found),
        of_tape=np.repeat(np.arange(tapes), [len(times) for times in found]),
        start_minutes=np.zeros(tapes),
        end_minutes=np.full(tapes, minutes),
    )


def test_likelihood_is_its_definition():
    """The recursion gives the sum of log rates less the integral of the rate, tape by tape."""
    wanted = sum(
        sum(np.log(rate(LAW, times, at)) for at in times) - integral(LAW, times, start, end)
        for times, start, end in events_of(TWO)
    )
    assert log_likelihood(LAW, TWO) == pytest.approx(wanted, abs=1e-9)


def test_excitation_counts_earlier_events_of_the_same_tape_only():
    b = LAW.beta_per_minute
    wanted = [0, np.exp(-b * 0.5), np.exp(-b * 3) + np.exp(-b * 2.5), 0, np.exp(-b * 0.25)]
    np.testing.assert_allclose(excitation(TWO, b), wanted, rtol=1e-14)


@pytest.mark.parametrize("seed", [1, 2])
def test_slopes_are_those_of_the_likelihood(seed):
    """Central differences agree with the exact derivatives."""
    tapes = many(LAW, tapes=3, minutes=60, seed=seed)
    values = np.array([0.3, 0.9, 2.5])

    def at(numbers: np.ndarray) -> float:
        mu, alpha, beta = numbers
        return log_likelihood(Law(mu_per_minute=mu, alpha_per_minute=alpha, beta_per_minute=beta), tapes)

    steps = 1e-5 * np.eye(3)
    by_difference = [(at(values + step) - at(values - step)) / 2e-5 for step in steps]
    law = Law(mu_per_minute=0.3, alpha_per_minute=0.9, beta_per_minute=2.5)
    np.testing.assert_allclose(slopes(law, tapes), by_difference, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    "law", [LAW, Law(mu_per_minute=0.05, alpha_per_minute=0.03, beta_per_minute=0.1)], ids=["fast", "slow"]
)
def test_a_law_is_found_again(law):
    """Of some six thousand events mu comes back within 12 %, the branching within 0.06, the decay within 20 %."""
    tapes = many(law, tapes=20, minutes=300 / mean_per_minute(law), seed=7)
    found = fit(tapes)

    assert found.law.mu_per_minute == pytest.approx(law.mu_per_minute, rel=0.12)
    assert found.law.branching == pytest.approx(law.branching, abs=0.06)
    assert found.law.beta_per_minute == pytest.approx(law.beta_per_minute, rel=0.2)
    assert found.log_likelihood >= log_likelihood(law, tapes)
    assert found.log_likelihood > found.memoryless_log_likelihood + 100


def test_events_without_memory_are_seen_as_such():
    """Of a Poisson process no more likelihood is won than two free numbers win by chance."""
    rng = np.random.default_rng(3)
    found = fit(Tapes.single(np.sort(rng.uniform(0, 2000, 1000)), minutes=2000))

    assert found.law.branching < 0.1
    assert 0 <= found.log_likelihood - found.memoryless_log_likelihood + 1e-2 < 6
    assert mean_per_minute(found.law) == pytest.approx(0.5, rel=0.02)


def test_the_same_events_give_the_same_law():
    tapes = many(LAW, tapes=4, minutes=200, seed=1)
    assert fit(tapes) == fit(tapes)


def test_residuals_are_integrals_of_the_rate():
    wanted = []
    for times, start, _ in events_of(TWO):
        wanted += [integral(LAW, times, a, b) for a, b in pairwise([start, *times])]
    np.testing.assert_allclose(residuals(LAW, TWO), wanted, atol=1e-8)


def test_time_rescaling_passes_the_true_law_and_fails_a_false_one():
    tapes = many(LAW, tapes=5, minutes=400, seed=5)
    flat = Law(mu_per_minute=mean_per_minute(LAW), alpha_per_minute=0.0, beta_per_minute=1.0)

    true, false = (kstest(residuals(law, tapes), "expon").pvalue for law in (LAW, flat))
    assert true > 0.01
    assert false < 1e-6


def test_intensity_is_the_rate_just_after_and_of_past_events_only():
    """An event at the very instant counts; later ones, changed at will, do not."""
    at, of_tape = np.array([0.5, 1.5, 5.0, 2.0, 2.1, 2.5]), np.array([0, 0, 0, 1, 2, 2])
    times = {tape: found for tape, (found, _, _) in enumerate(events_of(TWO))}
    wanted = [rate(LAW, times[tape], np.nextafter(now, 9)) for now, tape in zip(at, of_tape, strict=True)]
    np.testing.assert_allclose(intensity(LAW, TWO, at, of_tape=of_tape), wanted, rtol=1e-12)

    later = Tapes(
        times_minutes=np.array([1.0, 1.5, 1.75, 1.8, 1.9]),
        of_tape=np.array([0, 0, 0, 0, 2]),
        start_minutes=TWO.start_minutes,
        end_minutes=TWO.end_minutes,
    )
    early = np.array([0.5, 1.0, 1.7])
    zero = np.zeros(3, dtype=np.int64)
    np.testing.assert_array_equal(intensity(LAW, TWO, early, of_tape=zero), intensity(LAW, later, early, of_tape=zero))


def test_thinning_gives_as_many_events_as_the_law_says():
    tapes = many(LAW, tapes=30, minutes=200, seed=2)
    assert len(tapes.times_minutes) / tapes.watched_minutes == pytest.approx(mean_per_minute(LAW), rel=0.06)


def test_what_cannot_be_is_refused():
    with pytest.raises(Refused, match="stationary"):
        Law(mu_per_minute=1.0, alpha_per_minute=2.0, beta_per_minute=2.0)
    with pytest.raises(Refused, match="events"):
        fit(Tapes.single(np.arange(1.0, 20.0), minutes=30))
    with pytest.raises(Usage, match="ascend"):
        Tapes.single(np.array([1.0, 1.0]), minutes=3)
    with pytest.raises(Usage, match="outside"):
        Tapes.single(np.array([1.0, 4.0]), minutes=3)


def test_a_law_comes_back_from_its_document():
    assert Law.of(LAW.document()) == LAW
