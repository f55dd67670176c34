"""What one minute of a market says by itself, and beside the brackets of its event: the columns of two views.

Those of `minute_panel_base` are expressions over a row of candles_dense. Those of `minute_panel_neighbors` look at the
rows of the brackets beside it at the same minute.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import polars as pl

from kwx.signals.places import Places
from warehouse.market.money import CENTI_PER_CONTRACT, TICKS_PER_DOLLAR

_HALF_TICKS_PER_DOLLAR = 2 * TICKS_PER_DOLLAR

LISTED = ("event_ticker", "bracket_order", "low_f", "high_f")
"""What is needed to know which bracket stands beside which, and whether the ladder is whole."""


def _over(whole: pl.Expr, number: int) -> pl.Expr:
    """Return whole numbers over a constant, as the views do; Polars itself multiplies by a constant's reciprocal."""
    return whole / (0 * whole + number)


def _unless(ticks: pl.Expr, empty: int) -> pl.Expr:
    return pl.when(ticks != empty).then(_over(ticks, TICKS_PER_DOLLAR))


_BID, _ASK = pl.col("yes_bid_ticks"), pl.col("yes_ask_ticks")
_HIGH, _LOW, _CLOSE = (pl.col(f"price_{moment}_ticks") for moment in ("high", "low", "close"))
_AS_IT_IS = (
    "strike_type", "floor_strike", "cap_strike", "minutes_since_open", "minutes_to_close", "price_source",
    "quote_age_minutes", "complete",
)  # fmt: skip

OF_MINUTE = {
    **{name: pl.col(name) for name in _AS_IT_IS},
    "bid_prob": _unless(_BID, 0),
    "ask_prob": _unless(_ASK, TICKS_PER_DOLLAR),
    "mid_prob": _over(pl.col("mid_half_ticks"), _HALF_TICKS_PER_DOLLAR),
    "last_prob": _over(pl.col("last_price_ticks"), TICKS_PER_DOLLAR),
    "spread_prob": pl.when(pl.col("price_source") == "mid").then(_over(_ASK - _BID, TICKS_PER_DOLLAR)),
    "clv": pl.when(_HIGH > _LOW).then((_CLOSE - _LOW) / (_HIGH - _LOW)),
    "velocity": _over(pl.col("velocity_half_ticks"), _HALF_TICKS_PER_DOLLAR),
    "acceleration": _over(pl.col("acceleration_half_ticks"), _HALF_TICKS_PER_DOLLAR),
    "volume": _over(pl.col("volume_centi"), CENTI_PER_CONTRACT),
    "volume_delta": _over(pl.col("volume_delta_centi"), CENTI_PER_CONTRACT),
    "volume_20m": _over(pl.col("volume_20m_centi"), CENTI_PER_CONTRACT),
    "open_interest": _over(pl.col("open_interest_centi"), CENTI_PER_CONTRACT),
}
"""Columns of `minute_panel_base` over one row of candles_dense."""

_OF_MIDS = ("left_mid_prob", "right_mid_prob", "left_delta", "right_delta", "triad_mass")
_NEEDS = {"ras": "acceleration", **dict.fromkeys(_OF_MIDS, "mid_prob")}
OF_NEIGHBORS = ("ras", *_OF_MIDS)
"""Columns of `minute_panel_neighbors`."""

WHOLE_LADDER = "whole_ladder"
"""Whether all brackets of the event are there at a row's minute, from the one open end to the other."""


def with_needed(asked: Collection[str]) -> set[str]:
    """Return the columns asked for, and those of the minute that neighbours are worked out from."""
    return {*asked, *(needed for name, needed in _NEEDS.items() if name in asked)}


def of_minute(names: Collection[str]) -> Iterator[pl.Expr]:
    """Yield the columns of one row that are among some names."""
    return (value.alias(name) for name, value in OF_MINUTE.items() if name in names)


def beside(panel: pl.DataFrame, places: Places, names: Collection[str]) -> pl.DataFrame:
    """Return what the brackets beside each row say, of some names; `panel` holds what they are worked out from."""
    made: dict[str, pl.Series] = {}
    if "ras" in names:
        made["ras"] = _ras(panel["acceleration"], places)
    if not set(_OF_MIDS).isdisjoint(names):
        mids = _of_mids(panel["mid_prob"], places)
        made |= {name: mids[name] for name in _OF_MIDS if name in names}
    if WHOLE_LADDER in names:
        made[WHOLE_LADDER] = _whole_ladder(panel, places)
    return pl.DataFrame(made)


def both_sides(value: pl.Series, places: Places) -> dict[str, pl.Series]:
    """Return a column of the next colder and the next warmer bracket at the same minute."""
    return {"left": value[places.colder], "right": value[places.warmer]}


def _ras(acceleration: pl.Series, places: Places) -> pl.Series:
    """Return each row's acceleration minus the mean of those beside it that have one."""
    rows = pl.DataFrame({"own": acceleration, **both_sides(acceleration, places)})
    left, right = pl.col("left"), pl.col("right")
    return rows.select(pl.col("own") - pl.coalesce((left + right) / 2, left, right)).to_series()


def _of_mids(mid: pl.Series, places: Places) -> pl.DataFrame:
    rows = pl.DataFrame({"own": mid, **both_sides(mid, places)})
    own, left, right = pl.col("own"), pl.col("left"), pl.col("right")
    return rows.select(
        left_mid_prob=left, right_mid_prob=right, left_delta=own - left, right_delta=own - right,
        triad_mass=own + left.fill_null(0) + right.fill_null(0),
    )  # fmt: skip


def _whole_ladder(panel: pl.DataFrame, places: Places) -> pl.Series:
    listed = panel[["event_ticker", "bracket_order", "low_f", "high_f"]][places.starts]
    brackets: dict[str, list[tuple[int, int | None, int | None]]] = {}
    for event, order, low_f, high_f in zip(*(column.to_list() for column in listed), strict=True):
        brackets.setdefault(event, []).append((order, low_f, high_f))
    of_market = [brackets[event] if _is_tiled(brackets[event]) else () for event in listed["event_ticker"].to_list()]
    whole = places.of_markets(pl.Series([len(ours) for ours in of_market], dtype=pl.UInt32))
    rows = pl.DataFrame({"moment": places.moment, "whole": whole})
    return rows.select(pl.len().over("moment") == pl.col("whole")).to_series()


def _is_tiled(brackets: Sequence[tuple[int, int | None, int | None]]) -> bool:
    """Tell whether the listed brackets of an event reach without a gap from the one open end to the other."""
    orders, lows_f, highs_f = zip(*brackets, strict=True)
    ends = None in lows_f and None in highs_f
    return ends and len(set(orders)) == max(orders) - min(orders) + 1
