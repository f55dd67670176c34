"""What time it is in a world: it runs at a pace of its own, it stands, or it goes where its owner puts it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from warehouse.errors import Usage


class Hands:
    """The clock of one world; calling it tells the time. `is_led` is true where only `advance_to` moves it."""

    def __init__(
        self,
        start_utc: datetime,
        *,
        speed: float = 0.0,
        is_led: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if speed and is_led:
            raise Usage(f"a clock that runs {speed:g} times as fast is led by nobody", hint="lead it, or give a speed")
        self.speed = speed
        self.is_led = is_led
        self._start_utc = start_utc
        self._monotonic = monotonic
        self._began_s = monotonic()
        self._lock = threading.Lock()

    @property
    def moves(self) -> bool:
        """True where time goes on: nothing is told before its instant comes."""
        return self.is_led or self.speed > 0

    def __call__(self) -> datetime:
        """Return what time it is."""
        if self.speed:
            return self._start_utc + timedelta(seconds=(self._monotonic() - self._began_s) * self.speed)
        with self._lock:
            return self._start_utc

    def advance_to(self, instant_utc: datetime) -> None:
        """Put the hands at a later instant; nobody can be made to forget what was told already."""
        if not self.is_led:
            raise Usage("the clock of this world is not led", hint="serve it with led=True")
        with self._lock:
            if instant_utc < self._start_utc:
                raise Usage(f"it is {self._start_utc} in this world: {instant_utc} is over", hint="lead it forwards")
            self._start_utc = instant_utc
