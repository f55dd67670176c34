"""What each gate means to people, and which settings move it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kwx.exec.codes import Gate


@dataclass(frozen=True, kw_only=True)
class GateWords:
    """A gate in words: why nothing was done, the settings that move it, and what else may be done about it."""

    meaning: str
    settings: tuple[str, ...] = ()
    otherwise: str = ""

    @property
    def advice(self) -> str:
        """What may be done, as the end of a sentence."""
        return f"change {self.remedy}" if self.settings else self.otherwise

    @property
    def remedy(self) -> str:
        """The settings, or what else may be done."""
        return ", ".join(self.settings) or self.otherwise


WORDS: Mapping[Gate, GateWords] = {
    Gate.NONE: GateWords(meaning="something was done, or what was wanted is held or rests already"),
    Gate.CLOSED: GateWords(meaning="the market does not trade", otherwise="nothing: markets open on the eve"),
    Gate.NO_QUOTE: GateWords(
        meaning="one side of the book is empty, or both cross", otherwise="nothing: nobody quotes both sides"
    ),
    Gate.NO_PROBABILITY: GateWords(
        meaning="the strategy has no fair probability",
        otherwise="what the strategy reads is missing: kwx hazard backfill, kwx fuse run, or kwx train",
    ),
    Gate.NO_EDGE: GateWords(
        meaning="no side is worth the threshold after fees",
        settings=("trade.maker_thresh_cents", "trade.taker_thresh_cents", "risk.tau_open_cents"),
    ),
    Gate.STALE: GateWords(
        meaning="quotes or weather are not fresh", otherwise="the column complete of candles_dense tells which"
    ),
    Gate.SCORE: GateWords(meaning="the score is below its threshold", settings=("trade.min_score",)),
    Gate.PROBABILITY_RANGE: GateWords(
        meaning="the fused probability lies outside the range that is traded", settings=("trade.p_low", "trade.p_high")
    ),
    Gate.VOLUME: GateWords(
        meaning="too little was traded in the last 20 minutes", settings=("trade.min_volume_20m_contracts",)
    ),
    Gate.SPREAD: GateWords(meaning="the spread is too wide", settings=("risk.max_spread_cents",)),
    Gate.RELEASE: GateWords(meaning="a report that moves prices is due", settings=("trade.guard_minutes",)),
    Gate.NEAR_CLOSE: GateWords(meaning="the market closes too soon for new risk", settings=("trade.no_new_minutes",)),
    Gate.REDUCING: GateWords(
        meaning="the day's loss allows only what makes positions smaller",
        settings=("trade.reduce_at_share", "trade.max_daily_loss_city_share", "trade.max_daily_loss_share"),
    ),
    Gate.HALTED: GateWords(
        meaning="the day's loss has stopped trading",
        settings=("trade.max_daily_loss_city_share", "trade.max_daily_loss_share"),
    ),
    Gate.POSITION: GateWords(
        meaning="the bracket's position is at its limit",
        settings=("trade.max_position_contracts", "trade.max_order_contracts"),
    ),
    Gate.SIDE: GateWords(
        meaning="the side of the city's day has used its share of the bankroll",
        settings=("risk.max_bankroll_pct_city_day_side",),
    ),
    Gate.GROSS: GateWords(
        meaning="all that can be lost on the event date is at its limit", settings=("trade.max_gross_share",)
    ),
    Gate.DEPTH: GateWords(meaning="nothing is shown that could be taken", settings=("trade.max_take_contracts",)),
    Gate.LOT: GateWords(
        meaning="the size is smaller than one lot",
        settings=("trade.lot_contracts", "risk.kelly_alpha", "trade.bankroll_dollars"),
    ),
    Gate.LADDER: GateWords(
        meaning="a bracket of the event has no probability, so the ladder cannot be sized",
        settings=("trade.sizing",),
    ),
    Gate.KELLY: GateWords(
        meaning="beside the rest of the ladder Kelly wants none of it, for all its edge", settings=("trade.sizing",)
    ),
    Gate.CLOCK: GateWords(
        meaning="our clock was not the exchange's",
        otherwise="set the clock; live.most_skew_seconds says how far off it may be",
    ),
}
"""All of them."""


def words_of(word: str) -> GateWords:
    """Return the words of a gate by the name that tables have for it."""
    return WORDS[Gate[word.upper()]]
