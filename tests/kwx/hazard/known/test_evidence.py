"""What is known of a day and from when on: late reports, whole °C, groups, and everything that is no measurement."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.hazard.known.evidence import EVE_HOURS, Evidence, evaluations_utc, evidence_at, evidence_of
from kwx.hazard.known.reports import heard_of
from kwx.hazard.law import RecordKind
from pipelines.demo.observations import obs_frame
from pipelines.demo.weather import sky
from pipelines.demo.world import World
from pipelines.payload import Payload
from pipelines.transform.grids import observation_grid
from pipelines.weather.ncei_hourly import parse_ncei_hourly
from warehouse.lake.tables import OBS
from warehouse.market.cities import city
from warehouse.market.climate_day import ClimateDay

DAY = ClimateDay(city("chicago"), date(2026, 11, 3))
WORLD = World(days=3, until=date(2026, 11, 2), cities=("chicago",), seed=11)
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)
NOON = 720


def report(minute, temp_f, *, known=None, source="metar", day=DAY, **said):
    """Return one report, told exactly and known at once but for what is said; minutes are those of the day."""
    row = {
        "ts_utc": day.start_utc + timedelta(minutes=minute),
        "known_utc": day.start_utc + timedelta(minutes=minute if known is None else known),
        "source": source,
        "station": day.city.station,
        "temp_f": float(temp_f),
        "temp_lo_f": round(temp_f) if abs(temp_f) < 900 else 0,
        "temp_hi_f": round(temp_f) if abs(temp_f) < 900 else 0,
        "is_whole_c": False,
        "is_filled": False,
    }
    return row | said


def every(first, last, temp_f, *, minutes=5, **said):
    """Return the same report every few minutes, the last minute included."""
    return [report(minute, temp_f, **said) for minute in range(first, last + 1, minutes)]


def seen(*reports, day=DAY) -> Evidence:
    """Return the evidence of some reports."""
    return evidence_of(day, pl.DataFrame(list(reports), schema=OBS.schema))


def at(minute):
    """Return the evaluation at a minute of the day."""
    return EVE_HOURS + minute // 5


def demo_obs(event_date=WORLD.until) -> pl.DataFrame:
    air = sky(WORLD, "chicago")
    frames = [obs_frame(WORLD, air, when) for when in (event_date - timedelta(days=1), event_date)]
    return pl.concat(frames, how="diagonal").select(list(OBS.schema))


def test_a_day_is_evaluated_hourly_on_its_eve_and_then_at_every_step():
    """Eighteen hours, the opening midnight, 288 steps; the grid stands still until the day begins."""
    evidence = seen()

    before = (DAY.start_utc - evidence.ts_utc[:19]).dt.total_hours().to_list()
    assert list(range(18, -1, -1)) == before
    assert [*[0] * 19, *range(1, 289)] == evidence.now_step.tolist()
    assert DAY.minutes_utc(step_minutes=5).to_list() == evidence.ts_utc[19:].to_list()


def test_a_day_without_reports_knows_nothing_and_says_so():
    """No number stands for what is not known."""
    evidence = seen()

    assert np.isnan(evidence.temp_f).all()
    assert {None} == set(evidence.record_kind)
    assert {"no report"} == set(evidence.quality)
    assert 0 == len(evidence.reports_f) == evidence.step.max()


@pytest.mark.parametrize(("known", "first"), [(713, 715), (715, 715), (716, 720)])
def test_a_report_stands_at_the_nearest_step_once_it_is_known(known, first):
    """A report of 11:53 is the air of 11:55, from the first evaluation on that has it."""
    evidence = seen(report(713, 61.0, known=known))

    assert np.isnan(evidence.temp_f[at(first) - 1])
    assert (143, 61.0) == (evidence.step[at(first)], evidence.temp_f[at(first)])
    assert [at(first)] == evidence.reports_known.tolist()
    assert (evidence.step <= evidence.now_step).all()


def test_an_older_report_that_comes_later_moves_the_record_only():
    """The youngest stamp is the air that is known; a maximum is a maximum whenever it arrives."""
    evidence = seen(report(700, 66.0, known=760), report(NOON, 60.0, known=725))

    assert {60.0} == set(evidence.temp_f[at(725) :].tolist())
    assert [60, 66] == evidence.record_lo_f[[at(755), at(760)]].tolist()


def test_the_order_of_rows_does_not_matter():
    """Shuffled rows say the same, to the bit."""
    obs, day = demo_obs(), ClimateDay(city("chicago"), WORLD.until)

    assert_same(evidence_of(day, obs), evidence_of(day, obs.sample(fraction=1, shuffle=True, seed=3)), until=307)


def test_reports_give_the_state_and_maximum_of_the_stored_grid():
    """Without groups the evidence is the five-minute grid of the lake, in state and in both bounds of the maximum."""
    nothing = pl.lit(None, pl.Int32)
    obs, day = demo_obs().with_columns(max_6h_f=nothing, max_24h_f=nothing), ClimateDay(city("chicago"), WORLD.until)
    evidence, grid = evidence_of(day, obs), observation_grid(obs, day=day, step_minutes=5)

    assert grid["temp_f"].to_list() == evidence.temp_f[19:].tolist()
    known = grid["run_max_lo_f"].is_not_null().to_numpy()
    assert known.tolist() == [kind is not None for kind in evidence.record_kind[19:]]
    assert grid["run_max_lo_f"].drop_nulls().to_list() == evidence.record_lo_f[19:][known].tolist()
    assert grid["run_max_hi_f"].drop_nulls().to_list() == evidence.record_hi_f[19:][known].tolist()


@pytest.mark.parametrize(("minute", "temp_f", "word"), [(-7, 50.0, ""), (-60, 50.0, ""), (-65, np.nan, "air unknown")])
def test_the_air_of_the_opening_midnight_is_that_of_the_last_hour(minute, temp_f, word):
    """A last report of the eve at most an hour old is the air of step 0, from midnight on, and never a record."""
    evidence = seen(report(minute, 50.0))

    assert np.isnan(evidence.temp_f[: at(0)]).all()
    assert np.array_equal([temp_f, temp_f], evidence.temp_f[[at(0), at(60)]], equal_nan=True)
    assert (0, word) == (evidence.step[at(60)], evidence.quality[at(60)])
    assert {None} == set(evidence.record_kind)


def test_a_station_that_falls_silent_is_still_read_and_marked_as_old():
    """Half a day is missing: the last report stays the last, and after three hours its age is told."""
    evidence = seen(*every(0, NOON - 60, 52.0, minutes=60), report(NOON, 55.0))

    assert (144, 55.0) == (evidence.step[-1], evidence.temp_f[-1])
    assert "last report 720 min old" in evidence.quality[-1]
    assert "old" not in evidence.quality[at(NOON + 175)]


def test_of_two_reports_with_one_stamp_the_exact_one_counts():
    """Then the station's own bulletin before other sources."""
    whole = report(NOON, 60.8, source="asos1min", is_whole_c=True)
    evidence = seen(whole, report(NOON, 62.1, source="vc"), report(NOON, 61.0))

    assert (61.0, 0.29) == (evidence.temp_f[at(NOON)], evidence.temp_sd_f[at(NOON)])


