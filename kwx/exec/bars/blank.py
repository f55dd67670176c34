"""Arrays of minutes in which nothing trades yet: what quotes, prints, sizes and a strategy are laid into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kwx.exec.bars.grid import MINUTE, Grid
from kwx.exec.minute import NO_PRINT_HIGH_TICKS, NO_PRINT_LOW_TICKS, NOT_SETTLED, PRINT_LEVELS, Minute, Prints
from kwx.exec.releases import release_minutes
from kwx.features.book.tops import NO_ASK_TICKS, NO_BID_TICKS
from warehouse.market.fees import ROUNDING_MICROS, FeeRule, rounding_on

UNKNOWN_CENTI = -1
_NOBODYS = -1
"""The rule of an event that does not trade: none, and it charges nothing."""


class LaidFees(NamedTuple):
    """The rules that are charged anywhere, the place of each minute's, and what it lists for makers: [T, C, D]."""

    rules: tuple[FeeRule, ...]
    rule: NDArray[np.int16]
    listed_maker_num: NDArray[np.int32]

    def nums(self, of_rules: Sequence[int]) -> NDArray[np.int32]:
        """Return [T, C, D] a number of each minute's rule."""
        return np.array([*of_rules, 0], np.int32)[self.rule]


def laid_fees(grid: Grid) -> LaidFees:
    """Return what every minute of a grid charges: the rule in force at its end."""
    minutes, _, *event = grid.shape
    rules = tuple(dict.fromkeys(fees.charged for one in grid.events for fees in one.fees))
    place = np.full((minutes, *event), _NOBODYS, np.int16)
    listed = np.zeros((minutes, *event), np.int32)
    for one in grid.events:
        city, day = grid.place_of(one)
        for since_utc, by_listing, charged in one.fees:
            first = -((grid.extent.starts_utc(one.event_date) - since_utc) // MINUTE) - 1
            rows = slice(max(first, 0) if since_utc > one.opens_utc else 0, None)
            place[rows, city, day] = rules.index(charged)
            listed[rows, city, day] = by_listing.maker_num
    return LaidFees(rules=rules, rule=place, listed_maker_num=listed)


def blank_minutes(grid: Grid, *, guard_minutes: int, fee_rounding: str) -> Minute:
    """Return the minutes of a grid: no market open, but all that is true of whole events, their end in the last row."""
    minutes, _, *event = grid.shape
    laid = laid_fees(grid)
    of_event: dict[str, Any] = {
        "minutes_to_close": np.zeros((minutes, *event), np.int32),
        "release": np.zeros((minutes, *event), np.bool_),
        "clock_off": np.zeros((minutes, *event), np.bool_),
        "taker_fee_num": laid.nums([rule.taker_num for rule in laid.rules]),
        "maker_fee_num": laid.nums([rule.maker_num for rule in laid.rules]),
        "fee_step_micros": np.full((minutes, *event), ROUNDING_MICROS[fee_rounding], np.int32),
        "price_step_ticks": np.ones((minutes, *event), np.int32),
        "winner": np.full((minutes, *event), NOT_SETTLED, np.int32),
    }
    ends = np.arange(1, minutes + 1)
    for one in grid.events:
        place = (slice(None), *grid.place_of(one))
        begins_utc = grid.extent.starts_utc(one.event_date)
        of_event["minutes_to_close"][place] = np.maximum((one.closes_utc - begins_utc) // MINUTE - ends, 0)
        of_event["release"][place] = release_minutes(one.city, begins_utc, minutes, guard_minutes)
        of_event["fee_step_micros"][place] = ROUNDING_MICROS[rounding_on(one.event_date, fee_rounding)]
        of_event["price_step_ticks"][place] = one.price_step_ticks
        of_event["winner"][(-1, *place[1:])] = one.settled.place
    exists = np.broadcast_to(grid.tickers != "", grid.shape)
    return Minute(**_of_brackets(grid.shape), **of_event, exists=exists)


def _of_brackets(shape: tuple[int, ...]) -> dict[str, Any]:
    def full(value: float, dtype: type) -> Any:
        return np.full(shape, value, dtype)

    levels = (shape[0], PRINT_LEVELS, *shape[1:])
    return {
        "open": full(False, np.bool_),
        "bid_ticks": full(NO_BID_TICKS, np.int32),
        "ask_ticks": full(NO_ASK_TICKS, np.int32),
        "bid_size_centi": full(UNKNOWN_CENTI, np.int32),
        "ask_size_centi": full(UNKNOWN_CENTI, np.int32),
        "low_ticks": full(NO_PRINT_LOW_TICKS, np.int32),
        "high_ticks": full(NO_PRINT_HIGH_TICKS, np.int32),
        "close_ticks": full(0, np.int32),
        "volume_centi": full(0, np.int32),
        "volume_20m_centi": full(0, np.int32),
        "sells": Prints(ticks=np.zeros(levels, np.int32), centi=np.zeros(levels, np.int32)),
        "buys": Prints(ticks=np.zeros(levels, np.int32), centi=np.zeros(levels, np.int32)),
        "fresh": full(False, np.bool_),
        "p_fair": full(np.nan, np.float32),
        "p_gate": full(np.nan, np.float32),
        "score": full(np.nan, np.float32),
        "urgent": full(False, np.bool_),
    }
