"""The likelihood of a label is the chance that the engine itself gives it, for any law of the day bias."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.hazard.engines.lattice import Lattice
from kwx.hazard.fit.bias import BUCKETS
from kwx.hazard.fit.likelihood import fit_biases, hat_weights, tabulated
from kwx.hazard.fit.past import PastDay
from kwx.hazard.fit.station import USUAL_RECORDS
from kwx.hazard.known.evidence import evidence_of
from kwx.hazard.known.outlook import outlook_of
from kwx.hazard.law import HOURS, NO_REPORT, WHOLE_YEAR, Baseline, DayBias, Law, hour_label
from kwx.hazard.outcome import distributions
from kwx.hazard.question import STEPS
from warehouse.lake.tables import FORECASTS, OBS
from warehouse.market.cities import city
from warehouse.market.climate_day import ClimateDay

DAY = ClimateDay(city("denver"), date(2026, 7, 1))
SHAPE_F = 70 - 8 * np.cos(2 * np.pi * (24 * np.arange(STEPS + 1) / STEPS - 3) / 24)
GUESSES = {label: DayBias(0.3, 0.6, 1.5) for label in BUCKETS} | {NO_REPORT: DayBias(0.0, 0.0, 3.0)}
LAW = Law(
    city="denver",
    baseline=Baseline.TEMPLATE,
    forecast_source=None,
    rho=0.98,
    sigma_f={hour_label(hours): 0.35 for hours in HOURS},
    templates_f={WHOLE_YEAR: SHAPE_F},
    half_life_minutes=60.0,
    biases=GUESSES,
    tail_dof=None,
    station_offset_f=0.2,
    records=USUAL_RECORDS,
    fitted_utc=datetime(2026, 6, 1, tzinfo=UTC),
    since=date(2026, 5, 1),
    until=date(2026, 5, 31),
    days=31,
    snapshot=1,
)


def past(label_f, level_f=2.0):
    """Return a day whose hourly reports lie a level above the typical day, and what it settled on."""
    degree = np.round(SHAPE_F[11::12] + level_f).astype(np.int16)
    stamps = [DAY.start_utc + timedelta(minutes=55 + 60 * hour) for hour in range(24)]
    said = {"source": "metar", "station": "KDEN", "is_whole_c": False, "is_filled": False}
    told = pl.DataFrame({"ts_utc": stamps, "temp_lo_f": degree, "temp_hi_f": degree})
    told = told.with_columns(
        *[pl.lit(value).alias(name) for name, value in said.items()],
        known_utc="ts_utc", temp_f=pl.col("temp_lo_f").cast(OBS.schema["temp_f"]),
    )  # fmt: skip
    obs = pl.concat([OBS.empty(), told], how="diagonal_relaxed")
    return PastDay(evidence=evidence_of(DAY, obs), forecasts=FORECASTS.empty(), label_f=label_f)


def stood(day):
    return day, outlook_of(day.evidence, day.forecasts, {Baseline.TEMPLATE: LAW}, Baseline.TEMPLATE)


@pytest.mark.parametrize("tail_dof", [None, 3.0, 10.0])
def test_tents_weigh_as_the_law_does(tail_dof):
    """Weights sum to one, keep the mean, and give the mean distance from a node as finer tents do."""
    coarse, fine = np.arange(-60, 60.1, 0.5), np.arange(-60, 60.01, 0.01)
    mean_f = np.array([[0.3], [-2.0]])
    weights = hat_weights(coarse, mean_f, 1.2, tail_dof)

    assert pytest.approx(np.ones(2)) == weights.sum(axis=1)
    assert pytest.approx(mean_f[:, 0], abs=2e-3) == weights @ coarse
    finer = hat_weights(fine, mean_f, 1.2, tail_dof) @ np.abs(fine)
    assert pytest.approx(finer, rel=1e-6) == weights @ np.abs(coarse)


@pytest.mark.parametrize("label_f", [79, 80, 82])
def test_the_chance_of_a_label_is_that_of_the_distribution(label_f):
    """At every evaluation of the fit the sum over fixed biases is within 0.006 of the engine's own chance."""
    day = stood(past(label_f))
    tables = tabulated([day], LAW, GUESSES, engine=Lattice())
    [told] = distributions([(day[0].evidence, day[1])], {Baseline.TEMPLATE: LAW}, Lattice())

    for label, table in tables.items():
        summed = np.exp([replace(table, **one).log_likelihood(GUESSES[label], None) for one in _single(table)])
        direct = told.bracket(label_f, label_f)[table.evaluation]
        assert pytest.approx(np.maximum(direct, 1e-6), abs=0.006) == summed


def test_another_share_moves_the_bias_by_its_part_of_the_level():
    """A larger share with a mean that is smaller by as much leaves a single evaluation's chance as it was."""
    [table] = [
        table for label, table in tabulated([stood(past(80))], LAW, GUESSES, engine=Lattice()).items()
        if label == "360-720"
    ]  # fmt: skip
    one = replace(table, **_single(table)[0])
    more = DayBias(0.3 - 0.2 * float(one.level_f[0]), 0.8, 1.5)

    assert pytest.approx(one.log_likelihood(DayBias(0.3, 0.6, 1.5), None), abs=1e-9) == one.log_likelihood(more, None)


def test_persistence_keeps_its_mean_at_nothing():
    """Where the mean is held, days that settle 3 °F higher than they should only widen the spread."""
    guesses = {label: DayBias(0.0, 1.0, 1.5) for label in BUCKETS}
    near, far = (
        fit_biases([stood(past(label_f))] * 6, LAW, guesses, engine=Lattice(), persists=True).biases["360-720"]
        for label_f in (81, 86)
    )

    assert (0.0, 1.0) == (near.mean_f, near.share) == (far.mean_f, far.share)
    assert far.sd_f > 1.2 * near.sd_f


def _single(table):
    """Return the rows of a table one by one."""
    names = ("up_to", "under", "level_f")
    return [
        {name: getattr(table, name)[[row]] for name in names} | {"day": np.zeros(1, int)}
        for row in range(len(table.day))
    ]
