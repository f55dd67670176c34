"""The journal of a night: what it says after a cut, and what a torn line tells."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime

import pytest

from kwx.nightly.journal import Baseline, Begun, Journal, Outcome, Started
from kwx.nightly.step import Done, Kind, Line, State
from warehouse.errors import FileBroken

AT = datetime(2026, 11, 3, 6, tzinfo=UTC)
LAST = Baseline(event_date=date(2026, 11, 1), snapshot=6)
BEGUN = Begun(night_utc=AT, started_utc=AT, snapshot_before=7, baselines=(LAST,))
STARTED = Started(why="it was due", snapshot=7, owes=("2026-11-02",))


def outcome(name: str = "hazard", **said) -> Outcome:
    line = Line(kind=Kind.LATE_DATA, words="a day came late", hint="nothing")
    told = Done(rows={"pmf_minute": 6}, lines=[line], notes=["a note"], figures={"days": 1})
    return Outcome.of(name, "it was due", told, seconds=1.5, snapshot=8, inputs="abc", **said)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "night" / "journal.jsonl"


def test_what_was_written_is_read_back(path):
    """A night that was cut off knows how it began and what has ended."""
    journal = Journal(path)
    journal.begin(BEGUN)
    journal.start("hazard", STARTED, at_utc=AT)
    cut_off = Journal(path)
    journal.end(outcome())

    again = Journal(path)

    assert {"hazard": STARTED} == cut_off.started
    assert (again.begun, again.is_finished, again.started) == (BEGUN, False, {})
    assert {"hazard": outcome()} == again.ended
    journal.finish(exit_code=0, at_utc=AT, snapshot=9)
    assert (Journal(path).is_finished, Journal(path).finished_snapshot) == (True, 9)


def test_a_disk_that_takes_a_part_of_a_line_is_given_the_rest(path, monkeypatch):
    """It says so by the count alone."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:7]))

    Journal(path).begin(BEGUN)

    assert Journal(path).begun == BEGUN


def test_a_torn_line_tells_of_nothing_and_the_next_begins_anew(path):
    """Whoever wrote it was killed before it was told to anybody."""
    journal = Journal(path)
    journal.begin(BEGUN)
    with path.open("ab") as file:
        file.write(b'{"event": "end", "name": "haz')

    Journal(path).end(outcome("fusion"))

    assert ["fusion"] == list(Journal(path).ended)


def test_a_file_that_is_no_journal_is_named(path):
    """It is not taken for one that is empty."""
    path.parent.mkdir()
    path.write_text('{"step": "hazard"}\n')

    with pytest.raises(FileBroken, match="line 1, is no line of a night"):
        Journal(path)


def test_a_step_that_did_a_part_has_failed_and_is_done_again():
    """What it did stands; it does not count as ended."""
    told = Outcome.of("ingest", "", Done(short="vc was down"), seconds=0, snapshot=1, inputs="")

    assert (told.state, told.in_part, told.stands) == (State.FAILED, True, False)
