"""Promoted models speak of dates that the lake lacks: exactly as their fit would have, and of nothing later."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from kwx.models.predicting.run import PredictWish, predict
from kwx.models.predicting.said import said_of
from kwx.models.registry.card import card_bytes, read_card
from kwx.models.registry.places import CARD, TRAINED, window_folders
from kwx.models.registry.promotion import Choice, promote
from kwx.models.registry.store import load
from kwx.models.registry.told import tell_promotions
from kwx.models.training.run import train
from kwx.nightly.plan import Asked
from kwx.nightly.run import run_night, the_night
from kwx.nightly.source import source_of
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, FORECASTS, MODEL_RUNS, PREDICTIONS, Partition

pytestmark = pytest.mark.slow

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def spoken(ten_days, series_of, tmp_path_factory):
    """Return a lake, and beside it the models of a walk of elastic nets, all of them promoted and told."""
    place = tmp_path_factory.mktemp("spoken")
    lake, root = place / "lake", place / "models"
    shutil.copytree(ten_days, lake, symlinks=True)
    train([series_of()], lake, root, workers=1, clock=lambda: NOON)
    promote(Choice(), root, reason="a test", clock=lambda: NOON)
    tell_promotions(Lake(lake), root, clock=lambda: NOON)
    return place


@pytest.fixture
def own_lake(spoken, tmp_path):
    """A copy of that lake to write to."""
    return shutil.copytree(spoken / "lake", tmp_path / "lake", symlinks=True)


@pytest.fixture
def models(spoken, tmp_path):
    """A copy of the models."""
    return shutil.copytree(spoken / "models", tmp_path / "models", symlinks=True)


def last_spoken(root) -> Partition:
    return max(Lake(root).snapshot().partitions(PREDICTIONS.name))


def folder_of(models, window):
    return next(one for one in window_folders(models / TRAINED) if one.name == window)


def words(root, place) -> pl.DataFrame:
    return Lake(root).snapshot().read(PREDICTIONS, place).select(PREDICTIONS.schema.names())


def test_what_is_lacking_is_said_as_the_fit_said_it(own_lake, models, put):
    """To the bit, under the same run; what is there stays as it was said."""
    place, before = last_spoken(own_lake), words(own_lake, last_spoken(own_lake))
    kept = before.head(before.height // 3).with_columns(p_model=pl.lit(0.5))
    put(own_lake, PREDICTIONS, kept, place)
    runs = Lake(own_lake).snapshot().read(MODEL_RUNS, Partition("miami")).select(MODEL_RUNS.schema.names())
    put(own_lake, MODEL_RUNS, runs.filter(~pl.col("run_id").is_in(before["run_id"].to_list())), Partition("miami"))

    run = predict(PredictWish(since=place.event_date), own_lake, models, workers=1, clock=lambda: NOON)

    assert run.added == before.height - kept.height
    said = words(own_lake, place)
    assert kept.equals(said.join(kept, on=("market_ticker", "ts_utc"), how="semi", maintain_order="left"))
    rest = before.join(kept, on=("market_ticker", "ts_utc"), how="anti", maintain_order="left")
    assert rest.equals(said.join(kept, on=("market_ticker", "ts_utc"), how="anti", maintain_order="left"))
    assert set(said["run_id"]) <= set(Lake(own_lake).snapshot().read(MODEL_RUNS, Partition("miami"))["run_id"])
    again = predict(PredictWish(since=place.event_date), own_lake, models, workers=1, clock=lambda: NOON)
    assert (again.added, again.built.changed) == (0, False)


def test_a_word_knows_nothing_of_later_minutes(own_lake, models, put):
    """The afternoon is garbled, and no word of the morning moves."""
    place, held = last_spoken(own_lake), words(own_lake, last_spoken(own_lake))
    model = load(folder_of(models, held["wf_window"][0]))
    before = said_of(model, Lake(own_lake).snapshot(), "miami", [place.event_date])
    instants = before["ts_utc"].sort()
    noon = instants[len(instants) // 2]
    dense = Lake(own_lake).snapshot().read(CANDLES_DENSE, place).select(CANDLES_DENSE.schema.names())
    later = pl.col("ts_utc") > noon
    prices = [name for name in dense.columns if name.endswith("_ticks") and dense[name].dtype.is_integer()]
    garbled = dense.with_columns(pl.when(later).then(pl.col(name) // 2).otherwise(name).alias(name) for name in prices)
    put(own_lake, CANDLES_DENSE, garbled, place)

    said = said_of(model, Lake(own_lake).snapshot(), "miami", [place.event_date])

    until = pl.col("ts_utc") <= noon
    assert held.height == before.height
    assert before.filter(until).equals(said.filter(until))
    assert not before.filter(~until).equals(said.filter(~until))


def test_days_of_which_nothing_new_is_known_are_left_alone(own_lake, models):
    """Where it is said what changed, other days that were spoken of are not read."""
    place = last_spoken(own_lake)
    wish = PredictWish(since=place.event_date - timedelta(days=1), changed=frozenset())

    run = predict(wish, own_lake, models, workers=1, clock=lambda: NOON)

    assert (run.spoke, run.built) == ((), None)
    assert run.held == 2


def test_a_broken_model_has_its_line_in_the_report_and_the_others_speak(own_lake, models, put, tmp_path):
    """A promoted file is altered: the night says so, with what mends it, and ends with 1."""
    place, before = last_spoken(own_lake), words(own_lake, last_spoken(own_lake))
    put(own_lake, PREDICTIONS, before.clear(), place)
    broken = folder_of(models, before["wf_window"][0]) / "elasticnet.json"
    broken.chmod(0o644)
    broken.write_text(broken.read_text().replace("0.", "1.", 1))

    night = the_night(own_lake, source=source_of(Lake(own_lake)), models=models, workers=1, wall_clock=lambda: NOON)
    run = run_night(night, Asked(only=("predictions",), skip=("publish",)))

    told = {one.name: one for one in run.outcomes}["predictions"]
    assert (told.state.value, told.in_part, run.exit_code) == ("failed", True, 1)
    (line,) = [one for one in run.report["lines"] if one["kind"] == "broken_model"]
    assert "was altered after it was written" in line["words"]
    assert "kwx models rollback" in line["hint"]
    assert words(own_lake, place).is_empty()
    assert json.dumps(run.report)


def test_a_model_that_fails_while_it_speaks_is_told_and_the_others_speak(own_lake, models, put):
    """Its files are whole, and its card says what no reader of rows can do: the other window's words are added."""
    place = last_spoken(own_lake)
    eve = next(
        one
        for one in reversed(Lake(own_lake).snapshot().partitions(PREDICTIONS.name))
        if words(own_lake, one)["wf_window"][0] != words(own_lake, place)["wf_window"][0]
    )
    before = {one: words(own_lake, one) for one in (eve, place)}
    for one, rows in before.items():
        put(own_lake, PREDICTIONS, rows.clear(), one)
    folder = folder_of(models, before[eve]["wf_window"][0])
    card = read_card(folder)
    misled = card.model_copy(update={"config": {**card.config, "every_minutes": "often"}})
    (folder / CARD).unlink()
    (folder / CARD).write_bytes(card_bytes(misled))

    run = predict(PredictWish(since=eve.event_date), own_lake, models, workers=1, clock=lambda: NOON)

    (broken,) = run.broken
    assert "fails while it speaks of miami" in broken.why
    assert words(own_lake, eve).is_empty()
    assert before[place].equals(words(own_lake, place))


def test_the_rest_of_a_day_that_a_failed_night_did_not_say_is_said_by_the_next(own_lake, models, put):
    """Its first hours were said the night before; the night that failed was told, and yet the day is owed."""
    place, before = last_spoken(own_lake), words(own_lake, last_spoken(own_lake))

    def night(*skip):
        found = the_night(own_lake, source=source_of(Lake(own_lake)), models=models, workers=1, wall_clock=lambda: NOON)
        run = run_night(found, Asked(only=("predictions",), skip=skip))
        return {one.name: one for one in run.outcomes}["predictions"]

    assert night("publish").state.value == "done"
    told = Lake(own_lake).snapshot().read(FORECASTS, place).select(FORECASTS.schema.names())
    put(own_lake, FORECASTS, told.head(told.height - 1), place)
    put(own_lake, PREDICTIONS, before.head(before.height // 3), place)
    model = folder_of(models, before["wf_window"][0]) / "elasticnet.json"
    whole = model.read_bytes()
    model.chmod(0o644)
    model.write_bytes(b"{}")
    assert night().state.value == "failed"
    model.write_bytes(whole)

    mended = night("publish")

    assert mended.error == ""
    assert mended.figures["added"] == before.height - before.height // 3
