"""Publishing: one atomic switch, immutable versions, cost that follows the change."""

from __future__ import annotations

import os
from datetime import timedelta

import polars as pl
import pytest

from warehouse.errors import ContractBroken
from warehouse.lake.tables import OBS, SETTLEMENTS, Partition
from warehouse.lake.writer import write


def test_a_published_generation_is_what_readers_see(lake, publish_generation, generations):
    """After a publish the new snapshot is the current one, in every table."""
    publish_generation(lake, 70)

    snapshot = publish_generation(lake, 71)

    assert snapshot.number == lake.current_number() == 2
    assert {71} == generations(lake)


def test_an_older_snapshot_stays_readable_after_a_publish(lake, publish_generation):
    """A snapshot never changes."""
    old = publish_generation(lake, 70)

    publish_generation(lake, 71)

    with old.connect() as con:
        assert [70] == con.sql("select distinct high_f from settlements").pl()["high_f"].to_list()


def test_unstaged_partitions_are_shared_with_the_parent(lake, publish_generation, reports):
    """Unchanged files are second names of the same bytes; unchanged tables keep their version."""
    first = publish_generation(lake, 70)
    chicago = Partition("chicago", first.partitions("settlements")[0].event_date)

    with write(lake, purpose="one change") as writer:
        writer.put(SETTLEMENTS, reports(71), chicago)
        second = writer.publish()

    miami_before, miami_after = (
        next(p for p in s.locations("settlements") if "miami" in str(p)) for s in (first, second)
    )
    assert os.path.samefile(miami_before, miami_after)
    assert first.manifest.tables["obs"] == second.manifest.tables["obs"]


def test_publishing_the_same_bytes_makes_no_new_snapshot(lake, publish_generation):
    """Running a step twice equals running it once."""
    first = publish_generation(lake, 70)

    again = publish_generation(lake, 70)

    assert first.number == again.number
    assert [1] == lake.snapshot_numbers()


def test_the_same_frame_gives_the_same_file(lake, tmp_path, publish_generation):
    """Bytes depend on the rows alone, not on the lake or the moment."""
    other = type(lake)(tmp_path / "other")

    here, there = publish_generation(lake, 70), publish_generation(other, 70)

    assert here.files("obs") == there.files("obs")


def test_a_dropped_partition_is_gone_from_the_next_snapshot_only(lake, publish_generation):
    """Dropping is a change like any other: the parent keeps what it had."""
    first = publish_generation(lake, 70)
    miami = first.partitions("obs")[1]

    with write(lake, purpose="drop") as writer:
        writer.drop(OBS, miami)
        second = writer.publish()

    assert miami not in second.partitions("obs")
    assert miami in first.partitions("obs")


def test_a_run_that_publishes_nothing_leaves_nothing(lake, publish_generation, observations):
    """What is not published when the writer leaves is gone."""
    publish_generation(lake, 70)
    before = tree(lake)

    with write(lake, purpose="abandoned") as writer:
        writer.put(OBS, observations(99), Partition("chicago", observations(99)["ts_utc"][0].date()))

    assert before == tree(lake)


def tree(lake):
    """Return every path of a lake but the places where writers stand."""
    return sorted(path for path in lake.paths.root.rglob("*") if path not in (lake.paths.lock, lake.paths.staging))


def test_refused_rows_are_in_quarantine_with_their_rule(lake, observations):
    """A broken row stops the run, and is kept with the rule that it broke."""
    frame = observations(70).with_columns(temp_f=pl.lit(999.0))

    with pytest.raises(ContractBroken, match="temp_f is above 140"), write(lake, purpose="bad") as writer:
        writer.put(OBS, frame, Partition("chicago", frame["ts_utc"][0].date()))

    kept = pl.read_parquet(lake.paths.quarantine / "obs" / "*.parquet")
    assert ["temp_f is above 140"] * 3 == kept["rule"].to_list()
    assert [999.0] * 3 == kept["temp_f"].to_list()


def test_sifting_keeps_the_good_rows_and_counts_the_refused(lake, observations):
    """A vendor's bad rows do not stop its good ones."""
    frame = observations(70)
    frame = frame.with_columns(
        known_utc=pl.when(pl.int_range(pl.len()) == 1)
        .then(pl.col("ts_utc") - timedelta(hours=1))
        .otherwise("known_utc")
    )
    partition = Partition("chicago", frame["ts_utc"][0].date())

    with write(lake, purpose="sift") as writer:
        refused = writer.put(OBS, frame, partition, sift=True)
        snapshot = writer.publish()

    assert 1 == refused
    assert 2 == snapshot.read(OBS, partition).height


def test_a_frame_of_another_shape_is_kept_in_quarantine_whole(lake, observations):
    """A missing column refuses the frame, and loses nothing of it."""
    frame = observations(70).drop("station")

    with pytest.raises(ContractBroken, match="column 'station' is missing"), write(lake, purpose="shape") as writer:
        writer.put(OBS, frame, Partition("chicago", frame["ts_utc"][0].date()))

    assert 3 == pl.read_parquet(lake.paths.quarantine / "obs" / "*.parquet").height


def test_a_gate_that_refuses_leaves_the_old_snapshot(lake, publish_generation, generations, reports):
    """A snapshot that the gate refuses never becomes the current one and leaves no folder."""
    first = publish_generation(lake, 70)

    def refuse(snapshot):
        raise ContractBroken(f"snapshot {snapshot.number} is not wanted")

    with write(lake, purpose="gated") as writer:
        writer.put(SETTLEMENTS, reports(71), first.partitions("settlements")[0])
        with pytest.raises(ContractBroken, match="snapshot 2"):
            writer.publish(gate=refuse)

    assert [1] == lake.snapshot_numbers()
    assert {70} == generations(lake)


def test_the_ledger_names_every_partition_that_was_written(lake, publish_generation):
    """Resume reads in the ledger what was built, when, by which run."""
    snapshot = publish_generation(lake, 70)

    lines = lake.ledger.lines("obs")

    assert [str(partition) for partition in snapshot.partitions("obs")] == [line.partition for line in lines]
    assert {snapshot.manifest.run_id} == {line.run_id for line in lines}
    assert [3, 3] == [line.rows for line in lines]
