"""Recording: what is on the disk after a stop, a signal, a kill."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.ingest.hot import fold_hot, is_empty, keep_folded
from pipelines.ingest.shards import hot_shards
from pipelines.kalshi.book_rows import rows_of
from pipelines.kalshi.events import Event
from pipelines.kalshi.messages import Delta
from pipelines.kalshi.recorder import record
from pipelines.kalshi.recordings import Recording, close_abandoned
from pipelines.kalshi.replay import quotes_of
from pipelines.kalshi.stream import StreamSettings
from pipelines.kalshi.writer import FLUSHES_PER_FILE, Writer
from warehouse.clock import utc_now
from warehouse.errors import DiskFull, Usage
from warehouse.lake.files import write_new
from warehouse.lake.hot import HotArea
from warehouse.lake.layout import LakePaths
from warehouse.lake.quarantine import refusals
from warehouse.lake.staging import Staging
from warehouse.lake.tables import BOOKS

ROOT = Path(__file__).parents[4]
QUICK = {"tick_seconds": 0.05, "first_backoff_seconds": 0.01, "longest_backoff_seconds": 0.05}

RECORDER = """
import asyncio, sys
from pathlib import Path
from pipelines.kalshi.recorder import record
from pipelines.kalshi.stream import StreamSettings
from warehouse.lake.layout import LakePaths

