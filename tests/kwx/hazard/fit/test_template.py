"""The typical day is found whatever the days' own levels, gaps and broken reports."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from kwx.hazard.fit.template import templates_of, typical_day
from kwx.hazard.question import STEPS

HOURS = 24 * np.arange(STEPS + 1) / STEPS
SHAPE_F = 70 - 8 * np.cos(2 * np.pi * (HOURS - 3) / 24) + 1.5 * np.cos(4 * np.pi * (HOURS - 2) / 24)


def days(count=40, *, level_sd_f=5.0, seed=3):
    chance = np.random.default_rng(seed)
    level_f = level_sd_f * chance.standard_normal((count, 1))
    return SHAPE_F + level_f - level_f.mean() + 0.8 * chance.standard_normal((count, STEPS + 1))


def test_the_typical_day_is_the_shape_on_the_mean_level():
    """Noise of 0.8 °F a report leaves less than 0.3 °F; both midnights are told alike."""
    typical_f = typical_day(days())

    assert pytest.approx(SHAPE_F, abs=0.6) == typical_f
    assert pytest.approx(SHAPE_F - SHAPE_F.mean(), abs=0.3) == typical_f - typical_f.mean()
    assert pytest.approx(typical_f[0]) == typical_f[STEPS]


def test_a_gap_in_warm_afternoons_makes_no_afternoon_colder():
    """Afternoons that only cold days report are still as far above the morning as they are on any day."""
    holed = days()
    holed[holed.mean(axis=1) > 70, 130:230] = np.nan

    typical_f = typical_day(holed)

    assert pytest.approx(SHAPE_F - SHAPE_F.mean(), abs=0.4) == typical_f - typical_f.mean()


def test_a_broken_afternoon_counts_little():
    """One day in eight that reads 40 °F too cold all afternoon moves the shape by less than 1 °F; the mean would 5."""
    broken = days()
    broken[::8, 140:200] -= 40

    typical_f = typical_day(broken)

    assert pytest.approx(SHAPE_F - SHAPE_F.mean(), abs=1.0) == typical_f - typical_f.mean()


def test_a_month_has_a_typical_day_of_its_own_from_fifteen_days_on():
    """Fifteen days of a warmer June are told apart; fourteen of July are not."""
    warmer = np.concatenate([days(15, level_sd_f=1.0) + 10, days(14, level_sd_f=1.0)])
    dates = [date(2026, 6, 16) + timedelta(days=place) for place in range(29)]

    found = templates_of(warmer, dates)

    assert ["all", "06"] == list(found)
    assert pytest.approx(80.0, abs=0.5) == found["06"].mean() - (SHAPE_F.mean() - 70)


def test_a_season_stands_on_the_level_of_its_last_month():
    """Ninety days that each are 0.3 °F colder than the one before end on the level of the last thirty."""
    autumn = days(90, level_sd_f=0.5) - 0.3 * np.arange(90)[:, None]
    dates = [date(2026, 8, 20) + timedelta(days=place) for place in range(90)]

    found = templates_of(autumn, dates)["all"]

    assert pytest.approx(SHAPE_F - 0.3 * 74.5, abs=0.9) == found
