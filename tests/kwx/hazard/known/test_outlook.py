"""Which curve an evaluation stands on, what that curve says, and where the day so far lies over it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.hazard.known.evidence import EVE_HOURS, Evidence, evidence_of
from kwx.hazard.known.levels import leads_minutes, levels
from kwx.hazard.known.outlook import Outlook, outlook_of
from kwx.hazard.known.timeline import Forecasts, timelines_of
from kwx.hazard.law import HOURS, LEADS, NO_REPORT, Baseline, DayBias, Law, RecordKind, hour_label
from kwx.hazard.question import STEPS
from pipelines.demo.forecasts import forecasts_frame
from pipelines.demo.observations import obs_frame
from pipelines.demo.weather import sky
from pipelines.demo.world import World
from warehouse.errors import Refused
from warehouse.lake.tables import FORECASTS, OBS
from warehouse.market.cities import city
from warehouse.market.climate_day import ClimateDay

DAY = ClimateDay(city("chicago"), date(2026, 11, 2))
TYPICAL_F = 55 - 10 * np.cos(2 * np.pi * (np.arange(STEPS + 1) - 36) / STEPS)
AIR = sky(World(days=3, until=DAY.event_date, cities=("chicago",), seed=11), "chicago")
FORECAST = forecasts_frame(World(days=3, until=DAY.event_date, cities=("chicago",), seed=11), AIR, DAY.event_date)
SPREAD = {str(lead): DayBias(mean_f=0, share=1, sd_f=1) for lead in LEADS}


def law(baseline, *, source=None, half_life_minutes=0.0) -> Law:
    """Return a plain law of one baseline."""
    return Law(
        city="chicago",
        baseline=baseline,
        forecast_source=source,
        rho=0.98,
        sigma_f={hour_label(hours): 0.4 for hours in HOURS},
        templates_f={"all": TYPICAL_F},
        half_life_minutes=half_life_minutes,
        biases=SPREAD | {NO_REPORT: DayBias(mean_f=0, share=0, sd_f=8)},
        tail_dof=None,
        station_offset_f=0.0,
        records=dict.fromkeys(RecordKind, (1.0, 0.0, 0.0, 0.0, 0.0)),
        fitted_utc=datetime(2026, 10, 1, tzinfo=UTC),
        since=date(2026, 8, 1),
        until=date(2026, 9, 30),
        days=60,
        snapshot=1,
    )


TEMPLATE = {Baseline.TEMPLATE: law(Baseline.TEMPLATE)}
HOLD_LAST = {Baseline.HOLD_LAST: law(Baseline.HOLD_LAST)}
BLEND = {Baseline.TIMELINE: law(Baseline.TIMELINE, source="nbm")}


def demo_obs() -> pl.DataFrame:
    world = World(days=3, until=DAY.event_date, cities=("chicago",), seed=11)
    frames = [obs_frame(world, AIR, when) for when in (DAY.event_date - timedelta(days=1), DAY.event_date)]
    return pl.concat(frames, how="diagonal").select(list(OBS.schema))


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """A day of the demo world as it was seen."""
    return evidence_of(DAY, demo_obs())


@pytest.fixture(scope="module")
def blind() -> Evidence:
    """A day without a single report."""
    return evidence_of(DAY, OBS.empty())


def run(issued, temp_f, *, known=None, high_f=None, source="nbm") -> pl.DataFrame:
    """Return one run, issued and known at minutes of the day, which tells temperatures at hours of it."""
    rows = [
        {
            "source": source,
            "issued_utc": DAY.start_utc + timedelta(minutes=issued),
            "known_utc": DAY.start_utc + timedelta(minutes=issued if known is None else known),
            "valid_utc": DAY.start_utc + timedelta(hours=hour),
            "temp_f": float(told_f),
            "high_f": high_f if hour == 24 else None,
        }
        for hour, told_f in temp_f.items()
    ]
    return pl.DataFrame(rows, schema=FORECASTS.schema)


HOURLY = {hour: 50.0 + (hour if hour < 15 else 30 - hour) for hour in range(1, 25)}


def at(minute):
    """Return the evaluation at a minute of the day."""
    return EVE_HOURS + minute // 5


def told(outlook: Outlook, minute):
    """Return the curve of the evaluation at a minute of the day."""
    return outlook.curves_f[outlook.curve[at(minute)]]


def test_without_a_forecast_the_typical_day_stands(evidence):
    """The template is the baseline of every evaluation, in one curve, and says why it is."""
    outlook = outlook_of(evidence, FORECASTS.empty(), TEMPLATE | BLEND)

    assert (1, STEPS + 1) == outlook.curves_f.shape
    assert np.array_equal(TYPICAL_F, outlook.curves_f[0])
    assert {Baseline.TEMPLATE} == set(outlook.baseline)
    assert {"template: no nbm forecast known"} == set(outlook.why)


def test_the_forecast_stands_from_when_it_is_known(blind):
    """Before that the template does; each names what it is."""
    outlook = outlook_of(blind, run(60, HOURLY, known=135), TEMPLATE | BLEND)

    assert [Baseline.TEMPLATE, Baseline.TIMELINE] == [outlook.baseline[at(minute)] for minute in (130, 135)]
    assert "template: no nbm forecast known" == outlook.why[at(130)]
    assert "timeline nbm 2026-11-02 07Z" == outlook.why[at(135)]
    assert np.array_equal(TYPICAL_F, told(outlook, 130))


def test_forecasts_of_other_vendors_do_not_count(blind):
    """A law speaks of the errors of one source."""
    outlook = outlook_of(blind, run(60, HOURLY, source="vc"), TEMPLATE | BLEND)

    assert {Baseline.TEMPLATE} == set(outlook.baseline)


def test_of_every_instant_the_newest_run_known_speaks(blind):
    """A newer run of fewer hours leaves the others as they were; an older one that comes late changes nothing."""
    newer, late = run(360, {15: 70.0, 16: 69.0}), run(0, {15: 99.0, 3: 51.0}, known=720)
    outlook = outlook_of(blind, pl.concat([run(60, HOURLY), newer, late]), BLEND | TEMPLATE)

    first, second, third = (told(outlook, minute)[[36, 168, 180]].tolist() for minute in (60, 360, 720))
    assert [53.0, 64.0, 65.0] == first
    assert [53.0, 64.0, 70.0] == second == third


def test_hours_are_joined_by_straight_lines(blind):
    """On the hour a curve is what was told, between hours their mean."""
    curve_f = told(outlook_of(blind, run(0, HOURLY), BLEND | HOLD_LAST), 0)

    assert list(HOURLY.values()) == curve_f[12::12].tolist()
    assert 0.5 * (HOURLY[9] + HOURLY[10]) == pytest.approx(curve_f[9 * 12 + 6])


def test_three_hourly_values_are_joined_without_overshooting(blind):
    """The curve passes through what was told, and between two values it stays between them."""
    values = {
        hour: float(told_f) for hour, told_f in zip(range(1, 25, 3), (50, 49, 49, 58, 66, 66, 57, 52), strict=True)
    }
    curve_f = told(outlook_of(blind, run(0, values), BLEND | HOLD_LAST), 0)

    assert list(values.values()) == pytest.approx(curve_f[12::36].tolist())
    pairs = [curve_f[place : place + 37] for place in range(12, 12 + 7 * 36, 36)]
    assert all(
        min(part[0], part[-1]) - 1e-9 <= part.min() <= part.max() <= max(part[0], part[-1]) + 1e-9 for part in pairs
    )
    assert not np.allclose(np.interp(np.arange(STEPS + 1), np.arange(12, 265, 36), list(values.values())), curve_f)


def test_beyond_its_ends_a_curve_goes_on_as_the_typical_day(blind):
    """The first and last value are carried on by the template's shape, or as they are without a template."""
    part = run(0, {hour: HOURLY[hour] for hour in range(9, 20)})
    shaped, flat = (told(outlook_of(blind, part, BLEND | other), 0) for other in (TEMPLATE, HOLD_LAST))

    assert np.diff(TYPICAL_F[:109]) == pytest.approx(np.diff(shaped[:109]))
    assert np.diff(TYPICAL_F[228:]) == pytest.approx(np.diff(shaped[228:]))
    assert {HOURLY[9]} == set(flat[:109].tolist())
    assert np.array_equal(shaped[108:229], flat[108:229])


