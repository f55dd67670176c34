"""One signal: what the loop says of one market at one tick. Its ranges are those of the table, and refuse before it."""

from __future__ import annotations

import math
import operator
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from warehouse.errors import ContractBroken

LENGTHS = {"market_ticker": 100, "city": 50, "bracket": 20, "model_id": 200, "wf_window": 100}
"""Most characters of each text."""

RANGES = {
    "p_model": (0.0, 1.0),
    "p_market": (0.0, 1.0),
    "p_blend": (0.0, 1.0),
    "edge_cents": (-200.0, 100.0),
    "kelly_fraction": (-1.0, 1.0),
    "size_fraction": (-1.0, 1.0),
}
"""Least and most of each number, both allowed."""

MOST_INTEGER = 2**31 - 1
_COUNTS = ("spread_cents", "minutes_to_close")
_MAY_BE_NULL = {"kelly_fraction", "size_fraction", "spread_cents"}


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One row of `rt_signals`. Fractions are shares of the bankroll, below zero on the no side; edge is after fees.

    `created_at` is the instant of writing, said by the sink where it is not said; the later of two writes wins.
    """

    ts_utc: datetime
    market_ticker: str
    city: str
    bracket: str
    p_model: float
    p_market: float
    p_blend: float
    edge_cents: float
    kelly_fraction: float | None = None
    size_fraction: float | None = None
    spread_cents: int | None = None
    minutes_to_close: int
    model_id: str
    wf_window: str
    created_at: datetime | None = None

    def __post_init__(self) -> None:
        for name, most in LENGTHS.items():
            _hold_text(self, name, most)
        for name, (least, most_value) in RANGES.items():
            self._settle(name, _number(self, name, least, most_value))
        for name in _COUNTS:
            self._settle(name, _count(self, name))
        self._settle("ts_utc", _instant(self, "ts_utc"))
        if self.created_at is not None:
            self._settle("created_at", _instant(self, "created_at"))

    def stamped(self, created_at: datetime) -> Signal:
        """Return the same, written at an instant; what was judged is not judged again."""
        signal = copy(self)
        signal._settle("created_at", created_at.astimezone(UTC))
        return signal

    def _settle(self, name: str, value: Any) -> None:
        """Hold a value in the type that the table has for it: a number of numpy becomes one of Python."""
        object.__setattr__(self, name, value)


def _hold_text(signal: Signal, name: str, most: int) -> None:
    text = getattr(signal, name)
    if not isinstance(text, str) or not 0 < len(text) <= most or not text.isprintable():
        raise _refused(signal, name, f"a text of 1 to {most} printable characters")


def _number(signal: Signal, name: str, least: float, most: float) -> float | None:
    said = getattr(signal, name)
    if said is None and name in _MAY_BE_NULL:
        return None
    try:
        value = float(said)
    except (TypeError, ValueError):
        value = math.nan
    if not least <= value <= most:  # so nan is refused too
        raise _refused(signal, name, f"a number from {least:g} to {most:g}")
    return value


def _count(signal: Signal, name: str) -> int | None:
    said = getattr(signal, name)
    if said is None and name in _MAY_BE_NULL:
        return None
    try:
        value = operator.index(said)
    except TypeError:
        value = -1
    if not 0 <= value <= MOST_INTEGER:
        raise _refused(signal, name, f"a whole number from 0 to {MOST_INTEGER}")
    return value


def _instant(signal: Signal, name: str) -> datetime:
    said = getattr(signal, name)
    if not isinstance(said, datetime) or said.utcoffset() is None:
        raise _refused(signal, name, "an instant with its offset from UTC")
    return said.astimezone(UTC)


def _refused(signal: Signal, name: str, wanted: str) -> ContractBroken:
    return ContractBroken(
        f"rt_signals: {name} of {signal.market_ticker!r} at {signal.ts_utc} is {getattr(signal, name)!r}, not {wanted}",
        hint="a market without a model or without a price has no signal; leave it out",
    )
