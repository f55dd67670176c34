"""What a ladder implies: no mass lost, even brackets, falling tails, a mean and a median that can be worked out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kwx.scoring.implied import TAIL_RATIO, degree_shares, implied_degrees, implied_mean_f, implied_median_f
from kwx.scoring.inputs import Floats
from warehouse.errors import ContractBroken, Refused
from warehouse.market.brackets import Bracket
from warehouse.market.ladder import Ladder

BOUNDS = ((None, 59), (60, 61), (62, 63), (64, 65), (66, 67), (68, None))

ladders = arrays(float, 6, elements=st.floats(0.001, 1)).map(lambda weights: weights / weights.sum())


def masses(pmf: Floats, first_f: int) -> Floats:
    """Return the mass of each bracket of a distribution over degrees."""
    brackets = [Bracket(low, high) for low, high in BOUNDS]
    return Ladder.of(zip("abcdef", brackets, strict=True), event="E").masses(pmf, first_f)


@given(p=ladders)
def test_every_bracket_keeps_its_mass(p):
    """Cut into the brackets again, the implied degrees are the ladder."""
    first_f, pmf = implied_degrees([p], BOUNDS)

    assert np.abs(masses(pmf[0], first_f) - p).max() < 1e-12
    assert (pmf >= 0).all()


@given(p=ladders)
def test_mean_and_median_are_those_of_the_degrees(p):
    """The mean by hand, and a median that has half of the mass on either side."""
    first_f, (pmf,) = implied_degrees([p], BOUNDS)
    edges = first_f - 0.5 + np.arange(len(pmf) + 1)

    below = np.interp(implied_median_f([p], BOUNDS)[0], edges, np.append(0.0, np.cumsum(pmf)))

    assert pytest.approx(0.5) == below
    assert pytest.approx(sum(mass * (first_f + place) for place, mass in enumerate(pmf))) == implied_mean_f([p], BOUNDS)


def test_an_inner_bracket_lies_evenly_on_its_degrees():
    """Three degrees have a third each, whatever the width."""
    first_f, shares = degree_shares(((None, 9), (10, 12), (13, 13), (14, None)))

    assert np.allclose(1 / 3, shares[1, 10 - first_f : 13 - first_f])
    assert 1 == shares[2, 13 - first_f]
    assert np.allclose(1, shares.sum(axis=1))


@pytest.mark.parametrize(("row", "outwards"), [(0, slice(None, None, -1)), (-1, slice(None))])
def test_an_open_end_falls_off_by_a_ratio_every_two_degrees(row, outwards):
    """From the bound outwards: two degrees alike, the next two 0.55 of them, and nothing to speak of at the end."""
    shares = degree_shares(BOUNDS)[1][row][outwards]
    tail = shares[shares > 0]

    assert np.allclose(tail[0::2], tail[1::2])
    assert np.allclose(TAIL_RATIO, tail[2::2] / tail[:-2:2])
    assert tail[-1] < 1e-4
    assert np.flatnonzero(shares)[0] == len(shares) - 32


@given(p=arrays(float, 3, elements=st.floats(0.001, 1)))
def test_a_symmetric_ladder_has_its_middle_as_mean_and_median(p):
    """Tails fall off alike on both sides: the mean of a ladder around 63.5 °F is 63.5 °F."""
    p = np.concatenate([p, p[::-1]]) / (2 * p.sum())

    assert pytest.approx([63.5]) == implied_mean_f([p], BOUNDS)
    assert pytest.approx([63.5]) == implied_median_f([p], BOUNDS)


@pytest.mark.parametrize(
    ("p", "median_f"),
    [
        ([0, 0, 1, 0, 0, 0], 62.5),
        ([0.4, 0, 0.4, 0.2, 0, 0], 62.0),
        ([0.3, 0.3, 0.4, 0, 0, 0], 59.5 + 2 * 0.2 / 0.3),
        ([0.5, 0, 0, 0.5, 0, 0], 61.5),
        ([0.5, 0.5, 0, 0, 0, 0], 59.5),
    ],
)
def test_the_median_lies_where_half_of_the_mass_does(p, median_f):
    """Between the edges of a bracket it moves in proportion; in a stretch without mass it is the middle."""
    assert pytest.approx([median_f]) == implied_median_f([p], BOUNDS)


def test_many_ladders_are_as_each_alone():
    """Rows do not know of each other."""
    p = np.random.default_rng(3).dirichlet(np.ones(6), 50)

    for of in (implied_mean_f, implied_median_f):
        assert np.allclose([of([row], BOUNDS)[0] for row in p], of(p, BOUNDS))


@pytest.mark.parametrize(
    ("p", "bounds", "error"),
    [
        ([[0.5, 0.5]], ((None, 59), (61, None)), ContractBroken),
        ([[1.0]], (), ContractBroken),
        ([[0.5, 0.5]], BOUNDS, Refused),
        ([[0.2, 0.2, 0.2, 0.2, 0.2, np.nan]], BOUNDS, Refused),
        ([[0.5, 0.6, -0.1, 0, 0, 0]], BOUNDS, Refused),
    ],
)
def test_what_is_no_ladder_implies_nothing(p, bounds, error):
    """A hole, no bracket at all, the wrong number of them, and what is no distribution are refused."""
    with pytest.raises(error):
        implied_degrees(p, bounds)