def test_a_forecast_that_leaves_warm_hours_out_is_not_used(evidence):
    """One that ends at 15:00 says nothing of 17:30; the next run may fill that in."""
    morning, evening = run(0, dict.fromkeys(range(1, 16), 60.0)), run(1085, dict.fromkeys(range(19, 25), 50.0))
    outlook = outlook_of(evidence, pl.concat([morning, evening]), BLEND | TEMPLATE)

    assert "template: nbm 2026-11-02 06Z leaves warm hours out" == outlook.why[at(600)]
    assert Baseline.TEMPLATE is outlook.baseline[at(1080)]
    assert "timeline nbm 2026-11-03 00:05Z" == outlook.why[at(1110)]


def test_in_the_evening_all_the_rest_must_be_told(evidence):
    """A forecast that ends at 18:00 holds the warm hours; behind them it says nothing of the night."""
    outlook = outlook_of(evidence, run(0, {hour: HOURLY[hour] for hour in range(1, 19)}), BLEND | TEMPLATE)

    assert [Baseline.TIMELINE, Baseline.TEMPLATE] == [outlook.baseline[at(minute)] for minute in (1000, 1120)]


def test_a_run_that_repeats_the_last_one_is_no_new_curve(blind):
    """Curves are told apart by what they say; those that nobody stands on are not kept."""
    partial = run(-60, {15: 90.0})
    runs = pl.concat([partial, run(0, HOURLY), run(360, HOURLY), run(720, HOURLY | {20: 40.0})])
    outlook = outlook_of(blind, runs, BLEND | TEMPLATE)

    assert [0, 0, 1] == [int(outlook.curve[at(minute)]) - int(outlook.curve[at(0)]) for minute in (0, 360, 720)]
    assert (3, set(range(3))) == (len(outlook.curves_f), set(outlook.curve.tolist()))
    assert "timeline nbm 2026-11-02 12Z" == outlook.why[at(360)]


