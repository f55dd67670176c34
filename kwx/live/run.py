"""Living: looks at their beat until somebody says stop, or as fast as a simulated day goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from kwx.live.beside import Beside
from kwx.live.living import Living
from kwx.live.looked import Looked
from kwx.live.meantime import Between
from kwx.live.ticks import Tick, ticks

OnLook = Callable[[Looked], None]
OnBetween = Callable[[Between], None]
_SLICE_S = 0.2


def live_on(
    living: Living, *, seconds: float | None = None, on_look: OnLook = lambda looked: None,
    on_between: OnBetween = lambda between: None,
) -> int:  # fmt: skip
    """Look at every tick for so many seconds, or until the loop is told to stop; return how many looks there were.

    Books that move are asked about beside it, as they come; on_between is called by the threads that do.
    """
    until_s = None if seconds is None else time.monotonic() + seconds
    looks = 0

    def wait(seconds: float) -> bool:
        # In slices: a wait without end can miss a signal.
        over_s = time.monotonic() + seconds
        while (left_s := over_s - time.monotonic()) > 0 and not _is_over(living, until_s):
            time.sleep(min(left_s, _SLICE_S))
        return _is_over(living, until_s)

    def tell(found: Between) -> None:
        living.decided_between(found)
        on_between(found)

    with Beside(living.loop.meantime, on_between=tell, on_fault=living.failed_between):
        for tick in ticks(living.loop.settings.tick_seconds, monotonic=time.monotonic, wait=wait):
            looks += 1
            if (looked := living.look(tick)) is not None:
                on_look(looked)
    return looks


def _is_over(living: Living, until_s: float | None) -> bool:
    return living.stopping() or (until_s is not None and time.monotonic() >= until_s)


def instants(
    since_utc: datetime, until_utc: datetime, *, after_minute_s: float, every: timedelta
) -> Iterator[datetime]:  # fmt: skip
    """Yield the instants at which a simulated day is looked at: so long after each minute, or each few of them."""
    at_utc = since_utc.replace(second=0, microsecond=0) + timedelta(seconds=after_minute_s)
    while at_utc < until_utc:
        yield at_utc
        at_utc += every


def live_through(
    living: Living, looks: Iterator[datetime], *, go_to: Callable[[datetime], None],
    on_look: OnLook = lambda looked: None,
) -> int:  # fmt: skip
    """Look at each of some instants, to which the world is taken first; return how many looks there were."""
    number = 0
    for number, at_utc in enumerate(looks, start=1):
        go_to(at_utc)
        if (looked := living.look(Tick(number=number - 1, late_s=0.0, missed=0))) is not None:
            on_look(looked)
        if living.stopping():
            break
    return number
