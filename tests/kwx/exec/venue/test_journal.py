"""What is in the journal was written before it was done, and is read again exactly."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.exec.venue import journal as journal_module
from kwx.exec.venue.entries import Filled, Halted, Intent, Opened
from kwx.exec.venue.journal import Journal
from kwx.exec.venue.wanted import Decision
from warehouse.errors import DiskFull, FileBroken, Refused

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[4]


def clock() -> datetime:
    """Return noon."""
    return NOON


def an_intent(name: str = "kwx-1") -> Intent:
    """Intend something."""
    return Intent(
        client_order_id=name,
        market_ticker="M",
        side=1,
        ticks=4_000,
        centi=100,
        takes=False,
        decision=Decision(run_id="run", ts_utc=NOON, market_ticker="M"),
        expires_utc=NOON,
    )


def reread(path: Path) -> list[object]:
    """Return the entries of a journal."""
    with Journal(path, clock=clock) as journal:
        return [numbered.entry for numbered in journal.entries]


def test_entries_are_read_as_they_were_written(tmp_path):
    """Over several lives, numbered on."""
    entries = [Opened(cash_micros=5), an_intent(), Halted(why="ünïcode \n and a line")]
    with Journal(tmp_path / "live" / "journal.jsonl", clock=clock) as journal:
        journal.append(entries[0])
        journal.append(entries[1], waits=False)
    with Journal(tmp_path / "live" / "journal.jsonl", clock=clock) as journal:
        assert 3 == journal.append(entries[2]).n

    assert entries == reread(tmp_path / "live" / "journal.jsonl")


@given(
    st.builds(
        Filled,
        trade_id=st.text(max_size=40),
        order_id=st.text(max_size=40),
        client_order_id=st.text(max_size=40),
        market_ticker=st.text(max_size=40),
        side=st.sampled_from([1, -1]),
        ticks=st.integers(1, 9_999),
        centi=st.integers(1, 10**12),
        fee_micros=st.integers(-(10**12), 10**12),
        is_taker=st.booleans(),
        at_utc=st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2099, 1, 1)),
    )
)
def test_any_fill_survives_the_journal(tmp_path_factory, fill):
    """Whatever an exchange calls its trades."""
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    with Journal(path, clock=clock) as journal:
        journal.append(fill, waits=False)

    assert [fill] == reread(path)


@pytest.mark.parametrize("cut", [1, 2, 10, 60])
def test_a_torn_last_line_is_cut_off(tmp_path, caplog, cut):
    """It was never acted upon: the journal goes on after the last whole one."""
    path = tmp_path / "journal.jsonl"
    with Journal(path, clock=clock) as journal:
        journal.append(Opened(cash_micros=5))
        journal.append(an_intent())
    path.write_bytes(path.read_bytes()[:-cut])

    with Journal(path, clock=clock) as journal:
        found = [numbered.entry for numbered in journal.entries]
        journal.append(Halted(why="after"))

    assert [Opened(cash_micros=5)] == found
    assert "torn line" in caplog.text
    assert [Opened(cash_micros=5), Halted(why="after")] == reread(path)


def test_a_last_line_of_rubbish_is_cut_off(tmp_path):
    """A disk may have put anything where the line was to be."""
    path = tmp_path / "journal.jsonl"
    with Journal(path, clock=clock) as journal:
        journal.append(Opened(cash_micros=5))
    path.write_bytes(path.read_bytes() + b'{"crc":"00000000","line":{"n":2}}\n')

    assert [Opened(cash_micros=5)] == reread(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [lines[0].replace(b"5", b"6"), *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: [lines[0], lines[0], *lines[1:]],
        lambda lines: [b"\n", *lines],
    ],
    ids=["altered", "first line gone", "line doubled", "empty line"],
)
def test_damage_before_the_last_line_is_refused(tmp_path, damage):
    """Orders may be open that no line tells of."""
    path = tmp_path / "journal.jsonl"
    with Journal(path, clock=clock) as journal:
        for entry in (Opened(cash_micros=5), an_intent(), Halted(why="x")):
            journal.append(entry)
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))

    with pytest.raises(FileBroken, match="not as it was written"):
        Journal(path, clock=clock)


def test_one_process_writes_a_journal(tmp_path):
    """Two traders on one account would each see the other's orders as foreign."""
    with (
        Journal(tmp_path / "journal.jsonl", clock=clock),
        pytest.raises(Refused, match="another process"),
    ):
        Journal(tmp_path / "journal.jsonl", clock=clock)
    Journal(tmp_path / "journal.jsonl", clock=clock).close()


def test_what_could_not_be_written_wholly_is_not_there(tmp_path, monkeypatch):
    """A full disk refuses an entry, and everything after it until the next start."""
    path = tmp_path / "journal.jsonl"
    with Journal(path, clock=clock) as journal:
        journal.append(Opened(cash_micros=5))
        real = os.fsync

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "no room")

        monkeypatch.setattr(journal_module.os, "fsync", full)
        with pytest.raises(DiskFull):
            journal.append(an_intent())
        monkeypatch.setattr(journal_module.os, "fsync", real)
        with pytest.raises(FileBroken, match="could not be written before"):
            journal.append(Halted(why="x"))

    assert [Opened(cash_micros=5)] == reread(path)


WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from kwx.exec.venue.entries import Halted
    from kwx.exec.venue.journal import Journal
    from warehouse.clock import utc_now
    with Journal(Path(sys.argv[1]), clock=utc_now) as journal:
        for number in range(10**9):
            journal.append(Halted(why=str(number)))
            print(number, flush=True)
    """
)


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    """SIGKILL in the midst: every entry that was waited for is there, in order, and one more at most."""
    path = tmp_path / "journal.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ)
    )
    heard = [int(process.stdout.readline()) for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    heard += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait()
    process.stdout.close()

    found = [int(entry.why) for entry in reread(path)]

    assert list(range(len(found))) == found
    assert len(heard) <= len(found) <= len(heard) + 1
