"""What a notebook starts from: a pinned snapshot, and what the lake lacks, named with the command that makes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kwx.lab import NEEDS, open_lab
from warehouse.errors import Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import FORECASTS, Partition


def test_a_new_lake_has_events_and_books_alone(demo_lake):
    """Everything else is made of them, by commands that are told."""
    lab = open_lab(*NEEDS, lake_root=demo_lake)

    assert [NEEDS[name] for name in ("weather", "fusion", "predictions", "fills")] == list(lab.lacking)
    assert "kwx hazard backfill" in lab.advice.splitlines()


def test_what_is_there_is_not_lacking(fused_lake):
    """A lake whose weather is run and fused lacks models and runs only."""
    lab = open_lab("events", "weather", "fusion", "fills", lake_root=fused_lake)

    assert (NEEDS["fills"],) == lab.lacking


def test_a_command_is_told_once(demo_lake):
    """Two needs that are made by one command do not say it twice."""
    told = open_lab("weather", "fusion", lake_root=demo_lake).advice.splitlines()

    assert 1 == told.count("kwx hazard backfill")
    assert 1 == told.count("kwx fuse run --weight 0.7")


def test_without_a_lake_everything_is_lacking(tmp_path):
    """There is no error: the advice says how to build one."""
    lab = open_lab("events", lake_root=tmp_path / "nowhere")

    assert (NEEDS["events"],) == lab.lacking
    assert "no snapshot yet" in lab.advice
    assert "make lake-build" in lab.advice.splitlines()


def test_a_lab_stays_with_its_snapshot(demo_lake: Path, tmp_path: Path, put):
    """What is published after it was opened is not seen."""
    root = tmp_path / "lake"
    shutil.copytree(demo_lake, root, symlinks=True)
    lab = open_lab("events", lake_root=root)
    before = lab.con.sql("select count(*) from forecasts").pl().item()
    place = Lake(root).snapshot().partitions(FORECASTS.name)[0]

    put(root, FORECASTS, FORECASTS.empty(), Partition(place.city, place.event_date))

    assert lab.number != Lake(root).current_number()
    assert before == lab.con.sql("select count(*) from forecasts").pl().item()
    assert lab.number == lab.snapshot.number


def test_a_need_that_is_none_is_refused():
    """A typing error in a notebook is told by the words that there are."""
    with pytest.raises(Usage, match="no need 'wether'"):
        open_lab("wether")
