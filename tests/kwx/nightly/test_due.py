"""What fits by schedule is judged family by family and city by city: a new one beside an old one is not forgotten."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from kwx.hazard.fit.walk import Fitted
from kwx.models.predicting.run import Broken, PredictRun
from kwx.models.registry.places import PILOTS, stage_folder
from kwx.nightly.journal import Started
from kwx.nightly.owed import End
from kwx.nightly.plan import STEPS, Asked, plan_of
from kwx.nightly.step import Kind
from kwx.nightly.steps import calibrators, hazard_fit, models, predictions
from kwx.nightly.steps.hazard_fit import told_of
from tests.kwx.nightly.conftest import DATE, NOON, night_of
from warehouse.errors import FileBroken, Refused
from warehouse.lake.store import Lake
from warehouse.lake.tables import CALIBRATORS, MARKETS, MC_PARAMS, MODEL_RUNS, PREDICTIONS, Partition

CITIES = ("chicago", "nyc")
DATES = tuple(DATE - timedelta(days=back) for back in range(3))
RUN = {
    "horizon": "day", "fitted_utc": NOON, "since_date": date(2026, 9, 1), "until_date": date(2026, 9, 30),
    "snapshot": 1, "config_sha256": "0" * 64, "seed": 42, "parameters_json": "{}", "metrics_json": "{}",
}  # fmt: skip


def spoke(put, root, city: str, day: date, *families: str) -> None:
    """Let families say something of a bracket of a date, an hour before it closes."""
    market = Lake(root).snapshot().read(MARKETS, Partition(city, day)).row(0, named=True)
    rows = [
        {
            "market_ticker": market["market_ticker"], "ts_utc": market["close_utc"] - timedelta(hours=1),
            "model_id": family, "run_id": f"run-{family}", "horizon": "day", "p_model": 0.5, "p_calibrated": None,
            "wf_window": "win_20261001_20261130",
        }
        for family in families
    ]  # fmt: skip
    put(root, PREDICTIONS, pl.DataFrame(rows, schema=PREDICTIONS.schema), Partition(city, day))


def calibrated(put, root, city: str, *families: str) -> None:
    """Keep a calibrator of families in a city that saw every date."""
    said = {
        "horizon": "day", "method": "platt", "fitted_utc": NOON, "since_date": DATES[-1], "until_date": DATE,
        "parameters_json": "{}", "metrics_json": "{}",
    }  # fmt: skip
    rows = [said | {"model_type": family} for family in families]
    put(root, CALIBRATORS, pl.DataFrame(rows, schema=CALIBRATORS.schema), Partition(city))


@pytest.fixture
def spoken(hazard_lake, copy_of, put):
    """Return a lake in which two families spoke of three dates in two cities, the second of one less in New York."""
    root = copy_of(hazard_lake)
    for city in CITIES:
        put(root, MODEL_RUNS, pl.DataFrame(
            [RUN | {"run_id": f"run-{one}", "family": one, "model_id": one} for one in ("one", "two")],
            schema=MODEL_RUNS.schema,
        ), Partition(city))  # fmt: skip
        for day in DATES:
            spoke(put, root, city, day, "one", *(["two"] if (city, day) != ("nyc", DATE) else []))
    return root


def due_of(root):
    night = night_of(root, cities=CITIES, said={"drift": {"least_calibrator_dates": 3}})
    return calibrators.STEP.due(night)


def test_a_family_or_a_city_without_a_calibrator_is_due_beside_those_that_have_one(spoken, put):
    """Each is judged by the dates that it spoke of itself."""
    calibrated(put, spoken, "chicago", "one")

    found = due_of(spoken)

    assert found.is_due
    assert "two in chicago, one in nyc" in found.why
    calibrated(put, spoken, "chicago", "one", "two")
    calibrated(put, spoken, "nyc", "one")
    assert not due_of(spoken).is_due


def test_an_old_family_is_due_beside_one_that_was_just_fitted(hazard_lake, copy_of):
    """The newest window of one says nothing of another's."""
    root = copy_of(hazard_lake)
    night = night_of(root, said={"refit": {"families": ["elasticnet", "tod"], "models_days": 7}})
    fitted = models.window_of(night.event_date, train_days=42, serve_days=7)
    (stage_folder(night.models_root, PILOTS) / "chicago" / "between" / "elasticnet" / fitted.name).mkdir(parents=True)

    found = models.STEP.due(night)

    assert "elasticnet serves from" in found.why
    assert "tod: 3 of the last 180 dates trade" in found.why


