"""Readers during a publish, two writers at once, a disk that fills."""

from __future__ import annotations

import os
import subprocess

import polars as pl
import pytest

from warehouse.errors import DiskFull, LakeBusy
from warehouse.lake.tables import OBS, SETTLEMENTS
from warehouse.lake.writer import write

QUERIES = 2_000
SWITCHES = 10

PUBLISH_FOR_A_WHILE = """
import time
lake, stop, until, generation = Lake(sys.argv[1]), sys.argv[2], time.monotonic() + 120, 71
while not os.path.exists(stop) and time.monotonic() < until:
    publish_generation(lake, generation)
    generation = 40 + (generation - 39) % 90
print("published", lake.current_number())
"""

HOLD_THE_LOCK = """
import time
with write(Lake(sys.argv[1]), purpose="a long run"):
    print("holding", flush=True)
    time.sleep(30)
"""


def test_readers_never_fail_or_see_two_generations_while_snapshots_switch(lake, publish_generation, command):
    """Thousands of queries while a writer publishes without pause: no error, and never a mixed state."""
    publish_generation(lake, 70)
    stop = lake.paths.root.with_name("stop")
    writer = subprocess.Popen(command(PUBLISH_FOR_A_WHILE, lake.paths.root, stop), stdout=subprocess.PIPE, text=True)
    asked = 0
    seen = set()

    while writer.poll() is None and (asked < QUERIES or len(seen) < SWITCHES):
        snapshot = lake.snapshot()
        with snapshot.connect() as con:
            for _ in range(20):
                both = con.sql(
                    "select distinct temp_f::int as a, high_f as b from obs join settlements using (city, event_date)"
                ).pl()
                assert [(both["a"][0], both["a"][0])] == both.rows()
                asked += 1
        scanned = pl.concat(
            [
                snapshot.scan(OBS).select(pl.col("temp_f").cast(pl.Int32).alias("g")),
                snapshot.scan(SETTLEMENTS).select(g="high_f"),
            ]
        )
        assert 1 == scanned.unique().collect().height
        asked += 1
        seen.add(snapshot.number)

    stop.touch()
    assert "published" in writer.communicate()[0]
    assert asked >= QUERIES
    assert len(seen) >= SWITCHES


def test_a_second_writer_is_told_who_holds_the_lake(lake, command):
    """One writer at a time: the second one ends at once and says who is writing."""
    holder = subprocess.Popen(command(HOLD_THE_LOCK, lake.paths.root), stdout=subprocess.PIPE, text=True)
    try:
        assert "holding\n" == holder.stdout.readline()

        with pytest.raises(LakeBusy, match=f"process {holder.pid}, a long run"), write(lake, purpose="second"):
            pass
    finally:
        holder.kill()
        holder.communicate()


def test_a_lock_dies_with_its_holder(lake, command):
    """A killed writer does not leave the lake locked."""
    holder = subprocess.Popen(command(HOLD_THE_LOCK, lake.paths.root), stdout=subprocess.PIPE, text=True)
    holder.stdout.readline()

    holder.kill()
    holder.communicate()

    with write(lake, purpose="after") as writer:
        assert writer.run_id.endswith("-after")


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of two megabytes."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(mount)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_full_disk_is_named_and_the_old_snapshot_stays(small_disk, lake, publish_generation, generations):
    """A publish that runs out of room says so and publishes nothing; with room it works again."""
    full = type(lake)(small_disk / "lake")
    publish_generation(full, 70)
    ballast = small_disk / "ballast"
    room = os.statvfs(small_disk)
    ballast.write_bytes(os.urandom(room.f_bavail * room.f_frsize - 20_000))

    with pytest.raises(DiskFull, match="nothing was published"):
        publish_generation(full, 71)

    assert {70} == generations(full)
    ballast.unlink()
    publish_generation(full, 71)
    assert {71} == generations(full)


@pytest.mark.parametrize("step", ["validate", "move", "version", "snapshot", "catalog", "manifest", "gate", "seal"])
def test_no_room_at_any_step_leaves_the_old_snapshot(step, lake, publish_generation, generations):
    """Whichever step the disk fills at, the old snapshot stays and the next run completes."""
    publish_generation(lake, 70)

    def fill(reached):
        if reached.split(" ")[0] == step:
            raise OSError(28, "No space left on device")

    with pytest.raises(DiskFull, match=r"the disk of .* is full"):
        publish_generation(lake, 71, on_step=fill)

    assert {70} == generations(lake)
    publish_generation(lake, 71)
    assert {71} == generations(lake)


def test_queries_started_before_a_publish_end_on_their_own_snapshot(lake, publish_generation):
    """A connection is pinned: what is published after it was opened is not in its answers."""
    publish_generation(lake, 70)
    with lake.connect() as con:
        publish_generation(lake, 71)

        assert [70] == con.sql("select distinct high_f from settlements").pl()["high_f"].to_list()
