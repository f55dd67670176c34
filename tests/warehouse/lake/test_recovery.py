"""Upkeep: garbage collection keeps what is used, rollback repoints, a moved lake still answers."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.errors import FileBroken, NoSnapshot, Usage
from warehouse.lake.recovery import collect_garbage, rollback
from warehouse.lake.tables import OBS


def test_gc_keeps_the_newest_snapshots_and_every_file_they_use(lake, publish_generation, generations):
    """Old snapshots go, with the versions that only they named."""
    for generation in (70, 71, 72):
        publish_generation(lake, generation)

    removed = collect_garbage(lake, keep=2)

    assert [1] == removed.snapshots
    assert ["obs/v000001", "settlements/v000001"] == removed.versions
    assert removed.bytes > 0
    assert [2, 3] == lake.snapshot_numbers()
    assert {72} == generations(lake)


def test_gc_dry_run_removes_nothing(lake, publish_generation):
    """What would go is said, and stays."""
    for generation in (70, 71):
        publish_generation(lake, generation)

    removed = collect_garbage(lake, keep=1, dry_run=True)

    assert [1] == removed.snapshots
    assert [1, 2] == lake.snapshot_numbers()


def test_gc_never_removes_the_current_snapshot(lake, publish_generation, generations):
    """After a rollback the current snapshot is an old one, and stays."""
    for generation in (70, 71, 72):
        publish_generation(lake, generation)
    rollback(lake, number=1)

    collect_garbage(lake, keep=1)

    assert [1, 3] == lake.snapshot_numbers()
    assert {70} == generations(lake)


def test_gc_refuses_to_keep_nothing(lake):
    """A lake without any snapshot is not what a clean-up is for."""
    with pytest.raises(Usage, match="--keep 0"):
        collect_garbage(lake, keep=0)


def test_rollback_goes_to_the_parent_and_can_be_undone(lake, publish_generation, generations):
    """Rolling back repoints; nothing is removed."""
    publish_generation(lake, 70)
    publish_generation(lake, 71)

    rollback(lake)
    back = generations(lake)
    rollback(lake, number=2)

    assert {70} == back
    assert {71} == generations(lake)


def test_a_publish_after_a_rollback_takes_a_new_number(lake, publish_generation, generations):
    """A number is never used twice: readers may still hold the snapshot that was rolled back."""
    publish_generation(lake, 70)
    publish_generation(lake, 71)
    rollback(lake)

    snapshot = publish_generation(lake, 72)

    assert 3 == snapshot.number
    assert 1 == snapshot.manifest.parent
    assert {72} == generations(lake)


def test_rollback_beyond_the_first_snapshot_is_refused(lake, publish_generation):
    """The first snapshot has no parent."""
    publish_generation(lake, 70)

    with pytest.raises(Usage, match="is the first"):
        rollback(lake)


def test_an_unknown_snapshot_is_refused_with_the_ones_there_are(lake, publish_generation):
    """Who asks for a snapshot that is gone is told which are kept."""
    publish_generation(lake, 70)

    with pytest.raises(NoSnapshot) as refused:
        lake.snapshot(9)

    assert "snapshots kept: 1" == refused.value.hint


def test_an_empty_lake_answers_with_no_rows(lake):
    """Every view exists on an empty lake."""
    with lake.connect() as con:
        assert 0 == con.sql("from minute_panel_labeled").pl().height


def test_a_moved_lake_still_answers(lake, publish_generation, generations, tmp_path):
    """A catalog's paths are absolute; after a move kwx builds its own from the manifest."""
    publish_generation(lake, 70)
    lake.paths.root.rename(tmp_path / "elsewhere")
    moved = type(lake)(tmp_path / "elsewhere")

    assert {70} == generations(moved)
    publish_generation(moved, 71)
    with duckdb.connect(moved.snapshot().folder / "kwx.duckdb", read_only=True) as con:
        assert [71] == con.sql("select distinct high_f from settlements").pl()["high_f"].to_list()


def test_any_tool_can_read_the_current_snapshot_by_glob(lake, publish_generation):
    """The tree is plain hive Parquet: no file but data below a table."""
    publish_generation(lake, 70)

    with duckdb.connect() as con:
        found = con.sql(
            f"select city, count(*) as n from read_parquet('{lake.paths.root}/current/obs/city=*/date=*/*.parquet') group by city order by city"
        ).pl()

    assert [("chicago", 3), ("miami", 3)] == found.rows()


def test_a_corrupt_file_is_named_when_it_is_read(lake, publish_generation):
    """Reading a partition whose file is damaged says which file, and what to do."""
    snapshot = publish_generation(lake, 70)
    path = snapshot.locations("obs")[0]
    path.chmod(0o644)
    path.write_bytes(b"not parquet at all")

    with pytest.raises(FileBroken, match=path.name) as broken:
        snapshot.read(OBS, snapshot.partitions("obs")[0])

    assert "kwx lake rollback" in broken.value.hint
