"""The room of an event date: its first minute fixes the shape of its arrays, its first listing each city's ladder.

Every date has room for ROOM_BRACKETS brackets, so that a larger event fits beside smaller ones and a step is compiled
once. A city whose event is not listed for a while, or is listed with other brackets than it was traded with, is not
traded then: its minutes go on without a quote, an opinion or an order, and what is held of it stays where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from kwx.exec.bars.bars import Words
from kwx.exec.bars.blank import UNKNOWN_CENTI
from kwx.exec.minute import NO_PRINT_HIGH_TICKS, NO_PRINT_LOW_TICKS, Array, Minute, Prints
from kwx.features.book.tops import NO_ASK_TICKS, NO_BID_TICKS

ROOM_BRACKETS = 8
"""An event has six brackets so far."""

_OF_NOTHING: dict[str, Any] = {
    "open": False, "bid_ticks": NO_BID_TICKS, "ask_ticks": NO_ASK_TICKS, "bid_size_centi": UNKNOWN_CENTI,
    "ask_size_centi": UNKNOWN_CENTI, "low_ticks": NO_PRINT_LOW_TICKS, "high_ticks": NO_PRINT_HIGH_TICKS,
    "close_ticks": 0, "volume_centi": 0, "volume_20m_centi": 0, "fresh": False, "p_fair": np.nan, "p_gate": np.nan,
    "score": np.nan, "urgent": False, "release": False, "clock_off": False,
}  # fmt: skip
"""What a minute says of a market that nobody hears of; what it charges stays as it was."""
_OF_EVENTS = ("release", "clock_off")
"""What is said of a whole event."""


class Placed(NamedTuple):
    """A minute in the places of its date. away: the cities that are not traded in it, each with the reason."""

    tickers: Words
    minute: Minute
    away: dict[str, str]


def placed(
    event_date: date, cities: Sequence[str], tickers: Words, minute: Minute, *, held: Words | None = None,
    last: Minute | None = None,
) -> Placed:  # fmt: skip
    """Return a minute as its date has room for it. held, last: the markets and the last minute so far, if any.

    A city that was not traded yet joins. One that was keeps its markets, and is away where other ones are listed now.
    """
    if held is None or last is None:
        return Placed(tickers, minute, {})
    fits = _fits(held, tickers)
    away = {
        city: f"{city} {event_date}: {_why(held[:, place, 0], tickers[:, place, 0])}"
        for place, city in enumerate(cities)
        if not fits[place]
    }
    brackets = len(held)
    blank, own = unlisted(last), resized(minute, brackets)
    merged = Minute(*(_chosen(fits, one, other) for one, other in zip(own, blank, strict=True)))
    names = np.where(fits[:, None] & (held == ""), _rows(tickers, brackets, ""), held)
    return Placed(names, merged._replace(exists=names != ""), away)


def unlisted(minute: Minute) -> Minute:
    """Return the minute after one, of which nothing is heard."""
    said = {
        name: np.full_like(np.asarray(getattr(minute, name)), value) for name, value in _OF_NOTHING.items()
    }  # fmt: skip
    none = Prints(*(np.zeros_like(np.asarray(values)) for values in minute.sells))
    to_close = np.maximum(np.asarray(minute.minutes_to_close) - 1, 0)
    return minute._replace(**said, sells=none, buys=none, minutes_to_close=to_close)


def _fits(held: Words, now: Words) -> np.ndarray:
    """Return [C] whether what is listed of a city now can be traded beside what was listed of it before."""
    most = max(len(held), len(now))
    before, after = (_rows(names, most, "")[..., 0] for names in (held, now))
    is_new, is_same = (before == "").all(axis=0), (before == after).all(axis=0)
    has_room = (after[len(held) :] == "").all(axis=0)
    fits: np.ndarray = (is_same | is_new) & has_room
    return fits


def _why(held: Words, now: Words) -> str:
    ours, theirs = [str(name) for name in held if name], [str(name) for name in now if name]
    if not theirs:
        return "not listed"
    if not ours:
        return f"{len(theirs)} brackets are listed, its date has room for {len(held)}"
    strange = sorted(set(theirs) - set(ours)) or sorted(set(ours) - set(theirs)) or theirs
    return f"listed anew with {len(theirs)} brackets for {len(ours)}, {strange[0]} among them: not traded any more"


def resized(minute: Minute, brackets: int) -> Minute:
    """Return a minute with so many brackets; those that it has not are nobody's."""
    blank = {name: value for name, value in _OF_NOTHING.items() if name not in _OF_EVENTS} | {"exists": False}
    fields = {name: _rows(np.asarray(getattr(minute, name)), brackets, value) for name, value in blank.items()}
    sides = {
        side: Prints(*(np.moveaxis(_rows(np.moveaxis(np.asarray(x), 0, 1), brackets, 0), 1, 0) for x in prints))
        for side, prints in (("sells", minute.sells), ("buys", minute.buys))
    }
    return minute._replace(**fields, **sides)


def _rows(values: Array, rows: int, nothing: object) -> Array:
    """Return the first so many rows of an array, filled up with nothing."""
    have = values[:rows]
    filler = np.full((rows - len(have), *values.shape[1:]), nothing, have.dtype)
    return np.concatenate([have, filler]) if len(filler) else have


def _chosen(fits: np.ndarray, one: Any, other: Any) -> Any:
    """Return, city by city, one array where it fits and the other where not."""
    if isinstance(one, tuple):
        return Prints(*(_chosen(fits, *pair) for pair in zip(one, other, strict=True)))
    one, other = np.asarray(one), np.asarray(other)
    return np.where(fits[:, None], one, other).astype(other.dtype, copy=False)