def test_a_whole_celsius_report_is_an_interval():
    """26 °C is 78 or 79 °F until something exact decides between them."""
    whole = {"is_whole_c": True, "temp_lo_f": 78, "temp_hi_f": 79, "source": "vc"}
    evidence = seen(report(NOON, 78.8, **whole), report(NOON + 5, 79.0))

    record = list(zip(evidence.record_lo_f, evidence.record_hi_f, evidence.record_kind, strict=True))
    assert [(78, 79, RecordKind.WHOLE_C), (79, 79, RecordKind.EXACT)] == record[at(NOON) : at(NOON) + 2]
    assert 0.52 == evidence.temp_sd_f[at(NOON)]


@pytest.mark.parametrize("spike_f", [95.0, 20.0])
def test_a_spike_is_neither_state_nor_record(spike_f):
    """A jump that nothing confirms counts nowhere and is told; all other reports count as if it were not there."""
    usual = every(600, 900, 60.0)
    calm, struck = seen(*usual), seen(*usual, report(NOON + 2, spike_f, source="vc"))

    assert np.array_equal(calm.temp_f, struck.temp_f, equal_nan=True)
    assert np.array_equal(calm.record_hi_f, struck.record_hi_f)
    assert np.array_equal(calm.reports_known, struck.reports_known)
    assert "jump at 12:02 unconfirmed" in struck.quality[at(NOON + 5)]
    assert "jump" not in struck.quality[at(NOON)]