settings = StreamSettings(url=sys.argv[1], market_tickers=tuple(sys.argv[3:]), tick_seconds=0.05)
tell = lambda progress: sys.stdout.write(f"{progress.book_rows}\\n") and sys.stdout.flush()
asyncio.run(
    record(settings, sign=dict, paths=LakePaths(Path(sys.argv[2])), flush_seconds=0.1, on_progress=tell)
)
"""


@pytest.fixture
def paths(tmp_path):
    """An empty lake."""
    return LakePaths(tmp_path / "lake")


@pytest.fixture
def recorder(paths, tickers):
    """Start a recorder in a process of its own; killed at the end."""
    started = []

    def start(url):
        command = [sys.executable, "-c", RECORDER, url, str(paths.root), *tickers]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def run(url, paths, tickers, *, enough, **how):
    """Record until there is enough."""

    async def recording():
        stop = asyncio.Event()
        settings = StreamSettings(url=url, market_tickers=tickers, **QUICK)
        return await record(
            settings,
            sign=dict,
            paths=paths,
            stop=stop,
            flush_seconds=0.05,
            on_progress=lambda progress: stop.set() if enough(progress) else None,
            **how,
        )

    return asyncio.run(asyncio.wait_for(recording(), 20))


def hot(paths, name="books"):
    """Return all hot rows of a table."""
    return pl.concat([part.parsed.frame for part in fold_hot(paths, run_id="t") if part.parsed.table.name == name])


def events(ticker, numbers):
    """Return changes of one book as they were received."""
    noon_us = 1_791_115_200_000_000
    return [Event(noon_us + seq, 1, Delta(1, seq, ticker, "yes", 5000, 100)) for seq in numbers]


def wait_for_rows(process, rows):
    """Wait until the recorder says that so many rows are on the disk; return how many it said."""
    for line in process.stdout:
        if int(line) >= rows:
            return int(line)
    raise AssertionError("the recorder ended")


def test_everything_that_came_is_on_the_disk_after_a_stop(loopback, paths, tickers):
    """Snapshots, changes and trades, numbered without a hole, and a last gap for each market."""
    venue = loopback()

    progress = run(venue.url, paths, tickers, enough=lambda progress: progress.book_rows > 300)

    books = hot(paths).sort("seq")
    assert progress.book_rows == books.height
    assert progress.trade_rows == hot(paths, "trades").height > 0
    assert list(range(1, books["seq"].max() + 1)) == books["seq"].unique(maintain_order=True).to_list()
    assert sorted(tickers) == books.filter(kind="gap")["market_ticker"].sort().to_list()


def test_events_are_told_of_while_a_flush_waits_for_the_disk(loopback, paths, tickers, monkeypatch):
    """Who decides by them must not wait for who writes them down."""
    venue, told, went_on, flush = loopback(), [], [], Writer.flush

    def slow(writer, taken, *args, **said):
        before, until_s = len(told), time.monotonic() + 10
        while taken and not went_on and len(told) == before and time.monotonic() < until_s:
            time.sleep(0.005)
        went_on.append(len(told) > before)
        flush(writer, taken, *args, **said)

    monkeypatch.setattr(Writer, "flush", slow)
    progress = run(
        venue.url, paths, tickers, enough=lambda progress: progress.book_rows > 300,
        on_events=lambda events, stream: told.extend(events),
    )  # fmt: skip

    assert went_on[0]
    assert progress.book_rows == hot(paths).height


def test_stored_rows_replay_to_the_books_of_the_venue(loopback, paths, tickers):
    """What is in the lake is what the exchange had."""
    venue = loopback()
    venue.moves_left = 400

    run(
        venue.url,
        paths,
        tickers,
        enough=lambda progress: progress.book_rows + progress.trade_rows >= 400 + len(tickers),
    )

    quotes = quotes_of(hot(paths)).drop_nulls("yes_bid_ticks").group_by("market_ticker", maintain_order=True).last()
    stored = {row["market_ticker"]: (row["yes_bid_ticks"], row["yes_ask_ticks"]) for row in quotes.to_dicts()}
    true = {ticker: venue.venue.levels(ticker) for ticker in tickers}
    assert {
        ticker: (max(one.bid_prices_ticks, default=0), min(one.ask_prices_ticks, default=10_000))
        for ticker, one in true.items()
    } == stored


def test_rows_are_admitted_by_their_tables(loopback, paths, tickers):
    """A publish can take them as they are."""
    venue = loopback()
    run(venue.url, paths, tickers, enough=lambda progress: progress.trade_rows > 3, clock=lambda: NOON)

    for part in fold_hot(paths, run_id="t"):
        for partition, rows in part.parsed.table.split(part.parsed.frame):
            assert rows.height == part.parsed.table.admit(rows, partition).height


NOON = datetime(2026, 10, 4, 12, tzinfo=UTC)


def test_a_kill_loses_nothing_that_was_flushed_and_the_gap_is_marked(loopback, recorder, paths, tickers):
    """Killed without a word; the next recorder marks where the rows end, behind the last of them."""
    venue = loopback()
    process = recorder(venue.url)
    flushed = wait_for_rows(process, 200)

    process.kill()
    process.wait()
    before = hot(paths)
    progress = run(venue.url, paths, tickers, enough=lambda progress: progress.book_rows > 10)

    after = hot(paths).filter(sid=before["sid"][0])
    marks = after.filter(kind="gap")
    assert before.height >= flushed
    assert list(range(1, before.height + 1)) == sorted(before["seq"])
    assert 3 == progress.gaps_closed
    assert sorted(tickers) == sorted(marks["market_ticker"])
    assert marks["seq"].min() > before["seq"].max()
    assert before["known_utc"].max() <= marks["known_utc"].min()


def test_the_gap_behind_a_kill_is_marked_although_the_rows_were_folded_in(loopback, recorder, paths):
    """How far a recorder came is written down beside its rows."""
    venue = loopback()
    process = recorder(venue.url)
    wait_for_rows(process, 50)
    process.kill()
    process.wait()
    last = hot(paths)["seq"].max()
    keep_folded(paths, [path for part in list(fold_hot(paths, run_id="t")) for path in part.files])

    close_abandoned(paths)

    assert ["gap"] * 3 == hot(paths)["kind"].to_list()
    assert hot(paths)["seq"].min() > last


def test_files_that_a_recorder_merges_while_they_are_folded_in_are_kept_by_the_next_fold(paths, tickers):
    """A night publishes while the loop goes on to record: their rows come once more, in the file they went into."""
    area = HotArea(paths)
    for number in (1, 2):
        books, _ = rows_of(events(tickers[0], [number]), sid_of=int)
        area.append(BOOKS, books.frame, name=f"rec-part-{number}")
    folded = [path for part in fold_hot(paths, run_id="t") for path in part.files]

    area.merge(BOOKS, prefix="rec-part", name="rec-merged", run_id="rec")
    keep_folded(paths, folded)

    assert [1, 2] == hot(paths)["seq"].sort().to_list()
    keep_folded(paths, [path for part in fold_hot(paths, run_id="t") for path in part.files])
    assert is_empty(paths)


def test_rows_of_a_flush_that_did_not_end_are_behind_the_mark(paths, tickers):
    """What was noted and not written is missing: the mark stands behind the last row that is there."""
    recording = Recording(paths, clock=lambda: NOON)
    books, _ = rows_of(events(tickers[0], range(1, 4)), sid_of=recording.sid_of)
    HotArea(paths).append(BOOKS, books.frame, name=f"{recording.name}-part-1")
    recording.note(events(tickers[0], range(4, 9)), tickers[:1])
    recording.abandon()

    closed = close_abandoned(paths)

    assert 1 == closed
    assert [(1, "delta"), (2, "delta"), (3, "delta"), (4, "gap")] == hot(paths).sort("seq").select("seq", "kind").rows()


def test_a_signal_ends_a_recording_in_good_order(loopback, recorder, paths, tickers):
    """SIGTERM flushes, marks the end and leaves no recorder behind."""
    process = recorder(loopback().url)
    wait_for_rows(process, 50)

    process.send_signal(signal.SIGTERM)

    assert 0 == process.wait(10)
    assert 3 == hot(paths).filter(kind="gap").height
    assert [] == list((paths.hot / "recorders").iterdir())


def test_a_publish_marks_the_gap_behind_a_recorder_that_died(paths, tickers):
    """Nobody may ever record again, but somebody reads the lake."""
    recording = Recording(paths, clock=lambda: NOON)
    books, _ = rows_of(events(tickers[0], range(1, 4)), sid_of=recording.sid_of)
    HotArea(paths).append(BOOKS, books.frame, name=f"{recording.name}-part-1")
    recording.note(events(tickers[0], range(1, 4)), tickers)
    recording.abandon()
    staging = Staging(paths=paths, run_id="t")

    shards, _ = hot_shards(staging)

    rows = pl.concat([pl.read_ipc(shard.path) for shard in shards if shard.table == "books"])
    assert [(4, "gap", tickers[0])] == rows.sort("seq").select("seq", "kind", "market_ticker").rows()[3:]
    assert ["trades are missing on the stream: the recorder died"] == [one.rule for one in refusals(paths)]


def test_a_dead_recorder_without_rows_is_something_to_publish(paths, tickers):
    """Its rows were folded in before it died: the mark is still owed."""
    recording = Recording(paths, clock=lambda: NOON)
    recording.note(events(tickers[0], range(1, 4)), tickers)
    recording.abandon()

    assert not is_empty(paths)


def test_drafts_of_a_recorder_that_died_are_removed(paths, tickers):
    """Half a file is in nobody's way."""
    recording = Recording(paths, clock=lambda: NOON)
    draft = HotArea(paths).folder(BOOKS) / f"{recording.name}-part-1.parquet.draft"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"PAR1")
    recording.abandon()

    close_abandoned(paths)

    assert not draft.exists()


