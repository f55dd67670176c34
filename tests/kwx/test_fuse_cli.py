"""`kwx fuse …`: what a person and a machine get, in every form, and the documented exit codes."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

from kwx.cli import fuse_options as options
from kwx.fuse.fit.kinds import METHODS
from kwx.fuse.fit.sample import AHEAD_MINUTES
from kwx.fuse.market.recipe import OVERROUNDS, PRICES
from kwx.fuse.pools import POOLS
from warehouse.lake.store import Lake

COMMANDS = ("run", "tune", "market")


@pytest.fixture
def own_hazard_lake(hazard_lake, tmp_path):
    """A copy of the lake with weather that may be written."""
    root = tmp_path / "own"
    shutil.copytree(hazard_lake, root, symlinks=True)
    return root


@pytest.mark.parametrize("name", COMMANDS)
def test_every_fuse_command_has_help_with_an_example_and_the_same_forms(command, name):
    """`--help` ends in something to copy; each command answers in a table, JSON, CSV, Parquet and a chart."""
    code, out, _ = command("fuse", name, "--help")

    assert 0 == code
    assert f"Example:  kwx fuse {name}" in out
    assert all(form in out for form in ("--json", "--csv", "--parquet", "--plot", "--lake"))


def test_a_run_tells_what_became_of_the_days_and_a_second_one_has_nothing_to_do(command, own_hazard_lake):
    """The table counts days by city and state; what is held is left alone."""
    words = ("fuse", "run", "--city", "chi", "--weight", "0.7")

    code, out, _ = command(*words, lake=own_hazard_lake)
    again, said, _ = command(*words, lake=own_hazard_lake)

    assert (0, 0) == (code, again)
    assert "3 days under log_linear, weight 0.7" in out
    assert "nothing to do: the lake holds all 3 days" in said


def test_a_run_has_every_form(command, own_hazard_lake, tmp_path):
    """JSON names the snapshot; rows are a day each; the chart is a drawing."""
    files = ("--csv", tmp_path / "days.csv", "--parquet", tmp_path / "days.parquet", "--plot", tmp_path / "days.svg")

    code, out, _ = command("fuse", "run", "--city", "chi", "--weight", 1, "--json", *files, lake=own_hazard_lake)

    said = json.loads(out)
    assert 0 == code
    assert Lake(own_hazard_lake).current_number() == said["built"]["snapshot"]
    assert 3 == len(said["rows"]) == pl.read_csv(files[1]).height == pl.read_parquet(files[3]).height
    assert files[5].read_text().startswith("<svg")


def test_days_without_accepted_weights_are_told_with_what_to_do(command, own_hazard_lake):
    """It is no error: p_mkt is made, and the note names both ways on."""
    code, _, err = command("fuse", "run", "--city", "chi", lake=own_hazard_lake)

    assert 0 == code
    assert "3 days have p_mkt alone" in err
    assert "kwx fuse tune" in err


def test_recipes_of_the_market_are_compared_on_settled_days(command, demo_lake, tmp_path):
    """Two prices and three overrounds, each with its log loss and what the ladder implies."""
    code, out, _ = command("fuse", "market", "--city", "chi", "--json", "--plot", tmp_path / "m.svg", lake=demo_lake)

    said = json.loads(out)
    assert 0 == code
    assert 6 == len(said["summary"])
    assert {0.0} == {
        line["difference"] for line in said["summary"] if (line["price"], line["overround"]) == ("mid", "plain")
    }
    assert all(0 < line["mean_rmse_f"] < 10 for line in said["summary"])
    assert 6 == len({line["log_loss"] for line in said["summary"]})  # sizes move a microprice, and no mid
    assert said["snapshot"] == 1


def test_the_words_of_the_options_are_those_of_the_library():
    """They are said again where nothing heavy may be imported, and must not drift."""
    said = (options._PRICES, options._OVERROUNDS, options._POOLS, options._METHODS, options._HORIZONS)

    assert said == (PRICES, OVERROUNDS, POOLS, METHODS, tuple(AHEAD_MINUTES))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "--city", "denver"), 3, "no event of denver trades"),
        (("run", "--weight", "1.5"), 2, "1.5"),
        (("run", "--weight", "0.5", "--pool", "average"), 2, "is not one of 'log_linear', 'linear'"),
        (("run", "--pool", "linear"), 2, "--pool belongs to --weight"),
        (("run", "--since", "2026-11-02", "--until", "2026-11-01"), 2, "ends before it begins"),
        (("tune",), 3, "settled dates have both market and weather"),
        (("tune", "--held-out", "2"), 2, "between 0 and 1"),
        (("tune", "--method", "guess"), 2, "is not one of 'grid', 'optuna', 'gradient'"),
        (("market", "--since", "2027-01-01"), 3, "no settled day has quotes to compare"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_what_cannot_be_meant_or_made_is_refused_with_a_hint(command, hazard_lake, words, code, said):
    """Usage is 2, a broken rule 3, and nothing is published."""
    before = Lake(hazard_lake).current_number()

    found, _, err = command("fuse", *words, lake=hazard_lake)

    assert code == found
    assert said in err
    assert before == Lake(hazard_lake).current_number()