def test_a_front_is_believed_from_the_next_report_on():
    """A fall by 16 °F within five minutes is real once another report says the same, or goes on falling."""
    evidence = seen(*every(600, 700, 70.0), report(705, 54.0), report(710, 51.0), report(715, 50.0))

    assert [70.0, 70.0, 51.0, 50.0] == evidence.temp_f[[at(minute) for minute in (700, 705, 710, 715)]].tolist()
    assert [at(710), at(710), at(715)] == evidence.reports_known[-3:].tolist()


@pytest.mark.parametrize(("minute", "temp_f", "believed"), [(2, 80.0, False), (5, 82.0, True), (5, 84.0, False)])
def test_a_rise_is_confirmed_by_another_measurement_alone(minute, temp_f, believed):
    """Within 2.5 °F, and not so near that it may be the relay of the very same reading."""
    rise, second = report(NOON, 80.0), report(NOON + minute, temp_f, source="vc")
    evidence = seen(*every(600, 715, 60.0), rise, second)

    assert (80 if believed else 60) <= evidence.record_lo_f[-1] <= (82 if believed else 60)


def test_a_group_confirms_a_rise_of_its_hours():
    """The maximum of a bulletin at 17:53 that reaches the spike of noon makes it a measurement, from then on."""
    group = report(1073, 60.0, max_6h_f=80)
    evidence = seen(*every(600, 715, 60.0), report(NOON, 80.0), *every(725, 1070, 60.0), group)

    assert 80.0 in evidence.reports_f
    assert at(1075) == evidence.reports_known[evidence.reports_f == 80.0].item()


def test_a_late_report_may_explain_a_rise():
    """Two steps of seven degrees are no jump, but that is known only when the report between them is."""
    evidence = seen(*every(600, 715, 62.0), report(720, 69.0, known=840), report(725, 76.0, known=728))

    assert [at(840), at(840)] == evidence.reports_known[-2:].tolist()
    assert [62, 76] == evidence.record_lo_f[[at(835), at(840)]].tolist()


@pytest.mark.parametrize(("rise_f", "believed"), [(12, True), (40, False)])
def test_after_a_pause_the_air_may_have_warmed(rise_f, believed):
    """Twelve degrees in an hour are a sunny morning, forty are a fault."""
    evidence = seen(report(600, 50.0), report(660, 50.0 + rise_f))

    assert believed == (evidence.temp_f[-1] > 50)


@pytest.mark.parametrize("nothing", [999.9, -99.9, 9999.0, float("nan"), float("inf")])
def test_marks_of_nothing_are_left_out(nothing):
    """What no air ever was is no report, and its evaluation says that it was refused."""
    impossible = report(NOON + 5, 0) | {"temp_f": nothing}
    evidence = seen(report(NOON, 60.0), impossible)

    assert 60.0 == evidence.temp_f[-1]
    assert "impossible report left out" in evidence.quality[at(NOON + 5)]
    assert not evidence.quality[at(NOON)]


