"""How far input that was late or missing reaches: to the minutes whose opinion was made without it, and no further.

What comes in late is in the next opinion, and evaluations are made anew with it. What lasts is what was not made anew:
the minutes that a strategy or a fusion looks back on, and the word of a model, which stands until its next.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from kwx.exec.runs.settings import settings_of
from kwx.fuse.weight import VOLATILITY_MINUTES
from kwx.live.journal.recorded import Recorded
from kwx.signals.registry import strategy as strategy_of

BEFORE_MINUTES = 30
"""So late at most comes what is only late: what is missing for longer is told to be old in each minute."""

_OF_WORDS = frozenset({"p_said", "p_model", "p_calibrated"})


@dataclass(frozen=True, kw_only=True, eq=False)
class Reach:
    """The reach of input over the opinions of a journal.

    minutes: how far an opinion looks back. by_words: whether it is made of words of models too.
    """

    recorded: Recorded
    minutes: int
    by_words: bool = False

    @classmethod
    def of(cls, recorded: Recorded) -> Reach:
        """Return that of the strategy of a date under its settings."""
        strategy = strategy_of(recorded.last.strategy)
        _, settings = settings_of(recorded.last.config)
        sources = {name for told in settings.values() for name in strategy.columns(told).sources}
        looks_back = max(strategy.looks_back(told) for told in settings.values())
        return cls(
            recorded=recorded, minutes=max(looks_back, VOLATILITY_MINUTES), by_words=not sources.isdisjoint(_OF_WORDS)
        )  # fmt: skip

    def covers(self, since: int, t: int, market_ticker: str) -> bool:
        """Tell whether what was wrong in one minute can show in the opinion of another, at or after it."""
        return t - since <= self.minutes or (self.by_words and self._still_stands(since, t, market_ticker))

    def _still_stands(self, since: int, t: int, market_ticker: str) -> bool:
        """Tell whether a model's word is the one that stood when the input was wrong."""
        word = self._word(t, market_ticker)
        return word is not None and all(self._word(m, market_ticker) == word for m in range(since + 1, t))

    def _word(self, t: int, market_ticker: str) -> float | None:
        said = self.recorded.of_minutes[t].signals
        if "p_model" not in said.columns:
            return None
        rows = said.filter(pl.col("market_ticker") == market_ticker)["p_model"]
        return None if rows.is_empty() else rows[0]
