"""What the ladders lack is told with the commands that make it: weights that may serve need no tuning."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

from kwx.monitor.ladders_told import ladders
from kwx.monitor.look import Wish, look_at
from tests.kwx.held_weights import HELD
from warehouse.lake.store import Lake
from warehouse.lake.tables import ALL_CITIES, FUSION_PARAMS, Partition
from warehouse.lake.writer import write

MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def told(root, said=None):
    """Return the section of the ladders of a lake, as a page has it."""
    with look_at(Lake(root), Wish(lake_said=said), moment=MOMENT) as look:
        return ladders(look).section.html()


def test_before_weights_are_tuned_one_may_be_said(demo_lake):
    """Each command finds the lake."""
    words = told(demo_lake, "there")

    assert "The weather was not run: kwx hazard backfill --lake there" in words
    assert "Nothing was fused: kwx fuse tune --every 7 --lake there, then kwx fuse run --lake there;" in words
    assert "or, before 13 dates are settled, kwx fuse run --weight 0.7 --lake there" in words


def test_where_weights_may_serve_nothing_is_tuned(demo_lake, tmp_path):
    """Those of all cities serve each."""
    root = tmp_path / "lake"
    shutil.copytree(demo_lake, root, symlinks=True)
    with write(Lake(root), purpose="test") as writer:
        writer.put(FUSION_PARAMS, HELD.row(), Partition(ALL_CITIES))
        writer.publish()

    words = told(root)

    assert "Nothing was fused: kwx fuse run" in words
    assert "kwx fuse tune" not in words
