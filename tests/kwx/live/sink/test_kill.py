"""kill -9 of the writer and of the server at any moment: what was acknowledged is in the table, once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kwx.live.sink.postgres import SignalTable
from kwx.live.sink.sink import open_sink
from tests.kwx.live.sink.made import HandClock, made_signal
from tests.kwx.live.sink.writers import ROWS

ROOT = Path(__file__).parents[4]
STEPS = 32


def writer(*words):
    """Start a writer."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.kwx.live.sink.writers", *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def killed_writer(dsn, spool, name, *, after_s):
    """Let a writer write for a while, kill it, and return how many rows it had acknowledged."""
    process = writer("run", dsn, spool, name)
    first = process.stdout.readline()
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    told = [first, *process.communicate()[0].splitlines()]
    assert -signal.SIGKILL == process.returncode
    return int(told[-1])


def numbers(database, name):
    """Return the numbers of a writer's rows in the table, in order."""
    rows = database.execute(
        "select split_part(market_ticker, '-', 2)::integer from rt_signals where split_part(market_ticker, '-', 1) = %s"
        " order by 1",
        [name],
    ).fetchall()
    return [number for (number,) in rows]


def hold(database, name, acknowledged):
    """Hold a writer's rows against what it had acknowledged: all of them, and at most the tick that it died in."""
    assert numbers(database, name) in (
        list(range(acknowledged)),
        list(range(acknowledged + ROWS)),
        # The kill may tear the last write between two of its lines: whole ones are stored, nobody was promised them.
        *(list(range(acknowledged + rows)) for rows in range(1, ROWS)),
    )


def replay(dsn, spool):
    """Store what a killed writer left."""
    with open_sink(dsn, spool, clock=HandClock()) as sink:
        sink.flush(timeout_s=60)
        assert 0 == sink.waiting


def kills(dsn, nobody_there, database, folder, *, rounds, seed):
    """Kill one writer after the other over one spool, some of them without a database; then look."""
    draw, acknowledged = random.Random(seed), {}
    for number in range(rounds):
        name = f"W{number}"
        where = nobody_there if number % 3 == 1 else dsn
        acknowledged[name] = killed_writer(where, folder, name, after_s=draw.uniform(0, 0.4))
    replay(dsn, folder)
    for name, count in acknowledged.items():
        assert count > 0
        hold(database, name, count)


def test_a_writer_killed_at_random_loses_and_doubles_nothing(dsn, nobody_there, database, tmp_path):
    """Three writers, the second without a database; what it left is stored by the third."""
    kills(dsn, nobody_there, database, tmp_path, rounds=3, seed=5)


@pytest.mark.slow
def test_ten_writers_killed_at_random_lose_and_double_nothing(dsn, nobody_there, database, tmp_path):
    """The same, more often."""
    kills(dsn, nobody_there, database, tmp_path, rounds=10, seed=7)


def test_a_writer_killed_at_any_step_loses_and_doubles_nothing(dsn, database, tmp_path):
    """Before each thing that two ticks do to a file or the database, until a child gets through all of them."""
    told = [line.split() for line in writer("steps", dsn, tmp_path, STEPS).communicate(timeout=120)[0].splitlines()]
    ends = {int(at): word for at, word in told if not word.isdigit()}
    acknowledged = {at: max([int(w) for a, w in told if a == str(at) and w.isdigit()], default=0) for at in ends}

    assert set(range(STEPS)) == ends.keys()
    assert "killed" == ends[0]
    assert "done" == ends[STEPS - 1]
    assert {0, ROWS, 2 * ROWS} == set(acknowledged.values())
    for at, count in acknowledged.items():
        replay(dsn, tmp_path / str(at))
        hold(database, f"S{at}", count)


def test_a_server_killed_at_random_loses_and_doubles_nothing(own_server, tmp_path):
    """The sink starts it again by itself; what was committed before the kill is there, what waited follows."""
    draw, clock = random.Random(11), HandClock()
    dsn, killed, committed = f"embedded:{own_server.folder}", 0, 0
    with open_sink(dsn, tmp_path, clock=clock) as sink:
        sink.flush()
        for tick in range(60):
            clock.move(100)
            committed += sink.write([made_signal(number) for number in range(tick * 20, (tick + 1) * 20)]).committed
            if tick % 25 == 12:
                sink.flush()
                sink.write([made_signal(number) for number in range(1_200, 1_220)])
                time.sleep(draw.uniform(0, 0.05))
                os.kill(own_server.pid(), signal.SIGKILL)
                killed += 1
        sink.flush(timeout_s=60)
        assert 0 == sink.waiting

    table = SignalTable(own_server)
    stored = [row["market_ticker"] for row in table.latest(2_000)]
    table._drop()
    assert 2 == killed
    assert committed > 0
    assert {f"KXHIGHCHI-{number}" for number in range(1_220)} == set(stored)
    assert 1_220 == len(stored)
