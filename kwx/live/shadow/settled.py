"""How the events of a lived date ended, as the lake has it now: the last row of its bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from kwx.exec.bars.bars import Bars
from kwx.exec.bars.events import Settled, events_of
from kwx.exec.minute import NOT_SETTLED
from warehouse.lake.store import Snapshot


def with_settlement(bars: Bars, snapshot: Snapshot) -> Bars:
    """Return bars whose last row pays what the lake says; of cities of which it says nothing, what the journal says."""
    (day,) = bars.dates
    winner, settled_utc, settled_f = (np.array(a) for a in (bars.minutes.winner, bars.settled_utc, bars.settled_f))
    for event in events_of(snapshot, cities=bars.cities, dates=[day]).traded:
        city = bars.cities.index(event.city)
        place = _place(bars, city, event.ladder.names, event.settled)
        if place == NOT_SETTLED:
            continue
        winner[-1, city, 0] = place
        settled_f[city, 0] = event.settled.high_f
        settled_utc[city, 0] = _naive(event.settled.known_utc)
    return replace(
        bars, minutes=bars.minutes._replace(winner=winner), settled_utc=settled_utc, settled_f=settled_f
    )  # fmt: skip


def _place(bars: Bars, city: int, names: Sequence[str], settled: Settled) -> int:
    """Return the place of the bracket that is paid among those that were lived."""
    if settled.place == NOT_SETTLED:
        return NOT_SETTLED
    lived: list[str] = bars.tickers[:, city, 0].tolist()
    return lived.index(names[settled.place]) if names[settled.place] in lived else NOT_SETTLED


def _naive(utc: datetime | None) -> np.datetime64:
    return np.datetime64("NaT") if utc is None else np.datetime64(utc.replace(tzinfo=None), "us")
