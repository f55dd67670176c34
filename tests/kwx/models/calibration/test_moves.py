"""Calibrating what models say of the next move: by what the mid did, known when that was over, and by nothing later."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.models.calibration.rows import read_rows
from kwx.models.calibration.run import CalibrateWish, calibrate
from kwx.models.calibration.stored import calibrators_of
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, MODEL_RUNS, PREDICTIONS, Partition

FIRST, LAST = date(2026, 2, 24), date(2026, 3, 19)
SAID = 24 * 6 * 40
WISH = CalibrateWish(every_minutes=1, horizons=("5m",))


def ran(root, wish=WISH, **said):
    """Calibrate in this process, at one instant."""
    return calibrate(wish, root, workers=1, clock=lambda: datetime(2026, 4, 1, tzinfo=UTC), **said)


def with_epsilon(root, put, epsilon):
    """Let the run of the family say another least size, or none."""
    runs = Lake(root).snapshot().read(MODEL_RUNS, Partition("chicago")).select(MODEL_RUNS.schema.names())
    swift, said = pl.col("family") == "swift", json.dumps({} if epsilon is None else {"epsilon": epsilon})
    told = runs.with_columns(parameters_json=pl.when(swift).then(pl.lit(said)).otherwise("parameters_json"))
    put(root, MODEL_RUNS, told, Partition("chicago"))


def test_a_move_of_the_models_least_size_is_the_outcome_five_minutes_later(moving_lake):
    """A fifth of the mids stay where they are: such predictions are left out, and counted."""
    read = read_rows(Lake(moving_lake).snapshot(), "chicago", horizon="5m")

    rows = read.families["swift"]
    assert (["swift"], 0) == (list(read.families), read.foreign)
    assert len(rows) + read.left_out["swift"] == SAID
    assert 0.18 < read.left_out["swift"] / SAID < 0.22
    assert 0.45 < rows.hit.mean() < 0.55
    assert rows.hit[rows.p > 0.9].mean() > 0.7
    opened = np.datetime64(datetime(2026, 2, 23, 20), "us")
    assert rows.known_utc.min() == opened + np.timedelta64(6, "m")


def test_a_larger_least_size_than_any_move_leaves_all_out(own_moving, put):
    """So does a run that does not say its least size."""
    for epsilon in (0.011, None):
        with_epsilon(own_moving, put, epsilon)

        read = read_rows(Lake(own_moving).snapshot(), "chicago", horizon="5m")

        assert ({}, {"swift": SAID}) == (dict(read.families), dict(read.left_out))


def test_every_horizon_that_is_predicted_is_calibrated_and_stored_for_itself(own_moving):
    """The settlement's families and the moves' one, all in one publish; again, nothing is added."""
    wish = CalibrateWish(every_minutes=1, families=("loud", "swift"))

    done, again = ran(own_moving, wish), ran(own_moving, wish)

    chosen = {(one.stored.horizon, one.stored.model_type): one.choice.method for one in done.calibrated}
    assert {("day", "loud"), ("5m", "swift")} == set(chosen)
    assert chosen["5m", "swift"] in ("temperature", "platt", "beta")
    (swift,) = calibrators_of(Lake(own_moving).snapshot(), "chicago", horizon="5m")
    assert swift.calibrator.apply(np.array([0.9]))[0] < 0.8
    assert (2, 0) == (done.added, again.added)
    assert "predictions are left out: no move of the model's size came after" in done.notes[0]


def test_mids_after_what_a_calibrator_may_see_do_not_move_it(own_moving, put):
    """Poison every minute and word of later days: the same bytes come out; of the days it saw, others."""
    wish = replace(WISH, until=LAST - timedelta(days=4))
    (before,) = ran(own_moving, wish, dry_run=True).calibrated
    snapshot = Lake(own_moving).snapshot()

    def garbled(days):
        for place in snapshot.partitions(CANDLES_DENSE.name):
            if place.event_date in days:
                for table, change in (
                    (CANDLES_DENSE, {"mid_half_ticks": 20_000 - pl.col("mid_half_ticks")}),
                    (PREDICTIONS, {"p_model": 1 - pl.col("p_model") ** 2}),
                ):
                    rows = snapshot.read(table, place).with_columns(**change)
                    put(own_moving, table, rows.select(table.schema.names()), place)

    garbled([LAST - timedelta(days=days) for days in range(4)])
    (after,) = ran(own_moving, wish, dry_run=True).calibrated
    garbled([FIRST + timedelta(days=1)])
    (seen,) = ran(own_moving, wish, dry_run=True).calibrated

    assert before.stored.says_the_same(after.stored)
    assert before.stored.calibrator != seen.stored.calibrator


@pytest.mark.parametrize(("word", "families"), [("5m", ["swift"]), ("day", ["loud", "plain"])])
def test_one_horizon_alone_can_be_asked_for(command, moving_lake, word, families):
    """By its word; what was left out is said beside."""
    code, out, err = command(
        "calibrate", "--horizon", word, "--minutes", 1 if word == "5m" else 60, "--workers", 1, "--dry-run", "--json",
        lake=moving_lake,
    )  # fmt: skip

    said = json.loads(out)
    assert code == 0, err
    assert families == [one["family"] for one in said["calibrators"]]
    assert {word} == {one["horizon"] for one in said["calibrators"]}
    assert ("left out" in " ".join(said["notes"])) == (word == "5m")