def test_a_repeated_report_says_nothing():
    """A filled row neither refreshes the state nor enters the record."""
    evidence = seen(report(NOON, 60.0), report(NOON + 60, 64.0, is_filled=True))

    assert (144, 60.0, 60) == (evidence.step[-1], evidence.temp_f[-1], evidence.record_hi_f[-1])


def test_a_stuck_station_is_known_only_as_far_as_it_moved():
    """After six hours of one degree the first of them is the last report; when it moves again all is well."""
    evidence = seen(*every(300, 475, 58.0), *every(480, 900, 61.0), report(905, 63.0))

    assert 95 == evidence.step[at(475)]
    assert (168, "") == (evidence.step[at(840) - 1] + 1, evidence.quality[at(835)])
    assert (96, "stuck since 08:00") == (evidence.step[at(840)], evidence.quality[at(840)])
    assert (181, "") == (evidence.step[at(905)], evidence.quality[at(905)])


@pytest.mark.parametrize("event_date", [SPRING, AUTUMN])
def test_a_day_of_clock_change_has_288_steps_like_any_other(event_date):
    """The day is local standard time: a report just before its closing midnight is its own, one at it is not."""
    day = ClimateDay(city("chicago"), event_date)
    evidence = seen(report(1435, 70.0, day=day), report(1440, 75.0, day=day), day=day)

    assert (307, 288) == (len(evidence), evidence.now_step[-1])
    assert (70, 287) == (evidence.record_hi_f[-1], evidence.step[-1])


@pytest.mark.parametrize(
    ("minute", "counts"),
    [(-7, False), (53, False), (293, False), (353, False), (360, True), (413, True), (713, True), (1433, True)],
)
def test_a_group_counts_where_all_its_hours_are_of_the_day(minute, counts):
    """Six hours before the bulletin, or before the next full hour: one that may reach into the eve says nothing."""
    evidence = seen(report(minute, 60.0, max_6h_f=75))

    assert (75 if counts else 60) == evidence.record_lo_f[-1] or minute < 0
    assert counts == (evidence.record_kind[-1] is RecordKind.GROUP)


def test_a_group_decides_what_its_reports_can_mean():
    """26 °C told within its hours means no more than its 78 °F, once it is known; a later 26 °C may again be 79."""
    whole = {"temp_lo_f": 78, "temp_hi_f": 79, "is_whole_c": True}
    group = report(713, 70.0, known=718, max_6h_f=78)
    evidence = seen(report(600, 78.8, **whole), group, report(800, 78.8, **whole))

    record = list(zip(evidence.record_lo_f, evidence.record_hi_f, evidence.record_kind, strict=True))
    assert (78, 79, RecordKind.WHOLE_C) == record[at(715)]
    assert (78, 78, RecordKind.GROUP) == record[at(720)]
    assert (78, 79, RecordKind.WHOLE_C) == record[at(800)]


def test_a_group_below_its_own_reports_is_not_believed():
    """What was reported was reached; a later report may exceed a group."""
    evidence = seen(report(700, 80.0), report(713, 79.0, max_6h_f=78), report(NOON, 82.0))

    assert [80, 82] == evidence.record_lo_f[[at(715), at(NOON)]].tolist()
    assert RecordKind.EXACT is evidence.record_kind[at(715)]


@pytest.mark.parametrize(
    ("max_f", "is_told", "record_f"),
    [(125, True, 60), (69, True, 60), (68, False, 68), (52, False, 60), (51, True, 60)],
)
def test_a_garbled_group_counts_nowhere(max_f, is_told, record_f):
    """More than 8 °F above all reports of its hours, or below one of them, it is left out from the first, and told."""
    evidence = seen(*every(300, 900, 60.0), report(713, 60.0, max_6h_f=max_f))

    told = ["impossible group left out" in words for words in evidence.quality]
    assert [is_told and place >= at(715) for place in range(len(told))] == told
    assert (record_f, record_f) == (evidence.record_lo_f[-1], evidence.record_hi_f[-1])


