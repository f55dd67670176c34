"""The report of the nightly run: absent it is nothing, with more than is known it is read, broken it is refused."""

from __future__ import annotations

import json

import pytest

from kwx.monitor.nightly_report import read_report, report_path
from warehouse.errors import FileBroken

REPORT = {
    "date": "2026-11-02",
    "started_utc": "2026-11-03T11:00:00+00:00",
    "finished_utc": "2026-11-03T11:04:00+00:00",
    "snapshot_before": 4,
    "snapshot_after": 6,
    "exit_code": 1,
    "steps": [
        {"name": "ingest", "state": "failed", "why": "", "seconds": 2.5, "rows": 0, "notes": [],
         "error": "vc did not answer", "hint": "kwx ingest obs --source vc"},
        {"name": "report", "state": "done", "why": "", "seconds": 1, "rows": 0, "notes": [], "error": "", "hint": ""},
    ],
    "lines": [{"kind": "late", "words": "chicago 2026-11-01 came a day late", "hint": ""}],
}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    """Where a report lies."""
    path = report_path(tmp_path)
    path.parent.mkdir(parents=True)
    return path


def test_without_a_report_there_is_none(tmp_path):
    """No nightly run was made yet."""
    assert read_report(report_path(tmp_path)) is None


def test_a_report_is_read_with_what_is_not_known_here(path):
    """Another version may say more."""
    path.write_text(json.dumps(REPORT | {"weather": "fine"}))

    report = read_report(path)

    assert ("2026-11-02", 1, 6) == (report.date, report.exit_code, report.snapshot_after)
    assert ["failed", "done"] == [step.state for step in report.steps]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "no nightly report"),
        (json.dumps(REPORT | {"steps": [{"state": "done"}]}), "steps.0.name"),
        (json.dumps(REPORT | {"started_utc": "2026-11-03T11:00:00"}), "started_utc"),
    ],
)
def test_a_broken_report_is_refused_by_name(path, text, said):
    """It is never taken for an empty one."""
    path.write_text(text)

    with pytest.raises(FileBroken, match=said) as refusal:
        read_report(path)

    assert "kwx nightly" in refusal.value.hint
