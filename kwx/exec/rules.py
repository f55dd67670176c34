"""What is decided before a step is compiled: how resting orders are filled, and how sizes are found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fill(StrEnum):
    """A model of fills; kwx.exec.fills says what each assumes.

    EXCHANGE is no model: nothing is filled before the exchange says so, see kwx.exec.reported.
    """

    A = "A"
    B = "B"
    QUEUE = "queue"
    TAKER = "taker"
    EXCHANGE = "exchange"


MODELS = (Fill.A, Fill.B, Fill.QUEUE, Fill.TAKER)
"""Those that need no exchange."""


class Sizing(StrEnum):
    """Kelly for the ladder of an event at once, or for each bracket as if it were alone."""

    LADDER = "ladder"
    SINGLE = "single"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Both of them: a step is compiled once for each pair."""

    fill: Fill = Fill.QUEUE
    sizing: Sizing = Sizing.LADDER
