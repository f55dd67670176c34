"""Progress on stderr: a bar for people at a terminal, elsewhere a plain line now and then.

A log wants to know that a long run is alive and how far it is; a short one has nothing to say. The answer itself goes
to stdout, so neither form ever stands in its way.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

OnProgress = Callable[[int, int, str], None]

EVERY_SECONDS = 10.0
"""How far apart the plain lines are at least; a run that is shorter says nothing."""


@contextmanager
def progress_of(verb: str) -> Iterator[OnProgress]:
    """Yield a function that is told (done, of how many, what was done) and draws it."""
    if not sys.stderr.isatty():
        yield plain_lines(verb)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(verb),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


@contextmanager
def silence(_verb: str) -> Iterator[OnProgress]:
    """Yield a function that tells nobody, for runs by a timer."""
    yield lambda _done, _total, _what: None


def plain_lines(
    verb: str, *, seconds: Callable[[], float] = time.monotonic, say: Callable[[str], None] | None = None
) -> OnProgress:  # fmt: skip
    """Return what is told of progress and writes a line of it, so many seconds after the start or the last line."""
    started = last = seconds()

    def tell(done: int, total: int, what: str) -> None:
        nonlocal last
        now = seconds()
        if now - last >= EVERY_SECONDS:
            last = now
            (say or _say)(f"{verb}: {done} of {total} after {now - started:.0f} s, {what.strip()}")

    return tell


def _say(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def told_when_stopped(said: str) -> Iterator[None]:
    """Say something at once when Ctrl-C is pressed, before what is running comes to its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopped = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        if not stopped:
            click.echo(f"\n{said}", err=True)
        stopped = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
