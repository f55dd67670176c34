"""Upkeep: garbage collection keeps what is used, rollback repoints, a moved lake still answers."""

from __future__ import annotations

import errno
import json
import os
from datetime import date

import duckdb
import pytest

from warehouse.errors import FileBroken, LakeBusy, NoSnapshot, Usage
from warehouse.lake import files
from warehouse.lake.checks import run_checks
from warehouse.lake.recovery import collect_garbage, rollback
from warehouse.lake.store import Lake
from warehouse.lake.tables import OBS, SETTLEMENTS, Partition
from warehouse.lake.writer import write


def test_gc_keeps_the_newest_snapshots_and_every_file_they_use(lake, publish_generation, generations):
    """Old snapshots go, with the versions that only they named."""
    for generation in (70, 71, 72):
        publish_generation(lake, generation)
    freed = sum(entry.bytes for name in ("obs", "settlements") for entry in lake.snapshot(1).files(name))

    removed = collect_garbage(lake, keep=2)

    assert [1] == removed.snapshots
    assert ["obs/v000001", "settlements/v000001"] == removed.versions
    assert freed == removed.bytes
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


def test_a_lake_that_older_code_wrote_has_the_views_of_today(lake, publish_generation, generations):
    """Its catalog lacks a view that came since: the views are made anew over the same files, and nothing is written."""
    publish_generation(lake, 70)
    snapshot = lake.snapshot()
    for path in (snapshot.folder, snapshot.folder / "kwx.duckdb", snapshot.folder / "manifest.json"):
        path.chmod(0o755)
    with duckdb.connect(snapshot.folder / "kwx.duckdb") as con:
        con.execute("drop view day_high")
    said = json.loads((snapshot.folder / "manifest.json").read_text())
    (snapshot.folder / "manifest.json").write_text(json.dumps({**said, "sql_sha256": "of another day"}))

    with lake.connect() as con:
        assert len(con.sql("select count(*) from day_high").fetchall()) == 1
    assert {70} == generations(lake)


