"""Days run from the lake: what is stored, what is held already, what is refused, and that nobody saw the future."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import sleep

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kwx.hazard.advice import how_to_fit
from kwx.hazard.backfill import backfill, computed_day, run_day, run_task
from kwx.hazard.drafts import Drafts
from kwx.hazard.fits import fit_before, fits_of
from kwx.hazard.inputs import Inputs
from kwx.hazard.known.days import read_days
from kwx.hazard.law import HOURS, Baseline, hour_label
from kwx.hazard.plan import RunTask, Wish
from kwx.hazard.recipe import Recipe
from kwx.hazard.rows import joined_degrees, joined_minutes
from kwx.hazard.run import run_days
from warehouse.errors import LakeBusy, Refused, Usage
from warehouse.lake.checks import run_checks
from warehouse.lake.lock import writer_lock
from warehouse.lake.store import Lake
from warehouse.lake.tables import FORECASTS, MARKETS, MC_PARAMS, OBS, PMF_DEGREES, PMF_MINUTE, Partition
from warehouse.market.cities import CITIES

CITY = "chicago"
DAY = date(2026, 11, 2)
PARTITION = Partition(CITY, DAY)
RECIPE = Recipe()
ROUNDING = 5e-6  # the lattice is solved in single precision, all evaluations of a day at once
SOLVED = ("p_wx", "hazard_next_5m", "hazard_next_60m")
CLOSING = datetime(2026, 11, 3, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def ran(hazard_lake):
    """The rows of one day as the lake holds them."""
    snapshot = Lake(hazard_lake).snapshot()
    return snapshot.read(PMF_DEGREES, PARTITION), snapshot.read(PMF_MINUTE, PARTITION)


def test_a_day_is_stored_at_each_of_its_evaluations(ran):
    """18 hours of the eve, the opening midnight and 288 steps; each distribution sums to one and says what it used."""
    degrees, _ = ran

    assert (307, CLOSING) == (degrees.height, degrees["ts_utc"].max())
    assert np.allclose(1, degrees["p"].list.sum(), atol=1e-12)
    assert degrees["p"].list.eval(pl.element() >= 0).list.all().all()
    assert degrees["quality"].str.contains("timeline vc|template").all()


def test_brackets_are_the_sums_of_the_stored_degrees(ran, hazard_lake):
    """p_wx is nothing but the mass of pmf_degrees between the bounds of the bracket."""
    degrees, minutes = ran
    market = Lake(hazard_lake).snapshot().read(MARKETS, PARTITION).sort("bracket_order").row(2, named=True)
    size = pl.col("p").list.len().cast(pl.Int32)
    flat = degrees.with_columns(f=pl.int_ranges(pl.col("first_f"), pl.col("first_f") + size)).explode("f", "p")
    inside = flat.filter(pl.col("f").is_between(market["low_f"], market["high_f"]))
    ours = minutes.filter(pl.col("market_ticker") == market["market_ticker"]).select("ts_utc", "p_wx")

    joined = ours.join(inside.group_by("ts_utc").agg(pl.col("p").sum()), on="ts_utc", how="left").fill_null(0.0)

    assert np.allclose(joined["p"], joined["p_wx"], atol=1e-12)


def test_minutes_begin_when_the_market_opens_and_hazards_with_the_first_report(ran, hazard_lake):
    """Nothing is told before a market trades; on the eve there is no running maximum to exceed."""
    _, minutes = ran
    open_utc = Lake(hazard_lake).snapshot().read(MARKETS, PARTITION)["open_utc"].min()
    on_eve = minutes.filter(pl.col("ts_utc") < CLOSING - timedelta(days=1))

    assert open_utc == minutes["ts_utc"].min()
    assert on_eve.height > 0
    assert on_eve.select("hazard_next_5m", "m_run_temp_f", "m_run_lo_f").null_count().row(0) == (on_eve.height,) * 3
    last = minutes.filter(pl.col("ts_utc") == CLOSING)
    assert (0.0, 0.0) == (last["hazard_next_5m"].max(), last["hazard_next_60m"].max())


def test_the_running_maximum_lies_in_what_it_can_mean(ran):
    """m_run_temp_f rounds to a degree of its interval."""
    minutes = ran[1].drop_nulls("m_run_temp_f")

    assert minutes.height > 1_000
    assert minutes.select(
        pl.col("m_run_temp_f").is_between(pl.col("m_run_lo_f") - 0.5, pl.col("m_run_hi_f") + 0.5).all()
    ).item()


def test_a_stopped_backfill_goes_on_and_a_finished_one_has_nothing_to_do(own_lake, law_of):
    """Finished days wait as drafts while another process writes; the next run takes them, publishes, and is done."""
    wish = Wish(cities=(CITY,), since=date(2026, 10, 31), recipe=RECIPE)
    with writer_lock(Lake(own_lake).paths.lock, purpose="another"), pytest.raises(LakeBusy):
        backfill(wish, own_lake, workers=1, wait_seconds=0)
    kept = list(Drafts(Lake(own_lake).paths).folder.iterdir())

    second = backfill(wish, own_lake, workers=1)
    third = backfill(wish, own_lake, workers=1)

    assert 1 == len(kept)
    assert ["finished before", "held", "held"] == [day.state for day in second.days]
    assert second.built.changed
    assert (None, ["held"] * 3) == (third.built, [day.state for day in third.days])
    assert [] == list(Drafts(Lake(own_lake).paths).folder.iterdir())


def killed_at_its_first_draft(root):
    """Return how a backfill of two cities ended in a process of its own, killed with its workers at the first draft."""
    words = [
        "hazard",
        "backfill",
        "--since",
        "2026-10-31",
        "--baseline",
        "template",
        "--panel",
        "--workers",
        "1",
        "--lake",
        root,
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    running = subprocess.Popen(
        [sys.executable, "-m", "kwx", *map(str, words)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    while running.poll() is None and not drafts_of(root):
        sleep(0.005)
    os.killpg(running.pid, signal.SIGKILL)
    return running.wait(timeout=10)


def drafts_of(root):
    """Return the names of the whole drafts of a lake."""
    return {one.name for one in Drafts(Lake(root).paths).folder.glob("*") if "." not in one.name}


def chances(root):
    """Return what a lake holds of the forced template: p of every degree, and p_wx of every bracket."""
    ours, snapshot = pl.col("mc_version") == "v1_grid5_lattice_template", Lake(root).snapshot()
    degrees, minutes = (snapshot.scan(table).filter(ours).collect() for table in (PMF_DEGREES, PMF_MINUTE))
    size = pl.col("p").list.len().cast(pl.Int32)
    flat = degrees.with_columns(f=pl.int_ranges(pl.col("first_f"), pl.col("first_f") + size)).explode("f", "p")
    of_degree = flat.select("city", "ts_utc", pl.format("{} {}", "event_date", "f").alias("of"), "p")
    of_bracket = minutes.select("city", "ts_utc", pl.col("market_ticker").alias("of"), pl.col("p_wx").alias("p"))
    return pl.concat([of_degree, of_bracket])


@pytest.mark.slow
def test_a_backfill_that_is_killed_leaves_the_lake_whole_and_the_next_one_finishes(own_lake, put, law_of):
    """Killed at the first draft: the old snapshot stays as it was; the next run takes the drafts and ends the same."""
    put(own_lake, MC_PARAMS, law_of(city="nyc").row(), Partition("nyc"))
    other = Path(shutil.copytree(own_lake, own_lake.with_name("undisturbed"), symlinks=True))
    before, wish = (
        Lake(own_lake).snapshot(),
        Wish(since=date(2026, 10, 31), recipe=Recipe(baseline=Baseline.TEMPLATE), panel=True),
    )

    code = killed_at_its_first_draft(own_lake)
    kept, between = drafts_of(own_lake), Lake(own_lake).snapshot()
    checks = run_checks(between)
    resumed = backfill(wish, own_lake, workers=1)
    backfill(wish, other, workers=1)

    assert (-signal.SIGKILL, before.number, []) == (code, between.number, [one for one in checks if not one.passed])
    assert {"finished before": len(kept), "run": 6 - len(kept)} == dict(Counter(day.state for day in resumed.days))
    both = chances(own_lake).join(chances(other), on=["city", "ts_utc", "of"], how="full").fill_null(0.0)
    assert both.height > 6 * 307 * 10
    assert (both["p"] - both["p_right"]).abs().max() < ROUNDING


def test_a_day_is_held_only_as_long_as_it_is_made_of_the_same(own_lake, put):
    """One report less, and its day and the next are no longer what they would be; the day before stays."""
    lake, days = Lake(own_lake), [DAY - timedelta(days=1), DAY, DAY + timedelta(days=1)]
    fit = fits_of(lake.snapshot(), CITY)[0]
    before = [Inputs.of(lake.snapshot()).sha256(CITY, day, fit, RECIPE) for day in days]
    put(own_lake, OBS, lake.snapshot().read(OBS, PARTITION)[:-1], PARTITION)

    after = [Inputs.of(lake.snapshot()).sha256(CITY, day, fit, RECIPE) for day in days]

    assert [True, False, False] == [old == new for old, new in zip(before, after, strict=True)]


def test_the_same_day_again_gives_the_same_rows(hazard_lake, ran):
    """Engine and rows are deterministic."""
    _, day = computed_day(Lake(hazard_lake).snapshot(), CITY, DAY, RECIPE)

    assert day.degrees.equals(ran[0].select(PMF_DEGREES.schema.names()))
    assert day.minutes.sort("market_ticker", "ts_utc").equals(ran[1].select(PMF_MINUTE.schema.names()))


def test_a_draft_that_is_torn_is_run_again(own_lake):
    """What cannot be read is not trusted."""
    snapshot = Lake(own_lake).snapshot()
    fit = fits_of(snapshot, CITY)[0]
    sha = Inputs.of(snapshot).sha256(CITY, DAY, fit, RECIPE)
    task = RunTask(paths=snapshot.paths, snapshot=snapshot.number, city=CITY, days=((DAY, sha),), recipe=RECIPE)
    run_task(task)
    next(Drafts(snapshot.paths).folder.glob("*/pmf_minute*")).write_bytes(b"torn")

    assert ["run"] == [day.state for day in run_task(task)]
    assert ["finished before"] == [day.state for day in run_task(task)]


@pytest.mark.parametrize("known", [True, False], ids=["poisoned", "removed"])
def test_nothing_known_later_is_seen(own_lake, put, known):
    """With all that was known after an instant made wrong, or gone, rows up to it stay the same, but for rounding."""
    at_utc = datetime(2026, 11, 2, 17, 2, tzinfo=UTC)
    before, day = computed_day(Lake(own_lake).snapshot(), CITY, DAY, RECIPE)
    for table in (OBS, FORECASTS):
        rows = Lake(own_lake).snapshot().read(table, PARTITION).select(table.schema.names())
        late = pl.col("known_utc") > at_utc
        wrong = pl.when(late).then(pl.col("temp_f") + 25).otherwise("temp_f").alias("temp_f")
        put(own_lake, table, rows.with_columns(wrong) if known else rows.filter(~late), PARTITION)

    after, again = computed_day(Lake(own_lake).snapshot(), CITY, DAY, RECIPE)

    early = pl.col("ts_utc") <= at_utc
    expected, actual = (one.minutes.filter(early) for one in (day, again))
    assert_frame_equal(expected.drop(SOLVED), actual.drop(SOLVED), check_exact=True)
    assert_frame_equal(expected.select(SOLVED), actual.select(SOLVED), check_exact=False, rel_tol=0, abs_tol=ROUNDING)
    assert before.distribution.expected_f[-1] != after.distribution.expected_f[-1]


def test_the_newest_fit_that_ended_before_the_day_is_used(own_lake, put, law_of):
    """By the last day seen, then by when it was made; a fit that has seen the day's eve is never used."""
    made = [(date(2026, 10, 30), 5), (date(2026, 10, 31), 1), (date(2026, 10, 31), 2), (date(2026, 11, 1), 3)]
    laws = [law_of(until=until, fitted_utc=datetime(2026, 11, 10 + n, tzinfo=UTC)) for until, n in made]
    put(own_lake, MC_PARAMS, pl.concat(law.row() for law in laws), Partition(CITY))

    fits = fits_of(Lake(own_lake).snapshot(), CITY)

    assert (date(2026, 10, 31), 12) == (fit_before(fits, DAY).until, fit_before(fits, DAY).fitted_utc.day)
    assert fit_before(fits, date(2026, 10, 31)) is None