def test_a_stated_high_above_the_curve_is_told_and_not_used(blind):
    """The curve stays as the hours say."""
    plain, stated = (outlook_of(blind, run(0, HOURLY, high_f=high_f), BLEND | TEMPLATE) for high_f in (None, 68.0))

    assert np.array_equal(plain.curves_f, stated.curves_f)
    assert "timeline nbm 2026-11-02 06Z, which states a high of 68 above its curve's 65.0" == stated.why[at(60)]


def test_holding_the_last_report_needs_no_curve(evidence):
    """Zeros, over which the level is the last report; it is what stands where there is no other law."""
    outlook = outlook_of(evidence, FORECASTS.empty(), HOLD_LAST)

    assert not outlook.curves_f.any()
    assert np.array_equal(evidence.temp_f, outlook.level_f, equal_nan=True)
    assert {"hold_last: no law for the timeline, no law for the template"} == set(outlook.why)


@pytest.mark.parametrize("baseline", list(Baseline))
def test_a_baseline_can_be_asked_for(evidence, baseline):
    """Then no other one is chosen where it can stand."""
    outlook = outlook_of(evidence, FORECAST, TEMPLATE | HOLD_LAST | BLEND, baseline)

    assert {baseline} == set(outlook.baseline)


def test_what_cannot_stand_is_refused(blind):
    """A baseline without a law, or nothing to stand in for a forecast that is not there."""
    with pytest.raises(Refused, match="no fitted law for the baseline timeline"):
        outlook_of(blind, FORECAST, TEMPLATE, Baseline.TIMELINE)
    with pytest.raises(Refused, match="no fitted law to stand in for the forecast"):
        outlook_of(blind, FORECASTS.empty(), BLEND)
    with pytest.raises(Refused, match="no fitted law to stand in"):
        outlook_of(blind, FORECASTS.empty(), {})


def test_the_last_report_alone_anchors_the_template(evidence):
    """With a half life of 0 the level is the residual of the last report, so that nothing is left for the noise."""
    outlook = outlook_of(evidence, FORECASTS.empty(), TEMPLATE)

    known = ~np.isnan(evidence.temp_f)
    assert np.array_equal((evidence.temp_f - TYPICAL_F[evidence.step])[known], outlook.level_f[known])
    assert not np.isnan(outlook.level_f[8:]).any()


@pytest.mark.parametrize("half_life_minutes", [3.0, 90.0, 1e6])
@pytest.mark.parametrize("repeats", [False, True])
def test_a_level_is_the_forgetting_mean_of_what_was_known(evidence, half_life_minutes, repeats):
    """Evaluation by evaluation it is the plain sum over reports; over a template the half day before counts too."""
    named = np.array([repeats])
    curve = np.zeros(len(evidence), dtype=int)
    level_f = levels(evidence, TYPICAL_F[None], curve, half_life_minutes, repeats=named)

    for place in (5, 18, 19, 24, 60, 200, 306):
        heard = (evidence.reports_known <= place) & (evidence.reports_step >= (-144 if repeats else 0))
        step = evidence.reports_step[heard]
        over_f = evidence.reports_f[heard] - TYPICAL_F[step + STEPS * (step < 0)]
        weight = 0.5 ** (5.0 * (step.max(initial=0) - step) / half_life_minutes)
        expected = (weight @ over_f) / weight.sum() if len(step) else evidence.temp_f[place] - TYPICAL_F[0]
        assert expected == pytest.approx(level_f[place], nan_ok=True)


def test_no_level_without_a_report_or_a_curve(blind, evidence):
    """Nothing known is NaN, never zero."""
    nowhere = np.full(len(evidence), -1)

    assert np.isnan(levels(blind, TYPICAL_F[None], nowhere + 1, 60.0)).all()
    assert np.isnan(levels(evidence, TYPICAL_F[None], nowhere, 60.0)).all()
    assert np.isnan(leads_minutes(np.empty((0, STEPS + 1)), nowhere, evidence.step)).all()


