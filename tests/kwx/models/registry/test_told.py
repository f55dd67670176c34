"""Telling the lake what is promoted: from now on, once, line by line, and what is taken back too."""

from __future__ import annotations

import json
import sys
from datetime import timedelta

import polars as pl
import pytest

from kwx.models.registry.promotion import Choice, demote, promote, rollback
from kwx.models.registry.store import store
from kwx.models.registry.told import tell_promotions
from warehouse.lake.store import Lake
from warehouse.lake.tables import PROMOTIONS, Partition

pytestmark = pytest.mark.slow

tiny = sys.modules["tiny_family"]
NAMES = [window.name for window in tiny.WINDOWS]
BETWEEN = "tiny_chicago_between"


@pytest.fixture
def lake(long_lake, tmp_path):
    """A lake that may be written and knows of no promotion."""
    import shutil

    shutil.copytree(long_lake, tmp_path / "lake", symlinks=True)
    return Lake(tmp_path / "lake")


def told(lake, root, minutes=0):
    """Tell it, some minutes after noon; return how many lines were told."""
    return tell_promotions(lake, root, clock=lambda: tiny.NOW + timedelta(minutes=minutes))[1]


def held(lake, city="chicago"):
    """Return the rows of a city: line, minutes after noon, windows, state."""
    rows = lake.snapshot().read(PROMOTIONS, Partition(city)).sort("since_utc", "line")
    after = (pl.col("since_utc") - tiny.NOW).dt.total_minutes()
    return rows.select("line", after, "windows", "state").rows()


def test_each_line_is_told_with_its_windows_from_now_on_and_once(lake, shelf_root):
    """Whenever it was promoted: panels of minutes before the telling stay as they were."""
    promote(Choice(cities=("chicago",), windows=tuple(NAMES[:2])), shelf_root, reason="t", clock=lambda: tiny.NOW)

    first, again = told(lake, shelf_root, 5), told(lake, shelf_root, 9)

    assert (again, [(BETWEEN, 5, NAMES[:2], 1)]) == (0, held(lake)[:1])
    assert first == len(held(lake))
    assert held(lake, "nyc") == []


def test_what_is_taken_back_is_told_too_and_so_is_going_back_to_it(lake, shelf_root):
    """A line without windows is no longer used; the rows before stay."""
    for action, minutes in (
        (lambda: promote(Choice(), shelf_root, reason="t", clock=lambda: tiny.NOW), 1),
        (lambda: demote(Choice(windows=tuple(NAMES[1:])), shelf_root, clock=lambda: tiny.NOW), 2),
        (lambda: demote(Choice(cities=("chicago",)), shelf_root, clock=lambda: tiny.NOW), 3),
        (lambda: rollback(shelf_root), 4),
    ):
        action()
        told(lake, shelf_root, minutes)

    ours = [row[1:] for row in held(lake) if row[0] == BETWEEN]
    assert [(1, NAMES, 1), (2, NAMES[:1], 2), (3, [], 3), (4, NAMES[:1], 2)] == ours
    assert [1, 2] == [row[1] for row in held(lake, "nyc") if "between" in row[0]]


def test_another_fit_of_the_same_window_is_told_and_so_is_going_back_to_it(lake, shelf_root):
    """The names of the windows are the same each time; what was fitted is not."""
    first = tiny.WINDOWS[0]
    for minutes, seed in ((1, 42), (2, 7)):
        store(tiny.fit_window("chicago", "between", first, seed=seed), shelf_root, clock=lambda: tiny.NOW)
        assert told(lake, shelf_root, 20 + minutes) == 0
        promote(Choice(cities=("chicago",)), shelf_root, reason="t", clock=lambda: tiny.NOW)
        assert told(lake, shelf_root, 30 + minutes) == 1
    rollback(shelf_root)
    assert told(lake, shelf_root, 40) == 1

    rows = lake.snapshot().read(PROMOTIONS, Partition("chicago")).sort("since_utc")
    runs = rows["run_ids"].to_list()
    assert [NAMES] * 3 == rows["windows"].to_list()
    assert (runs[0], runs[0][1:]) == (runs[2], runs[1][1:])
    assert runs[0][0] != runs[1][0]


def test_a_clock_that_goes_back_tells_nothing_before_what_is_held(lake, shelf_root):
    """The rows of a line rise, so that the last one told is the last one in force."""
    promote(Choice(), shelf_root, reason="t", clock=lambda: tiny.NOW)
    told(lake, shelf_root, 10)
    demote(Choice(cities=("chicago",)), shelf_root, clock=lambda: tiny.NOW)

    told(lake, shelf_root, -10)

    rows = lake.snapshot().read(PROMOTIONS, Partition("chicago")).filter(line=BETWEEN).sort("since_utc")
    assert [NAMES, []] == rows["windows"].to_list()
    assert rows["since_utc"][1] - rows["since_utc"][0] == timedelta(microseconds=1)


def test_the_commands_tell_the_lake_and_say_so_when_there_is_none(command, lake, shelf_root, tmp_path):
    """A lake that cannot be told undoes no promotion."""
    models = ("--models", shelf_root)
    code, out, err = command("models", "promote", *models, "--reason", "t", "--lake", tmp_path / "nowhere")
    assert (code, "note: no lake was told" in err) == (0, True)

    code, out, _ = command("models", "rollback", "--to", 1, *models, lake=lake.paths.root)
    assert (code, "lines of models, from now on" in out) == (0, True)
    code, out, _ = command("models", "demote", "--city", "chicago", *models, "--json", lake=lake.paths.root)
    assert (code, json.loads(out)["lake"]["note"]) == (0, None)
    assert json.loads(out)["lake"]["lines"] == len({row[0] for row in held(lake)})
