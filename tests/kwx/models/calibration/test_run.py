"""Calibrating a lake: what is chosen and stored, what may be used when, and that nothing later moves it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.models.calibration.choice import NONE
from kwx.models.calibration.rows import read_rows
from kwx.models.calibration.run import CalibrateWish, calibrate
from kwx.models.calibration.stored import calibrator_before, calibrators_of
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import CALIBRATORS, MODEL_RUNS, PREDICTIONS, SETTLEMENTS, Partition
from warehouse.lake.writer import write

FIRST, LAST = date(2026, 2, 24), date(2026, 3, 19)
CLOCK = datetime(2026, 4, 1, tzinfo=UTC)
WISH = CalibrateWish(every_minutes=60)


def ran(root, wish=WISH, **said):
    """Calibrate in this process, at one instant."""
    return calibrate(wish, root, workers=1, **{"clock": lambda: CLOCK} | said)


def stored(root, family=None):
    """Return the calibrators of Chicago."""
    return calibrators_of(Lake(root).snapshot(), "chicago", model_type=family)


def changed(root, table, places, **columns):
    """Write some columns of a table anew in some partitions, all in one publish."""
    snapshot = Lake(root).snapshot()
    with write(Lake(root), purpose="test") as writer:
        for place in places:
            rows = snapshot.read(table, place).with_columns(**columns)
            writer.put(table, rows.select(table.schema.names()), place)
        writer.publish()


@pytest.fixture(scope="module")
def calibrated(predicted_lake, tmp_path_factory):
    """What a calibration says, and the lake in which it was stored; tests only read it."""
    root = tmp_path_factory.mktemp("calibrated") / "lake"
    shutil.copytree(predicted_lake, root, symlinks=True)
    return ran(root), root


def test_rows_are_predictions_with_what_came_of_their_market(predicted_lake):
    """One market of six wins, each hour of the day."""
    read = read_rows(Lake(predicted_lake).snapshot(), "chicago")

    rows = read.families["plain"]
    assert (["loud", "plain"], 0) == (list(read.families), read.foreign)
    assert (FIRST, LAST) == (rows.days[0], rows.days[-1])
    assert len(rows) == 6 * rows.hit.sum()
    assert abs(rows.p.mean() - 1 / 6) < 1e-9
    assert (rows.known_utc > rows.day.astype("datetime64[us]")).all()


def test_the_loud_family_is_mended_and_the_honest_one_is_left_alone(calibrated):
    """Both are stored: doing nothing is a choice that replaces an older one."""
    done, root = calibrated

    chosen = {one.stored.model_type: one.choice.method for one in done.calibrated}
    assert chosen["plain"] == NONE
    assert chosen["loud"] in ("temperature", "platt", "beta")
    assert done.added == 2
    (loud,), (plain,) = stored(root, "loud"), stored(root, "plain")
    p = np.array([0.01, 0.5, 0.9])
    assert plain.calibrator.apply(p).tolist() == p.tolist()
    assert loud.calibrator.apply(p)[2] < 0.85
    assert [one.stored for one in done.calibrated] == [loud, plain]


def test_what_is_stored_says_how_it_was_chosen(calibrated):
    """Scores of every method with their intervals and counts, and the snapshot; the last label came too late."""
    done, root = calibrated
    (loud,) = stored(root, "loud")

    assert loud.metrics["snapshot"] == done.snapshot
    assert loud.metrics["judged_dates"] == 17
    assert loud.metrics["methods"]["none"]["brier"]["low"] < loud.metrics["methods"]["none"]["brier"]["value"]
    assert loud.metrics["methods"][loud.metrics["chosen"]]["against"] is None
    assert loud.metrics["before"]["miscalibration"] > loud.metrics["after"]["miscalibration"]


def test_a_calibrator_serves_from_the_second_day_after_its_last(calibrated):
    """Labels here come an hour after the markets of that day opened, so the last date's own is not learnt from."""
    (loud,) = stored(calibrated[1], "loud")

    assert loud.until == LAST
    assert loud.metrics["dates"] == (LAST - FIRST).days
    assert calibrator_before([loud], LAST + timedelta(days=1)) is None
    assert calibrator_before([loud], LAST + timedelta(days=2)) == loud


def test_of_several_the_one_with_the_newest_data_that_may_serve_is_used(predicted_lake):
    """A walk makes one every so many days; a date gets the newest that ended two days before it."""
    done = ran(predicted_lake, replace(WISH, families=("loud",), every_days=4, window_days=16), dry_run=True)

    made = [one.stored for one in done.calibrated]
    ends = [one.until for one in made]
    assert len(done.calibrated) == len(set(ends)) == 3
    assert ends == sorted(ends)
    for one in made:
        assert calibrator_before(made, one.until + timedelta(days=2)) == one
        assert one.until - one.since < timedelta(days=17)


@pytest.mark.slow
def test_calibrating_again_stores_nothing_twice(calibrated):
    """The same data choose the same, which is held."""
    root = calibrated[1]
    before = Lake(root).snapshot()

    again = ran(root, clock=lambda: CLOCK + timedelta(days=1))

    assert (again.added, again.built.changed) == (0, False)
    assert Lake(root).snapshot().number == before.number


def test_a_dry_run_stores_nothing(predicted_lake, calibrated):
    """And says what would be stored."""
    before = Lake(predicted_lake).snapshot().number

    done = ran(predicted_lake, dry_run=True)

    assert (done.built, done.added) == (None, 0)
    assert [one.stored for one in done.calibrated] == [one.stored for one in calibrated[0].calibrated]
    assert Lake(predicted_lake).snapshot().number == before
    assert stored(predicted_lake) == []


