"""`kwx calibrate`: tables for people, plain values for machines, a drawing, and what it stores."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

from warehouse.lake.store import Lake
from warehouse.lake.tables import CALIBRATORS, Partition


@pytest.fixture
def lake(predicted_lake, tmp_path):
    """A copy that may be written."""
    root = tmp_path / "lake"
    shutil.copytree(predicted_lake, root, symlinks=True)
    return root


def test_it_shows_every_method_and_stores_what_it_chose(command, lake, tmp_path):
    """What is told, written, drawn and stored agree."""
    code, out, err = command(
        "calibrate", "--city", "chi", "--family", "loud", "--minutes", 60, "--workers", 1,
        "--csv", "methods.csv", lake=lake,
    )  # fmt: skip

    assert code == 0, err
    rows = pl.read_csv(tmp_path / "methods.csv")
    stored = Lake(lake).snapshot().read(CALIBRATORS, Partition("chicago")).row(0, named=True)
    (chosen,) = rows.filter("chosen")["method"]
    assert chosen == stored["method"] == json.loads(stored["metrics_json"])["chosen"]
    assert {"none", "temperature", "platt", "beta"} <= set(rows["method"])
    assert f"{chosen} ←" in out
    for row in rows.filter(pl.col("against").is_not_null(), pl.col("method") != chosen).iter_rows(named=True):
        assert f"{row['method']} refused: {row['against']} on {row['dates']} judged dates" in out
    assert "1 rows added to calibrators" in out
    assert "reliability before: leaves its band" in out


@pytest.mark.slow
def test_the_curves_are_drawn_before_and_after(command, predicted_lake, tmp_path):
    """Side by side, under the name of what was chosen."""
    code, _, err = command(
        "calibrate", "--family", "plain", "--minutes", 60, "--workers", 1, "--dry-run", "--plot", "curves.svg",
        lake=predicted_lake,
    )  # fmt: skip

    drawn = (tmp_path / "curves.svg").read_text()
    assert (code, "written to curves.svg" in err) == (0, True)
    assert "chicago plain, day to 2026-03-19: as it is" in drawn
    assert "chicago plain, day to 2026-03-19: none" in drawn


def test_a_dry_run_gives_json_with_the_curves_and_stores_nothing(command, predicted_lake):
    """Every number stands with its interval and its count."""
    before = Lake(predicted_lake).snapshot().number

    code, out, _ = command("calibrate", "--minutes", 60, "--workers", 1, "--dry-run", "--json", lake=predicted_lake)

    said = json.loads(out)
    assert (code, said["stored"], said["added"]) == (0, False, 0)
    assert Lake(predicted_lake).snapshot().number == before
    loud, plain = said["calibrators"]
    assert (loud["family"], plain["family"], plain["chosen"]) == ("loud", "plain", "none")
    refused = [row for row in said["rows"] if row["against"] == "no better than chance allows"]
    assert all(row["needs_dates"] is None or row["needs_dates"] > row["dates"] for row in refused)
    assert loud["serves_from"] == "2026-03-21"
    assert loud["before"]["p_value"] < 0.05
    assert len(loud["after"]["forecast"]) == len(loud["after"]["low"])
    for row in said["rows"]:
        assert row["brier_low"] <= row["brier"] <= row["brier_high"]
        assert row["ece_low"] <= row["ece"] <= row["ece_high"]
        assert (row["n"] > 0, row["dates"]) == (True, 17)


def test_without_predictions_it_says_what_makes_them(command, long_lake):
    """A rule of the warehouse was broken: exit 3."""
    code, _, err = command("calibrate", lake=long_lake)

    assert code == 3
    assert "there are no predictions of any city" in err
    assert "kwx train" in err


def test_methods_that_do_not_exist_are_refused_before_anything_is_read(command, long_lake):
    """A usage error: exit 2."""
    code, _, err = command("calibrate", "--method", "spline", lake=long_lake)

    assert code == 2
    assert "isotonic" in err


def test_few_dates_calibrate_nothing_and_it_is_said_how_many_are_needed(command, predicted_lake):
    """The help says the rule, and the refusal its number."""
    asked = ("calibrate", "--family", "loud", "--until", "2026-03-01", "--workers", 1, "--dry-run")

    code, _, err = command(*asked, lake=predicted_lake)
    _, told, _ = command("calibrate", "--help")

    assert (code, "settled dates are too few to choose a calibrator by; 12 are needed" in err) == (3, True)
    assert "At least 12 settled dates are needed" in " ".join(told.split())
