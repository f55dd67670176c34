"""How much memory a stretch of work holds, with the processes that it starts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def watched() -> Iterator[list[float]]:
    """Collect how much memory this process and its children hold, in GB."""
    held, over, me = [0.0], threading.Event(), psutil.Process()

    def watch() -> None:
        while not over.wait(0.1):
            held.append(sum(map(_resident, [me, *me.children(recursive=True)])) / 1e9)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield held
    finally:
        over.set()
        watcher.join()


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss)
    except psutil.Error:
        return 0.0
