"""Numbers as people read them: money, shares and intervals; what is not known is a point."""

from __future__ import annotations

import math
from collections.abc import Callable

from kwx.scoring.resampling import Estimate

UNKNOWN = "·"
_MICROS_PER_DOLLAR = 1_000_000
_CENTI_PER_CONTRACT = 100

Told = Callable[[float], str]


def dollars(micros: float) -> str:
    """Return money with its sign before the dollar."""
    if math.isnan(micros):
        return UNKNOWN
    told = f"{abs(micros) / _MICROS_PER_DOLLAR:,.2f}"
    return f"-${told}" if micros < 0 and float(told.replace(",", "")) else f"${told}"


def share(part: float) -> str:
    """Return a part of one in hundredths."""
    return UNKNOWN if math.isnan(part) else f"{_unsigned_zero(part, 3):.1%}"


def number(value: float, digits: int = 2) -> str:
    """Return a plain number."""
    return UNKNOWN if math.isnan(value) else f"{_unsigned_zero(value, digits):.{digits}f}"


def contracts(centi: int) -> str:
    """Return contracts, hundredths only where there are any."""
    whole, rest = divmod(abs(centi), _CENTI_PER_CONTRACT)
    return f"{'-' if centi < 0 else ''}{whole:,}" + (f".{rest:02d}" if rest else "")


def cents(ticks: float) -> str:
    """Return a price in cents, as fine as it is."""
    return f"{ticks / 100:.2f}".rstrip("0").rstrip(".") + " ¢"


def between(estimate: Estimate, told: Told) -> str:
    """Return the interval of a number, a point where dates are too few."""
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return UNKNOWN
    return f"{told(estimate.low)} … {told(estimate.high)}"


def _unsigned_zero(value: float, digits: int) -> float:
    return round(value, digits) + 0.0