def test_nothing_after_the_last_date_moves_a_calibrator(own_predicted):
    """Poison the outcome and the predictions of every later day: the same bytes come out."""
    until = LAST - timedelta(days=4)
    wish = replace(WISH, until=until, families=("loud",))
    (before,) = ran(own_predicted, wish, dry_run=True).calibrated
    places = Lake(own_predicted).snapshot().partitions(PREDICTIONS.name)
    later = [place for place in places if place.event_date > until]
    assert len(later) == 4
    changed(own_predicted, PREDICTIONS, later, p_model=1 - pl.col("p_model"))
    changed(own_predicted, SETTLEMENTS, later, high_f=pl.lit(11, pl.Int32))

    (after,) = ran(own_predicted, wish, dry_run=True).calibrated
    (poisoned,) = ran(own_predicted, replace(wish, until=None), dry_run=True).calibrated

    assert before.stored.says_the_same(after.stored)
    assert before.stored.calibrator != poisoned.stored.calibrator
    assert poisoned.choice.of("none").brier.value > before.choice.of("none").brier.value + 0.05


def test_a_label_that_comes_after_the_first_market_served_has_opened_is_not_learnt_from(own_predicted):
    """Poison what the last days settled on, and let it be known late: nothing changes but by which date it is known."""
    late = [Partition("chicago", LAST - timedelta(days=number)) for number in range(3)]
    known_utc, runs = pl.lit(datetime(2026, 3, 29, tzinfo=UTC)), []
    for high_f in (70, 11):
        changed(own_predicted, SETTLEMENTS, late, known_utc=known_utc, high_f=pl.lit(high_f, pl.Int32))
        runs += ran(own_predicted, replace(WISH, families=("loud",)), dry_run=True).calibrated

    one, other = runs
    assert one.stored.says_the_same(other.stored)
    # Of the last day left the label comes an hour after the opening, so it counts for a day later.
    assert one.choice.days[-1] == LAST - timedelta(days=3)
    assert one.stored.until == LAST - timedelta(days=2)


def test_a_model_that_was_fitted_later_stands_where_two_speak_of_one_minute(own_predicted, put):
    """The run with the newer data is read, whatever its name."""
    snapshot, place = Lake(own_predicted).snapshot(), Partition("chicago", LAST)
    runs = snapshot.read(MODEL_RUNS, Partition("chicago"))
    newer = runs.filter(pl.col("family") == "loud").with_columns(
        run_id=pl.lit("a-run"), model_id=pl.lit("a-model"), until_date=pl.lit(date(2026, 3, 1))
    )
    both = pl.concat([runs, newer]).select(MODEL_RUNS.schema.names())
    put(own_predicted, MODEL_RUNS, both, Partition("chicago"))
    said = snapshot.read(PREDICTIONS, place)
    loud = said.filter(pl.col("run_id") == "run-loud")
    other = loud.with_columns(run_id=pl.lit("a-run"), model_id=pl.lit("a-model"), p_model=pl.lit(0.25))
    put(own_predicted, PREDICTIONS, pl.concat([said, other]).select(PREDICTIONS.schema.names()), place)

    families = read_rows(Lake(own_predicted).snapshot(), "chicago", since=LAST).families

    assert len(families["loud"]) == loud.height
    assert (families["loud"].p == 0.25).all()


def test_predictions_of_runs_that_are_not_held_are_left_out_and_told(own_predicted, put):
    """Nobody knows what family they are of."""
    snapshot = Lake(own_predicted).snapshot()
    runs = snapshot.read(MODEL_RUNS, Partition("chicago")).filter(pl.col("family") == "loud")
    put(own_predicted, MODEL_RUNS, runs.select(MODEL_RUNS.schema.names()), Partition("chicago"))

    done = ran(own_predicted, dry_run=True)

    assert ["loud"] == [one.stored.model_type for one in done.calibrated]
    assert "runs that model_runs does not hold are left out" in done.notes[0]


def test_a_forced_method_is_stored_with_what_speaks_against_it(predicted_lake):
    """The honest family gets a line in log-odds that it does not need."""
    done = ran(predicted_lake, replace(WISH, method="platt", families=("plain",)), dry_run=True)

    (plain,) = (one.stored for one in done.calibrated)
    assert (plain.calibrator.method, plain.metrics["chosen"], plain.metrics["asked"]) == ("platt", "platt", "platt")
    assert plain.metrics["methods"]["platt"]["against"]


@pytest.mark.parametrize(
    ("wish", "error", "said"),
    [
        (replace(WISH, cities=("denver",)), Refused, "no predictions of denver"),
        (replace(WISH, families=("other",)), Refused, "other has no settled predictions"),
        (replace(WISH, since=date(2026, 3, 12)), Refused, "settled dates are too few"),
        ({"method": "spline"}, Usage, "no method 'spline'"),
        (replace(WISH, horizons=("5m",)), Refused, "no predictions of 5m"),
        ({"horizons": ("2m",)}, Usage, "no horizon '2m'"),
        ({"every_minutes": 0}, Usage, "0 minutes apart"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(predicted_lake, wish, error, said):
    """With the reason."""
    with pytest.raises(error, match=said):
        ran(predicted_lake, CalibrateWish(**wish) if isinstance(wish, dict) else wish, dry_run=True)


def test_the_table_takes_what_is_stored_back_to_the_bit(calibrated):
    """Row, frame and row again are one."""
    root = calibrated[1]
    rows = Lake(root).snapshot().read(CALIBRATORS, Partition("chicago"))

    again = pl.concat([one.row() for one in stored(root)])

    assert rows.select(CALIBRATORS.schema.names()).equals(again)
