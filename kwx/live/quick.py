"""What a process that looks every few seconds asks of Polars, before Polars is imported; what the user set stays.

A look makes a hundred small frames, one after the other: to hand each to a pool of threads takes longer than to compute
it. And what one look lets go of the next one needs: pages that went back to the system in between have to be asked for
again, which costs a quarter of a look.
"""

from __future__ import annotations

import os

_KEPT_MS = 60_000
SETTINGS = {
    "POLARS_MAX_THREADS": "1",
    "_RJEM_MALLOC_CONF": f"dirty_decay_ms:{_KEPT_MS},muzzy_decay_ms:{_KEPT_MS}",
}
"""Variables of the environment, as Polars and its allocator read them once."""


def look_quickly() -> None:
    """Set what is not set."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
