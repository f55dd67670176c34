"""The queue on the disk: in order, whole after a kill, small files, nothing lost when the disk is full."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwx.live.sink.aside import FILE, SetAside
from kwx.live.sink.lines import line_of
from kwx.live.sink.spool import Spool
from tests.kwx.live.sink.made import made_signal
from warehouse.errors import DiskFull, LakeBusy


def tickers(spool, *, most=1_000):
    """Return the markets of all that waits, in order; nothing is taken out."""
    found = []
    while (batch := spool.take(most)) is not None:
        found += [signal.market_ticker.rpartition("-")[2] for signal in batch.signals]
        spool.finish(batch)
    return [int(word) for word in found]


def numbered(start, stop):
    """Return signals by their numbers."""
    return [made_signal(number) for number in range(start, stop)]


def files(folder):
    """Return the files of the queue, oldest first."""
    return sorted(folder.glob("*.spool"))


@pytest.fixture
def spool(tmp_path):
    """A spool of small files."""
    spool = Spool(tmp_path / "signals", segment_bytes=3_000)
    yield spool
    spool.close()


def test_what_goes_in_comes_out_in_order(spool):
    """Over many files, in batches of any size."""
    for start in range(0, 60, 4):
        spool.append(numbered(start, start + 4))

    assert 60 == spool.waiting
    assert list(range(60)) == tickers(spool, most=7)
    assert 0 == spool.waiting


def test_files_are_small_and_go_when_nothing_of_them_waits(spool):
    """A file is bounded, and the newest alone stays."""
    for start in range(0, 60, 4):
        spool.append(numbered(start, start + 4))
    many = files(spool.folder)

    assert len(many) > 5
    assert all(path.stat().st_size <= 3_000 for path in many)
    assert list(range(60)) == tickers(spool)
    assert [many[-1]] == files(spool.folder)


def test_what_was_not_finished_is_there_after_a_restart(tmp_path):
    """Only what was let go is gone; numbers go on where they stopped."""
    spool = Spool(tmp_path, segment_bytes=3_000)
    spool.append(numbered(0, 10))
    spool.append(numbered(10, 20))
    spool.finish(spool.take(4))
    spool.take(4)
    spool.close()
    again = Spool(tmp_path, segment_bytes=3_000)

    assert range(21, 22) == again.append(numbered(20, 21))
    assert list(range(4, 21)) == tickers(again)
    again.close()


def test_one_process_holds_a_folder(spool):
    """A second one is told who has it."""
    with pytest.raises(LakeBusy, match=f"stored by process {os.getpid()}"):
        Spool(spool.folder)


@pytest.mark.parametrize("kept", [0, 1, 40, -1])
def test_a_torn_tail_is_cut_off_and_the_rest_is_whole(tmp_path, kept):
    """A kill within a write leaves at most whole rows that nobody was promised."""
    spool = Spool(tmp_path)
    spool.append(numbered(0, 5))
    spool.close()
    torn = line_of(6, made_signal(5))[:kept]
    with files(tmp_path)[0].open("ab") as handle:
        handle.write(torn)
    again = Spool(tmp_path)
    again.append(numbered(5, 7))

    assert list(range(7)) == tickers(again)
    assert not (tmp_path / FILE).exists()
    again.close()


@pytest.mark.parametrize("first", [True, False])
def test_a_damaged_line_is_set_aside_and_blocks_no_other(tmp_path, first):
    """A bit that fell over costs its own row, which is kept to look at, also after a restart."""
    spool = Spool(tmp_path, segment_bytes=1_500)
    spool.append(numbered(0, 3))
    spool.append(numbered(3, 6))
    spool.close()
    path = files(tmp_path)[0 if first else 1]
    path.write_bytes(path.read_bytes().replace(b'"city":"c', b'"city":"X', 1))
    again = Spool(tmp_path, segment_bytes=1_500)
    batch = again.take(100)
    while not batch.damaged:
        again.finish(batch)
        batch = again.take(100)
    again.close()  # died before it was set aside
    last = Spool(tmp_path, segment_bytes=1_500)
    batch = last.take(100)

    assert 1 == len(batch.damaged)
    assert b"Xhicago" in batch.damaged[0]
    left = [int(signal.market_ticker.rpartition("-")[2]) for signal in batch.signals]
    assert ([1, 2] if first else [4, 5]) == left
    last.finish(batch)
    assert ([3, 4, 5] if first else []) == tickers(last)
    last.close()


def test_a_damaged_last_line_is_set_aside_at_the_start(tmp_path):
    """What may have been promised is not thrown away as a torn tail."""
    spool = Spool(tmp_path)
    spool.append(numbered(0, 3))
    spool.close()
    path = files(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-10] + b"#" + path.read_bytes()[-9:])
    again = Spool(tmp_path)

    assert [0, 1] == tickers(again)
    assert "checksum" in (tmp_path / FILE).read_text()
    again.close()


@pytest.mark.parametrize("content", [b"", b"12", b"not a number at a", b"0000000000009999", b"\xff" * 16])
def test_a_mark_that_cannot_be_true_loses_nothing(tmp_path, content):
    """The mark is a convenience: without a true one, rows are taken again, and none is skipped."""
    spool = Spool(tmp_path)
    spool.append(numbered(0, 3))
    spool.finish(spool.take(2))
    spool.append(numbered(3, 5))
    spool.close()
    (tmp_path / "done").write_bytes(content)
    again = Spool(tmp_path)

    assert [0, 1, 2, 3, 4] == tickers(again)
    again.close()


def test_what_is_set_aside_stands_there_once(tmp_path):
    """Said again after a kill it is not written again."""
    spool = Spool(tmp_path)
    row = SetAside(reason="too warm", signal=made_signal(1))
    spool.aside.put([row])
    spool.close()
    again = Spool(spool.folder)
    again.aside.put([row, SetAside(reason="too cold", signal=made_signal(2))])
    said = [msgspec.json.decode(line, type=SetAside) for line in (spool.folder / FILE).read_bytes().splitlines()]

    assert ["too warm", "too cold"] == [one.reason for one in said]
    assert made_signal(1) == said[0].signal
    again.close()


def test_a_full_disk_says_so_and_what_was_kept_stays(tmp_path, small_files):
    """The rows of the failed write are not there; with room the next ones follow those before."""
    spool = Spool(tmp_path)
    spool.append(numbered(0, 5))

    with small_files(5_000), pytest.raises(DiskFull, match="50 signals cannot be kept: no room in"):
        spool.append(numbered(5, 55))

    assert 5 == spool.waiting
    spool.append(numbered(100, 103))
    assert [0, 1, 2, 3, 4, 100, 101, 102] == tickers(spool)
    spool.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["append", "finish", "restart", "tear"]), st.integers(1, 9)), max_size=30))
def test_it_is_a_queue_whatever_happens(steps):
    """Any order of writing, letting go, dying and tearing leaves exactly what was promised and not let go."""
    folder = Path(tempfile.mkdtemp())
    spool, waiting, next_number = Spool(folder, segment_bytes=1_500), [], 0
    for step, count in steps:
        if step == "append":
            spool.append(numbered(next_number, next_number + count))
            waiting += range(next_number, next_number + count)
            next_number += count
        elif step == "finish" and (batch := spool.take(count)) is not None:
            got = [int(signal.market_ticker.rpartition("-")[2]) for signal in batch.signals]
            assert waiting[: len(got)] == got
            spool.finish(batch)
            waiting = waiting[len(got) :]
        elif step in {"restart", "tear"}:
            spool.close()
            if step == "tear":
                with files(folder)[-1].open("ab") as handle:
                    handle.write(line_of(9, made_signal())[:count])
            spool = Spool(folder, segment_bytes=1_500)
        assert len(waiting) == spool.waiting
    assert waiting == tickers(spool, most=5)
    spool.close()
    shutil.rmtree(folder)
