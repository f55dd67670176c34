"""What a window is made of: the files of its dates; so one can tell whether the lake says the same of them still."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from kwx.models.windows import Window
from warehouse.errors import KwxError
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import TABLES
from warehouse.lake.tables.contract import ALL_CITIES, Layout

_OURS = frozenset({"predictions", "decisions", "orders", "fills", "equity"})
"""Tables of what models said and what came of it: no model reads them."""
_AROUND = timedelta(days=2)
"""The eve of a day, and the days from which forecasts and observations are carried over to it."""


def made_of(snapshot: Snapshot, city: str, window: Window) -> str:
    """Return the hash of every file of a window's dates that a model may read."""
    since, until = window.train_since - _AROUND, window.test_until + _AROUND
    read = [table.name for table in TABLES.values() if table.layout is Layout.CITY_DAY and table.name not in _OURS]
    digest = hashlib.sha256()
    for name in sorted(read):
        for entry in snapshot.files(name):
            place = entry.partition
            if city in (ALL_CITIES, place.city) and place.event_date and since <= place.event_date <= until:
                digest.update(f"{name} {place} {entry.sha256}\n".encode())
    return digest.hexdigest()


def says_the_same(lake: Lake, then: int, now: Snapshot, city: str, window: Window) -> bool:
    """Tell whether an earlier snapshot, which must still be there, held the same files of a window's dates."""
    if then == now.number:
        return True
    try:
        return made_of(lake.snapshot(then), city, window) == made_of(now, city, window)
    except KwxError:
        return False
