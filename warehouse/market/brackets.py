"""Brackets: inclusive integer bounds in °F (None is an open end), from strikes, from words, from the siblings."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from warehouse.errors import ContractBroken, Unparsable

STRIKE_TYPES = ("less", "between", "greater")

_NUMBER = r"(-?[0-9]{1,3}(?:\.[0-9]+)?)\s*(?:°|º|degrees)?\s*F?"
_BELOW = re.compile(rf"\s*{_NUMBER}\s+or\s+(?:below|lower|less)\s*", re.IGNORECASE)
_ABOVE = re.compile(rf"\s*{_NUMBER}\s+or\s+(?:above|higher|more|greater)\s*", re.IGNORECASE)
_RANGE = re.compile(rf"\s*{_NUMBER}\s*(?:to|-|\u2013)\s*{_NUMBER}\s*", re.IGNORECASE)
_UNICODE_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Bracket:
    """The whole degrees for which a market pays: low_f … high_f, both included; None is an open end."""

    low_f: int | None
    high_f: int | None

    def __post_init__(self) -> None:
        if self.low_f is None and self.high_f is None:
            raise Unparsable("a bracket without any bound pays always: that is not a market")
        if self.low_f is not None and self.high_f is not None and self.low_f > self.high_f:
            raise Unparsable(f"bracket {self.low_f} … {self.high_f} °F holds no whole degree")

    def __contains__(self, settled_f: int) -> bool:
        above = self.low_f is None or settled_f >= self.low_f
        return above and (self.high_f is None or settled_f <= self.high_f)

    def __str__(self) -> str:
        low, high = ("…" if bound is None else bound for bound in (self.low_f, self.high_f))
        return f"{low} to {high}"

    @property
    def strike_type(self) -> str:
        """The direction that the exchange gives such a bracket."""
        if self.low_f is None:
            return "less"
        return "greater" if self.high_f is None else "between"

    @property
    def strikes(self) -> tuple[float | None, float | None]:
        """The floor and cap that the exchange gives such a bracket: strict in the tails, included in the middle."""
        floor = self.low_f - 1 if self.low_f is not None and self.high_f is None else self.low_f
        cap = self.high_f + 1 if self.high_f is not None and self.low_f is None else self.high_f
        return floor, cap

    @property
    def order_key(self) -> float:
        """Sort key from the coldest bracket to the warmest."""
        return -math.inf if self.low_f is None else float(self.low_f)

    @classmethod
    def from_strikes(cls, strike_type: str, *, floor_strike: float | None, cap_strike: float | None) -> Bracket:
        """Turn the exchange's strikes into bounds: `less` and `greater` are strict, `between` includes both ends."""
        if any(strike is not None and not math.isfinite(strike) for strike in (floor_strike, cap_strike)):
            raise Unparsable(f"strikes {floor_strike!r} and {cap_strike!r} are no temperatures")
        if strike_type == "less" and cap_strike is not None:
            return cls(None, math.ceil(cap_strike) - 1)
        if strike_type == "greater" and floor_strike is not None:
            return cls(math.floor(floor_strike) + 1, None)
        if strike_type == "between" and floor_strike is not None and cap_strike is not None:
            return cls(math.ceil(floor_strike), math.floor(cap_strike))
        raise Unparsable(
            f"strike_type {strike_type!r} with floor {floor_strike!r} and cap {cap_strike!r} is no bracket",
            hint="read the bounds from the subtitle or from the other brackets of the event",
        )

    @classmethod
    def from_subtitle(cls, text: str) -> Bracket:
        """Read the bounds in words: "69° or below", "70° to 71°", "78° or above"; every number is included."""
        text = text.replace(_UNICODE_MINUS, "-")
        if match := _BELOW.fullmatch(text):
            return cls(None, math.floor(float(match[1])))
        if match := _ABOVE.fullmatch(text):
            return cls(math.ceil(float(match[1])), None)
        if match := _RANGE.fullmatch(text):
            return cls(math.ceil(float(match[1])), math.floor(float(match[2])))
        raise Unparsable(f"subtitle {text!r} does not say which degrees it pays for")


def require_tiling(brackets: Sequence[Bracket], *, event: str) -> None:
    """Refuse an event whose brackets do not cover every whole degree exactly once."""
    ordered = sorted(brackets, key=lambda bracket: bracket.order_key)
    if not ordered or ordered[0].low_f is not None or ordered[-1].high_f is not None:
        raise ContractBroken(
            f"event {event}: the brackets {_shown(ordered)} leave the coldest or the warmest degrees unpaid",
            hint="the event is incomplete: fetch its markets again",
        )
    for colder, warmer in pairwise(ordered):
        if colder.high_f is None or warmer.low_f is None or warmer.low_f != colder.high_f + 1:
            raise ContractBroken(
                f"event {event}: brackets {_shown([colder, warmer])} overlap or leave a gap",
                hint="compare floor_strike and cap_strike with the subtitles of the event",
            )


def missing_bracket(brackets: Sequence[Bracket], *, event: str) -> Bracket:
    """Return the one bracket that the siblings leave open; refuse when they leave more or less than one gap."""
    ordered = sorted(brackets, key=lambda bracket: bracket.order_key)
    gaps = _gaps(ordered)
    if len(gaps) != 1:
        raise ContractBroken(
            f"event {event}: the brackets {_shown(ordered)} leave {len(gaps)} gaps, not one",
            hint="fetch the event again: one missing bracket can be inferred, more cannot",
        )
    require_tiling([*brackets, gaps[0]], event=event)
    return gaps[0]


def _gaps(ordered: Sequence[Bracket]) -> list[Bracket]:
    if not ordered:
        return []
    gaps = []
    if (coldest := ordered[0].low_f) is not None:
        gaps.append(Bracket(None, coldest - 1))
    for colder, warmer in pairwise(ordered):
        if colder.high_f is not None and warmer.low_f is not None and colder.high_f + 1 < warmer.low_f:
            gaps.append(Bracket(colder.high_f + 1, warmer.low_f - 1))
    if (warmest := ordered[-1].high_f) is not None:
        gaps.append(Bracket(warmest + 1, None))
    return gaps


def _shown(brackets: Sequence[Bracket]) -> str:
    return ", ".join(str(bracket) for bracket in brackets)
