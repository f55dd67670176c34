"""`kwx lake tables`: every table and view, looked up in words, as JSON and as the page of the documentation."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from kwx.cli.lake import lake
from warehouse.errors import Usage


def said(*words):
    """Return what `kwx lake tables` prints."""
    done = CliRunner().invoke(lake, ["tables", *words], catch_exceptions=False)
    assert 0 == done.exit_code, done.output
    return done.stdout


def test_one_table_is_told_with_its_columns_and_laws():
    """Type, unit, range and meaning stand in a row for each column."""
    text = said("candles_1m")
    row = next(line for line in text.splitlines() if line.startswith("yes_bid_open_ticks"))

    assert "known  known_utc; the close of the minute" in text
    assert ["INTEGER", "ticks", "of", "$0.0001", "yes", "0", "…", "10000", "first", "best"] == row.split()[1:11]
    assert "law    known_utc >= ts_utc" in text


def test_json_has_every_column_of_every_relation():
    """Machines get whole views, also where the page points to another one."""
    told = {entry["name"]: entry for entry in json.loads(said("--json"))}
    names = {column["name"] for column in told["minute_panel_full"]["columns"]}

    assert {"mid_prob", "ras", "wx_temp_1m", "p_fused_norm"} <= names
    assert "md.candles_1m" == told["candles_1m"]["original"]


def test_markdown_of_a_view_tells_what_it_adds():
    """What it takes over whole from another view is a link."""
    text = said("minute_panel_neighbors", "--markdown")

    assert "All columns of [`minute_panel_base`](#minute_panel_base), and:" in text
    assert "| `ras` | DOUBLE | probability a minute² |" in text
    assert "`clv` |" not in text


def test_one_form_at_a_time():
    """JSON and Markdown together are refused."""
    assert 2 == CliRunner().invoke(lake, ["tables", "--json", "--markdown"]).exit_code


def test_an_unknown_table_is_refused():
    """A slip of the pen is a usage error with a hint."""
    with pytest.raises(Usage):
        CliRunner().invoke(lake, ["tables", "candle"], catch_exceptions=False)
