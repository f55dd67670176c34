"""Whose turn it is: what threads share is read and changed by one at a time, and nobody holds it who waits for others.

    with turn:             what is shared is as one finds it, and changes by one's own hand alone
        with turn.let_go():    an exchange is waited for; whoever comes meanwhile finds everything whole

So what is shared changes under somebody's feet at such waits alone, which code can see, and a test can step into.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kwx.exec.venue.contract import Venue


class Turn:
    """A lock that is let go while somebody else is waited for."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        self._lock.release()

    @contextmanager
    def let_go(self) -> Iterator[None]:
        """Let others have their turn until the block ends. Whoever holds it twice would have it torn from outside."""
        if self._depth != 1:
            raise AssertionError(f"a turn that is held {self._depth} times is waited in")
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()


class WaitedFor:
    """An exchange each word of which is waited for without the turn; a Venue, as the one that it stands before."""

    def __init__(self, venue: Venue, turn: Turn) -> None:
        self._venue = venue
        self._turn = turn

    def __getattr__(self, name: str) -> Callable[..., Any]:
        ask = getattr(self._venue, name)

        def waited(*args: Any, **said: Any) -> Any:
            with self._turn.let_go():
                return ask(*args, **said)

        return waited