def test_a_note_that_cannot_be_read_is_told_and_removed(paths, caplog):
    """It must not keep every later recorder from starting."""
    recording = Recording(paths, clock=lambda: NOON)
    (paths.hot / "recorders" / f"{recording.name}.json").write_text('{"7": {"seq": 1}}')
    recording.abandon()

    assert 0 == close_abandoned(paths)
    assert "cannot be read" in caplog.text


@pytest.fixture
def writer(paths):
    """A writer that keeps ten rows at most; closed at the end."""
    made = Writer(paths, clock=lambda: NOON, gaps_closed=0, rows_kept=10)
    yield made
    made.abandon()


@pytest.fixture
def full(monkeypatch):
    """A disk that can be full for files of the hot area."""
    state = {"is_full": False}

    def write(path, content):
        if state["is_full"]:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_new(path, content)

    monkeypatch.setattr("warehouse.lake.hot.write_new", write)
    return state


def test_rows_wait_while_the_disk_is_full_and_are_written_then(writer, full, paths, tickers):
    """A recorder survives a full disk, and loses nothing while its memory lasts."""
    full["is_full"] = True
    writer.flush(events(tickers[0], range(1, 4)), tickers)
    waiting = writer.progress.waiting_rows
    full["is_full"] = False

    writer.flush(events(tickers[0], range(4, 6)), tickers)

    assert (3, 0, 5) == (waiting, writer.progress.waiting_rows, writer.progress.book_rows)
    assert [1, 2, 3, 4, 5] == hot(paths)["seq"].sort().to_list()


