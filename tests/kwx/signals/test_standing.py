"""What is read straight from the table is what the view serves."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from kwx.models.calibration import calibrator_of
from kwx.models.calibration.stored import StoredCalibrator
from kwx.models.served import served_predictions
from kwx.signals.standing import standing_predictions
from warehouse.lake.store import Lake
from warehouse.lake.tables import CALIBRATORS, MODEL_RUNS, PREDICTIONS, Partition

CITY, SINCE, UNTIL = "chicago", date(2026, 11, 1), date(2026, 11, 2)
PLACE = Partition(CITY, UNTIL)


def both(root, family):
    """Return what the view serves, and what is read."""
    snapshot = Lake(root).snapshot()
    served = served_predictions(snapshot, CITY, SINCE, UNTIL, family=family)
    return served, standing_predictions(snapshot, CITY, SINCE, UNTIL, family=family).select(served.columns)


def told_as(rows, *, window, line=None):
    """Return rows of predictions as another window says them a quarter higher, of the same line or of another."""
    line = line or rows["model_id"][0].replace(f"_{rows['wf_window'][0]}", "")
    return rows.with_columns(
        p_model=pl.col("p_model") / 2 + 0.25, wf_window=pl.lit(window), model_id=pl.lit(f"{line}_{window}"),
        run_id=pl.lit("another fit"),
    )  # fmt: skip


@pytest.mark.parametrize("family", ["elasticnet", "hybrid", "tod", "market_clock", "direction", None])
def test_a_family_by_itself_says_what_the_view_serves(signal_lake, family):
    """Every row and bit, also of a family that never spoke, and of all of them."""
    served, read = both(signal_lake, family)

    assert served.equals(read)
    assert (family == "direction") == served.is_empty()


@pytest.mark.parametrize(
    ("window", "line", "later"),
    [
        ("win_20261102_20261105", None, False),
        ("win_20261102_20261105", None, True),
        ("win_20261101_20261102", "b", True),
    ],
    ids=["at the same minutes", "at other minutes", "another line"],
)
def test_several_windows_or_lines_say_what_the_view_serves(own_signal_lake, put, window, line, later):
    """Two fits are chosen between, at one minute or at others, where the one stands before the other or after it."""
    said = Lake(own_signal_lake).snapshot().read(PREDICTIONS, PLACE).select(PREDICTIONS.schema.names())
    other = told_as(said.filter(pl.col("model_id").str.starts_with("hybrid")), window=window, line=line)
    other = other.with_columns(pl.col("ts_utc").dt.offset_by("2m")) if later else other
    put(own_signal_lake, PREDICTIONS, pl.concat([said, other]), PLACE)
    runs = Lake(own_signal_lake).snapshot().read(MODEL_RUNS, Partition(CITY)).select(MODEL_RUNS.schema.names())
    fitted = runs.filter(family="hybrid").head(1).with_columns(run_id=pl.lit("another fit"))
    put(own_signal_lake, MODEL_RUNS, pl.concat([runs, fitted]), Partition(CITY))

    served, read = both(own_signal_lake, "hybrid")

    assert served.equals(read)
    assert (read.filter(event_date=UNTIL)["model_id"].n_unique() > 1) == later


def test_a_stored_calibrator_mends_what_it_may_speak_of(own_signal_lake, put):
    """From the second day after its last date on: of two days it speaks of the later one alone."""
    one = StoredCalibrator(
        city=CITY, model_type="hybrid", since=date(2026, 8, 1), until=date(2026, 10, 31),
        fitted_utc=datetime(2026, 11, 3, tzinfo=UTC),
        calibrator=calibrator_of({"method": "platt", "slope": 0.5, "intercept": -0.2}),
    )  # fmt: skip
    before = both(own_signal_lake, "hybrid")[1]
    put(own_signal_lake, CALIBRATORS, one.row(), Partition(CITY))

    served, read = both(own_signal_lake, "hybrid")

    assert served.drop("p_calibrated", "p_served").equals(read.drop("p_calibrated", "p_served"))
    for name in ("p_calibrated", "p_served"):
        assert (served[name] - read[name]).abs().max() < 1e-12
    assert served["p_calibrated"].is_null().equals(read["p_calibrated"].is_null())
    assert before.filter(event_date=SINCE).equals(read.filter(event_date=SINCE))
    assert not before.filter(event_date=UNTIL)["p_calibrated"].equals(read.filter(event_date=UNTIL)["p_calibrated"])


def test_a_prediction_without_its_run_is_of_no_family(own_signal_lake, put):
    """The table of runs says which family spoke."""
    runs = Lake(own_signal_lake).snapshot().read(MODEL_RUNS, Partition(CITY)).select(MODEL_RUNS.schema.names())
    put(own_signal_lake, MODEL_RUNS, runs.filter(pl.col("family") != "tod"), Partition(CITY))

    served, read = both(own_signal_lake, "tod")

    assert served.is_empty()
    assert read.is_empty()
