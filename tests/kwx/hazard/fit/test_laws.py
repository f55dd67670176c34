"""A city's laws are fitted to past days alone, find again what drew the days, and refuse too few."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.hazard.fit.laws import NotEnoughData, fit_laws, training_days
from kwx.hazard.fit.past import past_days
from kwx.hazard.fit.station import record_law, station_offset
from kwx.hazard.known.days import DayData
from kwx.hazard.law import LEADS, NO_REPORT, Baseline, DayBias, Law, RecordKind
from kwx.hazard.question import STEPS
from warehouse.lake.tables import FORECASTS, MARKETS, OBS
from warehouse.market.cities import city
from warehouse.market.climate_day import ClimateDay

HERE = city("chicago")
FIRST = date(2026, 6, 2)
FITTED = datetime(2026, 9, 1, tzinfo=UTC)
RHO, SIGMA_F, BIAS_SD_F = 0.98, 0.35, 3.0
ERROR_SD_F, ERROR_MEAN_F = 1.0, 2.0
DAYS = 24
SHAPE_F = 75 - 8 * np.cos(2 * np.pi * (24 * np.arange(STEPS + 1) / STEPS - 3) / 24)


def residuals(chance, days):
    """Return ε of some days."""
    shocks_f = SIGMA_F * chance.standard_normal((days, STEPS + 1))
    shocks_f[:, 0] /= np.sqrt(1 - RHO**2)
    for step in range(1, STEPS + 1):
        shocks_f[:, step] += RHO * shocks_f[:, step - 1]
    return shocks_f


def reports(day, air_f, *, every, first):
    """Return the air of a day in whole °F, each report known two minutes later."""
    step = np.arange(first, STEPS, every)
    degree = np.round(air_f[step]).astype(np.int16)
    stamps = [day.start_utc + timedelta(minutes=5 * one) for one in step.tolist()]
    told = pl.DataFrame({"ts_utc": stamps, "temp_f": degree, "temp_lo_f": degree, "temp_hi_f": degree})
    told = told.with_columns(
        pl.lit("metar").alias("source"), pl.lit(HERE.station).alias("station"),
        is_whole_c=False, is_filled=False, known_utc=pl.col("ts_utc") + timedelta(minutes=2),
    )  # fmt: skip
    return pl.concat([OBS.empty(), told.cast({"temp_f": OBS.schema["temp_f"]})], how="diagonal_relaxed")


def forecast(day, curve_f, source):
    """Return one run, issued six hours before the day, that tells its curve every hour."""
    issued_utc = day.start_utc - timedelta(hours=6)
    valid = [day.start_utc + timedelta(hours=hour) for hour in range(25)]
    run = pl.DataFrame({"valid_utc": valid, "temp_f": curve_f[::12]})
    run = run.with_columns(source=pl.lit(source), issued_utc=issued_utc, known_utc=issued_utc)
    return pl.concat([FORECASTS.empty(), run], how="diagonal_relaxed")


def drawn(days=DAYS, *, every=1, first=0, seed=4, source="vc"):
    """Return days drawn from the model on one typical shape, and forecasts that are 2 °F too warm, give or take 1."""
    chance = np.random.default_rng(seed)
    air_f = SHAPE_F + BIAS_SD_F * chance.standard_normal((days + 1, 1))
    curve_f = air_f + ERROR_MEAN_F + ERROR_SD_F * chance.standard_normal((days + 1, 1))
    air_f = air_f + residuals(chance, days + 1)
    when = [ClimateDay(HERE, FIRST + timedelta(days=place - 1)) for place in range(days + 1)]
    obs = [reports(day, air_f[place], every=every, first=first) for place, day in enumerate(when)]
    return [
        DayData(
            day=day,
            obs=pl.concat(obs[place - 1 : place + 1]),
            forecasts=forecast(day, curve_f[place], source),
            markets=MARKETS.empty(),
            label_f=int(np.floor(air_f[place].max() + 0.5)),
            label_known_utc=day.end_utc + timedelta(hours=5),
        )
        for place, day in enumerate(when)
        if place
    ]


def fitted(days, **said):
    return fit_laws(days, city="chicago", fitted_utc=FITTED, snapshot=3, **said)


@pytest.fixture(scope="module")
def days() -> list[DayData]:
    return drawn()


@pytest.fixture(scope="module")
def laws(days) -> dict[Baseline, Law]:
    return fitted(days)


@pytest.mark.parametrize("baseline", [Baseline.TEMPLATE, Baseline.TIMELINE])
def test_the_residual_that_drew_the_days_is_found_again(laws, baseline):
    """Twenty-four days of five-minute reports in whole °F give ρ within 0.012 and the mean innovation within 10 %."""
    law = laws[baseline]

    assert pytest.approx(RHO, abs=0.012) == law.rho
    assert pytest.approx(SIGMA_F, rel=0.1) == np.mean(list(law.sigma_f.values()))


def test_the_spread_of_the_days_is_that_of_the_bias_before_any_report(laws):
    """Over the typical day δ has mean 0 and spread 3; over forecasts 2 °F too warm −2 and 1: within two errors."""
    template, timeline = laws[Baseline.TEMPLATE].biases[NO_REPORT], laws[Baseline.TIMELINE].biases[NO_REPORT]

    assert pytest.approx(0.0, abs=2 * BIAS_SD_F / np.sqrt(DAYS)) == template.mean_f
    assert pytest.approx(BIAS_SD_F, rel=0.3) == template.sd_f
    assert pytest.approx(-ERROR_MEAN_F, abs=4 * ERROR_SD_F / np.sqrt(DAYS)) == timeline.mean_f
    assert timeline.sd_f < 2.2


def test_a_level_that_is_seen_leaves_less_to_the_bias(laws):
    """Most of a typical day's level lasts, and δ given the level is narrower than δ without."""
    biases = laws[Baseline.TEMPLATE].biases

    assert biases["360-720"].share > 0.6
    assert biases["360-720"].sd_f < 0.75 * biases[NO_REPORT].sd_f