@pytest.mark.parametrize(
    ("wish", "said", "hint"),
    [
        (Wish(cities=("nyc",)), "nyc: no fit .* ended before the eve of 2026-10-30", "a fit needs 7 days of reports"),
        (Wish(cities=(CITY,), since=date(2026, 10, 30)), "before the eve of 2026-10-30", "a fit needs 7 days"),
        (Wish(cities=(CITY,), since=date(2031, 1, 1)), "knows nothing of chicago from 2031-01-01", "kwx lake status"),
        (Wish(cities=("miami",)), "the lake knows nothing of miami", "kwx ingest"),
    ],
    ids=["no fit", "fits too late", "later than all data", "no data"],
)
def test_a_city_that_cannot_be_run_is_refused_with_the_command_to_type(hazard_lake, wish, said, hint):
    """Without a fit that ended before the eve of the first day, and without any data, nothing is guessed."""
    with pytest.raises(Refused, match=said) as caught:
        backfill(wish, hazard_lake)

    assert hint in caught.value.hint


def test_an_unknown_engine_is_refused_with_those_that_there_are():
    """A typing error gives the names that would have been right."""
    with pytest.raises(Usage, match="no engine 'grid'") as caught:
        Recipe(engine="grid")

    assert "engines: lattice simulate" == caught.value.hint


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        (Recipe(), "v1_grid5_lattice"),
        (Recipe(engine="simulate"), "v1_grid5_paths4000"),
        (Recipe(baseline=Baseline.HOLD_LAST), "v1_grid5_lattice_hold_last"),
    ],
)
def test_a_recipe_is_known_by_its_name(recipe, name):
    """Rows of two ways of computing never go by one name."""
    assert name == recipe.mc_version


