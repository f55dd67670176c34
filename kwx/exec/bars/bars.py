"""The minutes of some cities on some event dates as the arrays that a step is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwx.exec.bars.notes import Note
from kwx.exec.minute import Minute
from warehouse.market.fees import FeeRule

Words = NDArray[np.str_]
Instants = NDArray[np.datetime64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Bars:
    """Minutes with a leading axis of time: row t ends t + 1 minutes after the date's `starts_utc`.

    The last row is no minute but the settlement: nothing is open in it, and `winner` is the place that pays, or
    NOT_SETTLED where nobody knows yet.
    """

    cities: tuple[str, ...]
    dates: tuple[date, ...]
    tickers: Words  # [B, C, D], "" where the event has no such bracket
    starts_utc: Instants  # [D] datetime64[us]
    settled_utc: Instants  # [C, D] datetime64[us], NaT where not settled
    settled_f: NDArray[Any]  # [C, D] float, NaN where not settled
    fee_rules: tuple[FeeRule, ...]  # all that are charged anywhere
    fee_rule: NDArray[np.int16]  # [T, C, D] the place of the one that each minute charges
    listed_maker_fee_num: NDArray[np.int32]  # [T, C, D], as the exchange lists it, whatever the minutes charge
    minutes: Minute  # NumPy, [T, B, C, D] and [T, C, D]; prints [T, K, B, C, D]
    notes: tuple[Note, ...] = ()
