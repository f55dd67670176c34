"""The hot area: small files of the running day."""

from __future__ import annotations

import errno
import threading
from datetime import UTC, date, datetime

import polars as pl
import pytest

from warehouse.errors import DiskFull, FileBroken
from warehouse.lake.hot import HotArea
from warehouse.lake.layout import LakePaths
from warehouse.lake.quarantine import refusals
from warehouse.lake.tables import TRADES

NOON = datetime(2026, 10, 4, 12, tzinfo=UTC)


@pytest.fixture
def area(tmp_path):
    """An empty hot area."""
    return HotArea(LakePaths(tmp_path))


def trades(*names):
    """Return trades with their path columns."""
    return pl.DataFrame(
        [
            {
                "city": "chicago",
                "event_date": date(2026, 10, 4),
                "trade_id": name,
                "market_ticker": "KXHIGHCHI-26OCT04-B72.5",
                "ts_utc": NOON,
                "yes_price_ticks": 5000,
                "count_centi": 100,
                "taker_side": "yes",
                "is_block": False,
                "known_utc": NOON,
            }
            for name in names
        ],
        schema={**TRADES.path_columns, **TRADES.schema},
    )


def names(area):
    """Return every trade that the area holds."""
    return [name for part in area.rows(TRADES, run_id="t") for name in part.frame["trade_id"]]


def test_rows_come_back_in_the_order_of_file_names(area):
    """What was appended is there."""
    area.append(TRADES, trades("b"), name="2")
    area.append(TRADES, trades("a"), name="1")

    assert ["a", "b"] == names(area)


def test_a_name_is_used_once(area):
    """A reader never sees two contents under one name."""
    area.append(TRADES, trades("a"), name="1")

    with pytest.raises(FileBroken, match="there already"):
        area.append(TRADES, trades("b"), name="1")


def test_rows_of_another_shape_are_not_taken(area):
    """The columns are those of the table, with its path."""
    with pytest.raises(FileBroken, match="other columns"):
        area.append(TRADES, trades("a").drop("city"), name="1")


@pytest.mark.parametrize(
    "damage",
    [lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: b"PAR1 nothing of the kind PAR1"],
    ids=["half", "empty", "other"],
)
def test_a_torn_file_is_set_aside_and_the_rest_is_read(area, damage):
    """Nothing is lost, nothing stops."""
    torn = area.append(TRADES, trades("a"), name="1")
    torn.write_bytes(damage(torn.read_bytes()))
    area.append(TRADES, trades("b"), name="2")

    assert ["b"] == names(area)
    assert ["not whole" in refusal.rule for refusal in refusals(area.paths)] == [True]
    assert [torn.name] == [path.name for path in (area.paths.quarantine / "trades" / "set-aside").iterdir()]


def test_a_foreign_file_is_set_aside(area):
    """Parquet, but not ours."""
    area.append(TRADES, trades("a"), name="1")
    pl.DataFrame({"x": [1]}).write_parquet(area.folder(TRADES) / "stranger.parquet")

    assert ["a"] == names(area)
    assert not (area.folder(TRADES) / "stranger.parquet").exists()


def test_drafts_are_not_read(area):
    """A file that has no name yet is not there."""
    whole = area.append(TRADES, trades("a"), name="1")
    whole.rename(whole.with_name("1.parquet.draft"))

    assert [] == names(area)


def test_merged_files_hold_the_same_rows(area):
    """Many small files become one; those of others stay."""
    for number in range(5):
        area.append(TRADES, trades(f"mine-{number}"), name=f"mine-{number}")
    area.append(TRADES, trades("other"), name="other")

    area.merge(TRADES, prefix="mine", name="mine-merged", run_id="t")

    assert 2 == len(area.files(TRADES))
    assert [*(f"mine-{number}" for number in range(5)), "other"] == names(area)


def test_a_reader_misses_nothing_while_files_are_merged(area):
    """A file that vanishes under a reader is found again in the one it was merged into."""
    for number in range(120):
        area.append(TRADES, trades(str(number)), name=f"part-{number:03d}")
    merging = threading.Thread(target=area.merge, args=(TRADES,), kwargs={"prefix": "part", "name": "m", "run_id": "t"})

    merging.start()
    seen = [set(names(area)) for _ in range(20)]
    merging.join()

    assert [set(map(str, range(120)))] * 20 == seen


def test_an_empty_area_has_no_rows(area):
    """Before the first recording."""
    assert [] == names(area)


def test_a_name_is_on_the_disk_when_the_rows_are(area, monkeypatch):
    """Without the folder's own sync a power cut takes the name away."""
    synced = []
    monkeypatch.setattr("warehouse.lake.hot.sync_folder", synced.append)

    path = area.append(TRADES, trades("a"), name="1")

    assert [path.parent] == synced


def test_an_append_that_finds_no_room_leaves_no_draft(area, monkeypatch):
    """Half a file would take the room of the next attempt."""
    area.append(TRADES, trades("a"), name="1")

    def write(path, content):
        path.write_bytes(content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("warehouse.lake.hot.write_new", write)
    with pytest.raises(DiskFull):
        area.append(TRADES, trades("b"), name="2")

    assert ["1.parquet"] == [path.name for path in area.folder(TRADES).iterdir()]


def test_drafts_are_removed_by_the_name_of_their_writer(area):
    """Those of writers that live stay."""
    area.append(TRADES, trades("a"), name="mine-1")
    for name in ("mine-2", "other-1"):
        (area.folder(TRADES) / f"{name}.parquet.draft").write_bytes(b"")

    area.remove_drafts(TRADES, prefix="mine")

    assert ["mine-1.parquet", "other-1.parquet.draft"] == sorted(path.name for path in area.folder(TRADES).iterdir())
