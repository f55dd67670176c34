"""Recording: what is on the disk after a stop, a signal, a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.ingest.hot import fold_hot, remove_folded
from pipelines.kalshi.book_rows import rows_of
from pipelines.kalshi.events import Event
from pipelines.kalshi.messages import Delta
from pipelines.kalshi.recorder import record
from pipelines.kalshi.recordings import Recording, close_abandoned
from pipelines.kalshi.replay import quotes_of
from pipelines.kalshi.stream import StreamSettings
from warehouse.clock import utc_now
from warehouse.errors import Usage
from warehouse.lake.hot import HotArea
from warehouse.lake.layout import LakePaths
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
    remove_folded(paths, [path for part in list(fold_hot(paths, run_id="t")) for path in part.files])

    close_abandoned(paths)

    assert ["gap"] * 3 == hot(paths)["kind"].to_list()
    assert hot(paths)["seq"].min() > last


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


def test_a_recorder_that_lives_is_left_alone(paths):
    """Its lock is held: nothing is closed behind its back."""
    recording = Recording(paths, clock=utc_now)

    closed = close_abandoned(paths)

    recording.close()
    assert 0 == closed


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