def test_any_tool_can_read_the_current_snapshot_by_glob(lake, publish_generation):
    """The tree is plain hive Parquet: no file but data below a table."""
    publish_generation(lake, 70)

    with duckdb.connect() as con:
        found = con.sql(
            "select city, count(*) as n"
            f" from read_parquet('{lake.paths.root}/current/obs/city=*/date=*/*.parquet') group by city order by city"
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


def test_bytes_of_a_file_that_a_kept_snapshot_still_names_are_not_freed(lake, publish_generation, change_chicago):
    """A second name keeps the bytes: only what nobody names any more is counted."""
    first = publish_generation(lake, 70)
    change_chicago(lake, 71)
    chicago = next(entry for entry in first.files("settlements") if "chicago" in entry.path)

    assert chicago.bytes == collect_garbage(lake, keep=1).bytes


def test_numbers_are_not_used_again_after_a_clean_up(lake, publish_generation, change_chicago):
    """A path of data never names other data later."""
    publish_generation(lake, 70)
    publish_generation(lake, 71)
    rollback(lake)
    collect_garbage(lake, keep=1)

    snapshot = change_chicago(lake, 72)

    assert 3 == snapshot.number == snapshot.manifest.tables["settlements"].version


@pytest.mark.parametrize("upkeep", [lambda lake: collect_garbage(lake, keep=1), rollback], ids=["gc", "rollback"])
def test_upkeep_waits_for_no_writer_and_runs_beside_none(upkeep, lake, publish_generation):
    """Collecting and rolling back take the writer's lock too."""
    publish_generation(lake, 70)
    publish_generation(lake, 71)

    with write(lake, purpose="a long run"), pytest.raises(LakeBusy, match="a long run"):
        upkeep(lake)


def test_a_lost_link_is_an_error_and_no_snapshot_is_touched(lake, publish_generation, generations):
    """A lake copied without its link must not be guessed at, built over, or cleaned."""
    publish_generation(lake, 70)
    publish_generation(lake, 71)
    lake.paths.current.unlink()

    with pytest.raises(NoSnapshot, match="current is missing") as lost:
        publish_generation(lake, 72)

    assert "kwx lake rollback --to N" in lost.value.hint
    assert [1, 2] == lake.snapshot_numbers()
    rollback(lake, number=2)
    assert {71} == generations(lake)


def test_a_damaged_ledger_is_set_aside_and_filled_again(lake, publish_generation):
    """What the ledger said is in the manifests too."""
    publish_generation(lake, 70)
    lake.paths.ledger.write_bytes(b"this is no database, and longer than its header " * 10)

    publish_generation(lake, 71)

    assert {1, 2} == lake.ledger.snapshots()
    assert 4 == len(lake.ledger.lines("obs"))


def test_an_unreadable_old_manifest_stops_no_writer(lake, publish_generation, generations):
    """Only what one asks for must be whole."""
    publish_generation(lake, 70)
    publish_generation(lake, 71)
    (lake.paths.snapshot(1) / "manifest.json").write_text("{")

    publish_generation(lake, 72)

    assert {72} == generations(lake)


def test_a_manifest_of_another_version_is_told_as_that(lake, publish_generation):
    """A format that is not ours is no traceback."""
    path = publish_generation(lake, 70).folder / "manifest.json"
    path.write_text(path.read_text().replace('"purpose"', '"aim"'))

    with pytest.raises(FileBroken, match="another version of kwx"):
        lake.snapshot().manifest  # noqa: B018


def test_a_damaged_catalog_is_found_answered_around_and_not_inherited(
    lake, publish_generation, change_chicago, of_chicago
):
    """The catalog only repeats what the manifest says: queries go on, a check tells, a publish mends it."""
    snapshot = publish_generation(lake, 70)
    (snapshot.folder / "kwx.duckdb").write_bytes(b"nonsense" * 2_000)

    found = next(result for result in run_checks(snapshot) if result.name == "files_as_published")
    answered = of_chicago(lake)
    change_chicago(lake, 71)

    assert "cannot be opened" in found.rows["wrong"][0]
    assert {70} == answered
    with duckdb.connect(lake.snapshot().folder / "kwx.duckdb", read_only=True) as con:
        assert 2 == con.sql("from settlements").pl().height


def test_a_damaged_file_is_mended_by_writing_its_day_again(lake, publish_generation):
    """The same rows are a change where the disk no longer holds them."""
    snapshot = publish_generation(lake, 70)
    path = snapshot.locations("obs")[0]
    path.chmod(0o644)
    path.write_bytes(b"nonsense")

    again = publish_generation(lake, 70)

    assert 2 == again.number
    assert again.read(OBS, again.partitions("obs")[0]).height == 3


def test_publishing_beside_a_missing_file_names_it(lake, publish_generation, change_chicago):
    """A snapshot is not built upon one that is not whole."""
    snapshot = publish_generation(lake, 70)
    next(path for path in snapshot.locations("settlements") if "miami" in str(path)).unlink()

    with pytest.raises(FileBroken, match=r"city=miami.* is missing"):
        change_chicago(lake, 71)


def test_where_there_are_no_hard_links_files_are_copied(lake, publish_generation, change_chicago, monkeypatch):
    """The fallback holds the same bytes."""
    first = publish_generation(lake, 70)
    monkeypatch.setattr("os.link", refuse_link)

    second = change_chicago(lake, 71)

    before, after = (next(p for p in s.locations("settlements") if "miami" in str(p)) for s in (first, second))
    assert before.read_bytes() == after.read_bytes()
    assert before.stat().st_ino != after.stat().st_ino


def refuse_link(source, target):
    """Answer as a file system without hard links does."""
    raise OSError(errno.EPERM, "Operation not permitted")


def test_everything_is_on_the_disk_before_the_switch(lake, publish_generation, monkeypatch):
    """Files, their folders and the snapshot's name are synced before readers are sent to them."""
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: (synced.append(os.readlink(f"/proc/self/fd/{descriptor}")), real(descriptor))
    )
    before_switch = []

    snapshot = publish_generation(lake, 70, on_step=lambda step: step == "switch" and before_switch.extend(synced))

    folders = {str(path.parent) for path in snapshot.locations("obs")}
    assert {folder.replace("/v000001/", "/v000001.draft/") for folder in folders} <= set(before_switch)
    assert str(lake.paths.snapshots) in before_switch
    assert any("/staging/" in path and path.endswith(".draft") for path in before_switch)


def test_what_is_staged_is_verified_before_it_is_published(lake, reports, generations):
    """A staged file that changed on its way is refused."""
    with write(lake, purpose="tampered") as writer:
        writer.put(SETTLEMENTS, reports(70), Partition("chicago", date(2026, 7, 1)))
        draft = next(writer.staging.folder.rglob("*.draft"))
        draft.chmod(0o644)
        draft.write_bytes(draft.read_bytes() + b"!")
        with pytest.raises(FileBroken, match="changed on its way"):
            writer.publish()


def test_published_files_are_read_only(lake, publish_generation):
    """Nobody edits a snapshot by accident."""
    snapshot = publish_generation(lake, 70)

    assert {0o444} == {path.stat().st_mode & 0o777 for path in snapshot.locations("obs")}


def test_a_folder_that_engines_would_misread_is_refused(tmp_path):
    """A lake below city=… would answer with that city."""
    with pytest.raises(Usage, match="cannot lie in"):
        Lake(tmp_path / "city=foo" / "lake")


@pytest.mark.parametrize("folders", [3, 200])
@pytest.mark.parametrize("can_flush", [True, False])
def test_a_tree_is_durable_by_its_folders_or_by_one_flush(tmp_path, monkeypatch, folders, can_flush):
    """Many folders do not cost a wait each, unless the system cannot flush them together."""
    for number in range(folders):
        (tmp_path / f"city=chicago-{number}").mkdir()
    synced, flushed, flush = [], [], files._flushed
    monkeypatch.setattr(files, "sync_folder", synced.append)
    monkeypatch.setattr(files, "_flushed", lambda folder: flushed.append(folder) or (can_flush and flush(folder)))

    files.sync_tree(tmp_path)

    is_many = folders > files._MANY_FOLDERS
    assert [tmp_path] * is_many == flushed
    assert (0 if is_many and can_flush else folders + 1) == len(synced)