def test_the_last_minutes_are_measured_from_the_end_of_the_curve():
    """A report of 23:58 stands at step 288, not at the next day's step 0."""
    last = demo_obs().filter(pl.col("source") == "metar").tail(1)
    closing = DAY.start_utc + timedelta(minutes=1438)
    seen = evidence_of(DAY, last.with_columns(ts_utc=pl.lit(closing), known_utc=pl.lit(closing), temp_f=pl.lit(60.0)))
    rising_f = np.linspace(40, 70, STEPS + 1)[None]

    assert -10.0 == levels(seen, rising_f, np.zeros(len(seen), dtype=int), 60.0, repeats=np.array([True]))[-1]


def test_reports_of_a_stuck_station_do_not_move_the_level():
    """What follows the first report of a standstill is not the air."""
    obs = demo_obs()
    late = pl.col("ts_utc") > DAY.start_utc + timedelta(hours=10)
    still = obs.with_columns(
        *(pl.when(late).then(52).otherwise(name).cast(OBS.schema[name]).alias(name) for name in DEGREES)
    )
    stuck = evidence_of(DAY, still)

    outlook = outlook_of(stuck, FORECASTS.empty(), {Baseline.TEMPLATE: law(Baseline.TEMPLATE, half_life_minutes=60.0)})
    assert "stuck since 10:05" in stuck.quality[-1]
    assert outlook.level_f[at(605) + 2] == pytest.approx(outlook.level_f[-1], abs=0.5)


DEGREES = ("temp_f", "temp_lo_f", "temp_hi_f")


def test_the_lead_is_that_of_the_warmest_step_to_come(evidence):
    """From the last report to the first of the warmest later steps; none is left at the end."""
    outlook = outlook_of(evidence, FORECAST, TEMPLATE | BLEND)

    for place, step in enumerate(evidence.step.tolist()):
        later_f = outlook.curves_f[outlook.curve[place], step + 1 :]
        expected = 5 * (1 + int(later_f.argmax())) if len(later_f) else 0
        assert expected == outlook.lead_minutes[place]
    assert [0] == leads_minutes(TYPICAL_F[None], np.zeros(1, dtype=int), np.array([STEPS])).tolist()


@pytest.mark.parametrize("source", ["vc", "nbm"])
def test_the_demo_forecasts_follow_the_air(evidence, source):
    """Known the day before already, and within a few degrees of what came."""
    timelines = timelines_of(evidence, Forecasts(FORECAST), source, template_f=TYPICAL_F)
    air_f = AIR.temperature_of(AIR.place(DAY.event_date))[4::5] / 5

    assert timelines.curve.min() >= 0
    assert np.abs(timelines.curves_f[timelines.curve[at(0)]][1:] - air_f).mean() < 5


@pytest.mark.parametrize("minute", [-900, -300, 0, 400, 725, 1100])
@pytest.mark.parametrize("fate", ["poisoned", "deleted"])
def test_nothing_is_told_before_it_is_known(minute, fate):
    """Whatever becomes of later reports and forecasts, every evaluation up to an instant stays the same to the bit."""
    instant = DAY.start_utc + timedelta(minutes=minute)
    laws = {kind: law(kind, source="nbm", half_life_minutes=45.0) for kind in (Baseline.TEMPLATE, Baseline.TIMELINE)}
    changed = [altered(frame, instant, fate) for frame in (demo_obs(), FORECAST)]
    seen, saw = evidence_of(DAY, demo_obs()), evidence_of(DAY, changed[0])
    outlook, other = outlook_of(seen, FORECAST, laws), outlook_of(saw, changed[1], laws)

    until = int((seen.ts_utc <= instant).sum())
    assert until > 0
    assert np.array_equal(outlook.curves_f[outlook.curve[:until]], other.curves_f[other.curve[:until]])
    assert np.array_equal(outlook.level_f[:until], other.level_f[:until], equal_nan=True)
    assert np.array_equal(outlook.lead_minutes[:until], other.lead_minutes[:until])
    assert outlook.why[:until] == other.why[:until]


def altered(frame: pl.DataFrame, instant: datetime, fate: str) -> pl.DataFrame:
    """Return a frame whose rows of the future are gone, or warmer by forty degrees and half an hour later."""
    late = pl.col("known_utc") > instant
    warmer = [(pl.col(name) + 40).alias(name) for name in (*DEGREES, "high_f") if name in frame.columns]
    poison = frame.filter(late).with_columns(*warmer, pl.col("known_utc") + timedelta(minutes=30))
    return pl.concat([frame.filter(~late), poison] if fate == "poisoned" else [frame.filter(~late)])
