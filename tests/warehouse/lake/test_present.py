"""The present says what a snapshot says that had the same rows in its files, by every way of asking."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from warehouse.errors import ContractBroken
from warehouse.lake.present import Present
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import OBS, SETTLEMENTS, Partition
from warehouse.lake.writer import write

DAY = date(2026, 7, 1)
NEXT = DAY + timedelta(days=1)
CHICAGO = Partition("chicago", DAY)
Rows = Callable[..., pl.DataFrame]


@pytest.fixture
def base(lake: Lake, publish_generation: Callable[..., Snapshot]) -> Snapshot:
    """A snapshot of generation one."""
    return publish_generation(lake, 1)


@pytest.fixture
def present(base: Snapshot, observations: Rows) -> Present:
    """Its present: Chicago's day said anew, and a day that has no file."""
    present = Present.over(base)
    present.put(OBS, CHICAGO, observations(2, rows=5))
    present.put(OBS, Partition("chicago", NEXT), observations(2, day=NEXT))
    return present


@pytest.fixture
def written(lake: Lake, base: Snapshot, observations: Rows, tmp_path: Path) -> Snapshot:
    """A snapshot of another lake whose files say the same as that present."""
    root = tmp_path / "written"
    shutil.copytree(lake.paths.root, root, symlinks=True)
    with write(Lake(root), purpose="the same in files") as writer:
        writer.put(OBS, observations(2, rows=5), CHICAGO)
        writer.put(OBS, observations(2, day=NEXT), Partition("chicago", NEXT))
        return writer.publish()


def through_sql(snapshot: Snapshot, asked: str) -> pl.DataFrame:
    """Ask through SQL and let go of the connection, as every reader does."""
    with snapshot.connect() as con:
        rows: pl.DataFrame = con.sql(asked).pl()
        return rows


def test_read_scan_and_partitions_are_those_of_a_snapshot_with_these_rows(present: Present, written: Snapshot) -> None:
    """Partition by partition, all at once, and by some columns, cities and dates."""
    assert present.partitions("obs") == written.partitions("obs")
    for partition in [*written.partitions("obs"), Partition("denver", DAY)]:
        assert_frame_equal(present.read(OBS, partition), written.read(OBS, partition))
        assert_frame_equal(
            present.read(OBS, partition, columns=["temp_f"]), written.read(OBS, partition, columns=["temp_f"])
        )
    assert_frame_equal(present.scan(OBS).collect(), written.scan(OBS).collect())
    for said in ({"cities": ["miami"]}, {"since": NEXT}, {"until": DAY}, {"cities": ["denver"]}):
        assert_frame_equal(present.scan(OBS, **said).collect(), written.scan(OBS, **said).collect())


def test_views_read_memory_in_place_of_files(present: Present, written: Snapshot) -> None:
    """A table, a view over it, and a table that memory says nothing of."""
    for name in ("obs", "settlements", "settlement_label"):
        asked = f"select * from {name} order by all"
        assert_frame_equal(through_sql(present, asked), through_sql(written, asked))
    assert through_sql(present, "select * from obs").height == 5 + 3 + 3


def test_a_connection_that_is_kept_sees_what_was_put_since(present: Present, observations: Rows) -> None:
    """Only the next connection does; a cursor that was let go takes nothing with it."""
    asked = "select max(temp_f) as f from obs where city = 'chicago'"
    assert through_sql(present, asked).item() == 2
    present.put(OBS, CHICAGO, observations(7))
    assert through_sql(present, asked).item() == 7
    assert through_sql(present, "select count(*) as n from obs").item() == 3 + 3 + 3


def test_the_files_of_the_present_change_with_its_rows(present: Present, base: Snapshot, observations: Rows) -> None:
    """Who hashes what it read tells one memory from another, and memory from file."""
    first = {entry.partition: entry for entry in present.files("obs")}
    assert [entry.partition for entry in present.files("obs")] == present.partitions("obs")
    assert first[CHICAGO].rows == 5
    present.put(OBS, CHICAGO, observations(3, rows=5))
    second = {entry.partition: entry.sha256 for entry in present.files("obs")}
    assert second[CHICAGO] != first[CHICAGO].sha256
    untouched = Partition("miami", DAY)
    assert second[untouched] == {entry.partition: entry.sha256 for entry in base.files("obs")}[untouched]
    present.put(OBS, CHICAGO, observations(2, rows=5))
    assert {entry.partition: entry.sha256 for entry in present.files("obs")}[CHICAGO] == first[CHICAGO].sha256


