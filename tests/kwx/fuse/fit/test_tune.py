"""Tuning on a lake: what is chosen and stored, what may be used when, and that nothing later moves it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.fuse.fit.tune import TuneWish, tune, tunings
from kwx.fuse.run import FuseWish, fuse_days
from kwx.fuse.weights import set_before
from kwx.fuse.weights import sets_of as stored_sets
from pipelines.build import build_demo, demo_world
from pipelines.runner import process_pool
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import (
    CANDLES_DENSE,
    FUSION_PARAMS,
    PMF_MINUTE,
    SETTLEMENTS,
    TRUTH_PROBABILITIES,
    Partition,
)
from warehouse.lake.writer import write

pytestmark = pytest.mark.slow

UNTIL, CITIES = date(2026, 11, 4), ("chicago", "nyc")
TUNED_UNTIL = UNTIL - timedelta(days=3)
WISH = TuneWish(until=TUNED_UNTIL, methods=("gradient",))
CLOCK = datetime(2026, 11, 20, tzinfo=UTC)


def weather_by_hand(truth: pl.DataFrame) -> pl.DataFrame:
    """Return a p_wx every five minutes that knows the truth, but is a little too unsure of it."""
    steps = truth.filter(pl.col("ts_utc").dt.minute() % 5 == 0)
    unsure = steps.with_columns(p_wx=(pl.col("p_true") + 1e-6) ** 0.8)
    normal = unsure.with_columns(pl.col("p_wx") / pl.col("p_wx").sum().over("ts_utc"), wx_utc="ts_utc")
    known = {"market_ticker": "market_ticker", "ts_utc": "ts_utc", "p_wx": "p_wx", "wx_utc": "wx_utc"}
    told = normal.with_columns(hazard_next_60m=pl.lit(0.1), mc_version=pl.lit("by_hand"))
    known |= {"hazard_next_60m": "hazard_next_60m", "mc_version": "mc_version"}
    return told.select(
        pl.col(known[name]) if name in known else pl.lit(None, dtype).alias(name)
        for name, dtype in PMF_MINUTE.schema.items()
    )


@pytest.fixture(scope="module")
def lagging(tmp_path_factory):
    """Two cities and eighteen days whose market lags by an hour, with a weather that does not."""
    root = tmp_path_factory.mktemp("lagging") / "lake"
    build_demo(demo_world(days=18, until=UNTIL, cities=CITIES, seed=5, efficiency=0.0, books=False), root)
    snapshot = Lake(root).snapshot()
    with write(Lake(root), purpose="weather by hand") as writer:
        for place in snapshot.partitions(TRUTH_PROBABILITIES.name):
            writer.put(PMF_MINUTE, weather_by_hand(snapshot.read(TRUTH_PROBABILITIES, place)), place)
        writer.publish()
    return root


@pytest.fixture
def own(lagging, tmp_path):
    """A copy that may be written."""
    root = tmp_path / "lake"
    shutil.copytree(lagging, root, symlinks=True)
    return root


@pytest.fixture(scope="module")
def tuned(lagging, tmp_path_factory):
    """What a tuning says, and the lake in which it was stored."""
    root = tmp_path_factory.mktemp("tuned") / "lake"
    shutil.copytree(lagging, root, symlinks=True)
    return tune(WISH, root, workers=1, clock=lambda: CLOCK), root


def sets_of(root, city="all") -> pl.DataFrame:
    """Return what is stored of a city, but for when it was made and of which snapshot."""
    return Lake(root).snapshot().read(FUSION_PARAMS, Partition(city)).drop("fitted_utc", "snapshot")


def test_the_weight_moves_to_who_knows_more_and_the_best_kind_is_accepted(tuned):
    """A market that lags an hour gets less than half, and what is chosen is fit for every city."""
    (span,) = tuned[0].tuned

    assert span.best.overall.weight.value < 0.5
    assert span.best.overall.on_market.value < 0
    assert {"all", *CITIES} == {one.city for one in span.sets if one.accepted}


def test_the_board_is_ordered_by_the_loss_of_dates_that_were_not_fitted(tuned):
    """All of it later than what was fitted, and none after the last day asked for."""
    (span,) = tuned[0].tuned
    losses = [judged.overall.loss.value for judged in span.board]

    assert losses == sorted(losses)
    assert span.split.fitted_until < span.split.held_since <= span.split.until == TUNED_UNTIL
    assert [judged.overall.dates for judged in span.board] == [6, 6, 6]


def test_what_is_stored_says_how_good_it_was_on_which_data(tuned):
    """Scores with intervals, range, days and snapshot stand beside the numbers."""
    done, root = tuned
    found = set_before(stored_sets(Lake(root).snapshot(), "chicago"), UNTIL)

    assert ("chicago", TUNED_UNTIL, 15) == (found.city, found.until, found.days)
    assert found.snapshot == done.built.before
    assert found.metrics["loss"]["low"] < found.metrics["loss"]["value"] < found.metrics["loss"]["high"]
    assert f"{found.since} … {TUNED_UNTIL}" == found.metrics["fitted_on"]


def test_a_run_uses_accepted_weights_and_never_on_a_day_they_have_seen(tuned):
    """Days up to the one after the last that was fitted get the market alone; later ones are pooled."""
    done = fuse_days(FuseWish(cities=("chicago",)), tuned[1], workers=1)

    states = {day.event_date: day.state for day in done.days}
    assert {"fused"} == {state for day, state in states.items() if day >= TUNED_UNTIL + timedelta(days=2)}
    assert {"market only"} == {state for day, state in states.items() if day < TUNED_UNTIL + timedelta(days=2)}


def test_tuning_again_stores_nothing_twice(own):
    """The same data give the same sets, which are there already."""
    first = tune(WISH, own, workers=1, clock=lambda: CLOCK)
    before = sets_of(own)

    again = tune(WISH, own, workers=1, clock=lambda: CLOCK + timedelta(hours=1))

    assert (len(first.tuned[0].sets), 0) == (first.added, again.added)
    assert before.equals(sets_of(own))


def test_nothing_after_the_last_date_moves_a_set(own, tuned, put):
    """Poison quotes, weather and settlements of every later day: the same sets come out."""
    snapshot = Lake(own).snapshot()
    for place in [place for place in snapshot.partitions(CANDLES_DENSE.name) if place.event_date > TUNED_UNTIL]:
        for table, column, value in (
            (CANDLES_DENSE, "yes_bid_ticks", 100),
            (PMF_MINUTE, "hazard_next_60m", 0.9),
            (SETTLEMENTS, "high_f", 33),
        ):
            rows = snapshot.read(table, place).with_columns(pl.lit(value, table.schema[column]).alias(column))
            put(own, table, rows.select(table.schema.names()), place)

    with process_pool(1) as pool:
        (span,) = tunings(Lake(own).snapshot(), WISH, pool, fitted_utc=CLOCK, notes=[])

    (before,) = tuned[0].tuned
    assert before.sets == tuple(replace(one, snapshot=before.sets[0].snapshot) for one in span.sets)


def test_a_label_that_came_too_late_is_not_learnt_from(own, put):
    """A day that settled after the first market served had opened counts for nothing."""
    for city in CITIES:
        place = Partition(city, TUNED_UNTIL)
        rows = Lake(own).snapshot().read(SETTLEMENTS, place)
        late = rows.with_columns(pl.col("known_utc") + pl.duration(days=5))
        put(own, SETTLEMENTS, late.select(SETTLEMENTS.schema.names()), place)
        before = Partition(city, TUNED_UNTIL - timedelta(days=1))
        rows = Lake(own).snapshot().read(SETTLEMENTS, before)
        # Known before the first event of the wished end opens, but not before that of the end that is left.
        hours = rows.with_columns(pl.col("known_utc") + pl.duration(hours=12))
        put(own, SETTLEMENTS, hours.select(SETTLEMENTS.schema.names()), before)

    (span,) = tune(WISH, own, workers=1, clock=lambda: CLOCK).tuned

    assert TUNED_UNTIL - timedelta(days=2) == span.split.until


def test_a_walk_tunes_again_and_again_and_each_day_has_the_newest_that_may_serve_it(own):
    """Every second day a set of the last fourteen; spans that are too short are told."""
    wish = replace(WISH, until=None, every_days=2, window_days=14, pools=("log_linear",))

    done = tune(wish, own, workers=1, clock=lambda: CLOCK)

    ends = [span.split.until for span in done.tuned]
    sets = stored_sets(Lake(own).snapshot(), "chicago")
    assert len(ends) >= 2
    assert ends == sorted(ends)
    assert ends[0] == set_before(sets, ends[0] + timedelta(days=2)).until


def test_minutes_ahead_are_another_target(own):
    """Fitted to the market five minutes later the weight goes to the market, which is slow to change its mind."""
    (span,) = tune(replace(WISH, horizon="5m", pools=("linear",)), own, workers=1, clock=lambda: CLOCK).tuned

    assert span.best.overall.weight.value > 0.9
    assert np.isfinite(span.best.overall.winner_loss.value)
    assert {"5m"} == set(sets_of(own)["horizon"])


@pytest.mark.parametrize(
    ("wish", "error", "said"),
    [
        (replace(WISH, since=date(2026, 10, 28)), Refused, "settled dates have both market and weather"),
        (replace(WISH, cities=("denver",)), Refused, "never stand side by side"),
    ],
    ids=["too few dates", "a city without data"],
)
def test_what_cannot_be_tuned_is_refused(lagging, wish, error, said):
    """Nothing is stored, and the error says what to do."""
    with pytest.raises(error, match=said) as refusal:
        tune(wish, lagging, workers=1, clock=lambda: CLOCK)

    assert refusal.value.hint


def test_a_share_beyond_one_is_refused():
    """All dates cannot be held out."""
    with pytest.raises(Usage, match="no share"):
        TuneWish(held_out=1.2)
