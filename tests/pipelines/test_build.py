"""Building a lake: whole, repeatable, never over somebody's real data, and derived tables follow from their sources."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.build import build_demo, demo_world
from pipelines.derivation import rebuild_derived
from warehouse.errors import BadDateRange, ChecksFailed, ContractBroken, LakeError, Usage
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_1M, CANDLES_DENSE, OBS, SETTLEMENTS, Partition
from warehouse.lake.writer import write

ROOT = Path(__file__).parents[2]
SMALL = {"days": 2, "until": date(2026, 8, 15), "cities": ("denver",), "seed": 5}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A one-city lake, kept for the module; tests that change it take a copy."""
    root = tmp_path_factory.mktemp("small") / "lake"
    return build_demo(demo_world(**SMALL), root, workers=1)


@pytest.fixture
def copy(small, tmp_path):
    """A copy of the small lake that a test may change."""
    shutil.copytree(small.snapshot.paths.root, tmp_path / "lake", symlinks=True)
    return Lake(tmp_path / "lake")


def file_hashes(snapshot):
    """Return the hash of every file of a snapshot."""
    return {(name, entry.path): entry.sha256 for name in snapshot.manifest.tables for entry in snapshot.files(name)}


def test_the_same_seed_gives_the_same_bytes(small, tmp_path):
    """A world is its settings: built twice, with another number of processes, it is equal to the byte."""
    again = build_demo(demo_world(**SMALL), tmp_path / "again", workers=2)

    assert file_hashes(small.snapshot) == file_hashes(again.snapshot)


def test_building_again_makes_no_new_snapshot(copy):
    """What is already there is not published twice."""
    first = build_demo(demo_world(**SMALL), copy.paths.root, workers=1)

    again = build_demo(demo_world(**SMALL), copy.paths.root, workers=1)

    assert first.snapshot.number == again.snapshot.number
    assert not again.changed


def test_another_world_replaces_the_first_wholly(copy):
    """A demo lake holds exactly one world."""
    other = demo_world(days=1, until=date(2026, 8, 15), cities=("miami",), seed=5)

    built = build_demo(other, copy.paths.root, workers=1)

    assert {"miami"} == {partition.city for partition in built.snapshot.partitions("candles_dense")}
    assert {"denver"} == {partition.city for partition in copy.snapshot(1).partitions("candles_dense")}


def test_a_demo_never_replaces_real_data(copy):
    """A lake with another source is refused, with a place to build the demo instead."""
    with write(copy, purpose="ingest") as writer:
        writer.drop(SETTLEMENTS, Partition("denver", date(2026, 8, 15)))
        writer.publish(sources={"kalshi": "the exchange"})

    with pytest.raises(LakeError, match="holds data from kalshi") as refused:
        build_demo(demo_world(**SMALL), copy.paths.root, workers=1)

    assert "--lake" in refused.value.hint
    assert 2 == copy.current_number()


def test_dense_from_the_lake_equals_dense_from_the_world(copy):
    """Derived tables are a function of their sources: made again, nothing changes."""
    before = file_hashes(copy.snapshot())

    built = rebuild_derived(copy.paths.root, workers=1)

    assert before == file_hashes(built.snapshot)
    assert [] == built.snapshot.changes()


def test_dense_follows_a_changed_candle(copy):
    """A day whose candles changed is made again, and only that day."""
    day = Partition("denver", date(2026, 8, 15))
    candles = copy.snapshot().read(CANDLES_1M, day).filter(pl.col("market_ticker") != pl.col("market_ticker").first())
    with write(copy, purpose="correction") as writer:
        writer.put(CANDLES_1M, candles, day)
        writer.publish()

    built = rebuild_derived(copy.paths.root, workers=1)

    changed = {(change.table, change.partition) for change in built.snapshot.changes()}
    assert {("candles_dense", str(day))} == changed
    assert (
        0
        == built.snapshot.read(CANDLES_DENSE, day)
        .filter(pl.col("market_ticker") == first_ticker(copy, day))["volume_centi"]
        .sum()
    )


