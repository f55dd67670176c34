"""Edge decay: where the mid stood some minutes after a fill, against its price, the side taken counting up.

A fill that rested loses at once what the one who took knew; one that took pays half the spread and hopes for more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from kwx.backtest.by_date import ByDate
from kwx.exec.ledger.orders import BUY, MAKER, TAKER
from kwx.scoring.resampling import Estimate
from warehouse.lake.tables import MIDS_AFTER_MINUTES

_HALF_TICKS_PER_CENT = 200


@dataclass(frozen=True, kw_only=True)
class Decay:
    """What a contract of one style had gained against the mid, in cents before fees, so many minutes after its fill.

    fills: those after which the book was two-sided then; others say nothing.
    """

    style: str
    minutes: int
    fills: int
    gained_cents: Estimate


def edge_decay(gained: pl.DataFrame, by_date: ByDate) -> tuple[Decay, ...]:
    """Return the decay of both styles at every distance, contracts alike, with intervals by event date."""
    return tuple(
        _decay(gained.filter(pl.col("style") == style), style, minutes, by_date)
        for style in (MAKER, TAKER)
        for minutes in MIDS_AFTER_MINUTES
    )


def _decay(fills: pl.DataFrame, style: str, minutes: int, by_date: ByDate) -> Decay:
    seen = fills.filter(pl.col(f"mid_{minutes}m_half_ticks").is_not_null())
    sign = np.where(seen["side"] == BUY, 1, -1)
    count = seen["count_centi"].to_numpy()
    away = sign * (seen[f"mid_{minutes}m_half_ticks"].to_numpy() - 2 * seen["price_ticks"].to_numpy())
    gained, contracts = by_date.sums(seen, away * count), by_date.sums(seen, count)
    return Decay(
        style=style, minutes=minutes, fills=len(seen),
        gained_cents=by_date.ratio(gained / _HALF_TICKS_PER_CENT, contracts),
    )  # fmt: skip
