"""The section `live` of the configuration: one for all cities, checked as every other part of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kwx.config.file import DEFAULT_FILE, load_config
from kwx.config.live import LiveFields
from warehouse.errors import Usage


def test_the_shipped_file_says_what_the_fields_say() -> None:
    assert load_config().live() == LiveFields()
    assert set(yaml.safe_load(DEFAULT_FILE.read_text())["live"]) == set(LiveFields.model_fields)


def test_paper_is_what_nobody_has_said() -> None:
    assert LiveFields().trade_mode == "paper"
    assert load_config().live(said={"trade_mode": "live"}).trade_mode == "live"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("live: {tick_second: 3}", "tick_second"),
        ("live: {tick_seconds: 0}", "live.tick_seconds"),
        ("live: {settle_seconds: 20, grace_seconds: 10}", "is not below grace_seconds"),
        ("live: {trade_mode: yes please}", "live.trade_mode"),
        ("live: {cities: [gotham]}", "gotham"),
        ("live: {feeds: {metar_second: 1}}", "metar_second"),
        ("live: {health: {alerts: [{name: late, metric: tick_age, value: high, meaning: late}]}}", "alerts"),
    ],
)
def test_a_slip_is_refused_and_named(tmp_path: Path, said: str, told: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(said)
    with pytest.raises(Usage) as refused:
        load_config(path)
    assert told in str(refused.value)
