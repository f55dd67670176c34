"""Training: windows kept among the pilots, the lake told of them, and nothing done twice or lost."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from kwx.cli.trained import tell_trained, train_summary
from kwx.models.elasticnet.fit import fit_window
from kwx.models.registry.replaced import earlier_cards
from kwx.models.registry.store import read_predictions
from kwx.models.training.run import FITTED, HELD, REFUSED, train
from kwx.models.windows import PURGED_DAYS
from warehouse.errors import Refused
from warehouse.lake.store import Lake
from warehouse.lake.tables import MODEL_RUNS, PREDICTIONS, Partition

pytestmark = pytest.mark.slow

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def noon() -> datetime:
    """Return one instant, so that a rerun says the same."""
    return NOON


def said(root, model_id=None) -> pl.DataFrame:
    """Return the predictions of a lake."""
    rows = Lake(root).snapshot().scan(PREDICTIONS).collect()
    return rows if model_id is None else rows.filter(pl.col("model_id") == model_id)


def test_windows_are_kept_and_the_lake_is_told(own_lake, tmp_path, series_of):
    """Each window is a folder among the pilots, a row of model_runs, and predictions of its test dates only."""
    pilot = {"pilot_dir": "models/pilots", "pilot_windows": 2, "pilot_total_test_rows": 600}
    done = train([series_of(**pilot)], own_lake, tmp_path / "models", workers=1, clock=noon)

    assert [FITTED, FITTED] == [one.state for one in done.windows]
    assert all(pilot.items() <= one.card.config.items() for one in done.windows)
    runs = Lake(own_lake).snapshot().read(MODEL_RUNS, Partition("miami"))
    assert [one.card.model_id for one in done.windows] == runs.sort("model_id")["model_id"].to_list()
    assert {NOON} == set(runs["fitted_utc"])
    for one in done.windows:
        kept = read_predictions(one.folder).sort("market_ticker", "ts_utc")
        told = said(own_lake, one.card.model_id).sort("market_ticker", "ts_utc")
        assert kept["p_model"].to_list() == told["p_model"].to_list()
        assert set(one.card.window.test_dates) >= set(told["event_date"])
        assert (told["event_date"].min() - one.card.train_until).days > PURGED_DAYS


def fit_nothing(*asked):
    """Fit a window whose model weighs no feature."""
    artifact = fit_window(*asked)
    return replace(artifact, fitted=replace(artifact.fitted, weights=np.zeros(len(artifact.fitted.weights))))


def test_a_degenerate_model_says_nothing_to_the_lake(own_lake, tmp_path, series_of, capsys):
    """Its card and its run are there, and say so; what an earlier fit said of the same dates goes."""
    train([series_of()], own_lake, tmp_path / "models", workers=1, clock=noon)
    assert said(own_lake).height

    silent = replace(series_of(), fit_window=fit_nothing)
    done = train([silent], own_lake, tmp_path / "models", workers=1, clock=noon, again=True)

    assert all(one.card.degenerate for one in done.windows)
    assert all(read_predictions(one.folder).height for one in done.windows)
    assert said(own_lake).is_empty()
    assert 4 == Lake(own_lake).snapshot().read(MODEL_RUNS, Partition("miami")).height
    assert 2 == train_summary(done)["degenerate"]
    tell_trained(done)
    told = capsys.readouterr().out
    assert "2 degenerate: kept for the record" in told
    assert "kwx models promote" not in told
    sound = {"degenerate": None, "horizon": "5m"}
    moves = [replace(one, card=one.card.model_copy(update=sound)) for one in done.windows]
    tell_trained(replace(done, windows=moves))
    told = capsys.readouterr().out
    assert "kwx calibrate --horizon 5m" in told
    assert "kwx models promote" in told


def test_what_is_held_is_left_alone_until_something_moves(own_lake, tmp_path, series_of):
    """A second run fits nothing and publishes nothing; other settings fit again, and replace what was said."""
    first = train([series_of()], own_lake, tmp_path / "models", workers=1, clock=noon)
    second = train([series_of()], own_lake, tmp_path / "models", workers=1)

    assert [HELD, HELD] == [one.state for one in second.windows]
    assert second.built is None

    other = train([series_of(trials=3)], own_lake, tmp_path / "models", workers=1)

    assert [FITTED, FITTED] == [one.state for one in other.windows]
    assert ["other settings: trials 2, now 3"] == sorted({one.replaced.partition(";")[0] for one in other.windows})
    assert {""} == {one.replaced for one in (*first.windows, *second.windows)}
    for before, after in zip(first.windows, other.windows, strict=True):
        assert [before.card] == earlier_cards(tmp_path / "models", after.folder)
    now = said(own_lake)
    assert now.height == now.unique(["market_ticker", "ts_utc", "model_id"]).height
    assert len(first.windows) + len(other.windows) == Lake(own_lake).snapshot().scan(MODEL_RUNS).collect().height


def test_what_was_kept_before_a_crash_is_told_by_the_next_run(own_lake, ten_days, tmp_path, series_of):
    """A run that was killed between fitting and publishing loses nothing: the next tells the lake without fitting."""
    fitted = train([series_of()], own_lake, tmp_path / "models", workers=1, clock=noon)
    before = said(own_lake)
    shutil.rmtree(own_lake)
    shutil.copytree(ten_days, own_lake, symlinks=True)

    again = train([series_of()], own_lake, tmp_path / "models", workers=1)

    assert [HELD, HELD] == [one.state for one in again.windows]
    assert again.built is not None
    assert before.equals(said(own_lake))
    assert [one.card for one in fitted.windows] == [one.card for one in again.windows]


def test_the_same_lake_seed_and_versions_make_the_same_bytes(ten_days, own_lake, tmp_path, series_of):
    """Two trainings of one lake are one and the same, file by file."""
    for name in ("one", "two"):
        shutil.rmtree(own_lake)
        shutil.copytree(ten_days, own_lake, symlinks=True)
        train([series_of()], own_lake, tmp_path / name, workers=1, clock=noon)

    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) > 10
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path


def test_a_window_that_cannot_be_fitted_stops_no_other(own_lake, tmp_path, series_of):
    """Windows of a day are refused with the number of dates that are needed; the others are fitted."""
    short = replace(series_of(train_days=2), bracket="less")

    done = train([short, series_of()], own_lake, tmp_path / "models", workers=1)

    states = {(one.bracket, one.state) for one in done.windows}
    assert {("less", REFUSED), ("between", FITTED)} == states
    assert all("needed" in one.why for one in done.windows if one.state == REFUSED)


def test_where_no_window_can_be_fitted_the_run_is_refused(own_lake, tmp_path, series_of):
    """The first reason is told, and nothing is published."""
    with pytest.raises(Refused, match="none of 4 windows could be fitted"):
        train([series_of(train_days=2)], own_lake, tmp_path / "models", workers=1)

    assert said(own_lake).is_empty()


def test_a_range_too_short_for_one_window_says_how_many_dates_are_needed(own_lake, tmp_path, series_of):
    """Ten days hold no window of ninety."""
    with pytest.raises(Refused, match="92 are needed: 90 to fit, 1 between"):
        train([series_of(train_days=90)], own_lake, tmp_path / "models", workers=1)
