"""`kwx models …`: what a person and a machine get, and the documented exit codes."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import yaml

from kwx.cli import model_options as words
from kwx.cli.model_lists import HELD, STATES
from kwx.config.file import BRACKETS
from kwx.models.registry import defined
from kwx.models.registry.places import STAGES
from kwx.models.registry.store import store

if "tiny_family" not in sys.modules:
    _spec = importlib.util.spec_from_file_location("tiny_family", Path(__file__).parent / "models/registry/tiny.py")
    sys.modules["tiny_family"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["tiny_family"])

tiny = sys.modules["tiny_family"]
_tiny_family, shelf_made, shelf_root = tiny._tiny_family, tiny.shelf_made, tiny.shelf_root

COMMANDS = ("list", "show", "promote", "demote", "rollback", "accept", "config")
NAME = f"tiny_chicago_between_{tiny.WINDOWS[0].name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(command, name):
    """`--help` ends in something to copy."""
    code, out, _ = command("models", name, "--help")

    assert 0 == code
    assert f"Example:  kwx models {name}" in out
    assert "--json" in out


def test_the_words_of_the_options_are_those_of_the_library():
    """They are said again where nothing heavy may be imported, and must not drift."""
    assert STAGES == words.STAGES
    assert (*BRACKETS, "all") == words.BRACKETS


def test_a_list_names_every_window_and_what_is_broken(command, shelf_root):
    """Whole, degenerate, broken; the problem goes to stderr."""
    store(tiny.constant(tiny.fit_window("nyc", "between", tiny.WINDOWS[0])), shelf_root, clock=lambda: tiny.NOW)
    (shelf_root / "pilots/nyc/between/tiny" / tiny.WINDOWS[1].name / "extra").write_text("x")

    code, out, err = command("models", "list", "--models", shelf_root)
    _, said, _ = command("models", "list", "--models", shelf_root, "--city", "nyc", "--json")

    assert 0 == code
    assert NAME in out
    assert 4 == out.count("whole")
    assert "degenerate: every coefficient is zero" in out
    assert "broken" in out
    assert "extra is foreign" in err
    rows = json.loads(said)["rows"]
    assert ["degenerate: every coefficient is zero", "broken", "whole"] == [one["state"] for one in rows]
    assert [True, False, True] == [one["created_utc"] is not None for one in rows]
    assert "extra is foreign" in rows[1]["problem"]


def test_a_list_has_every_form(command, shelf_root, tmp_path):
    """Windows and states alike: JSON, CSV, Parquet and a chart hold the same rows."""
    command("models", "promote", "--models", shelf_root)
    for stage, columns in (("pilots", HELD), ("trained", HELD), ("archive", STATES)):
        files = ("--csv", f"{stage}.csv", "--parquet", f"{stage}.parquet", "--plot", f"{stage}.svg")
        code, out, _ = command("models", "list", "--stage", stage, "--models", shelf_root, "--json", *files)

        said = json.loads(out)
        assert (0, stage) == (code, said["stage"])
        stored = pl.read_parquet(tmp_path / f"{stage}.parquet")
        assert columns == stored.schema
        assert len(said["rows"]) == stored.height == pl.read_csv(tmp_path / f"{stage}.csv").height
        assert "<svg" in (tmp_path / f"{stage}.svg").read_text()
    assert (1, True, 6, 6) == stored.select("number", "current", "windows", "changed").row(0)


def test_a_card_is_drawn(command, shelf_root, tmp_path):
    """Beside what is printed."""
    code, out, err = command("models", "show", NAME, "--models", shelf_root, "--plot", "card.svg")

    assert (0, True) == (code, "written to card.svg" in err)
    assert "metrics" in out
    assert NAME in (tmp_path / "card.svg").read_text()


def test_a_model_whose_features_changed_is_told_and_not_promoted(command, shelf_root, monkeypatch):
    """In the list, beside its card, and by the refusal."""
    monkeypatch.setattr(defined, "panel_definitions", lambda names: {"features": ["other"]})

    _, listed, _ = command("models", "list", "--models", shelf_root)
    _, _, noted = command("models", "show", NAME, "--models", shelf_root)
    code, _, err = command("models", "promote", "--models", shelf_root, "--reason", "I insist")

    assert 6 == listed.count("features changed")
    assert "its features are defined otherwise now than when it was fitted: it is not loaded" in noted
    assert 3 == code
    assert "kwx train" in err


def test_a_window_that_was_fitted_again_shows_what_it_was_before(command, shelf_root):
    """Its earlier card, and how the settings differ."""
    again = tiny.fit_window("chicago", "between", tiny.WINDOWS[0], seed=7)
    store(replace(again, config={**again.config, "train_days": 9}), shelf_root, clock=lambda: tiny.NOW)

    _, out, _ = command("models", "show", NAME, "--models", shelf_root)
    _, said, _ = command("models", "show", NAME, "--models", shelf_root, "--json")

    assert "fitted before" in out
    assert "other settings: train_days 20, now 9" in out
    assert [42] == [card["seed"] for card in json.loads(said)["replaced"]]


def test_a_damaged_promoted_model_is_mended_by_the_number_of_its_state(command, shelf_root):
    """And it is told from where."""
    command("models", "promote", "--models", shelf_root)
    harmed = shelf_root / "trained/chicago/between/tiny" / tiny.WINDOWS[0].name / "model.json"
    harmed.chmod(0o644)
    harmed.write_bytes(b"{}")

    code, out, err = command("models", "rollback", "--to", 1, "--models", shelf_root)
    _, said, _ = command("models", "list", "--stage", "trained", "--models", shelf_root, "--json")

    assert 0 == code
    assert "state 1 is current again: 6 windows are in use" in out
    assert f"mended: {NAME} from pilots" in err
    assert {"whole"} == {row["state"] for row in json.loads(said)["rows"]}


def test_the_folder_of_models_is_said_or_in_the_environment_or_here(command, shelf_root, monkeypatch, tmp_path):
    """--models, else KWX_MODELS, else ./models."""
    _, here, _ = command("models", "list")  # runs in tmp_path, where the pilots are ./models
    monkeypatch.setenv("KWX_MODELS", str(tmp_path / "empty"))
    _, empty, _ = command("models", "list")
    _, said, _ = command("models", "list", "--models", shelf_root)

    assert NAME in here
    assert "no model in pilots; kwx train makes some" in empty
    assert here == said


def test_a_card_is_shown_with_its_coefficients(command, shelf_root):
    """For people and for machines."""
    code, out, _ = command("models", "show", NAME, "--models", shelf_root)
    _, said, _ = command("models", "show", NAME, "--models", shelf_root, "--json")

    assert 0 == code
    assert all(word in out for word in ("mid_logit", "code_sha256", "market_log_loss", "snapshot", "made up"))
    shown = json.loads(said)
    assert {"mid_logit", "hour"} == set(shown["coefficients"])
    assert NAME.removeprefix("tiny_chicago_between_")[4:12] == shown["card"]["test_since"].replace("-", "")


def test_models_are_promoted_demoted_and_brought_back(command, shelf_root):
    """Each step says what is in use now, and how to go back."""
    steps = [
        (("promote", "--city", "chi"), "state 1 made by promote of 3 windows: 3 windows are in use"),
        (("promote", "--city", "nyc", "--json"), '"windows": 6'),
        (
            ("demote", "--city", "chi", "--reason", "too old"),
            "state 3 made by demote of 3 windows: 3 windows are in use",
        ),
        (("rollback",), "state 2 is current again: 6 windows are in use"),
        (("rollback", "--to", "3", "--json"), '"current": true'),
        (("list", "--stage", "archive"), "too old"),
        (("list", "--stage", "trained"), "tiny_nyc_between"),
    ]

    for asked, told in steps:
        code, out, _ = command("models", *asked, "--models", shelf_root)
        assert (0, True) == (code, told in out), out


def test_a_kind_that_lost_needs_a_reason(command, shelf_root):
    """Exit 3 and nothing promoted; with a reason it is told and kept."""
    for window in tiny.WINDOWS:
        artifact = tiny.fit_window("chicago", "between", window)
        store(replace(artifact, metrics={**artifact.metrics, "log_loss": 9.0}), shelf_root, clock=lambda: tiny.NOW)

    code, _, err = command("models", "promote", "--models", shelf_root)
    again, out, noted = command("models", "promote", "--models", shelf_root, "--reason", "to see it lose")

    assert (3, 0) == (code, again)
    assert "not better than the market: chicago/between/tiny" in err
    assert "--reason TEXT" in err
    assert "6 windows are in use" in out
    assert "in spite of chicago/between/tiny: log loss 9.0" in noted


def test_reports_are_written_and_failures_exit_3(command, shelf_root, demo_lake, tmp_path):
    """The verdict of each report, the checks that failed, the folder."""
    code, out, err = command("models", "accept", "--models", shelf_root, "--out", tmp_path / "ok", lake=demo_lake)
    (shelf_root / "pilots/nyc/between/tiny" / tiny.WINDOWS[1].name / "model.json").unlink()
    bad, said, refused = command("models", "accept", "--models", shelf_root, "--no-lake", "--json")

    assert 0 == code, err
    assert 6 == out.count("passed")
    assert (tmp_path / "ok/acceptance.html").exists()
    assert 3 == bad
    assert json.loads(said)["passed"] is False
    assert "1 checks failed: every model is whole" in refused
    assert "FAILED" in (tmp_path / "acceptance/06_summary.md").read_text()


def test_the_settings_of_a_pair_are_printed(command):
    """As YAML that reads back, as JSON, and with where each was said."""
    code, out, _ = command("models", "config", "--city", "ny", "--bracket", "less", "--profile", "pilot")
    _, said, _ = command("models", "config", "--city", "ny", "--bracket", "less", "--profile", "pilot", "--json")
    _, told, _ = command("models", "config", "--city", "ny", "--bracket", "less", "--profile", "pilot", "--origins")

    assert 0 == code
    assert json.loads(said) == yaml.safe_load(out)
    assert ("nyc", "less", 42) == tuple(yaml.safe_load(out)[key] for key in ("city", "bracket", "train_days"))
    assert "train_days: 42  # profiles.pilot.train_days, line" in told
    assert 42 == yaml.safe_load(told)["train_days"]


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (("list", "--stage", "shelf"), 2, "is not one of 'pilots', 'trained', 'archive'"),
        (("list", "--city", "atlantis"), 2, "atlantis"),
        (("list", "--window", "september"), 3, "names no window"),
        (("show", "tiny_chicago"), 3, "no model tiny_chicago lies in pilots"),
        (("show", NAME, "--stage", "trained"), 3, "kwx models list names them"),
        (("promote", "--family", "none"), 3, "no pilot of none"),
        (("demote",), 2, "say which"),
        (("demote", "--city", "nyc"), 3, "nothing of nyc is promoted"),
        (("rollback",), 3, "nothing was ever promoted"),
        (("accept", "--family", "none", "--no-lake"), 3, "no model of none"),
        (("config", "--city", "nyc", "--bracket", "under"), 2, "under"),
        (("config", "--city", "nyc", "--bracket", "less", "--profile", "pilots"), 2, "did you mean 'pilot'?"),
        (("config", "--city", "nyc", "--bracket", "less", "--config", "gone.yaml"), 2, "gone.yaml cannot be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_meant_or_done_is_refused_with_a_hint(command, shelf_root, asked, code, said):
    """Usage is 2, a broken rule 3."""
    models = () if asked[0] == "config" else ("--models", shelf_root)

    found, _, err = command("models", *asked, *models)

    assert code == found
    assert said in err


def test_help_imports_nothing_heavy():
    """`kwx models --help` answers at once."""
    code = (
        "import sys; import kwx.cli.models; "
        "print([n for n in ('polars', 'numpy', 'pydantic', 'yaml', 'sklearn', 'altair') if n in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "[]\n" == done.stdout, done.stderr
