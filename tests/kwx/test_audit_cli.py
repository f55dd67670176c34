"""`kwx audit features`: what a person and a machine get, in every form, and the documented exit codes."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
import yaml

from kwx.cli import audit
from kwx.features.audit.kinds import NAMES
from kwx.features.audit.run import AUDITED
from kwx.features.gate import EVERY_TYPE, THE_CONFIGURATION
from kwx.features.panel import STRIKE_TYPES
from kwx.features.sets import FEATURE_SETS, feature_set

RICH = ("--set", "elasticnet_rich")
GATED = ["dew_f", "humidity_pct", "wind_mph"]


def test_the_command_has_help_with_an_example_and_every_form(command):
    """`--help` ends in something to copy."""
    code, out, _ = command("audit", "features", "--help")

    assert 0 == code
    assert "Example:  kwx audit features" in out
    words = ("--set", "--config", "--bracket", "--json", "--csv", "--parquet", "--plot", "--lake", "microstructure")
    assert all(word in out for word in words)


def test_the_words_of_the_options_are_those_of_the_library():
    """`--help` imports neither; so the lists stand twice, and are the same."""
    assert NAMES == audit._SETS
    assert tuple(FEATURE_SETS) == audit._PANEL_SETS
    assert set(audit._DEFAULT_SETS) < set(NAMES)
    assert set(audit._TYPES) == {EVERY_TYPE, *STRIKE_TYPES}


def test_cities_stand_side_by_side_and_the_gate_is_told(command, demo_lake):
    """The conservative set is known wherever there is a market and weather; every line fits a page."""
    code, out, err = command("audit", "features", "--set", "ridge_conservative", "--every", 30, lake=demo_lake)

    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    assert (0, "") == (code, err)
    assert ["chicago", "nyc"] == lines["known"]
    assert ["100%", "100%"] == lines["temp_f"]
    assert "every feature that is used says something, and the gate holds" in out
    assert max(map(len, map(str.rstrip, out.splitlines()))) <= 120


def test_one_city_is_told_in_full(command, demo_lake):
    """With its range of values and dates; what is left out has its reason, and what is wrong goes to stderr."""
    code, out, err = command("audit", "features", "--city", "ny", "--every", 30, *RICH, lake=demo_lake)

    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert 3 == code
    assert all("excluded" in lines[name] for name in GATED)
    assert "2026-10-31" in lines["mid"]
    assert "2026-11-02" in lines["mid"]
    assert "left out of nyc: dew_f, humidity_pct, wind_mph; the gate" in out
    assert "the gate of nyc: 0 values that only the excluded vendor told, over every minute" in out
    assert "wrong in nyc: p_fused, log_odds_fused; never known: make it with: kwx fuse tune --every 7, then" in err
    assert "then kwx fuse run --city nyc; or, before 13 dates are settled, kwx fuse run --city nyc --weight 0.7" in err
    assert "says something" not in out
    assert lines["mid"].endswith("minute_panel_full")
    assert max(map(len, map(str.rstrip, out.splitlines()))) <= 120


def test_commands_find_the_lake_as_it_was_said(command, demo_lake):
    """Each names the city that lacks something; of both cities it is told for each."""
    _, _, err = command("audit", "features", "--every", 60, *RICH, "--lake", demo_lake)

    assert all(f"kwx hazard backfill --city {city} --lake {demo_lake}" in err for city in ("chicago", "nyc"))
    assert f"kwx fuse tune --every 7 --lake {demo_lake}, then kwx fuse run --city nyc --lake {demo_lake};" in err
    assert f"kwx fuse run --city nyc --weight 0.7 --lake {demo_lake}" in err


def test_every_set_that_models_read_by_default_is_told_in_one_table(command, demo_lake, tmp_path):
    """The panel, and the snapshots of the models of the high, with what each feature is of and when it is known."""
    code, out, err = command(
        "audit", "features", "--city", "ny", "--every", 30, "--csv", "a.csv", "--plot", "a.svg", lake=demo_lake
    )

    rows = pl.read_csv(tmp_path / "a.csv")
    assert 3 == code
    assert {"elasticnet_rich", "market_clock", "tod"} == set(rows["feature_set"])
    assert {"used"} == set(rows.filter(pl.col("feature_set") != "elasticnet_rich")["status"])
    known = rows.filter((pl.col("feature_set") == "tod") & (pl.col("feature") == "forecast_revision_f"))
    told = ("forecasts", "forecast_revision_f", "ts_utc: of forecasts known by then")
    assert told == known.select("tables", "sources", "known_when").row(0)
    assert "the gate takes nothing from market_clock, tod: no feature of it reads a dew point" in out
    assert "snapshot 1: tod over" in out
    assert all(word in (tmp_path / "a.svg").read_text() for word in ("market_clock, snapshot 1", "minutes_since_max"))
    assert "market_clock" not in err


def test_a_configuration_says_the_set_the_gate_and_the_minutes_of_each_pair(command, demo_lake, tmp_path):
    """Chicago does without the vendor by its own file, one type of its brackets has a set of its own, and says so."""
    own = {
        "defaults": {"feature_set": "elasticnet_rich", "every_minutes": 30},
        "cities": {"chicago": {"use_vc_minutes": False, "brackets": {"less": {"feature_set": "baseline"}}}},
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))

    both, told, _ = command("audit", "features", "--config", "own.yaml", "--city", "chi", lake=demo_lake)
    code, out, _ = command("audit", "features", "--config", "own.yaml", "--json", lake=demo_lake)

    said = json.loads(out)
    rows = pl.DataFrame(said["rows"], infer_schema_length=None)
    pairs = rows.filter(pl.col("bracket") != "all").select("city", "bracket", "feature_set").unique()
    assert (3, 3, 6) == (code, both, pairs.height)
    assert [("chicago", "less")] == pairs.filter(pl.col("feature_set") == "baseline").select("city", "bracket").rows()
    assert ["chicago", "nyc"] == sorted(said["excluded_vc_cities"])
    assert 30 == said["every_minutes"]["elasticnet_rich"]
    gone = rows.filter(pl.col("feature").is_in(GATED)).select("city", "status", "reason").unique().rows()
    assert {("chicago", "excluded", THE_CONFIGURATION), ("nyc", "excluded", "the gate")} == set(gone)
    assert f"left out of chicago: dew_f, humidity_pct, wind_mph; {THE_CONFIGURATION}" in told
    assert "of brackets of type greater" in told


def test_a_set_that_is_said_stands_in_place_of_the_files_own(command, demo_lake, tmp_path):
    """The gate of the file counts all the same."""
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"cities": {"chicago": {"use_vc_minutes": False}}}))
    words = ("--config", "own.yaml", "--set", "ridge_conservative", "--bracket", "between", "--city", "chi")

    code, out, _ = command("audit", "features", *words, "--json", lake=demo_lake)

    said = json.loads(out)
    assert (0, ["ridge_conservative"], ["chicago"]) == (code, said["feature_sets"], said["excluded_vc_cities"])
    assert {"between"} == {row["bracket"] for row in said["rows"]}


def test_what_is_asked_for_is_refused_by_exit_3_and_told_all_the_same(command, demo_lake, tmp_path):
    """JSON, CSV, Parquet and the chart hold every city and feature, wrong ones too."""
    files = ("--csv", "a.csv", "--parquet", "a.parquet", "--plot", "a.svg")

    code, out, _ = command("audit", "features", "--every", 30, "--json", *files, *RICH, lake=demo_lake)

    said = json.loads(out)
    assert (3, False, 1, ["nyc"]) == (code, said["passed"], said["snapshot"], said["excluded_vc_cities"])
    assert 2 * len(feature_set("elasticnet_rich").names) == len(said["rows"])
    assert list(AUDITED) == list(said["rows"][0])
    assert GATED == [row["feature"] for row in said["rows"] if row["status"] == "excluded"]
    assert len(said["rows"]) == pl.read_csv(tmp_path / "a.csv").height == pl.read_parquet(tmp_path / "a.parquet").height
    drawn = (tmp_path / "a.svg").read_text()
    assert all(word in drawn for word in ("chicago", "run_max_inside", "excluded", "never known"))


def test_a_range_and_a_type_of_bracket_may_be_said(command, demo_lake):
    """Only they are counted."""
    words = ("--set", "baseline", "--bracket", "less", "--since", "2026-11-01", "--until", "2026-11-01")

    code, out, _ = command("audit", "features", *words, "--city", "chi", "--json", lake=demo_lake)

    rows = json.loads(out)["rows"]
    assert (0, {"2026-11-01"}) == (code, {row["first_date"] for row in rows} | {row["last_date"] for row in rows})
    minutes = (datetime(2026, 11, 2, 6, tzinfo=UTC) - datetime(2026, 10, 31, 14, tzinfo=UTC)) // timedelta(minutes=5)
    assert {minutes} == {row["rows"] for row in rows}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--set", "moon"), 2, "is not one of"),
        (("--bracket", "wide"), 2, "is not one of"),
        (("--every", "0"), 2, "is not in the range"),
        (("--config", "gone.yaml"), 2, "gone.yaml cannot be read"),
        (("--city", "atlantis"), 2, "not in the registry"),
        (("--city", "denver"), 3, "kwx lake status shows what there is"),
        (("--since", "2026-11-02", "--until", "2026-11-01"), 2, "ends before it begins"),
    ],
)
def test_what_cannot_be_answered_is_refused(command, demo_lake, words, code, said):
    """Exit 2 for what cannot be meant, 3 for what the lake does not hold."""
    found, _, err = command("audit", "features", *words, lake=demo_lake)

    assert code == found
    assert said in " ".join(err.split())


def test_an_audit_changes_nothing(command, demo_lake, tmp_path):
    """It reads: the lake has the snapshot that it had."""
    root = tmp_path / "lake"
    shutil.copytree(demo_lake, root, symlinks=True)
    before = sorted(path.relative_to(root) for path in root.rglob("*"))

    command("audit", "features", "--set", "baseline", "--since", date(2026, 11, 2), lake=root)

    assert before == sorted(path.relative_to(root) for path in root.rglob("*"))