def test_a_family_that_was_cut_off_is_fitted_to_its_end(hazard_lake, copy_of):
    """One of its windows was kept before the cut; the others, and what the lake is told of it, are still to be made."""
    night = night_of(copy_of(hazard_lake), said={"refit": {"families": ["elasticnet"], "models_days": 7}})
    fitted = models.window_of(night.event_date, train_days=42, serve_days=7)
    (stage_folder(night.models_root, PILOTS) / "chicago" / "between" / "elasticnet" / fitted.name).mkdir(parents=True)
    assert not models.STEP.due(night).is_due

    night.journal.start("models", Started(why="", snapshot=1, owes=("elasticnet",)), at_utc=NOON)

    assert "elasticnet: it was cut off while it was fitted" == models.STEP.due(night).why
    assert ["elasticnet"] == list(models.STEP.owes(night))


def test_a_city_that_lacks_days_is_a_line_and_a_broken_file_a_failure():
    """Both are told; what was fitted stands."""
    lack, broken = Refused("nyc: there are 3 days", hint="ingest"), FileBroken("a file is torn", hint="mend it")
    fitted = Fitted(built=None, laws=[], added=0, refused=[], notes=[], unfitted={"nyc": lack})  # type: ignore[arg-type]

    told = told_of(fitted)

    (line,) = told.lines
    assert (Kind.UNFITTED, "no law could be fitted: nyc: there are 3 days", "") == (line.kind, line.words, told.short)
    both = told_of(Fitted(**{**vars(fitted), "unfitted": {"nyc": lack, "chicago": broken}}))
    assert "chicago: a file is torn" in both.lines[1].words
    assert (both.short, both.hint) == ("no law could be fitted of chicago", "mend it")


def test_what_a_broken_model_owes_is_told_as_a_range(hazard_lake, copy_of, tmp_path):
    """However many nights it cannot speak: each line says from when to when, and the file of ends holds one span."""
    root = copy_of(hazard_lake)
    days = [DATE - timedelta(days=back) for back in range(40)]
    night = night_of(root)
    owed = frozenset(Partition("chicago", day) for day in days)
    end = End(snapshot=Lake(root).snapshot().number, tables=predictions.STEP.reads, days=owed)
    night.ends.note({"predictions": end})
    broken = Broken(folder=tmp_path / "win", why="win cannot be read", hint="roll back")
    run = PredictRun(built=None, added=0, spoke=(), held=0, broken=(broken,), old=(), seconds=0.0)

    told = predictions.told_of(run, owed=predictions.span_owed(night))

    (line,) = told.lines
    held = [day.event_date for day in Lake(root).snapshot().partitions("candles_dense") if day.city == "chicago"]
    span = f"{held[0]} … {held[-1]}, {len(held)} dates,"
    assert (
        f"a promoted model cannot speak: win cannot be read; what it lacks of {span} is owed until it can" == line.words
    )
    assert f'"{days[-1]}",' in night.paths.ends.read_text()
    assert night.paths.ends.read_text().count("2026-") == 2
    assert owed == night_of(root).owed(predictions.STEP).days


def test_a_city_without_a_law_is_fitted_before_the_hazard(hazard_lake, copy_of, put, monkeypatch):
    """Where it has days enough for one; the others wait for their turn."""
    root, place = copy_of(hazard_lake), Partition("chicago")
    usual = [one.step.name for one in plan_of(night_of(root), Asked())]
    laws = Lake(root).snapshot().read(MC_PARAMS, place).select(MC_PARAMS.schema.names())
    put(root, MC_PARAMS, laws.clear(), place)
    assert usual == [one.step.name for one in plan_of(night_of(root), Asked())], "three days are too few"

    monkeypatch.setattr(hazard_fit, "LEAST_DAYS", 3)
    first = [one.step.name for one in plan_of(night_of(root), Asked())]

    assert first.index("hazard-fit") == first.index("hazard") - 1
    assert usual == [step.name for step in STEPS]
    assert sorted(usual) == sorted(first)
