"""The collector of garbage goes over what came since the start alone: over all of it, it would hold up a look."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def what_stays_is_spared() -> Iterator[None]:
    """Spare the collector what is there by now until the block ends: modules, models, what was compiled."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
