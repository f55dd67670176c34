"""Words of models that stand, and what is used of each: its share of the ladder that one family speaks of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import polars as pl

from kwx.exec.bars.events import Event
from kwx.live.brain.promoted import Speaking
from kwx.models.served import SHARES_PER_ONE

LIVES = timedelta(days=1)
"""So long a word stands where no other follows."""

SAID = {
    "market_ticker": pl.String(), "p_model": pl.Float64(), "p_calibrated": pl.Float64(), "p_served": pl.Float64(),
    "model_id": pl.String(), "wf_window": pl.String(),
}  # fmt: skip


class Word(NamedTuple):
    """What a model said of a market."""

    said_utc: datetime
    p_model: float
    p_calibrated: float | None
    speaking: Speaking
    event_date: date

    @property
    def p_said(self) -> float:
        """Its probability by itself, calibrated where that is done."""
        return self.p_model if self.p_calibrated is None else self.p_calibrated


def standing_words(standing: Mapping[str, Word], events: Sequence[Event]) -> pl.DataFrame:
    """Return the words that stand of some markets as rows."""
    served = _served(standing, events)
    columns = (
        list(standing),
        [word.p_model for word in standing.values()],
        [word.p_calibrated for word in standing.values()],
        [served[name] for name in standing],
        [word.speaking.card.model_id for word in standing.values()],
        [word.speaking.card.window.name for word in standing.values()],
    )
    return pl.DataFrame(dict(zip(SAID, columns, strict=True)), schema=SAID)


def _served(standing: Mapping[str, Word], events: Sequence[Event]) -> dict[str, float]:
    """Return what is used of each word: where one family speaks of a whole ladder, its share of that."""
    served = {name: word.p_said for name, word in standing.items()}
    for event in events:
        words = [standing.get(name) for name in event.ladder.names]
        if None in words or len({word.speaking.card.family for word in words if word is not None}) > 1:
            continue
        total = sum(math.floor(served[name] * SHARES_PER_ONE) for name in event.ladder.names) / SHARES_PER_ONE
        if total > 0:
            served |= {name: served[name] / total for name in event.ladder.names}
    return served
