"""`kwx train` as it is typed: every family on a small lake, in processes of their own, and what is refused."""

from __future__ import annotations

import json
import shutil
from datetime import date

import polars as pl
import pytest
from click.testing import CliRunner

from kwx.cli import kwx
from kwx.models.registry.serving import NoModel
from pipelines.build import build_demo, demo_world

pytestmark = pytest.mark.slow

WALK = ("--train-days", "8", "--test-days", "1", "--workers", "2", "--json")
FAMILIES = {
    "elasticnet": ("elasticnet", "--bracket", "between", "--feature-set", "baseline", "--trials", "2"),
    "pooled elasticnet": (
        "elasticnet", "--city", "all", "--bracket", "between", "--feature-set", "baseline", "--trials", "2"
    ),
    "market_clock": ("market-clock", "--fit-every", "60"),
    "tod": ("tod", "--fit-every", "60"),
    "hybrid": ("hybrid", "--fit-every", "60"),
}  # fmt: skip


@pytest.fixture(scope="module")
def two_cities(tmp_path_factory):
    """Ten days of two cities; tests only read it."""
    root = tmp_path_factory.mktemp("two") / "lake"
    world = demo_world(days=10, until=date(2026, 11, 4), cities=("chicago", "miami"), seed=5, books=False)
    build_demo(world, root)
    return root


@pytest.fixture
def typed(two_cities, tmp_path):
    """Return what types a command on a copy of the lake, with models of its own."""
    shutil.copytree(two_cities, tmp_path / "lake", symlinks=True)
    environment = {"KWX_LAKE": str(tmp_path / "lake"), "KWX_MODELS": str(tmp_path / "models")}

    def run(*words: str):
        return CliRunner(env=environment).invoke(kwx, [*words], catch_exceptions=False)

    return run


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_trained_kept_and_told(typed, family):
    """Two cities, one window each or one of both; a second run leaves it alone."""
    words = FAMILIES[family]
    cities = () if "--city" in words or family == "market_clock" else ("--city", "chicago", "--city", "miami")
    command = ("train", *words, *cities, *WALK)

    first = json.loads(typed(*command).stdout)
    again = json.loads(typed(*command).stdout)

    fitted = 1 if family in ("market_clock", "pooled elasticnet") else 2
    assert first["states"] == {"fitted": fitted, "held": 0, "refused": 0}
    assert again["states"] == {"fitted": 0, "held": fitted, "refused": 0}
    assert again["snapshot"] is None
    assert all(row["log_loss"] > 0 and row["n"] > 0 for row in first["rows"])
    said = typed("sql", "select distinct city from predictions order by all", "--csv").stdout.split()
    assert said == ["city", "chicago", "miami"]


def test_other_settings_replace_a_window_loudly(typed):
    """The row, the summary and a line on standard error say what the fit before was of."""
    command = (*FAMILIES["elasticnet"], "--city", "chicago", *WALK)
    typed("train", *command)

    again = typed("train", *command, "--trials", "3")

    said = json.loads(again.stdout)
    assert said["replaced"] == len(said["rows"]) == said["states"]["fitted"] > 0
    assert {"other settings: trials 2, now 3"} == {row["replaced"].partition(";")[0] for row in said["rows"]}
    told = typed("train", *command[:-1], "--trials", "4")
    assert "replaced: chicago between win_" in told.stderr
    assert "the fit before was of other settings: trials 3, now 4" in told.stderr


def test_direction_exports_what_chose(typed, tmp_path):
    """The rows of the validation dates, with what came and what the model says of each."""
    done = typed(
        "train", "direction", "--city", "chicago", "--kind", "gbdt", "--minutes", "1", "--export-val",
        str(tmp_path / "val.parquet"), "--json",
    )  # fmt: skip

    (row,) = json.loads(done.stdout)["rows"]
    rows = pl.read_parquet(tmp_path / "val.parquet")
    assert row["state"] == "fitted"
    assert {"up", "p_model", "event_date", "market_ticker"} <= set(rows.columns)
    assert rows["p_model"].is_between(0, 1).all()
    assert rows["event_date"].max().isoformat() < row["window"].split("_")[1]


def test_pooled_and_per_city_are_studied_on_the_same_rows(typed):
    """On a single test date there is a difference and no verdict."""
    done = typed(
        "models", "study", "--family", "market_clock", "--city", "chicago", "--city", "miami", "--train-days", "8",
        "--test-days", "1", "--workers", "2", "--json",
    )  # fmt: skip

    rows = json.loads(done.stdout)["rows"]
    assert ["all", "chicago", "miami"] == [row["city"] for row in rows]
    assert {"too few dates"} == {row["generalises"] for row in rows}
    assert all(row["n"] > 0 for row in rows)


def test_a_city_that_is_too_short_stops_no_other(typed, two_cities):
    """Its series is refused by name, with the number of dates that it needs; the other city's is fitted."""
    config = "defaults: {train_days: 8, test_days: 1, step_days: 1}\ncities: {miami: {train_days: 60}}\n"
    path = two_cities.parent / "own.yaml"
    path.write_text(config)

    done = typed(
        "train", "elasticnet", "--city", "chicago", "--city", "miami", "--bracket", "between", "--feature-set",
        "baseline", "--trials", "2", "--config", str(path), "--json",
    )  # fmt: skip

    states = {row["city"]: (row["state"], row["why"]) for row in json.loads(done.stdout)["rows"]}
    assert states["chicago"][0] == "fitted"
    assert states["miami"][0] == "refused"
    assert "62 are needed" in states["miami"][1]


def test_what_was_promoted_is_served(typed):
    """The model of a date, before and after its window; a date that comes too early names the first that does not."""
    typed("train", *FAMILIES["elasticnet"], "--city", "chicago", *WALK)
    assert typed("models", "promote", "--reason", "a test").exit_code == 0
    ask = ("models", "serve", "--family", "elasticnet", "--city", "chicago", "--bracket", "between", "--date")

    within, after = (typed(*ask, when) for when in ("2026-11-04", "2026-11-09"))

    assert "elasticnet_chicago_between_win_20261104_20261104" in within.stdout
    assert "5 days past its last test date" in after.stderr
    with pytest.raises(NoModel, match="2026-10-30 comes before 2026-11-04, the first date"):
        typed(*ask, "2026-10-30")