def test_hold_last_is_plain_persistence(laws):
    """Once there is a report all of it lasts and no bias is added; before it, and in the air, there is a spread."""
    law = laws[Baseline.HOLD_LAST]

    assert 0 == law.half_life_minutes
    assert {DayBias(mean_f=0.0, share=1.0, sd_f=0.0)} == {law.biases[str(lead)] for lead in LEADS}
    assert law.biases[NO_REPORT].sd_f > 0
    assert min(law.sigma_f.values()) > 0


def test_a_law_says_of_which_days_it_is_and_how_good(laws, days):
    """Range, count and snapshot are those of the days; the diagnostics are plain JSON without a NaN."""
    law = laws[Baseline.TEMPLATE]

    assert (days[0].day.event_date, days[-1].day.event_date, DAYS, 3) == (law.since, law.until, law.days, law.snapshot)
    said = json.loads(json.dumps(law.diagnostics, allow_nan=False))
    assert DAYS == said["days"] == said["station_offset_days"]
    assert 5 == said["cadence_minutes"]
    assert all(0.3 < middle["mean"] < 0.7 for middle in said["pit_in_sample"].values())


@pytest.mark.parametrize("baseline", list(Baseline))
def test_a_fitted_law_is_stored_and_read_back(laws, baseline):
    """A row of mc_params keeps every number of a law."""
    law = laws[baseline]
    row = law.row()
    back = Law.of_row("chicago", row.row(0, named=True))

    assert row.equals(back.row())
    assert law.biases == back.biases
    assert law.records == back.records


