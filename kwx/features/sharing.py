"""Reads that several fits of one process have in common: done once while they are shared, and forgotten after."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar, cast

Read = TypeVar("Read")

_HELD: ContextVar[dict[Hashable, object] | None] = ContextVar("held", default=None)


@contextmanager
def shared_reads() -> Iterator[None]:
    """Keep what is read inside for whoever asks for the same; frames are never changed, so that one serves all."""
    token = _HELD.set({})
    try:
        yield
    finally:
        _HELD.reset(token)


def read_once(key: Hashable, read: Callable[[], Read], *, serves: Callable[[Read], bool] = lambda _: True) -> Read:
    """Return what is held under a key and serves, else read it; outside of `shared_reads` nothing is held."""
    held = _HELD.get()
    if held is None:
        return read()
    if key not in held or not serves(cast("Read", held[key])):
        held[key] = read()
    return cast("Read", held[key])