def first_ticker(lake, day):
    """Return the first market of a day, as it was before the correction."""
    return lake.snapshot(1).read(CANDLES_1M, day)["market_ticker"][0]


def test_what_is_known_later_changes_nothing_before_it(copy):
    """Poison every candle and report known after an instant: the dense rows up to it stay as they were."""
    day = Partition("denver", date(2026, 8, 15))
    before = copy.snapshot().read(CANDLES_DENSE, day)
    instant = before["ts_utc"].unique().sort()[1_500]
    later = pl.col("known_utc") > instant
    candles = copy.snapshot().read(CANDLES_1M, day)
    prices = [name for name in candles.columns if name.endswith("_ticks")]
    obs = copy.snapshot().read(OBS, day)
    with write(copy, purpose="poison") as writer:
        writer.put(
            CANDLES_1M,
            candles.with_columns(
                pl.when(later).then(pl.lit(5_000, pl.Int32)).otherwise(pl.col(name)).alias(name) for name in prices
            ),
            day,
        )
        writer.put(OBS, obs.with_columns(pl.when(later).then(139.0).otherwise("temp_f").alias("temp_f")), day)
        writer.publish()

    after = rebuild_derived(copy.paths.root, workers=1).snapshot.read(CANDLES_DENSE, day)

    known = pl.col("ts_utc") <= instant
    assert before.filter(known).equals(after.filter(known))
    assert not before.filter(~known).equals(after.filter(~known))


def test_a_snapshot_that_breaks_a_check_is_not_published(copy):
    """The gate holds: the lake stays at its last good snapshot, and the error names check, row and next step."""
    day = Partition("denver", date(2026, 8, 15))
    reports = copy.snapshot().read(SETTLEMENTS, day)
    wrong = reports.with_columns(
        high_f=pl.when(pl.col("source") == "kalshi").then(pl.col("high_f") + 9).otherwise("high_f")
    )
    candles = copy.snapshot().read(CANDLES_1M, day).head(100)
    with write(copy, purpose="a wrong report") as writer:
        writer.put(SETTLEMENTS, wrong, day)
        writer.put(CANDLES_1M, candles, day)
        writer.publish()

    with pytest.raises(ChecksFailed, match="settlement_sources_agree") as failed:
        rebuild_derived(copy.paths.root, workers=1)

    assert failed.value.hint
    assert 2 == copy.current_number()


def test_dense_without_anything_to_do_says_so(copy):
    """A range with no day in it is a usage error, not an empty success."""
    with pytest.raises(Usage, match="are in the lake"):
        rebuild_derived(copy.paths.root, since=date(2020, 1, 1), until=date(2020, 1, 2), workers=1)


def test_a_world_of_no_days_is_refused():
    """A demo world has at least one event."""
    with pytest.raises(BadDateRange):
        demo_world(days=0, seed=1)


def test_a_row_refused_in_a_worker_is_in_quarantine(copy):
    """Whoever stages for a run keeps what it refuses, also in another process."""
    day = Partition("denver", date(2026, 8, 15))
    frame = copy.snapshot().read(CANDLES_1M, day).with_columns(volume_centi=pl.lit(-1, pl.Int64))

    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        write(copy, purpose="w") as writer,
    ):
        refused = pool.submit(writer.staging.stage, CANDLES_1M, frame, day).exception()

    assert isinstance(refused, ContractBroken)
    assert frame.height == pl.read_parquet(copy.paths.quarantine / "candles_1m" / "*.parquet").height


def test_workers_end_with_their_parent(tmp_path):
    """A killed build leaves no process that goes on writing."""
    code = (
        "import os, signal, time\n"
        "from pipelines.runner import process_pool\n"
        "if __name__ == '__main__':\n"
        "    with process_pool(1) as pool:\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    ran = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    worker = int(ran.stdout)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.2)

    assert not Path(f"/proc/{worker}").exists()