def test_a_garbled_group_confirms_no_spike():
    """Both are refused: they do not say the same."""
    evidence = seen(*every(300, 700, 60.0), report(705, 95.0), report(713, 60.0, max_6h_f=125), report(720, 60.0))

    assert 60 == evidence.record_hi_f[-1]
    assert evidence.quality[at(720)].endswith("jump at 11:45 unconfirmed; impossible group left out")


@pytest.mark.parametrize(("silent", "max_f"), [(range(480, 590), 60), (range(480, 600), 75), (range(360, 714), 75)])
def test_a_group_that_tells_of_silent_hours_is_believed(silent, max_f):
    """Where two hours of its span pass without a report, the air may have been warmer than all that is known."""
    heard = [one for minute in range(0, 900, 10) if minute not in silent for one in every(minute, minute, 60.0)]
    evidence = seen(*heard, report(715, 60.0, max_6h_f=75))

    assert max_f == evidence.record_hi_f[-1]


def test_a_group_that_was_left_out_stays_so():
    """Reports that come later and reach it do not bring it back: they are themselves what is known of the maximum."""
    late = every(600, 660, 74.0, known=800)
    evidence = seen(*every(300, 900, 60.0, minutes=15), *late, report(713, 60.0, max_6h_f=80))

    assert [60, 74] == evidence.record_hi_f[[at(795), at(800)]].tolist()
    assert "impossible group left out" in evidence.quality[-1]


def test_the_group_of_the_whole_day_counts_in_the_last_hour_alone():
    """The bulletin that ends the day tells its maximum; the same words an hour earlier are of another day."""
    early, last = (seen(report(minute, 60.0, max_24h_f=77)) for minute in (1373, 1433))

    assert [60, 77] == [early.record_lo_f[-1], last.record_lo_f[-1]]


@pytest.mark.parametrize("minute", [-300, 0, 360, 725, 1100])
@pytest.mark.parametrize("fate", ["poisoned", "deleted"])
def test_nothing_is_seen_before_it_is_known(minute, fate):
    """Whatever becomes of later reports, every evaluation up to an instant stays the same to the bit."""
    day, obs = ClimateDay(city("chicago"), WORLD.until), struck_obs()
    instant = day.start_utc + timedelta(minutes=minute)
    late = pl.max_horizontal("ts_utc", "known_utc") > instant
    changed = obs.filter(~late) if fate == "deleted" else pl.concat([obs.filter(~late), poisoned(obs.filter(late))])
    evidence = evidence_of(day, obs)

    assert_same(evidence, evidence_of(day, changed), until=int((evidence.ts_utc <= instant).sum()))


