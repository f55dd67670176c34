"""What a stored calibrator must hold: finite numbers of a function that never falls; anything else is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping

from warehouse.errors import Refused

FIT_AGAIN = "fit it again: kwx calibrate"


def number_of(document: Mapping[str, object], name: str) -> float:
    """Return one number of a document; refuse what is not there, or no number."""
    return _number(document.get(name), name=name)


def numbers_of(document: Mapping[str, object], name: str) -> tuple[float, ...]:
    """Return a list of numbers of a document; refuse what is not there, or holds none."""
    listed = document.get(name)
    if not isinstance(listed, list | tuple) or not listed:
        raise Refused(f"the calibrator has no list {name}", hint=FIT_AGAIN)
    return tuple(_number(value, name=name) for value in listed)


def require_rising(method: str, *slopes: float) -> None:
    """Refuse slopes below 0: what falls is no calibrator."""
    if not all(math.isfinite(slope) and slope >= 0 for slope in slopes):
        raise Refused(f"a {method} calibrator with slopes {slopes} does not rise", hint=FIT_AGAIN)


def _number(value: object, *, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(f"the calibrator's {name} is {value!r}, no finite number", hint=FIT_AGAIN)
    return float(value)
