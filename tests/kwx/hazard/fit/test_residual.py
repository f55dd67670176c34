"""The residual's law is recovered from differences: whatever the day bias, the rounding, the gaps or the cadence."""

from __future__ import annotations

import numpy as np
import pytest

from kwx.hazard.fit.past import NotEnoughData
from kwx.hazard.fit.residual import Residuals, residual_law, rounding_shares
from kwx.hazard.law import HOURS, LEADS, hour_label
from kwx.hazard.question import STEPS

RHO = 0.98
SIGMA_F = (0.30, 0.25, 0.35, 0.45, 0.50, 0.45, 0.35, 0.30)
LABELS = [hour_label(hours) for hours in HOURS]
DAYS = 200


def air(days=DAYS, *, sigma_f=SIGMA_F, bias_f=4.0, seed=5):
    """Return days drawn from the model itself, each with a level of its own."""
    chance = np.random.default_rng(seed)
    by_step = np.repeat(sigma_f, STEPS // len(sigma_f))
    residual = np.zeros((days, STEPS + 1))
    residual[:, 0] = chance.standard_normal(days) * sigma_f[0] / np.sqrt(1 - RHO**2)
    for step in range(1, STEPS + 1):
        residual[:, step] = RHO * residual[:, step - 1] + by_step[step - 1] * chance.standard_normal(days)
    return residual + bias_f * chance.standard_normal((days, 1))


def whole_c(air_f):
    """Return what is left of air between 60 and 80 °F when it is told in whole °C."""
    level_f = np.linspace(60, 80, STEPS + 1)
    return np.round((air_f + level_f - 32) / 1.8) * 1.8 + 32 - level_f


def hourly(air_f):
    """Return a report an hour, at :55."""
    told = np.full_like(air_f, np.nan)
    told[:, 11::12] = air_f[:, 11::12]
    return told


def law_of(air_f, **said):
    return residual_law(Residuals(value_f=air_f, starts=np.ones(air_f.shape, dtype=bool)), **said)


def test_the_law_that_drew_the_days_is_found_again():
    """ρ comes back within 0.006 and every innovation within 8 %; exact reports have no noise."""
    law = law_of(air())

    assert pytest.approx(RHO, abs=0.006) == law.rho
    assert pytest.approx(np.array(SIGMA_F), rel=0.08) == np.array([law.sigma_f[label] for label in LABELS])
    assert law.report_noise_f < 0.1
    assert law.fit_error < 0.02


def test_what_holds_for_a_whole_day_is_in_no_difference():
    """The law of days with a level of their own is that of the same days without one."""
    plain, moved = law_of(air(bias_f=0.0)), law_of(air(bias_f=0.0) + 7 * np.arange(DAYS)[:, None])

    assert pytest.approx(plain.rho, abs=1e-4) == moved.rho
    assert pytest.approx(list(plain.sigma_f.values()), rel=1e-3) == list(moved.sigma_f.values())


def test_whole_celsius_is_report_noise_and_no_weather():
    """Rounding to 1.8 °F moves ρ by less than 0.004 and σ by less than 6 %; the noise found is that of rounding."""
    exact, rounded = law_of(air()), law_of(whole_c(air()))

    assert pytest.approx(exact.rho, abs=0.004) == rounded.rho
    assert pytest.approx(np.array(list(exact.sigma_f.values())), rel=0.06) == np.array(list(rounded.sigma_f.values()))
    assert pytest.approx(1.8 / np.sqrt(12), abs=0.06) == rounded.report_noise_f


@pytest.mark.parametrize("moved_f", [0.0, 0.2, 0.6, 2.0])
def test_the_noise_that_shows_is_that_of_rounded_draws(moved_f):
    """What rounding to whole °C adds to a mean square is its share of q²/6: none at first, all after a step or so."""
    chance = np.random.default_rng(2)
    first_f, apart_f = chance.uniform(0, 1.8, 400_000), moved_f * chance.standard_normal(400_000)
    rounded_f = 1.8 * (np.round((first_f + apart_f) / 1.8) - np.round(first_f / 1.8))

    added = np.mean(rounded_f**2) - np.mean(apart_f**2)
    share = rounding_shares(np.array([moved_f**2]), 1.8**2 / 12)[0]
    assert pytest.approx(added / (1.8**2 / 6), abs=0.03) == share


def test_gaps_change_little():
    """A third of the reports gone, and all of the noon of every third day: ρ within 0.004, σ within 8 %."""
    whole, holed = law_of(air()), air()
    holed[np.random.default_rng(1).random(holed.shape) < 1 / 3] = np.nan
    holed[::3, 120:170] = np.nan
    law = law_of(holed)

    assert pytest.approx(whole.rho, abs=0.004) == law.rho
    assert pytest.approx(np.array(list(whole.sigma_f.values())), rel=0.08) == np.array(list(law.sigma_f.values()))


def test_one_report_an_hour_is_enough():
    """The innovations of five minutes come back from hourly reports in whole °F: ρ within 0.008, σ within 15 %."""
    law = law_of(hourly(np.round(air())))

    assert 60 == law.cadence_minutes
    assert pytest.approx(RHO, abs=0.008) == law.rho
    assert pytest.approx(np.array(SIGMA_F), rel=0.15) == np.array([law.sigma_f[label] for label in LABELS])


def test_a_few_broken_reports_are_not_the_weather():
    """Ten reports that are 40 °F off do not move an innovation by 5 %, but the kurtosis tells of them."""
    broken = air()
    broken[np.arange(10), 25 * np.arange(1, 11)] += 40
    sound, law = law_of(air()), law_of(broken)

    assert pytest.approx(np.array(list(sound.sigma_f.values())), rel=0.05) == np.array(list(law.sigma_f.values()))
    assert law.kurtosis > sound.kurtosis + 5


def test_innovations_by_lead_are_those_by_hour_where_the_lead_does_not_matter():
    """Every lead has every time of day, and days drawn without a lead get factors within 15 % of one."""
    by_hour, by_lead = law_of(air()), law_of(air(), by_lead=True)

    assert [f"{lead}/{label}" for lead in LEADS for label in LABELS] == list(by_lead.sigma_f)
    ratios = [by_lead.sigma_f[f"{lead}/12-15"] / by_hour.sigma_f["12-15"] for lead in LEADS]
    assert pytest.approx(1.0, abs=0.15) == np.array(ratios)


def test_a_rho_that_is_given_keeps_what_the_air_does_within_an_hour():
    """The mean square of an hour's difference is the same under the fitted ρ and under a smaller one."""
    fitted, given = law_of(air()), law_of(air(), rho=0.95)

    within = [law.sigma_f["12-15"] ** 2 * 2 * (1 - law.rho**12) / (1 - law.rho**2) for law in (fitted, given)]
    assert 0.95 == given.rho
    assert pytest.approx(within[0], rel=0.05) == within[1]


def test_air_that_stands_still_has_the_least_innovation():
    """A constant station gives a law, without a NaN, that a lattice can carry."""
    law = law_of(np.full((20, STEPS + 1), 70.0))

    assert pytest.approx(0.05, abs=1e-9) == np.array(list(law.sigma_f.values()))
    assert np.isfinite([law.rho, law.fit_error, law.kurtosis, law.report_noise_f]).all()


def test_reports_too_far_apart_are_refused():
    """Four reports a day leave no lag of the hours that matter, and the refusal says so."""
    rare = np.full((30, STEPS + 1), np.nan)
    rare[:, ::72] = 60.0

    with pytest.raises(NotEnoughData, match="40 pairs of reports at 3 distances"):
        law_of(rare)
