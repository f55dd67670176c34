"""What is there at the start is not gone over again; what comes later is, and at the end all of it."""

from __future__ import annotations

import gc
import weakref

from kwx.live.garbage import what_stays_is_spared


class Knot:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_stays_is_spared_and_what_comes_is_not() -> None:
    old = Knot()
    was_old = weakref.ref(old)

    with what_stays_is_spared():
        new = Knot()
        was_new = weakref.ref(new)
        assert gc.get_freeze_count() > 0
        del old, new
        gc.collect()
        assert was_old() is not None
        assert was_new() is None

    gc.collect()
    assert was_old() is None
    assert gc.get_freeze_count() == 0