class Heard:
    """Somebody who follows a table, and what they heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Partition | None, int]] = []

    def put(self, partition: Partition, rows: pl.DataFrame) -> None:
        """Hear of a partition said anew."""
        self.heard.append(("put", partition, rows.height))

    def laid(self, partition: Partition, rows: pl.DataFrame) -> None:
        """Hear of rows laid behind."""
        self.heard.append(("laid", partition, rows.height))

    def is_other(self) -> None:
        """Hear of other files."""
        self.heard.append(("other", None, 0))


@pytest.mark.parametrize("is_tidied", [False, True])
def test_rows_laid_behind_are_in_their_order_whichever_way_one_asks(
    present: Present, written: Snapshot, base: Snapshot, observations: Rows, *, is_tidied: bool
) -> None:
    """Piece by piece, the later before the earlier, behind memory, behind a file and behind nothing."""
    ours = Present.over(base)
    later, whole, empty = observations(2, day=NEXT), observations(2, rows=5), Partition("chicago", NEXT)
    ours.put(OBS, CHICAGO, whole[:2])
    for rows in (whole[4:], whole[2:4].reverse()):
        ours.lay_behind(OBS, CHICAGO, rows)
    ours.lay_behind(OBS, empty, later)
    if is_tidied:
        ours.tidy()

    assert ours.partitions("obs") == written.partitions("obs")
    assert_frame_equal(ours.scan(OBS).collect(), written.scan(OBS).collect())
    assert {entry.partition: entry.sha256 for entry in ours.files("obs")} == {
        entry.partition: entry.sha256 for entry in present.files("obs")
    }
    asked = "select * from obs order by all"
    assert_frame_equal(through_sql(ours, asked), through_sql(written, asked))


def test_rows_that_wait_stand_in_front_of_a_new_base_with_what_they_were_laid_behind(
    base: Snapshot, lake: Lake, change_chicago: Callable[..., Snapshot], observations: Rows
) -> None:
    """What was published meanwhile may hold the same rows: they are not there twice."""
    present = Present.over(base)
    new = observations(2, rows=5)[3:]
    present.lay_behind(OBS, CHICAGO, new)
    present.rebase(change_chicago(lake, 5))

    assert_frame_equal(present.read(OBS, CHICAGO)[OBS.schema.names()], pl.concat([observations(1), new]))


def test_who_follows_a_table_hears_what_becomes_of_it(present: Present, base: Snapshot, observations: Rows) -> None:
    """Of that table alone, and no word of what is only put in order."""
    follower, rows = Heard(), observations(2, rows=5)
    present.follow(OBS, follower)
    present.put(OBS, CHICAGO, rows[:3])
    present.lay_behind(OBS, CHICAGO, rows[3:])
    present.tidy()
    present.put(SETTLEMENTS, CHICAGO, SETTLEMENTS.empty())
    present.rebase(base)

    assert follower.heard == [("put", CHICAGO, 3), ("laid", CHICAGO, 2), ("other", None, 0)]


def test_what_is_cut_is_said_by_the_base_again(present: Present, base: Snapshot) -> None:
    """A partition with a file speaks by it; one without has no rows; younger ones stay in memory."""
    through_sql(present, "select 1")
    present.cut(NEXT)
    assert_frame_equal(present.read(OBS, CHICAGO), base.read(OBS, CHICAGO))
    assert present.read(OBS, Partition("chicago", NEXT)).height == 3
    assert through_sql(present, "select max(temp_f) as f from obs where event_date = '2026-07-01'").item() == 1
    present.cut(NEXT + timedelta(days=1))
    assert present.read(OBS, Partition("chicago", NEXT)).is_empty()
    assert present.partitions("obs") == base.partitions("obs")


def test_a_file_is_read_once_when_its_date_is_kept(base: Snapshot) -> None:
    """After that the file is not asked again; a date before is read from its file each time."""
    kept, asked_again = Present.over(base), Present.over(base, since=NEXT)
    for present in (kept, asked_again):
        assert present.read(OBS, CHICAGO).height == 3
    for path in base.locations("obs"):
        path.parent.chmod(0o755)
        path.unlink()
    assert kept.read(OBS, CHICAGO).height == 3
    assert kept.read(OBS, CHICAGO, columns=["temp_f"]).columns == ["temp_f"]
    assert kept.read(OBS, CHICAGO) is kept.read(OBS, CHICAGO)
    with pytest.raises(Exception, match="cannot be read"):
        asked_again.read(OBS, CHICAGO)


def test_a_new_base_is_read_behind_what_was_put(
    present: Present, lake: Lake, change_chicago: Callable[..., Snapshot]
) -> None:
    """Reports come from the new snapshot, observations from memory."""
    assert through_sql(present, "select max(high_f) as f from settlements").item() == 1
    present.rebase(change_chicago(lake, 5))
    assert present.number == lake.snapshot().number
    assert present.read(SETTLEMENTS, CHICAGO)["high_f"].to_list() == [5]
    assert through_sql(present, "select max(high_f) as f from settlements").item() == 5
    assert present.read(OBS, CHICAGO).height == 5


def test_rows_of_another_shape_are_refused(present: Present, observations: Rows) -> None:
    """The error names the table and the partition."""
    with pytest.raises(ContractBroken, match="obs city=chicago/date=2026-07-01"):
        present.put(OBS, CHICAGO, observations(1).drop("wind_mph"))
    with pytest.raises(ContractBroken, match="obs city=chicago/date=2026-07-01"):
        present.lay_behind(OBS, CHICAGO, observations(1).drop("wind_mph"))


def test_partitions_are_told_anew_when_one_comes_or_goes(present: Present, observations: Rows) -> None:
    """They are remembered between questions; a list that was handed out is its taker's own."""
    after = Partition("chicago", NEXT + timedelta(days=1))
    before = present.partitions(OBS.name)
    present.partitions(OBS.name).clear()
    assert present.partitions(OBS.name) == before
    present.put(OBS, after, observations(2, day=after.event_date))
    assert present.partitions(OBS.name) == sorted([*before, after])
    present.cut(NEXT)
    assert after in present.partitions(OBS.name)
    present.cut(NEXT + timedelta(days=2))
    assert after not in present.partitions(OBS.name)
