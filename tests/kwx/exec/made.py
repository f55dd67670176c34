"""Minutes and parameters made by hand, for tests of the step: say what matters, the rest is a quiet, tradable market.

    minutes = made_minutes(3, bid_ticks=[4900, 5000, 4900], sells={1: [(4800, 1000)]}, winner=[-1, -1, 0])

A number is the same everywhere. A sequence or array is read from the left: [T] is by minute, [T, B] by minute and
bracket, and so on; an axis of length 1 is the same along it. The minutes are the leading axis throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from kwx.exec.minute import (
    NO_PRINT_HIGH_TICKS,
    NO_PRINT_LOW_TICKS,
    NOT_SETTLED,
    PRINT_LEVELS,
    Array,
    Minute,
    Prints,
)
from kwx.exec.params import Params

PrintsSaid = Mapping[int | tuple[int, ...], Iterable[tuple[int, int]]] | Prints
"""{minute: [(ticks, centi), …]}, or {(minute, bracket): …}, or with city and date as well; what is not said is all."""

_OF_BRACKET: dict[str, tuple[type, object]] = {
    "exists": (np.bool_, True),
    "open": (np.bool_, True),
    "bid_ticks": (np.int32, 4_900),
    "ask_ticks": (np.int32, 5_100),
    "bid_size_centi": (np.int32, 10_000),
    "ask_size_centi": (np.int32, 10_000),
    "low_ticks": (np.int32, NO_PRINT_LOW_TICKS),
    "high_ticks": (np.int32, NO_PRINT_HIGH_TICKS),
    "close_ticks": (np.int32, 0),
    "volume_centi": (np.int32, 0),
    "volume_20m_centi": (np.int32, 100_000),
    "fresh": (np.bool_, True),
    "p_fair": (np.float32, np.nan),
    "p_gate": (np.float32, np.nan),
    "score": (np.float32, np.nan),
    "urgent": (np.bool_, False),
}
_OF_EVENT: dict[str, tuple[type, object]] = {
    "minutes_to_close": (np.int32, 1_000),
    "release": (np.bool_, False),
    "clock_off": (np.bool_, False),
    "taker_fee_num": (np.int32, 28_000),  # quadratic, a multiplier of 1
    "maker_fee_num": (np.int32, 0),
    "fee_step_micros": (np.int32, 100),
    "price_step_ticks": (np.int32, 100),
    "winner": (np.int32, NOT_SETTLED),
}
_PARAMS: dict[str, tuple[type, object]] = {
    "bankroll_micros": (np.int64, 10_000_000_000),
    "kelly_alpha": (np.float32, 0.25),
    "tau_open_ticks": (np.float32, 100),
    "tau_close_ticks": (np.float32, 50),
    "maker_thresh_ticks": (np.float32, 100),
    "taker_thresh_ticks": (np.float32, 200),
    "slip_ticks": (np.int32, 100),
    "improve_steps": (np.int32, 0),
    "min_score": (np.float32, 0),
    "p_low": (np.float32, 0.05),
    "p_high": (np.float32, 0.95),
    "min_volume_20m_centi": (np.int32, 0),
    "max_spread_ticks": (np.int32, 300),
    "max_position_centi": (np.int32, 50_000),
    "side_share": (np.float32, 0.10),
    "gross_share": (np.float32, 0.5),
    "city_loss_micros": (np.int64, 500_000_000),
    "day_loss_micros": (np.int64, 1_000_000_000),
    "reduce_share": (np.float32, 0.8),
    "lot_centi": (np.int32, 100),
    "max_order_centi": (np.int32, 20_000),
    "max_take_centi": (np.int32, 10_000),
    "max_age_minutes": (np.int32, 60),
    "reprice_ticks": (np.int32, 100),
    "max_hold_minutes": (np.int32, 0),
    "flat_minutes": (np.int32, 0),
    "no_new_minutes": (np.int32, 30),
    "fill_share": (np.float32, 0.25),
    "queue_ahead_centi": (np.int32, 50_000),
}


def made_minutes(T: int, *, brackets: int = 1, cities: int = 1, dates: int = 1, **said: Any) -> Minute:  # noqa: N803
    """Return T minutes of [T, B, C, D] NumPy arrays: bid 49 ¢, offer 51 ¢, nothing traded, nothing wanted."""
    events = (T, cities, dates)
    shape = (T, brackets, cities, dates)
    fields: dict[str, Array] = {}
    for wanted, defaults in ((shape, _OF_BRACKET), (events, _OF_EVENT)):
        fields |= {name: _full(said.pop(name, value), wanted, dtype) for name, (dtype, value) in defaults.items()}
    sides = {
        side: _prints(said.pop(side, {}), shape, falling=falling)
        for side, falling in (("sells", False), ("buys", True))
    }
    if said:
        raise TypeError(f"a minute has no field {' '.join(said)}")
    return Minute(**fields, **sides)


def made_params(**said: Any) -> Params:
    """Return the parameters of a bankroll of $10,000, of the dtypes of the step; what is said is set."""
    if strangers := set(said) - set(_PARAMS):
        raise TypeError(f"there is no parameter {' '.join(sorted(strangers))}")
    return Params(**{name: np.asarray(said.get(name, value), dtype) for name, (dtype, value) in _PARAMS.items()})


def minute_at(minutes: Minute, t: int) -> Minute:
    """Return one minute of many."""
    return Minute(*(Prints(*(x[t] for x in field)) if isinstance(field, Prints) else field[t] for field in minutes))


def _full(said: object, shape: tuple[int, ...], dtype: type) -> Array:
    values = np.asarray(said, dtype)
    return np.broadcast_to(values.reshape(values.shape + (1,) * (len(shape) - values.ndim)), shape).copy()


def _prints(said: PrintsSaid, shape: tuple[int, ...], *, falling: bool) -> Prints:
    """Lay prints out as the minute wants them: the prices furthest through the book first."""
    if isinstance(said, Prints):
        return said
    laid = Prints(*(np.zeros((shape[0], PRINT_LEVELS, *shape[1:]), np.int32) for _ in Prints._fields))
    for place, prints in said.items():
        minute, *rest = place if isinstance(place, tuple) else (place,)
        for level, (ticks, centi) in enumerate(sorted(prints, reverse=falling)[:PRINT_LEVELS]):
            laid.ticks[(minute, level, *rest)] = ticks
            laid.centi[(minute, level, *rest)] = centi
    return laid
