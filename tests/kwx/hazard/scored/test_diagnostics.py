"""Looking at what was computed: sums, traces, and mornings against the high that came."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.hazard.law import Baseline
from kwx.hazard.recipe import Recipe
from kwx.hazard.scored.diagnostics import pmf_sums, trace_day
from kwx.hazard.scored.evaluation import evaluate_mornings
from kwx.hazard.scored.mornings import Mornings, Window, mornings_of
from kwx.hazard.scored.references import climatology
from kwx.hazard.untraded import assumed_markets
from kwx.scoring.stored.labels import labels_of
from warehouse.errors import ContractBroken, Refused, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import MARKETS, PMF_MINUTE, TRUTH_PROBABILITIES, Partition
from warehouse.market.brackets import Bracket
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay
from warehouse.market.ladder import Ladder

CITY = "chicago"
DAY = date(2026, 11, 2)
MORNING = Window(first=time(9), last=time(11))


@pytest.fixture(scope="module")
def snapshot(hazard_lake):
    return Lake(hazard_lake).snapshot()


@pytest.fixture(scope="module")
def evaluation(snapshot):
    windows = [MORNING, Window(first=time(13), last=time(13))]
    return evaluate_mornings(snapshot, windows, Recipe().build())


def test_what_the_engine_wrote_sums_to_one(snapshot):
    """Of two days: every event and every distribution, at every instant."""
    sums = pmf_sums(snapshot)

    assert (True, 4, 2 * (307 + 305)) == (sums.passed, sums.rows.height, sums.instants)


def test_the_worst_sum_is_found_with_its_instant(own_lake, put):
    """One bracket's p changed at one instant is the first line of the answer."""
    partition = Partition(CITY, DAY)
    rows = Lake(own_lake).snapshot().read(PMF_MINUTE, partition).select(PMF_MINUTE.schema.names())
    wrong = pl.int_range(pl.len()) == rows["p_wx"].arg_max()
    put(
        own_lake,
        PMF_MINUTE,
        rows.with_columns(pl.when(wrong).then(pl.col("p_wx") - 0.125).otherwise("p_wx")),
        partition,
    )

    sums = pmf_sums(Lake(own_lake).snapshot())

    worst = sums.rows.row(0, named=True)
    assert not sums.passed
    assert (0.125, rows["ts_utc"][rows["p_wx"].arg_max()]) == (pytest.approx(sums.deviation), worst["worst_utc"])


def test_sums_of_days_that_were_never_run_are_refused(snapshot):
    """Nothing to check is no success."""
    with pytest.raises(Refused, match="no probabilities") as caught:
        pmf_sums(snapshot, cities=("nyc",))

    assert "kwx hazard backfill" in caught.value.hint


def test_a_stored_day_is_traced_as_it_is_stored(snapshot):
    """The columns of the brackets are their p_wx; the high is where the reports have it."""
    trace = trace_day(snapshot, CITY, DAY, Recipe())

    p = trace.rows.select(pl.sum_horizontal(trace.brackets))
    assert np.allclose(1, p.to_series())
    assert ("stored, v1_grid5_lattice", 305) == (trace.source, trace.rows.height)
    assert (time(19, 45), trace.label_f) == (trace.high_utc.time(), round(trace.high_f))


def test_a_day_that_is_not_stored_is_traced_by_running_it(snapshot, hazard_lake):
    """Nothing is written by looking."""
    trace = trace_day(snapshot, CITY, date(2026, 10, 31), Recipe(baseline=Baseline.TEMPLATE))

    assert "run now, v1_grid5_lattice_template" == trace.source
    assert trace.rows["quality"].str.starts_with("template: asked for").all()
    assert snapshot.number == Lake(hazard_lake).current_number()


def test_a_day_without_markets_is_traced_by_assumed_brackets(own_lake, put):
    """Four brackets of 2 °F around what was expected, between two open ones."""
    partition = Partition(CITY, date(2026, 10, 31))
    put(own_lake, MARKETS, MARKETS.empty(), partition)

    trace = trace_day(Lake(own_lake).snapshot(), CITY, date(2026, 10, 31), Recipe())

    assert (6, 307) == (len(trace.brackets), trace.rows.height)
    assert trace.source.endswith("brackets assumed")


