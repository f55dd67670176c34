"""The section `nightly` of the configuration, checked as every other part of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kwx.config.file import DEFAULT_FILE, load_config
from kwx.config.nightly import STEP_NAMES, NightlyFields
from kwx.nightly.plan import STEPS
from warehouse.errors import Usage


def test_the_shipped_file_says_what_the_fields_say() -> None:
    assert load_config().nightly() == NightlyFields()
    assert set(yaml.safe_load(DEFAULT_FILE.read_text())["nightly"]) == set(NightlyFields.model_fields)


def test_the_names_of_steps_are_those_of_a_night() -> None:
    assert list(STEP_NAMES) == [step.name for step in STEPS]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("nightly: {late_day: 3}", "late_day"),
        ("nightly: {late_days: -1}", "nightly.late_days"),
        ("nightly: {optional: [report]}", "report cannot be optional"),
        ("nightly: {optional: [hazzard]}", "nightly.optional"),
        ("nightly: {refit: {families: [forest]}}", "nightly.refit.families"),
        ("nightly: {drift: {sigmas: 0}}", "nightly.drift.sigmas"),
    ],
)
def test_a_slip_is_refused_and_named(tmp_path: Path, said: str, told: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(said)
    with pytest.raises(Usage) as refused:
        load_config(path)
    assert told in str(refused.value)
