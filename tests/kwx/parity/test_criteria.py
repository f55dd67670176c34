"""Criteria of going live: each from numbers made by hand, at its threshold and beyond; unknown is never passed."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest

from kwx.backtest.metrics import measured
from kwx.config.live import GoLiveFields
from kwx.live.health.drift import Drift
from kwx.parity.criteria import Criterion, of_drawdown, of_drift, of_gain, of_health, of_parity, of_traded
from kwx.scoring.resampling import Estimate
from tests.kwx.backtest.made_runs import FIRST, a_fill, equity_frame, fills_frame, outcomes_frame

FIELDS = GoLiveFields()


def a_run(days: int, *, price_ticks: int = 4_000, won: float = 0.75, p_fair: float | None = 0.7):
    """Return the measures of a run that buys one contract a date, and wins some of them."""
    fills, equity, outcomes = [], [], []
    draw = np.random.default_rng(3)
    for number in range(days):
        day, name = FIRST + timedelta(days=number), f"M{number}"
        ts = a_fill()["ts_utc"] + timedelta(days=number)
        fills.append(
            a_fill(event_date=day, market_ticker=name, price_ticks=price_ticks, ts_utc=ts, seen_utc=ts, p_fair=p_fair)
        )
        outcomes.append(("chicago", day, name, "between", bool(draw.random() < won)))
        equity.append(("chicago", day, ts, -price_ticks * 100, 0, price_ticks * 100))
    return measured(fills_frame(fills), equity_frame(equity), outcomes_frame(outcomes))


def by_name(criteria):
    return {one.name: one for one in criteria}


def test_days_and_gains():
    """Enough dates that gained beyond doubt pass; a week does not, and neither do gains that chance explains."""
    good, short = (by_name(of_gain(a_run(days), FIELDS)) for days in (20, 7))
    poor = by_name(of_gain(a_run(20, price_ticks=8_800), FIELDS))

    assert (20, True, 14) == (good["days"].value, good["days"].passed, good["days"].least)
    assert good["gain"].passed
    assert 0 < good["gain"].low < good["gain"].value < good["gain"].high
    assert not short["days"].passed
    assert poor["gain"].low < 0
    assert not poor["gain"].passed
    assert "7 of 14" == short["days"].why


def test_a_low_end_at_the_threshold_is_not_above_it():
    """Above zero means above it."""
    at = Criterion(name="gain", meaning="", value=1.0, least=0.0, low=0.0, high=2.0, by_low=True)

    assert not at.passed
    assert Criterion(name="days", meaning="", value=14, least=14).passed


def test_nothing_settled_passes_nothing():
    """Whoever knows nothing is not ready."""
    criteria = [*of_gain(None, FIELDS), of_drawdown(None, 10_000, FIELDS), *of_drift([], FIELDS)]
    criteria += [of_traded(None, FIELDS),
                *of_health([], 0, FIELDS), of_parity([], FIELDS)]  # fmt: skip

    assert 9 == len(criteria)
    assert [] == [one.name for one in criteria if one.passed]
    assert all(one.why for one in criteria)


def test_the_deepest_fall_is_a_share_of_the_bankroll():
    """Of what dates gained one after the other, and within them; a small bankroll does not bear it."""
    run = a_run(20, price_ticks=7_300, won=0.3)
    fell = max(run.metrics.daily_drawdown.micros, run.metrics.intraday_drawdown.micros) / 1e6

    assert fell > 0.5
    assert of_drawdown(run, 10_000, FIELDS).passed
    assert not of_drawdown(run, 2, FIELDS).passed
    assert fell / 2 == pytest.approx(of_drawdown(run, 2, FIELDS).value)


def a_drift(family: str, brier: float, ece: float, trained: float | None = 0.1) -> Drift:
    def estimate(value: float) -> Estimate:
        return Estimate(value=value, low=value - 0.01, high=value + 0.01, level=0.95, rows=9, dates=9)

    return Drift(
        family=family, rows=100, dates=9, brier=estimate(brier), excess=estimate(brier - 0.1), ece=estimate(ece),
        trained_brier=trained, trained_ece=None if trained is None else 0.02,
    )  # fmt: skip


def test_the_worst_family_counts():
    """Against its card; without one against what it claims, and what chance leaves of its calibration error."""
    found = by_name(of_drift([a_drift("tod", 0.11, 0.03), a_drift("elasticnet", 0.13, 0.02)], FIELDS))
    own = by_name(of_drift([a_drift("fused", 0.11, 0.035, trained=None)], FIELDS))

    assert (0.03, False) == (pytest.approx(found["brier drift"].value), found["brier drift"].passed)
    assert found["brier drift"].why.startswith("elasticnet: 0.1300 over 100 predictions")
    assert (0.01, True) == (pytest.approx(found["ece drift"].value), found["ece drift"].passed)
    assert (0.01, 0.025) == (pytest.approx(own["brier drift"].value), pytest.approx(own["ece drift"].value))
    assert "no card" in own["ece drift"].why


def test_traded_probabilities_must_not_claim_too_much():
    """Those that were acted on, at fills: 70 % that come true, or half of the time."""
    fine, wrong = of_traded(a_run(40, won=0.7), FIELDS), of_traded(a_run(40, won=0.3), FIELDS)

    assert fine.passed
    assert not wrong.passed
    assert wrong.low > 0.03
    assert math.isnan(of_traded(a_run(10, p_fair=None), FIELDS).value)


def test_minutes_are_counted_against_those_that_traded():
    """By the lake: what was not lived is missed too."""
    health = [{"event_minutes": 1_000, "missed_event_minutes": 10, "stale_event_minutes": 45}]
    fine, short = by_name(of_health(health, 1_000, FIELDS)), by_name(of_health(health, 1_100, FIELDS))

    assert (0.99, True, True) == (fine["decided"].value, fine["decided"].passed, fine["stale"].passed)
    assert (0.9, False) == (short["decided"].value, short["decided"].passed)
    assert 45 / 990 == fine["stale"].value


@pytest.mark.parametrize(
    ("summaries", "passed", "why"),
    [
        ([{"parity": {"unexplained": 0, "decisions": 400}}], True, "0 of 400 decisions"),
        ([{"parity": {"unexplained": 1, "decisions": 400}}], False, "1 of 400 decisions"),
        ([{"parity": {"unexplained": 0, "decisions": 400}}, {}], False, "1 of 2 dates were not replayed"),
    ],
)
def test_every_date_is_replayed_and_nothing_is_unexplained(summaries, passed, why):
    """A date of which nobody knows whether it differs does not pass."""
    found = of_parity(summaries, FIELDS)

    assert (passed, why) == (found.passed, found.why)