def test_a_morning_is_the_mean_of_its_evaluations(evaluation, snapshot):
    """The winner's p is averaged over 09:00 … 11:00 local standard time, both ends included."""
    row = evaluation.rows.filter(pl.col("event_date") == DAY, pl.col("window") == str(MORNING)).row(0, named=True)
    winner = snapshot.read(MARKETS, Partition(CITY, DAY)).filter(pl.col("result") == "yes")["market_ticker"][0]
    begin, end = (datetime(2026, 11, 2, hour, tzinfo=UTC) for hour in (15, 17))
    p_wx = snapshot.read(PMF_MINUTE, Partition(CITY, DAY)).filter(
        pl.col("market_ticker") == winner, pl.col("ts_utc").is_between(begin, end)
    )["p_wx"]

    assert (25, pytest.approx(p_wx.mean())) == (row["evaluations"], row["p_winner"])
    assert row["log_loss"] == pytest.approx(-np.log(p_wx.mean()))


def test_the_truth_of_the_demo_world_is_scored_on_the_same_instants(evaluation, snapshot):
    """Its log loss is that of the mean true probability of the winner."""
    row = evaluation.rows.filter(pl.col("event_date") == DAY, pl.col("window") == "13:00 lst").row(0, named=True)
    winner = snapshot.read(MARKETS, Partition(CITY, DAY)).filter(pl.col("result") == "yes")["market_ticker"][0]
    p_true = snapshot.read(TRUTH_PROBABILITIES, Partition(CITY, DAY)).filter(
        pl.col("market_ticker") == winner, pl.col("ts_utc") == datetime(2026, 11, 2, 19, tzinfo=UTC)
    )["p_true"][0]

    assert row["log_loss_truth"] == pytest.approx(-np.log(p_true), rel=1e-6)


def test_means_are_those_of_the_days_that_have_the_reference(evaluation):
    """Two days, with a high that stays and the truth, without past highs enough for a climatology."""
    summary = {(row["window"], row["against"]): row for row in evaluation.summary.iter_rows(named=True)}

    assert {"", "hold_last", "truth"} == {against for _, against in summary}
    ours = evaluation.rows.filter(pl.col("window") == str(MORNING))["crps"].mean()
    assert pytest.approx(ours) == summary[str(MORNING), ""]["crps"]
    assert evaluation.rows["crps_climatology"].is_null().all()


def test_past_highs_are_only_those_known_before_the_window(snapshot):
    """Labels that came later change nothing: 20 earlier highs of 50 °F, and later ones of 90 °F."""
    mornings = mornings_of(snapshot, [MORNING])
    days = pl.date_range(date(2026, 10, 13), date(2026, 11, 20), eager=True)
    known = pl.col("event_date").cast(pl.Datetime("us", "UTC")) + pl.duration(hours=36)
    labels = pl.DataFrame({"city": CITY, "event_date": days}).with_columns(label_known_utc=known)
    is_past = pl.col("label_known_utc") < datetime(2026, 11, 1, 15, tzinfo=UTC)
    labels = labels.with_columns(label_f=pl.when(is_past).then(50).otherwise(90))

    forecast, there = climatology(with_labels(mornings, labels))

    assert [True, True] == there
    assert forecast.p[0, : 60 - forecast.first_f].sum() > 0.95


def test_later_highs_move_no_climatology(snapshot):
    """Whatever the highs not yet known turn out to be, distributions and the degrees they list stay to the bit."""
    mornings = mornings_of(snapshot, [MORNING])
    labels = past_highs(date(2026, 11, 20))
    is_late = pl.col("label_known_utc") > mornings.rows["since_utc"].max()
    poisoned = labels.with_columns(label_f=pl.when(is_late).then(pl.col("label_f") + 60).otherwise("label_f"))

    (calm, there), (struck, again) = (climatology(with_labels(mornings, some)) for some in (labels, poisoned))

    assert [True, True] == there == again
    assert not labels.equals(poisoned)
    assert calm.first_f == struck.first_f
    assert np.array_equal(calm.p, struck.p)


