"""How a kind of model did against the market, over all its windows: the rows of each test count alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from kwx.models.registry.card import Card
from kwx.models.registry.places import Group
from warehouse.lake.tables.research import SETTLEMENT_HORIZON

LOG_LOSS, MARKET_LOG_LOSS = "log_loss", "market_log_loss"
"""The metrics of an artifact that promotion reads: both losses of the same rows, as numbers or as estimates."""

ROWS = ("rows", "n")
"""How many rows these are of; the one or the other is said."""

CROSSED = "crossed_tenth"
"""What following the surest tenth of words across the spread earned, per contract; of moves alone."""

WITH_MARKET = "with_market"
"""Where the rows that the market spoke of too are judged apart from all rows."""


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Mean log losses of model and market over the same rows; None where one is not said."""

    model: float | None
    market: float | None
    rows: int

    @property
    def objection(self) -> str | None:
        """Say why the market speaks against promotion, None where it does not."""
        if self.model is None:
            return "its log loss is not known"
        if self.market is None:
            return "the market's log loss on the same rows is not known"
        if self.model >= self.market:
            return f"log loss {self.model:.4f}, the market's {self.market:.4f}, over {self.rows:,} rows"
        return None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one kind of model was judged: what was compared, on how many rows, and what speaks against it.

    crossed_tenth is told, not judged by: that a move is foreseen is worth something to a maker too, who pays no spread.
    """

    kind: str
    compared: str
    model: float | None
    market: float | None
    rows: int
    crossed_tenth: float | None = None
    objection: str | None = None


COMPARED = {True: "log loss on the market's", False: "log loss on one half, what a market says of the next move"}
"""What is compared, where the settlement is predicted and where a move is."""


def verdict_of(group: Group, cards: Sequence[Card]) -> Verdict:
    """Return how all windows of one kind did, each horizon a kind of its own."""
    losses = against_market(cards)
    return Verdict(
        kind=str(group), compared=COMPARED[group.horizon == SETTLEMENT_HORIZON], model=losses.model,
        market=losses.market, rows=losses.rows, crossed_tenth=_crossed(cards), objection=losses.objection,
    )  # fmt: skip


def _crossed(cards: Sequence[Card]) -> float | None:
    """Return the mean of what the surest tenth earned over windows, each by the rows that it alone tests."""
    told = [card for card in cards if figure(card.metrics, CROSSED) is not None]
    weights = [
        (figure(card.metrics, "crossed_rows") or 0) * share for card, share in zip(told, shares_once(told), strict=True)
    ]
    return _mean(weights, [figure(card.metrics, CROSSED) for card in told]) if told else None


def against_market(cards: Sequence[Card]) -> Losses:
    """Return how some windows of one kind did together; a window of which nothing has settled says nothing.

    A date that several windows tested counts once, by the newest: a window weighs by its rows, and by the share of its
    test dates that no newer one tests.
    """
    told = [(card, one) for card in cards if (one := losses_of(card.metrics)).rows]
    weights = [one.rows * share for (_, one), share in zip(told, shares_once([card for card, _ in told]), strict=True)]
    losses = [one for _, one in told]
    return Losses(
        model=_mean(weights, [one.model for one in losses]),
        market=_mean(weights, [one.market for one in losses]),
        rows=round(sum(weights)),
    )


def shares_once(cards: Sequence[Card]) -> list[float]:
    """Return for each window which share of its test dates no newer one of them tests."""
    newest_first = sorted(range(len(cards)), key=lambda at: newness(cards[at]), reverse=True)
    shares, spoken = [0.0] * len(cards), set[date]()
    for at in newest_first:
        dates = set(cards[at].window.test_dates)
        shares[at] = len(dates - spoken) / len(dates)
        spoken |= dates
    return shares


def newness(card: Card) -> tuple[date, datetime]:
    """Return what tells the newer of two windows that test a date: it is fitted on later dates, or was made later."""
    return card.train_until, card.created_utc


def losses_of(metrics: Mapping[str, Any]) -> Losses:
    """Return the losses of a window: on the rows that the market spoke of, if any are judged apart."""
    apart = metrics.get(WITH_MARKET)
    of = apart if isinstance(apart, Mapping) and figure(apart, ROWS[1]) else metrics
    rows = next((found for name in ROWS if (found := figure(of, name)) is not None), 0)
    return Losses(model=figure(of, LOG_LOSS), market=figure(of, MARKET_LOG_LOSS), rows=int(rows))


def figure(metrics: Mapping[str, Any], name: str) -> float | None:
    """Return a metric, which is a number or an estimate with its value; None where it is not said."""
    said = metrics.get(name)
    if isinstance(said, Mapping):
        said = said.get("value")
    return None if said is None or isinstance(said, bool) else float(said)


def _mean(weights: Sequence[float], values: Sequence[float | None]) -> float | None:
    """Return the mean over rows; one that is missing and counts makes it missing."""
    counted = [(weight, value) for weight, value in zip(weights, values, strict=True) if weight]
    known = [weight * value for weight, value in counted if value is not None]
    return sum(known) / sum(weights) if counted and len(known) == len(counted) else None