@pytest.mark.parametrize("minute", [-300, 0, 365, 725, 1100, 1440])
@pytest.mark.parametrize("told", ["struck", "plain"])
def test_some_evaluations_say_what_they_say_among_all(minute, told):
    """One evaluation, or a few, seen by themselves: the same to the bit, spikes, groups and stuck stretches and all."""
    day, obs = ClimateDay(city("chicago"), WORLD.until), struck_obs() if told == "struck" else demo_obs()
    every, heard = evidence_of(day, obs), heard_of(day, evaluations_utc(day), obs)
    number = int((every.ts_utc <= day.start_utc + timedelta(minutes=minute)).sum()) - 1

    for which in ([number], [0, number // 2, number]):
        some = evidence_at(day, heard, np.array(which))
        assert every.ts_utc.gather(which).equals(some.ts_utc)
        for name in ("now_step", "step", "temp_f", "temp_sd_f", "record_lo_f", "record_hi_f"):
            assert np.array_equal(getattr(every, name)[which], getattr(some, name), equal_nan=True), name
        for name in ("record_kind", "quality"):
            assert [getattr(every, name)[one] for one in which] == list(getattr(some, name)), name
        known = every.reports_known <= number
        assert np.array_equal(every.reports_f[known], some.reports_f)


def struck_obs() -> pl.DataFrame:
    """Return two days of demo reports with spikes, a front, late arrivals, a stuck stretch, a sentinel, bad groups."""
    obs = demo_obs().sort("ts_utc", "source").with_row_index("place")
    place = pl.col("place")
    jump_f = pl.when(place % 41 == 7).then(30.0).when(place % 67 == 9).then(-25.0).otherwise(0.0)
    front_f = pl.when(place > 480).then(-15.0).otherwise(0.0)
    late = pl.when(place % 13 == 5).then(pl.duration(minutes=95)).otherwise(pl.duration(minutes=0))
    stuck = place.is_between(390, 500)
    whole = (jump_f + front_f).cast(pl.Int32)
    temp_f = pl.when(stuck).then(60.0).when(place == 350).then(999.9).otherwise(pl.col("temp_f") + jump_f + front_f)
    return obs.with_columns(
        temp_f.alias("temp_f"),
        *(pl.when(stuck).then(60).otherwise(pl.col(name) + whole).cast(pl.Int32).alias(name) for name in BOUNDS),
        pl.when(pl.col("max_6h_f").cum_count() % 2 == 0).then(pl.col("max_6h_f") + 40).otherwise("max_6h_f"),
        (pl.col("known_utc") + late).alias("known_utc"),
    ).drop("place")  # fmt: skip


BOUNDS = ("temp_lo_f", "temp_hi_f")


def poisoned(obs: pl.DataFrame) -> pl.DataFrame:
    """Return reports that say something else, at another time of their future."""
    return obs.with_columns(
        pl.col("temp_f") + 37,
        *(pl.col(name) + 37 for name in (*BOUNDS, "max_6h_f", "max_24h_f")),
        pl.lit(True).alias("is_whole_c"),
        pl.col("known_utc") + pl.duration(minutes=35),
    )


def assert_same(one: Evidence, other: Evidence, *, until: int) -> None:
    """Compare everything that the first evaluations know."""
    assert until > 0
    for name in ("step", "temp_f", "temp_sd_f", "record_lo_f", "record_hi_f"):
        assert np.array_equal(getattr(one, name)[:until], getattr(other, name)[:until], equal_nan=True), name
    assert one.record_kind[:until] == other.record_kind[:until]
    assert one.quality[:until] == other.quality[:until]
    mine, theirs = one.reports_known < until, other.reports_known < until
    for name in ("reports_step", "reports_f", "reports_known"):
        assert np.array_equal(getattr(one, name)[mine], getattr(other, name)[theirs]), name


def test_the_record_of_a_recorded_month_is_what_the_day_settled_on(recorded):
    """At the end of each day of July 2022 in Miami the record is told by a group, and no jump was refused."""
    body = (recorded("metar_kmia") / "KMIA_2022.csv.gz").read_bytes()
    received = datetime(2026, 1, 1, tzinfo=UTC)
    asked = {"city": "miami", "since": "2022-06-30", "until": "2022-07-31"}
    obs = next(parse_ncei_hourly([Payload(kind="ncei_hourly", asked=asked, body=body, received_utc=received)])).frame
    days = [ClimateDay(city("miami"), date(2022, 7, 1) + timedelta(days=later)) for later in range(31)]
    seen_days = [evidence_of(day, obs) for day in days]

    assert {RecordKind.GROUP} == {evidence.record_kind[-1] for evidence in seen_days}
    assert not any("jump" in words for evidence in seen_days for words in evidence.quality)
    assert not any("stuck" in words for evidence in seen_days for words in evidence.quality)
    assert not any("group" in words for evidence in seen_days for words in evidence.quality)
