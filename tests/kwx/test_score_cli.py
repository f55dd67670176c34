"""`kwx score`: what a person and a machine get, in every form, and the documented exit codes."""

from __future__ import annotations

import json

import polars as pl
import pytest

from warehouse.lake.store import Lake

TEN = ("--at", "10:00", "--at", "16:00")


def test_the_command_has_help_with_an_example_and_every_form(command):
    """`--help` ends in something to copy."""
    code, out, _ = command("score", "--help")

    assert 0 == code
    assert "Example:  kwx score" in out
    assert all(word in out for word in ("--json", "--csv", "--parquet", "--plot", "--lake", "--by", "--against"))


def test_a_table_fits_a_page_and_says_all_it_must(command, long_lake):
    """Snapshot, counts, scores with intervals, skill with its test, the band, slices, and what was left out."""
    code, out, err = command("score", *TEN, "--by", "hour", lake=long_lake)

    assert 0 == code
    assert "snapshot 1: 48 rows of 24 events on 24 dates; intervals of 95% by whole dates" in out
    words = ("log loss", "CRPS °F", "MCB", "ECE width", "PIT spread", "skill against p_mkt: log loss", "DM", "band")
    assert all(word in out for word in words)
    assert max(map(len, map(str.rstrip, out.splitlines()))) <= 120
    assert "left out of 48 instants asked: none" in err


def test_every_number_of_the_json_has_its_count_interval_and_snapshot(command, long_lake):
    """And the curves stand beside their bands."""
    code, out, _ = command("score", *TEN, "--json", lake=long_lake)

    said = json.loads(out)
    assert (0, 1, 48, 24) == (code, said["snapshot"], said["n"], said["dates"])
    assert all(row["snapshot"] == 1 and row["n"] == 48 and row["low"] <= row["high"] for row in said["rows"])
    band = said["reliability"]["p_wx"]
    assert len(band["forecast"]) == len(band["observed"]) == len(band["low"]) == len(band["high"])
    assert 6 * 48 == band["n"]


def test_files_hold_the_same_lines(command, long_lake, tmp_path):
    """CSV and Parquet hold what the JSON does; the chart is a drawing of curves and bars."""
    words = ("--csv", "s.csv", "--parquet", "s.parquet", "--plot", "s.svg")

    _, out, _ = command("score", *TEN, "--by", "lead", "--by", "hazard", "--json", *words, lake=long_lake)

    rows = json.loads(out)["rows"]
    assert len(rows) == pl.read_csv(tmp_path / "s.csv").height == pl.read_parquet(tmp_path / "s.parquet").height
    drawn = (tmp_path / "s.svg").read_text()
    assert all(word in drawn for word in ("p_wx: inside its 95% band", "log loss, by lead", "1–10 %"))


def test_one_source_alone_has_no_skill_and_is_told_so(command, hazard_lake):
    """A lake without a market has scores all the same."""
    code, out, err = command("score", *TEN, lake=hazard_lake)

    assert 0 == code
    assert "p_wx" in out
    assert "p_mkt is not among the sources; --source p_mkt adds it, kwx fuse run makes it" in err
    assert "no intervals on 2 dates; 6 are needed" in err


def test_skill_is_held_against_whom_was_said(command, long_lake):
    """The reference is read with the sources, whether it is said among them or not."""
    _, out, _ = command("score", *TEN, "--source", "p_fused_norm", "--against", "p_wx", "--json", lake=long_lake)

    said = json.loads(out)
    assert (["p_wx", "p_fused_norm"], "p_wx") == (said["sources"], said["against"])
    assert {"p_fused_norm"} == {row["source"] for row in said["rows"] if row["score"].startswith("skill")}


def test_an_instant_may_be_of_the_eve(command, long_lake):
    """Seven in the evening before the day, by local standard time."""
    _, out, _ = command("score", "--at", "eve 19:00", "--by", "hour", "--json", lake=long_lake)

    assert {"all", "eve"} == {row["slice"] for row in json.loads(out)["rows"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--at", "25:00"), "write it as 09:00"),
        (("--at", "10:00", "--every", "30"), "say one of the two"),
        (("--by", "moon"), "is not one of"),
        (("--level", "1.5"), "is not in the range"),
        (("--source", "p_true"), "is not one of"),
    ],
)
def test_what_cannot_be_meant_is_refused(command, long_lake, words, said):
    """Exit 2, with the words that would have been right."""
    code, _, err = command("score", *words, lake=long_lake)

    assert 2 == code
    assert said in " ".join(err.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "make them with: kwx hazard backfill, then kwx fuse run"),
        (("--source", "p_mkt"), "make them with: kwx fuse run"),
    ],
)
def test_a_lake_with_nothing_to_score_is_refused_with_the_command_to_type(command, demo_lake, words, said):
    """Exit 3: markets and weather alone are no probabilities."""
    code, _, err = command("score", *TEN, *words, lake=demo_lake)

    assert 3 == code
    assert said in " ".join(err.split())


def test_a_reference_that_is_not_there_is_refused(command, hazard_lake):
    """Exit 3: skill is against somebody."""
    code, _, err = command("score", *TEN, "--against", "p_mkt", lake=hazard_lake)

    assert 3 == code
    assert "kwx fuse run" in err


def test_scoring_writes_nothing(command, long_lake):
    """The lake stays at its snapshot."""
    before = Lake(long_lake).current_number()

    command("score", *TEN, lake=long_lake)

    assert before == Lake(long_lake).current_number()
