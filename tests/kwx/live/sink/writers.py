"""Writers that are killed: run as a program, they write numbered signals and tell each one that was acknowledged.

`python writers.py run DSN SPOOL NAME` writes until it is killed. `python writers.py steps DSN FOLDER STEPS` writes two
ticks in one child after the other, each killed at its own step: the first child at the first thing that it does to a
file or the database, the second at the second, and so on.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

from kwx.live.sink.drain import Drain
from kwx.live.sink.postgres import SignalTable
from kwx.live.sink.sink import open_sink
from kwx.live.sink.spool import Spool
from tests.kwx.live.sink.made import HandClock, made_signal

ROWS = 5


def numbered(name: str, tick: int) -> list:
    """Return the rows of a tick of one writer: no two have a number in common."""
    return [made_signal(number, market_ticker=f"{name}-{number}") for number in range(tick * ROWS, (tick + 1) * ROWS)]


def tell(text: str) -> None:
    """Say something at once, in one piece."""
    os.write(1, f"{text}\n".encode())


def run(dsn: str, spool: str, name: str) -> None:
    """Write as fast as it goes; a line says how many rows are acknowledged."""
    clock = HandClock()
    sink = open_sink(dsn, Path(spool), clock=clock)
    for tick in itertools.count():
        clock.move(9)
        sink.write(numbered(name, tick))
        tell(str((tick + 1) * ROWS))


def steps(dsn: str, folder: str, count: int) -> None:
    """Let one child after the other die at its step; each tells its number with every acknowledged tick."""
    for at in range(count):
        child = os.fork()
        if child == 0:
            _die_at(at)
            sink = open_sink(dsn, Path(folder) / str(at), clock=HandClock())
            sink._patience_s = 10.0
            for tick in range(2):
                sink.write(numbered(f"S{at}", tick))
                tell(f"{at} {(tick + 1) * ROWS}")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        tell(f"{at} {'killed' if os.WIFSIGNALED(status) else 'done'}")


def _die_at(at: int) -> None:
    """Count each thing that is done to a file or the database, and die before the one of that number."""
    numbers = itertools.count()

    def counted(work):
        def one(*args, **kwargs):
            if next(numbers) == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return work(*args, **kwargs)

        return one

    for place, names in (
        (os, ("pwrite", "fsync", "open")),
        (SignalTable, ("upsert",)),
        (Spool, ("take", "finish", "append")),
        (Drain, ("ask", "_note_success")),
    ):
        for name in names:
            setattr(place, name, counted(getattr(place, name)))


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(*sys.argv[2:])
    else:
        steps(*sys.argv[2:4], int(sys.argv[4]))