def test_a_morning_reaches_beyond_its_own_past_alone(snapshot):
    """A high of 95 °F that only the second morning knows widens what the second can be, not the first."""
    mornings = mornings_of(snapshot, [MORNING])
    first_utc = mornings.rows["since_utc"][0]
    is_between = (pl.col("label_known_utc") > first_utc) & (pl.col("event_date") < DAY)
    labels = past_highs(DAY).with_columns(label_f=pl.when(is_between).then(95).otherwise("label_f"))

    forecast, _ = climatology(with_labels(mornings, labels))

    warmest_f = [forecast.first_f + np.flatnonzero(p).max() for p in forecast.p]
    assert [68 + 15, 95 + 15] == warmest_f


def with_labels(mornings: Mornings, labels: pl.DataFrame) -> Mornings:
    """Return mornings that have looked up these labels: they are looked up once and kept."""
    other = replace(mornings)
    vars(other)["labels"] = labels
    return other


def past_highs(until: date) -> pl.DataFrame:
    """Return labels of 50 … 68 °F, in steps of 3 °F, from 13 October on, each known at noon of the next day."""
    days = pl.date_range(date(2026, 10, 13), until, eager=True)
    known = pl.col("event_date").cast(pl.Datetime("us", "UTC")) + pl.duration(hours=36)
    highs = pl.int_range(pl.len()).mod(7) * 3 + 50
    return pl.DataFrame({"city": CITY, "event_date": days}).with_columns(label_known_utc=known, label_f=highs)


@pytest.mark.parametrize(("clock", "utc_hours"), [("lst", [15, 16]), ("local", [14, 15])])
def test_a_window_goes_by_the_clock_that_was_said(clock, utc_hours):
    """In summer the wall clock is an hour ahead of the standard time in which the day settles."""
    ts_utc = pl.datetime_range(datetime(2026, 7, 4), datetime(2026, 7, 5), "1h", time_zone="UTC", eager=True)
    frame = pl.DataFrame({"ts_utc": ts_utc, "event_date": date(2026, 7, 4)})

    inside = frame.filter(Window(first=time(9), last=time(10), clock=clock).holds(CITY, pl.col("ts_utc")))

    assert utc_hours == inside["ts_utc"].dt.hour().to_list()


@pytest.mark.parametrize("said", [{"clock": "utc"}, {"last": time(8)}])
def test_a_window_that_cannot_be_meant_is_refused(said):
    """An unknown clock, or an end before the beginning."""
    with pytest.raises(Usage):
        Window(**({"first": time(9), "last": time(11)} | said))


def test_a_version_that_is_not_stored_is_refused_with_those_that_are(snapshot):
    """The hint lists what there is."""
    with pytest.raises(Usage) as caught:
        mornings_of(snapshot, [MORNING], mc_version="v0")

    assert "--mc-version: v1_grid5_lattice" == caught.value.hint


def test_every_settled_day_has_a_label_with_the_time_it_was_known(snapshot):
    """Labels are those of the settlement view."""
    labels = labels_of(snapshot).filter(pl.col("city") == CITY)

    assert (labels["label_known_utc"].dt.date() > labels["event_date"]).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(lambda p: sum(p) > 0.1), st.integers(-20, 110))
def test_a_ladder_loses_and_invents_no_mass(p, first_f):
    """Brackets that tile the degrees take every degree once, wherever the distribution lies."""
    ladder = Ladder.even(40, 59)

    masses = ladder.masses(np.array(p) / sum(p), first_f)

    assert np.isclose(1, masses.sum())
    assert ladder.brackets[ladder.winner(43)] == Bracket(42, 43)


def test_assumed_brackets_tile_the_degrees():
    """They are made as the exchange makes them: two degrees wide, open at both ends."""
    markets = assumed_markets(ClimateDay(CITIES[CITY], DAY), 61.3)

    assert [(None, 55), (56, 57), (58, 59), (60, 61), (62, 63), (64, None)] == markets.select("low_f", "high_f").rows()


def test_a_ladder_with_a_hole_is_refused():
    """What does not tile cannot be cut into."""
    with pytest.raises(ContractBroken):
        Ladder.of([("a", Bracket(None, 50)), ("b", Bracket(52, None))], event="E")
