"""Beside the looks: a thread that books wake, and one that waits for the exchange where orders are taken out.

The first asks the step as soon as a book moves, whatever a look does or waits for; the second keeps it from waiting. A
fault in either halts: orders would rest of which nobody asks any more.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from kwx.live.meantime import Between, Meantime

_LOOK_S = 0.2
SWITCH_S = 0.0005
"""So long a thread that computes may keep the others waiting: a look computes for longer than a book may wait."""

OnBetween = Callable[[Between], None]
OnFault = Callable[[BaseException], None]


class Beside:
    """Both threads, from `with` to its end; then everything that was decided is also taken out, and nobody asks."""

    def __init__(self, meantime: Meantime, *, on_between: OnBetween, on_fault: OnFault) -> None:
        self._meantime = meantime
        self._on_between = on_between
        self._on_fault = on_fault
        self._ending = threading.Event()
        self._decided: SimpleQueue[Between | None] = SimpleQueue()
        self._asks = threading.Thread(target=self._guarded, args=(self._ask_on,), name="between-asks", daemon=True)
        self._takes_out = threading.Thread(
            target=self._guarded, args=(self._take_out_on,), name="between-takes-out", daemon=True
        )

    def __enter__(self) -> Self:
        self._switched_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        self._asks.start()
        self._takes_out.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._meantime.feeds.stir()
        self._asks.join()
        self._decided.put(None)
        self._takes_out.join()
        sys.setswitchinterval(self._switched_s)

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # a thread that ends unheard is the worst of all faults; some are no Exception
            self._ending.set()
            self._on_fault(error)

    def _ask_on(self) -> None:
        while not self._ending.is_set():
            if not self._meantime.feeds.wait_for_moves(_LOOK_S):
                continue
            asked = self._meantime.ask()
            if asked is not None and asked.not_kept:
                self._decided.put(asked)
            elif asked is not None:
                self._on_between(asked)

    def _take_out_on(self) -> None:
        while (asked := self._decided.get()) is not None:
            self._on_between(self._meantime.take_out(asked))