def test_air_that_never_moves_is_run_with_a_little_noise_and_says_so(own_lake, put, law_of):
    """σ = 0 is raised to the least that an engine carries, in the quality column too."""
    still = law_of(sigma_f={hour_label(hours): 0.0 for hours in HOURS})
    put(own_lake, MC_PARAMS, still.row(), Partition(CITY))

    _, day = computed_day(Lake(own_lake).snapshot(), CITY, DAY, RECIPE)

    assert day.degrees["quality"].str.contains("σ raised to 0.05 °F").all()
    assert day.degrees["p"].list.sum().is_between(1 - 1e-9, 1 + 1e-9).all()


@pytest.mark.parametrize("rho", [1.0, -1.0])
def test_a_residual_that_never_forgets_is_refused(own_lake, put, law_of, rho):
    """|ρ| = 1 has no stationary law to start from."""
    put(own_lake, MC_PARAMS, law_of(rho=rho).row(), Partition(CITY))

    with pytest.raises(Refused, match="has ρ ="):
        computed_day(Lake(own_lake).snapshot(), CITY, DAY, RECIPE)


def test_brackets_that_do_not_tile_are_told_and_the_degrees_kept(own_lake, put):
    """Of an event with a hole no probability is stored; the distribution does not need brackets."""
    markets = Lake(own_lake).snapshot().read(MARKETS, PARTITION).select(MARKETS.schema.names())
    put(own_lake, MARKETS, markets.filter(pl.col("bracket_order") != 3), PARTITION)

    _, day = computed_day(Lake(own_lake).snapshot(), CITY, DAY, RECIPE)

    assert (307, 0) == (day.degrees.height, day.minutes.height)
    assert "overlap or leave a gap" in day.notes[0]


