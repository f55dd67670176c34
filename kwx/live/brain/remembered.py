"""What is worked out of frames and holds as long as they are the very same: a frame of the present is never changed.

Frames, and what was worked out of frames itself, are told apart by who they are, not by what they say, which costs
nothing; they are kept with the answer, so that no other one can take their place meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """Answers by a name of what they are about; one answer for each name, the newest."""

    def __init__(self) -> None:
        self._held: dict[Hashable, tuple[tuple[object, ...], Answer]] = {}

    def of(self, name: Hashable, frames: tuple[object, ...], work: Callable[[], Answer]) -> Answer:
        """Return the answer that is held of the same frames, or work it out and hold it."""
        held = self._held.get(name)
        if held is not None and _are_same(held[0], frames):
            return held[1]
        answer = work()
        self._held[name] = (frames, answer)
        return answer

    def forget(self, is_over: Callable[[Hashable], bool]) -> None:
        """Forget the names of which it is so."""
        for name in [name for name in self._held if is_over(name)]:
            del self._held[name]


def _are_same(ours: tuple[object, ...], theirs: tuple[object, ...]) -> bool:
    return len(ours) == len(theirs) and all(one is other for one, other in zip(ours, theirs, strict=True))
