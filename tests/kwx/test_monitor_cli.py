"""`kwx monitor`: the page as a file, its figures as JSON, and what cannot be meant."""

from __future__ import annotations

import json


def test_the_page_is_written_and_its_tiles_are_printed(command, demo_lake, tmp_path):
    """By default beside where the command is run."""
    code, out, err = command("monitor", lake=demo_lake)

    assert 0 == code
    assert "written to monitor.html" in err
    assert "coverage" in out
    assert "kwx backtest" in out
    assert (tmp_path / "monitor.html").read_text().startswith("<!doctype html>")


def test_figures_are_json_and_no_file_is_left(command, demo_lake, tmp_path):
    """Where --out is not said."""
    code, out, _ = command("monitor", "--json", "--date", "2026-11-01", lake=demo_lake)

    told = json.loads(out)

    assert 0 == code
    assert "2026-11-01" == told["event_date"]
    assert {"money", "ladders", "drift", "hazard", "freshness", "coverage", "models", "alerts"} <= told.keys()
    assert not (tmp_path / "monitor.html").exists()


def test_what_cannot_be_told_is_an_error_after_the_rest(command, tmp_path):
    """A report of the nightly run that is no report."""
    root = tmp_path / "lake"
    (root / "nightly" / "latest").mkdir(parents=True)
    (root / "nightly" / "latest" / "report.json").write_text("{")

    code, out, err = command("monitor", "--out", tmp_path / "page.html", lake=root)

    assert 1 == code
    assert "not JSON" in err
    assert "kwx lake build" in out
    assert "not JSON" in (tmp_path / "page.html").read_text()


def test_serving_writes_no_file(command, tmp_path):
    """Both cannot be meant."""
    code, _, err = command("monitor", "--serve", "--json", lake=tmp_path)

    assert 2 == code
    assert "--serve" in err


def test_a_lake_that_is_not_there_is_refused(command, tmp_path):
    """With the way out."""
    code, _, err = command("monitor", lake=tmp_path / "nowhere")

    assert 1 == code
    assert "kwx lake build" in err