def test_nothing_is_learnt_from_labels_that_were_not_known():
    """A fit is the same with later days, whatever they say, as long as their labels came after it."""
    days = drawn(9, every=12, first=11, source="none")
    few, later = days[:7], days[7:]
    poisoned = [replace(data, label_f=150, obs=data.obs.with_columns(temp_f=140.0)) for data in later]
    known_utc, until = few[-1].label_known_utc, days[-1].day.event_date
    said = {"city": "chicago", "fitted_utc": known_utc, "snapshot": 3, "until": until}

    alone, beside = (fit_laws(one, **said) for one in (few, [*poisoned, *few]))

    assert alone.keys() == beside.keys()
    assert all(law.row().equals(beside[baseline].row()) for baseline, law in alone.items())


def test_days_after_the_last_one_or_without_a_label_are_left_out(days):
    """Only days up to `until` with a label that was known serve for training."""
    unsettled = replace(days[1], label_f=None)
    until = days[3].day.event_date

    chosen = training_days([days[0], unsettled, *days[2:]], until=until, fitted_utc=FITTED)
    early = training_days(days, until=until, fitted_utc=days[2].label_known_utc)

    assert [0, 2, 3] == [days.index(data) for data in chosen]
    assert days[:3] == early


def test_too_few_days_are_refused_with_the_number(days):
    """Six days, and a seventh that reports for five hours only, are not seven; the refusal says what there is."""
    short = replace(days[6], obs=days[6].obs.filter(pl.col("ts_utc") < days[6].day.start_utc + timedelta(hours=5)))

    with pytest.raises(NotEnoughData, match=r"needs 7 days .* 12 hours; there are 6 of 7"):
        fitted([*days[:6], short])
    with pytest.raises(NotEnoughData, match="there are 0 of 0"):
        fitted([])


def test_one_report_an_hour_gives_a_law_and_a_note():
    """Hourly reports fit; their maximum is none of the grid, so the station has no offset, and the law says so."""
    law = fitted(drawn(12, every=12, first=11))[Baseline.TEMPLATE]

    assert 60 == law.diagnostics["cadence_minutes"]
    assert 0 == law.station_offset_f
    assert ["no day with 250 five-minute reports: station offset taken as 0"] == law.diagnostics["notes"]
    assert pytest.approx(SIGMA_F, rel=0.25) == np.mean(list(law.sigma_f.values()))


def test_forecasts_of_too_few_days_give_no_law_of_forecasts(days):
    """With six days of forecasts there is a typical day and persistence only."""
    rare = [data if place < 6 else replace(data, forecasts=FORECASTS.empty()) for place, data in enumerate(days[:9])]

    assert [Baseline.TEMPLATE, Baseline.HOLD_LAST] == list(fitted(rare))


def test_forecasts_of_another_source_serve_where_the_usual_one_is_silent():
    """The law of forecasts names whose they are."""
    law = fitted(drawn(7, every=12, first=11, source="lamp"), sigma_by_lead=True)[Baseline.TIMELINE]

    assert "lamp" == law.forecast_source
    assert law.noise().by_lead


def test_the_station_offset_is_that_of_full_days(days):
    """Labels two degrees above the reports give 2 °F, drawn to zero as if ten more days had none."""
    past = past_days(days, city="chicago")
    warmer = [replace(day, label_f=int(np.nanmax(day.air_f)) + 2) for day in past]

    assert (pytest.approx(2 * DAYS / (DAYS + 10)), DAYS) == station_offset(warmer)
    assert (0.0, 0) == station_offset([])


def test_the_running_maximum_is_as_far_off_as_it_was(days):
    """Labels a degree above every exact maximum are learnt; kinds that no day has keep the usual law."""
    past = past_days(days, city="chicago")
    above = [replace(day, label_f=int(day.evidence.record_lo_f[-1]) + 1) for day in past]

    laws, told = record_law(above)

    assert {RecordKind.EXACT: DAYS, RecordKind.GROUP: 0, RecordKind.WHOLE_C: 0} == told
    assert laws[RecordKind.EXACT][1] > 0.8
    assert pytest.approx(0.95) == laws[RecordKind.GROUP][0]
    assert pytest.approx(np.ones(3)) == [sum(chances) for chances in laws.values()]
