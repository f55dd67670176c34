"""A source that is asked part by part, each part at its turn: what every feed over HTTP but prices and tape is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pipelines.calls import Call
from pipelines.live.arrivals import Arrival
from pipelines.live.asking import Asking
from pipelines.live.heard import Heard
from pipelines.live.rhythm import Rhythm, Turn, spread
from warehouse.errors import KwxError

FAILURES = (KwxError, OSError)
"""What may go wrong between a vendor and our disk; it is told, and the next turn comes."""


class Feed(Protocol):
    """One source of arrivals. It keeps its own turns, and never raises for a vendor that is down."""

    name: str
    heard: Heard

    def poll(self, now_utc: datetime) -> Sequence[Arrival]:
        """Return what came, asking what is due by now; it may take as long as its vendor takes."""

    def delivered(self) -> None:
        """Hear that what the last poll returned lies where it is read: only now may the feed say that it is in."""


Questions = Mapping[str, Callable[[datetime, datetime], Sequence[Call]]]
"""What is to be asked of each part of a feed, by when it was heard last (now, if never) and what time it is."""


class AskedFeed:
    """A feed whose parts (mostly cities) have their questions at fixed turns."""

    def __init__(
        self,
        name: str,
        questions: Questions,
        *,
        asking: Asking,
        every_s: float,
        retry_s: float,
    ) -> None:
        self.name = name
        self.heard = Heard(name, tuple(questions))
        self._questions = questions
        self._asking = asking
        self._turns = {
            part: Rhythm(every_s, retry_s=retry_s, after_s=spread(place, len(questions), every_s))
            for place, part in enumerate(questions)
        }
        self._left: dict[str, list[Call]] = {}

    def poll(self, now_utc: datetime) -> list[Arrival]:
        """Ask the parts whose turn it is."""
        turns = {part: rhythm.take(now_utc) for part, rhythm in self._turns.items()}
        return [arrival for part, turn in turns.items() for arrival in self._part(part, turn, now_utc)]

    def delivered(self) -> None:
        """Nothing is promised of rows that came."""

    def _due(self, part: str, now_utc: datetime) -> Sequence[Call]:
        return self._questions[part](self.heard.of_parts[part] or now_utc, now_utc)

    def _part(self, part: str, turn: Turn, now_utc: datetime) -> list[Arrival]:
        """Ask what a part is due; after a failure only what had no answer, so that nothing is paid for twice."""
        if turn is Turn.NONE:
            return []
        calls = self._left.pop(part, ()) if turn is Turn.AGAIN else self._due(part, now_utc)
        arrivals: list[Arrival] = []
        left: list[Call] = []
        why = ""
        for call in calls:
            if self._asking.is_done(call):
                continue
            try:
                arrivals += self._asking.arrivals(call)
            except FAILURES as error:
                left.append(call)
                why = str(error)
        if left:
            self._left[part] = left
            self._turns[part].failed(now_utc)
            self.heard.failed(part, why)
        else:
            self.heard.heard(part, now_utc)
        return arrivals
