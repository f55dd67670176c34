"""How a kind of model did against the market, over all its windows: the rows of each test count alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from kwx.models.registry.card import Card

LOG_LOSS, MARKET_LOG_LOSS = "log_loss", "market_log_loss"
"""The metrics of an artifact that promotion reads: both losses of the same rows, as numbers or as estimates."""

ROWS = ("rows", "n")
"""How many rows these are of; the one or the other is said."""

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
