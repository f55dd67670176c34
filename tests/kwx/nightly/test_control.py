"""Drift: limits come of the dates before, and only what lies outside of them has drifted."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.config.nightly import DriftFields
from kwx.nightly.scores.control import ECE, EXCESS, controls_of
from kwx.nightly.scores.daily import SCHEMA

FIRST = date(2026, 9, 1)
FIELDS = DriftFields(recent_dates=4, limit_dates=20, least_dates=10, sigmas=3)


def scores(excess: list[float], ece: list[float] | None = None) -> pl.DataFrame:
    """Return the daily scores of one source, of all cities and of one that says otherwise."""
    rows = [
        {
            "event_date": FIRST + timedelta(days=day), "city": city, "source": "model", "contracts": 100,
            "brier": claimed + one, "claimed": claimed, "ece": error,
        }
        for day, (one, error) in enumerate(zip(excess, ece or [0.05] * len(excess), strict=True))
        for city, claimed in (("all", 0.1), ("chicago", 0.9))
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA)


def by_score(frame: pl.DataFrame) -> dict[str, object]:
    return {one.score: one for one in controls_of(frame, FIELDS)}


def test_limits_are_of_the_mean_of_the_dates_before():
    """Centre and reach are those of a textbook, by hand."""
    before = list(np.random.default_rng(3).normal(0.01, 0.02, 20))

    control = by_score(scores([*before, 0.0, 0.01, 0.02, 0.03]))[EXCESS]

    reach = 3 * np.std(before, ddof=1) / np.sqrt(4)
    assert control.value == pytest.approx(0.015)
    assert (control.low, control.high) == pytest.approx((np.mean(before) - reach, np.mean(before) + reach))
    assert (control.dates, control.limit_dates) == (4, 20)
    assert not control.has_drifted


@pytest.mark.parametrize(("last", "drifted"), [(0.2, True), (-0.2, True), (0.01, False)])
def test_too_sure_and_too_shy_are_drift(last, drifted):
    """The excess may leave its limits either way."""
    before = list(np.random.default_rng(4).normal(0.01, 0.02, 20))

    assert drifted == by_score(scores([*before, *[last] * 4]))[EXCESS].has_drifted


@pytest.mark.parametrize(("last", "drifted"), [(0.3, True), (0.0, False)])
def test_a_calibration_error_drifts_upward_alone(last, drifted):
    """A smaller one is no drift."""
    before = list(np.random.default_rng(5).normal(0.05, 0.01, 20))

    assert drifted == by_score(scores([0.0] * 24, [*before, *[last] * 4]))[ECE].has_drifted


def test_too_few_dates_set_no_limits():
    """A young lake has not drifted."""
    control = by_score(scores([0.0] * 9 + [0.5] * 4))[EXCESS]

    assert (control.low, control.high, control.has_drifted) == (None, None, False)
    assert "without limits of 9 dates before" in str(control)
