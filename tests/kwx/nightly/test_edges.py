"""A night at its edges: torn files, a page that fails, a disk that is full from the first byte, a second telling."""

from __future__ import annotations

import errno
import json
import os
from datetime import timedelta

import pytest

from kwx.nightly.ballast import take_ballast
from kwx.nightly.plan import Asked
from kwx.nightly.run import run_night
from kwx.nightly.step import State
from kwx.nightly.steps import publish, scores
from tests.kwx.nightly.conftest import DATE, night_of
from warehouse.errors import DiskFull
from warehouse.lake import files
from warehouse.lake.store import Lake
from warehouse.lake.tables import OBS, PMF_DEGREES, Partition

pytestmark = pytest.mark.slow

TELLING = Asked(only=("gc",))
"""Nothing but the report and what shows it."""


def told(root, day=None) -> dict:
    folder = root / "nightly" / (str(day) if day else "latest")
    return json.loads((folder / "report.json").read_bytes())


def words(report, kind: str) -> list[str]:
    return [one["words"] for one in report["lines"] if one["kind"] == kind]


def steps(report) -> dict[str, str]:
    return {one["name"]: one["state"] for one in report["steps"]}


def test_a_torn_file_of_scores_is_made_again_and_a_torn_report_is_no_report(told_lake, copy_of):
    """A kill of the machine can tear any file that lies beside the lake; no night stands still for that."""
    root = copy_of(told_lake)
    path = root / "nightly" / "scores" / f"{DATE}.parquet"
    whole = path.read_bytes()
    path.write_text("torn")
    (root / "nightly" / "latest" / "report.json").write_text("{")

    run = run_night(night_of(root), Asked(only=("scores",), skip=("publish",)))

    assert (steps(run.report)["scores"], run.exit_code) == ("done", 0)
    assert whole == path.read_bytes()


def test_a_step_that_cannot_say_whether_it_is_due_fails_by_itself(told_lake, copy_of, monkeypatch):
    """Whatever it trips over, the others are done and the night is told."""
    root = copy_of(told_lake)
    monkeypatch.setattr(scores, "made_of", lambda *_: 1 / 0)

    run = run_night(night_of(root), Asked(only=("scores",), again=True))

    assert (steps(told(root))["scores"], steps(told(root))["publish"]) == ("failed", "done")
    assert (run.exit_code, told(root)["exit_code"]) == (1, 1)


def test_a_part_of_the_page_that_cannot_be_drawn_is_a_line_of_the_published_report(told_lake, copy_of):
    """People read it where they read the rest, in every form of the report."""
    root = copy_of(told_lake)
    for path in Lake(root).snapshot().locations(PMF_DEGREES.name):
        path.chmod(0o644)
        path.write_bytes(b"no parquet")

    run_night(night_of(root, event_date=DATE), TELLING)

    assert words(told(root), "page_not_drawn")
    for name in ("report.html", "report.md"):
        assert "page could not be drawn" in (root / "nightly" / "latest" / name).read_text()


def test_publishing_that_fails_is_told_by_what_it_published(told_lake, copy_of, monkeypatch):
    """The report that was shown before the failure is shown again with it."""
    root = copy_of(told_lake)
    page, draw = (root / "nightly" / "latest" / "monitor.html").read_text(), publish.put_page

    def fill(drawn, path):
        if fill.full:
            raise DiskFull("the disk is full", hint="free some room")
        draw(drawn, path)

    fill.full = True
    monkeypatch.setattr(publish, "put_page", fill)
    run = run_night(night_of(root), TELLING)

    assert (run.exit_code, told(root)["exit_code"], steps(told(root))["publish"]) == (1, 1, "failed")
    assert words(told(root), "failed_step") == ["publish failed: the disk is full"]
    assert page == (root / "nightly" / "latest" / "monitor.html").read_text(), "the page of before stays"


def test_whatever_breaks_the_page_is_a_line(told_lake, copy_of, monkeypatch):
    """A defect of the page must not silence the night."""
    root = copy_of(told_lake)
    monkeypatch.setattr(publish, "page_of", lambda *_, **__: 1 / 0)

    run = run_night(night_of(root), TELLING)

    assert (run.exit_code, steps(told(root))["publish"]) == (0, "done")
    assert words(told(root), "page_not_drawn") == ["the monitor's page could not be drawn: division by zero"]


def full_while(monkeypatch, is_full) -> None:
    """Let every write of the night and of the lake fail for want of room."""
    write, write_new = os.write, files.write_new

    def no_room():
        if is_full():
            raise OSError(errno.ENOSPC, "No space left on device")

    def written(descriptor, line):
        no_room()
        return write(descriptor, line)

    def new(path, content):
        no_room()
        write_new(path, content)

    from kwx.nightly.report import published
    from kwx.nightly.scores import kept
    from warehouse.lake import staging

    monkeypatch.setattr(os, "write", written)
    for module in (files, published, kept, staging):
        monkeypatch.setattr(module, "write_new", new)


def test_a_disk_that_is_full_from_the_first_byte_is_told_in_the_room_of_the_ballast(told_lake, copy_of, monkeypatch):
    """Not even the beginning can be noted; then the ballast gives way, and the night is told to its end."""
    root = copy_of(told_lake)
    night = night_of(root)
    take_ballast(night.paths.ballast)
    full_while(monkeypatch, night.paths.ballast.exists)
    monkeypatch.setattr("kwx.nightly.run.take_ballast", lambda path: None)

    run = run_night(night, TELLING)

    assert len(words(told(root), "disk_full")) == 1
    assert "the disk of" in words(told(root), "disk_full")[0]
    assert (steps(told(root))["publish"], night.journal.is_finished, run.exit_code) == ("done", True, 0)


def test_a_disk_without_any_room_is_named(told_lake, copy_of, monkeypatch):
    """There is nothing to write a report in; the command says so in a sentence."""
    root = copy_of(told_lake)
    full_while(monkeypatch, lambda: True)

    with pytest.raises(DiskFull, match="is full"):
        run_night(night_of(root), TELLING)


def test_a_second_run_tells_what_the_first_one_told_and_an_old_night_is_not_the_latest(told_lake, copy_of, put):
    """Both hold the lake against what was told before the first of them."""
    root, day = copy_of(told_lake), Partition("chicago", DATE - timedelta(days=1))
    rows = Lake(root).snapshot().read(OBS, day).select(OBS.schema.names())
    put(root, OBS, rows.head(rows.height - 40), day)
    next_day = DATE + timedelta(days=1)
    asked = Asked(only=("dense",))
    first = run_night(night_of(root, event_date=next_day), asked)
    (late,) = words(first.report, "late_data")
    assert f"{day.event_date} came late: chicago -40 obs" in late

    for once_more in (asked, Asked(only=("dense",), again=True)):
        again = run_night(night_of(root, event_date=next_day), once_more)
        assert words(again.report, "late_data") == [late]

    old = run_night(night_of(root), TELLING)
    assert (old.report["date"], told(root)["date"]) == (str(DATE), str(next_day))
    assert (root / "nightly" / "latest").resolve().name == str(next_day)
    assert told(root, DATE)["finished_utc"]


def test_a_step_that_wrote_what_it_reads_is_held(told_lake, copy_of):
    """Its own words are no reason to do it again; that it was held once is none either."""
    root = copy_of(told_lake)

    for _ in range(2):
        run = run_night(night_of(root), Asked(only=("settlements",), skip=("publish",)))
        assert {one.name: one.state for one in run.outcomes}["settlements"] is State.HELD