def test_rows_that_found_no_room_for_too_long_become_a_gap(writer, full, paths, tickers):
    """The mark stands in the place of the first of them, and the stream is to tell everything anew."""
    writer.flush(events(tickers[0], range(1, 4)), tickers)
    full["is_full"] = True
    writer.flush(events(tickers[0], range(4, 20)), tickers)
    losses = [writer.take_loss(), writer.take_loss()]
    full["is_full"] = False

    writer.flush([], tickers)

    assert ([True, False], 16) == (losses, writer.progress.lost_rows)
    assert [(1, "delta"), (2, "delta"), (3, "delta"), (4, "gap")] == hot(paths).sort("seq").select("seq", "kind").rows()


def test_a_recording_that_ends_on_a_full_disk_says_so(writer, full, tickers):
    """What was lost is told, and the next start marks it."""
    full["is_full"] = True
    writer.flush(events(tickers[0], range(1, 4)), tickers)

    with pytest.raises(DiskFull, match="the last 3 rows of the recording are lost"):
        writer.close()


def test_the_files_of_sixty_flushes_become_one(writer, paths, tickers):
    """A day leaves thousands of files, not a hundred thousand."""
    for seq in range(1, FLUSHES_PER_FILE):
        writer.flush(events(tickers[0], [seq]), tickers)
    before = len(HotArea(paths).files(BOOKS))

    writer.flush(events(tickers[0], [FLUSHES_PER_FILE]), tickers)

    assert (FLUSHES_PER_FILE - 1, 1) == (before, len(HotArea(paths).files(BOOKS)))
    assert FLUSHES_PER_FILE == hot(paths).height


def test_a_recorder_that_lives_is_left_alone(paths):
    """Its lock is held: nothing is closed behind its back."""
    recording = Recording(paths, clock=utc_now)

    closed = close_abandoned(paths)

    recording.close()
    assert 0 == closed


def test_a_clock_that_is_set_back_uses_no_name_again(paths):
    """Not even one from days ahead."""
    days = [0, 3, 0]
    recording = Recording(paths, clock=lambda: NOON + timedelta(days=days[0]))

    sids = []
    for number in (1, 2, 3):
        sids.append(recording.sid_of(number))
        days.pop(0)
        days.append(0)
    recording.close()

    assert sids == sorted(set(sids))


def test_two_recorders_never_share_a_subscription_name(paths):
    """Numbers of the exchange restart on each connection; those of the lake do not."""
    both = [Recording(paths, clock=lambda: NOON) for _ in range(2)]

    sids = [recording.sid_of(number) for recording in both for number in (1, 2)]

    for recording in both:
        recording.close()
    assert 4 == len(set(sids))
    assert sorted(sids) == sids


def test_a_recording_ends_at_its_instant(loopback, paths, tickers):
    """`until` is for those who sleep."""
    began = time.monotonic()

    run(loopback().url, paths, tickers, enough=lambda _: False, until=utc_now() + timedelta(seconds=0.3))

    assert 0.2 < time.monotonic() - began < 3


def test_small_files_become_one(loopback, paths, tickers):
    """At the end there is one file for each table."""
    run(loopback().url, paths, tickers, enough=lambda progress: progress.flushes > 5)

    assert [1, 1] == [len(list((paths.hot / name).iterdir())) for name in ("books", "trades")]


def test_markets_of_other_products_are_not_recorded(paths):
    """They would have no partition."""
    with pytest.raises(Usage, match="no city"):
        run("ws://127.0.0.1:9", paths, ("KXFED-26OCT04-T3.5",), enough=lambda _: True)