def test_a_day_without_any_report_is_run_on_what_else_is_known(hazard_lake):
    """Without reports the forecast and the fit still speak; that nothing was heard is in the quality."""
    snapshot = Lake(hazard_lake).snapshot()
    (data,) = read_days(snapshot, CITIES[CITY], DAY, DAY)
    silent = type(data)(**{**vars(data), "obs": OBS.empty()})

    (run,) = run_days([silent], fits_of(snapshot, CITY)[0], RECIPE.build())

    assert all("no report" in quality for quality in run.quality)
    assert np.isfinite(run.distribution.p).all()
    assert np.isnan(run.running_max_f).all()


def fused(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows as a fusion leaves them: its columns filled, and the weather carried to the minute after each."""
    carried = rows.with_columns(pl.col("ts_utc") + timedelta(minutes=1))
    return pl.concat([rows, carried]).with_columns(p_mkt=pl.lit(0.3), p_fused_norm=pl.lit(0.4))


def test_what_was_fused_stays_with_the_weather_it_was_made_of(ran):
    """A run that finds the same weather leaves every minute as the fusion left it."""
    rows = ran[1].select(PMF_MINUTE.schema.names())

    assert joined_minutes(rows, fused(rows)).equals(fused(rows))


def test_what_was_fused_of_other_weather_goes(ran):
    """Once a p_wx has moved nothing of the old fusion is left: it has to be made again."""
    rows = ran[1].select(PMF_MINUTE.schema.names())
    held = fused(rows).with_columns(p_wx=(pl.col("p_wx") - 0.01).abs())

    assert joined_minutes(rows, held).equals(rows)


def test_distributions_of_other_versions_stay(ran):
    """A run replaces its own version, nobody else's."""
    rows = ran[0].select(PMF_DEGREES.schema.names())
    held = pl.concat([rows, rows.with_columns(mc_version=pl.lit("other"))])

    joined = joined_degrees(rows.head(5), held)

    assert {"v1_grid5_lattice": 5, "other": 307} == dict(joined["mc_version"].value_counts().iter_rows())


TEMPLATE = Recipe(baseline=Baseline.TEMPLATE)


def versions_shown(root):
    """Return whose chances pmf_minute holds of a day, and whose distributions pmf_degrees holds."""
    snapshot = Lake(root).snapshot()
    return tuple(
        sorted(snapshot.read(table, PARTITION)["mc_version"].unique().to_list()) for table in (PMF_MINUTE, PMF_DEGREES)
    )


def test_another_recipe_leaves_the_panel_alone_until_it_is_told_to_show_it(own_lake):
    """pmf_minute belongs to the default recipe; whether a day is held is a matter of each version."""
    wish = Wish(cities=(CITY,), since=DAY, recipe=TEMPLATE)
    lattice, template = RECIPE.mc_version, TEMPLATE.mc_version

    apart = [backfill(wish, own_lake, workers=1).days[0].state for _ in range(2)]
    beside = versions_shown(own_lake)
    panel = Wish(cities=(CITY,), since=DAY, recipe=TEMPLATE, panel=True)
    shown = [backfill(panel, own_lake, workers=1).days[0].state for _ in range(2)]

    assert (["run", "held"], ["run", "held"]) == (apart, shown)
    assert ([lattice], [lattice, template]) == beside
    assert ([template], [lattice, template]) == versions_shown(own_lake)
    assert run_day(CITY, DAY, RECIPE, own_lake) is not None  # the panel goes back to whom it belongs


def test_a_city_without_a_fit_does_not_stop_one_that_has_one(own_lake):
    """It is told with the command to type; the other city is run."""
    done = backfill(Wish(cities=("nyc", CITY), since=DAY), own_lake, workers=1)

    assert {CITY} == {day.city for day in done.days}
    assert "left out: nyc: no fit in mc_params" in done.notes[0]


def test_days_of_which_nothing_is_known_are_told_apart_from_those_held(own_lake):
    """They are counted; they are not held."""
    done = backfill(Wish(cities=(CITY,), since=DAY, until=date(2026, 11, 9)), own_lake, workers=1)

    assert {"held": 1, "nothing known": 7} == dict(Counter(day.state for day in done.days))


@pytest.mark.parametrize("by", ["backfill", "run-day"])
def test_a_draft_of_a_day_that_is_published_is_removed_whatever_it_was_made_of(own_lake, by):
    """A stopped run leaves drafts; once the lake holds the day nobody asks for their hash."""
    snapshot = Lake(own_lake).snapshot()
    days = ((DAY, "made-of-an-older-fit"),)
    run_task(RunTask(paths=snapshot.paths, snapshot=snapshot.number, city=CITY, days=days, recipe=RECIPE))
    kept = drafts_of(own_lake)

    if by == "backfill":
        backfill(Wish(cities=(CITY,), since=DAY), own_lake, workers=1)
    else:
        run_day(CITY, DAY, RECIPE, own_lake, again=True)

    assert ({"made-of-an-older-fit"}, set()) == (kept, drafts_of(own_lake))


@pytest.mark.parametrize(
    ("asked", "said"),
    [(20, "--until 2026-10-18"), (8, "--until 2026-10-07; the first day that such a fit can serve is 2026-10-09")],
)
def test_the_fit_that_is_advised_can_be_made(asked, said):
    """The one that ends just before the eve, or the earliest one of which there are days enough."""
    days = [date(2026, 10, day) for day in range(1, 26)]

    assert how_to_fit(days, CITY, date(2026, 10, asked)).endswith(said)
