"""The lattice that keeps its sweeps says what the lattice says, and the same whatever was asked before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kwx.hazard.engines.lattice import Lattice
from kwx.hazard.engines.swept import SweptLattice
from kwx.hazard.question import STEPS, Noise, Question
from tests.kwx.hazard.engines.test_lattice import CURVE_F, SIGMA_F, question

DAY = [0, 1, 60, 150, 187, 230, 280, 287, 288]
"""Steps of a day, the last of which has nothing left."""


def asked(steps: list[int], **said: object) -> Question:
    """Return evaluations under a bias that is not certain, as a day asks them."""
    same = np.ones(len(steps))
    usual = {"bias_f": 0.4 * same, "bias_sd_f": 1.1 * same, "residual_sd_f": 0.4 * same, "record_f": 68.5}
    return question(steps, **(usual | said))


def above_the_record(one: Question) -> np.ndarray:
    """Return [n, thresholds] which thresholds are not below what was reached: below it a lattice keeps nothing."""
    threshold_f = one.first_threshold_f[one.curve][:, None] + np.arange(one.thresholds)
    return threshold_f >= one.record_f.min(axis=1)[:, None]


@pytest.mark.parametrize("tail_dof", [None, 5.0])
@pytest.mark.parametrize("residual_f", [-9.0, 0.3, 12.0])
def test_it_says_what_the_lattice_says(residual_f, tail_dof):
    """At every step of a day, near and far from the curve, under both laws of the day bias."""
    day = asked(DAY, residual_f=residual_f, tail_dof=tail_dof)
    swept, lattice = SweptLattice().answer(day), Lattice().answer(day)

    kept = above_the_record(day)
    np.testing.assert_allclose(swept.below[kept], lattice.below[kept], atol=1e-4)
    np.testing.assert_allclose(swept.record_5m, lattice.record_5m, atol=2e-5)
    np.testing.assert_allclose(swept.record_60m, lattice.record_60m, atol=2e-4)


def test_an_evaluation_is_the_same_to_the_bit_whoever_is_asked_beside_it():
    """Read from a sweep that an earlier evaluation made, alone, or in the other order."""
    day = asked(DAY[:-1])
    engine = SweptLattice()
    together = engine.answer(day).below

    assert 1 == len(engine.kept)
    for place in reversed(range(len(day))):
        one = day.part(np.array([place]))
        assert np.array_equal(together[place], engine.answer(one).below[0])
        assert np.array_equal(together[place], SweptLattice().answer(one).below[0])


def test_a_curve_is_swept_once_and_a_new_one_at_once():
    """Steps later on the same curve are read; another curve, and another law, are swept."""
    engine = SweptLattice()
    engine.answer(asked([40]))
    made = next(iter(engine.kept.values()))
    engine.answer(asked([40, 41, 200]))
    assert [made] == list(engine.kept.values())

    engine.answer(asked([40], curve_f=CURVE_F + 1.0))
    engine.answer(replace(asked([40]), noise=Noise(rho=0.97, sigma_f=SIGMA_F)))
    assert 3 == len(engine.kept)


def test_a_state_or_a_step_beyond_a_sweep_is_read_from_another():
    """What lies outside of what was kept is never read from it, and what lies inside is read from the narrow one."""
    engine = SweptLattice()
    narrow = engine.answer(asked([200])).below
    for beyond in (asked([150]), asked([200], residual_f=30.0), asked([200], record_f=60.0)):
        again = Lattice().answer(beyond).below
        kept = above_the_record(beyond)
        np.testing.assert_allclose(engine.answer(beyond).below[kept], again[kept], atol=1e-4)
    assert 2 <= len(engine.kept)
    assert np.array_equal(narrow, engine.answer(asked([200])).below)


def test_what_is_kept_has_a_bound(monkeypatch):
    """The oldest sweeps go first, and the newest never."""
    engine = SweptLattice()
    engine.answer(asked([40]))
    monkeypatch.setattr("kwx.hazard.engines.swept._KEPT_BYTES", 2 * next(iter(engine.kept.values())).bytes + 1)
    for warmer in range(5):
        engine.answer(asked([40], curve_f=CURVE_F + warmer))
    assert 2 == len(engine.kept)


def test_innovations_by_lead_are_left_to_the_lattice():
    """Nothing of one evaluation serves another there."""
    noise = Noise(rho=0.98, sigma_f=np.vstack([SIGMA_F, 1.2 * SIGMA_F]), lead_steps=(0, 36))
    day = asked(DAY, noise=noise)
    engine = SweptLattice()

    assert np.array_equal(engine.answer(day).below, Lattice().answer(day).below)
    assert not engine.kept


def test_the_closing_midnight_has_nothing_left():
    """Nothing later can be above anything."""
    assert (SweptLattice().answer(asked([STEPS])).below == 1).all()
