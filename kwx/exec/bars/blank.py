"""Arrays of minutes in which nothing trades yet: what quotes, prints, sizes and a strategy are laid into."""

from __future__ import annotations

from typing import Any

import numpy as np

from kwx.exec.bars.grid import MINUTE, Grid
from kwx.exec.minute import NO_PRINT_HIGH_TICKS, NO_PRINT_LOW_TICKS, NOT_SETTLED, PRINT_LEVELS, Minute, Prints
from kwx.exec.releases import release_minutes
from kwx.features.book.tops import NO_ASK_TICKS, NO_BID_TICKS
from warehouse.market.fees import FEE_STEP_MICROS, rounding_on

UNKNOWN_CENTI = -1


def blank_minutes(grid: Grid, *, guard_minutes: int, fee_rounding: str) -> Minute:
    """Return the minutes of a grid: no market open, but all that is true of whole events, their end in the last row."""
    minutes, _, *event = grid.shape
    of_event: dict[str, Any] = {
        "minutes_to_close": np.zeros((minutes, *event), np.int32),
        "release": np.zeros((minutes, *event), np.bool_),
        "taker_fee_num": np.zeros((minutes, *event), np.int32),
        "maker_fee_num": np.zeros((minutes, *event), np.int32),
        "fee_step_micros": np.full((minutes, *event), FEE_STEP_MICROS[fee_rounding], np.int32),
        "price_step_ticks": np.ones((minutes, *event), np.int32),
        "winner": np.full((minutes, *event), NOT_SETTLED, np.int32),
    }
    ends = np.arange(1, minutes + 1)
    for one in grid.events:
        place = (slice(None), *grid.place_of(one))
        begins_utc = grid.extent.starts_utc(one.event_date)
        of_event["minutes_to_close"][place] = np.maximum((one.closes_utc - begins_utc) // MINUTE - ends, 0)
        of_event["release"][place] = release_minutes(one.city, begins_utc, minutes, guard_minutes)
        of_event["taker_fee_num"][place] = one.fees.taker_num
        of_event["maker_fee_num"][place] = one.fees.maker_num
        of_event["fee_step_micros"][place] = FEE_STEP_MICROS[rounding_on(one.event_date, fee_rounding)]
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
