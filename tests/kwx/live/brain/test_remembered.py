"""What is held is worked out again when a frame is another one, and only then."""

from __future__ import annotations

import polars as pl

from kwx.live.brain.remembered import Remembered


def test_an_answer_holds_as_long_as_its_frames_are_the_same():
    """By who they are: an equal frame is another one."""
    worked: list[int] = []
    one, other = pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [2]})
    held: Remembered[int] = Remembered()

    def work() -> int:
        worked.append(len(worked))
        return worked[-1]

    assert [held.of("x", (one, other), work), held.of("x", (one, other), work)] == [0, 0]
    assert held.of("x", (one.clone(), other), work) == 1
    assert held.of("x", (one, other), work) == 2
    assert held.of("y", (one, other), work) == 3
    assert held.of("x", (one,), work) == 4


def test_what_is_over_is_forgotten():
    """By its name."""
    frame, held = pl.DataFrame(), Remembered()
    for name in ("old", "new"):
        held.of(name, (frame,), lambda name=name: name)

    held.forget(lambda name: name == "old")

    assert held.of("old", (frame,), lambda: "again") == "again"
    assert held.of("new", (frame,), lambda: "again") == "new"
