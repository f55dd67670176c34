"""The lattice of days says of each day what it says of it alone, to the bit, and what the lattice says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kwx.hazard.engines import days
from kwx.hazard.engines.days import DayLattice
from kwx.hazard.engines.lattice import Lattice
from kwx.hazard.question import STEPS, Answer, Noise, Question
from tests.kwx.hazard.engines.test_lattice import CURVE_F, SIGMA_F, question
from tests.kwx.hazard.engines.test_swept import above_the_record

EVERY_STEPS = 5


def a_day(number: int, **said: object) -> Question:
    """Return a day as it is asked: an eve of unknown air, then air that is known, on two curves of its own."""
    rng = np.random.default_rng(number)
    eve = np.zeros(9, dtype=np.int64)
    step = np.concatenate([eve, np.arange(0, STEPS + 1, EVERY_STEPS)])
    same, is_eve = np.ones(len(step)), np.arange(len(step)) < len(eve)
    residual_f = np.where(is_eve, np.nan, rng.normal(0, 2.5) + np.cumsum(rng.normal(0, 0.4, len(step))))
    usual = {
        "curves_f": np.stack([CURVE_F + rng.normal(0, 4), 1.1 * CURVE_F - 8 + rng.normal(0, 1)]),
        "first_threshold_f": np.array([64.5, 62.5]), "curve": np.where(is_eve, 0, 1), "residual_f": residual_f,
        "residual_sd_f": np.where(is_eve, 1.6, 0.4), "bias_f": rng.normal(0, 1) * same,
        "bias_sd_f": np.where(is_eve, 0.0, 1.2), "record_f": np.where(is_eve, np.nan, 70.5),
        "seeds": np.full(len(step), number),
    }  # fmt: skip
    return question(step, **(usual | said))


def same(one: Answer, other: Answer) -> bool:
    """Tell whether two answers are equal in every bit."""
    names = ("below", "record_5m", "record_60m")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)


@pytest.mark.parametrize("tail_dof", [None, 4.0])
@pytest.mark.parametrize("are_alike", [True, False])
def test_a_day_is_told_the_same_to_the_bit_whatever_days_are_beside_it(monkeypatch, are_alike, tail_dof):
    """Alone, among others, in another order, and where days may not be swept side by side."""
    asked = [a_day(number, tail_dof=tail_dof) for number in range(7)]
    together = DayLattice().answers(asked)
    if not are_alike:
        monkeypatch.setattr(days, "rows_are_alike", lambda: False)

    alone = [DayLattice().answer(one) for one in asked]
    few = DayLattice().answers(asked[4:1:-1])

    assert all(same(one, other) for one, other in zip(together, alone, strict=True))
    assert all(same(one, other) for one, other in zip(few, together[4:1:-1], strict=True))


def test_a_day_beside_one_that_reaches_far_is_told_the_same(monkeypatch):
    """Air far off its curve asks for a wider lattice and more barriers, and gets them alone; memory cuts batches."""
    usual, far = a_day(1), a_day(2, residual_f=14.0)
    alone = DayLattice().answer(usual)

    beside = DayLattice().answers([far, usual, a_day(3)])[1]
    monkeypatch.setattr(days, "_GATHERED_BYTES", 1)

    assert same(alone, beside)
    assert same(alone, DayLattice().answers([far, usual, a_day(3)])[1])


@pytest.mark.parametrize("tail_dof", [None, 4.0])
@pytest.mark.parametrize("said", [{}, {"bias_sd_f": 0.0}, {"residual_f": -9.0}, {"residual_f": 12.0}])
def test_it_says_what_the_lattice_says(said, tail_dof):
    """Near and far from the curve, under both laws of the day bias, and where the bias is certain."""
    rows = {name: np.full(9 + len(range(0, STEPS + 1, EVERY_STEPS)), value) for name, value in said.items()}
    asked = [a_day(number, tail_dof=tail_dof, **rows) for number in range(3)]

    for one, told in zip(asked, DayLattice().answers(asked), strict=True):
        lattice = Lattice().answer(one)
        kept = above_the_record(replace(one, record_f=np.nan_to_num(one.record_f, nan=-500.0)))
        np.testing.assert_allclose(told.below[kept], lattice.below[kept], atol=1e-4)
        np.testing.assert_allclose(told.record_5m, lattice.record_5m, atol=2e-5)
        np.testing.assert_allclose(told.record_60m, lattice.record_60m, atol=2e-4)


def test_innovations_by_lead_are_left_to_the_lattice():
    """Nothing of one evaluation serves another there."""
    noise = Noise(rho=0.98, sigma_f=np.vstack([SIGMA_F, 1.2 * SIGMA_F]), lead_steps=(0, 36))
    asked = [question([10, 150], noise=noise), question([60], noise=noise)]

    told = DayLattice().answers(asked)

    assert all(same(one, Lattice().answer(of)) for one, of in zip(told, asked, strict=True))
