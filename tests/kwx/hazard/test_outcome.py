"""From evidence, outlook and law to whole degrees: the running maximum, the offset, the brackets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from kwx.hazard.asked import ask
from kwx.hazard.engines.lattice import Lattice
from kwx.hazard.known.evidence import Evidence
from kwx.hazard.known.outlook import Outlook
from kwx.hazard.law import Baseline, DayBias, Law, RecordKind
from kwx.hazard.outcome import distributions
from kwx.hazard.question import STEPS
from warehouse.market.cities import city
from warehouse.market.climate_day import ClimateDay

CURVE_F = 75 - 10 * np.cos(2 * np.pi * (np.arange(STEPS + 1) - 24) / STEPS)
RECORDS = {
    RecordKind.GROUP: (1.0, 0.0, 0.0, 0.0, 0.0),
    RecordKind.EXACT: (0.8, 0.2, 0.0, 0.0, 0.0),
    RecordKind.WHOLE_C: (0.3, 0.5, 0.2, 0.0, 0.0),
}


@pytest.fixture
def law() -> Law:
    """A law of the template with a little of everything."""
    return Law(
        city="miami",
        baseline=Baseline.TEMPLATE,
        forecast_source=None,
        rho=0.98,
        sigma_f={f"{first:02d}-{first + 3:02d}": 0.3 for first in range(0, 24, 3)},
        templates_f={"all": CURVE_F},
        half_life_minutes=60,
        biases={label: DayBias(0.4, 0.9, 1.0) for label in ("0-60", "60-180", "180-360", "360-720", "720-1440")}
        | {"none": DayBias(-0.5, 0.0, 4.0)},
        tail_dof=None,
        station_offset_f=0.2,
        records=RECORDS,
        fitted_utc=datetime(2026, 10, 1, tzinfo=UTC),
        since=date(2026, 8, 1),
        until=date(2026, 9, 30),
        days=61,
        snapshot=3,
    )


def known(*steps: int, temp_f=70.0, record=(79, 80, RecordKind.WHOLE_C), level_f=1.0) -> tuple[Evidence, Outlook]:
    """Return one day with evaluations at some steps, all of which have seen the same."""
    day, count = ClimateDay(city("miami"), date(2026, 10, 5)), len(steps)
    step, same = np.array(steps), np.ones(count)
    low, high, kind = record
    evidence = Evidence(
        day=day,
        ts_utc=pl.Series([day.start_utc] * count),
        now_step=step,
        step=step,
        temp_f=temp_f * same,
        temp_sd_f=0.3 * same,
        record_lo_f=np.full(count, low),
        record_hi_f=np.full(count, high),
        record_kind=(kind,) * count,
        reports_step=step,
        reports_f=temp_f * same,
        reports_known=np.arange(count),
        quality=("",) * count,
    )
    outlook = Outlook(
        curves_f=CURVE_F[None],
        curve=np.zeros(count, dtype=np.int64),
        baseline=(Baseline.TEMPLATE,) * count,
        why=("template",) * count,
        level_f=level_f * same,
        lead_minutes=100.0 * same,
    )
    return evidence, outlook


def said(law, *days):
    """Return the distribution of each day."""
    return distributions(days, {law.baseline: law}, Lattice())


def test_every_distribution_sums_to_one_and_has_nothing_below_the_running_maximum(law):
    """Mass below the lowest degree that the maximum so far can mean is zero, exactly."""
    [one] = said(law, known(100, 150, 200))

    np.testing.assert_allclose(1.0, one.p.sum(axis=1), atol=1e-12)
    assert 0.0 == one.bracket(None, 78).max()
    assert one.bracket(79, 79).min() > 0


@pytest.mark.parametrize("kind", RecordKind)
def test_when_the_day_is_over_the_high_is_the_running_maximum_and_its_uncertainty(law, kind):
    """After the last step the distribution is the record law, whatever the air."""
    [one] = said(law, known(STEPS, temp_f=60.0, record=(79, 80, kind)))

    np.testing.assert_allclose(RECORDS[kind], [one.bracket(79 + more, 79 + more)[0] for more in range(5)], atol=1e-12)
    assert (0.0, 0.0) == (one.hazard_5m[0], one.hazard_60m[0])


def test_brackets_that_tile_the_degrees_sum_to_one(law):
    """Any tiling of the whole degrees shares out all of the mass."""
    [one] = said(law, known(90, 160))

    tiling = [(None, 78), (79, 80), (81, 81), (82, 90), (91, None)]

    np.testing.assert_allclose(1.0, sum(one.bracket(low, high) for low, high in tiling), atol=1e-12)


def test_a_station_that_reports_low_raises_the_high(law):
    """The official maximum is the grid's plus the station's offset."""
    plain, lifted = (said(replace(law, station_offset_f=offset), known(100))[0] for offset in (0.0, 1.0))

    assert plain.expected_f[0] + 1.0 == pytest.approx(lifted.expected_f[0], abs=0.05)


def test_before_any_report_the_bias_of_no_report_counts(law):
    """Where neither air nor level nor record is known, the distribution is that of the curve and its widest spread."""
    [one] = said(law, known(0, temp_f=np.nan, record=(0, 0, None), level_f=np.nan))

    assert np.isnan([one.hazard_5m[0], one.hazard_60m[0]]).all()
    assert 85 - 0.5 < one.expected_f[0] < 85 + 3
    assert one.bracket(None, 80)[0] > 0.05


def test_days_of_one_template_share_its_sweep(law):
    """Curves that are equal are asked once, and each day reads its own answer."""
    days = [known(100, temp_f=70.0), known(100, temp_f=70.0, level_f=4.0)]

    asked = ask(days, law)
    cool, warm = said(law, *days)

    assert (1, 2) == (len(asked.question.curves_f), len(asked.question))
    assert warm.expected_f[0] > cool.expected_f[0] + 1
    assert said(law, days[1])[0].expected_f[0] == pytest.approx(warm.expected_f[0], abs=1e-3)


def test_a_baseline_of_another_law_is_not_asked(law):
    """A law answers only the evaluations that stand on its baseline."""
    assert ask([known(100)], replace(law, baseline=Baseline.TIMELINE)) is None


def test_a_law_survives_the_lake(law):
    """What mc_params keeps of a law is the whole law."""
    again = Law.of_row("miami", law.row().row(0, named=True))

    np.testing.assert_array_equal(law.noise().sigma_f, again.noise().sigma_f)
    assert law.row().equals(again.row())


def test_a_chance_that_is_added_up_to_the_last_bit_above_one_is_one(law):
    """A table refuses what is above one, and one bit of one minute would cost the whole day."""

    class Generous(Lattice):
        def answer(self, question):
            one, above = super().answer(question), np.nextafter(1.0, 2.0)
            return replace(
                one, record_5m=np.full_like(one.record_5m, above), record_60m=np.full_like(one.record_60m, above)
            )

    [one] = distributions([known(100, 150)], {law.baseline: law}, Generous())

    assert [1.0, 1.0] == one.hazard_5m.tolist() == one.hazard_60m.tolist()
