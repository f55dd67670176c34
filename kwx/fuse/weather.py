"""What the weather said of an event by each minute: its newest evaluation, carried forward until it is too old."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.fuse.market.minutes import MINUTE_US, EventMinutes, Floats, Ints
from warehouse.errors import Refused
from warehouse.market.ladder import Ladder

CARRIED_MINUTES = 90
"""On its eve a day is evaluated once an hour; what is older than an hour and a half is a run that stopped."""
_SUMS_TO_ONE = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Weather:
    """The weather at each of T minutes, as evaluation number `place` said it, -1 where none is fresh.

    p: [T, B] p_wx, NaN where there is none. hazard_60m: [T] 0 where nothing is at stake: on the eve, and without one.
    dead: [T, B] brackets that the running maximum has passed for good.
    """

    place: Ints
    p: Floats
    hazard_60m: Floats
    dead: NDArray[np.bool_]


def evaluations_of(evaluated: pl.DataFrame, ladder: Ladder, *, event: str) -> pl.DataFrame:
    """Return the evaluations of an event, instant by instant, the coldest bracket first; refused if unsound."""
    place = pl.col("market_ticker").replace_strict(
        dict(zip(ladder.names, range(len(ladder.names)), strict=True)), default=None, return_dtype=pl.Int32
    )
    ours = evaluated.with_columns(place=place).drop_nulls("place").sort("ts_utc", "place").drop("place")
    _require_whole(ours, len(ladder.names), event=event)
    return ours


def _require_whole(evaluations: pl.DataFrame, brackets: int, *, event: str) -> None:
    """Refuse an evaluation that is no distribution over the brackets of its event."""
    p = pl.col("p_wx")
    sums = evaluations.group_by("ts_utc").agg(pl.len().alias("rows"), p.sum().alias("sum"), p.min().alias("least"))
    away = (pl.col("sum") - 1).abs()
    sound = (pl.col("rows") == brackets) & away.is_not_nan() & (away <= _SUMS_TO_ONE) & (pl.col("least") >= 0)
    wrong = sums.filter(~sound.fill_null(value=False)).sort("ts_utc")
    if wrong.height:
        at, rows, total, _ = wrong.row(0)
        raise Refused(
            f"{event}: p_wx of {at:%Y-%m-%d %H:%M}Z is no distribution:"
            f" {rows} rows for {brackets} brackets, sum {total}",
            hint="run the weather again: kwx hazard backfill --again; then kwx hazard check-pmf-sum",
        )


def weather_of(evaluations: pl.DataFrame, minutes: EventMinutes) -> Weather:
    """Return what the newest evaluation at or before each minute said."""
    brackets = len(minutes.ladder.names)
    first = evaluations.gather_every(brackets)
    at_us = first["ts_utc"].to_physical().to_numpy()
    place = np.searchsorted(at_us, minutes.ts_us, side="right") - 1
    fresh = place >= 0
    fresh[fresh] = minutes.ts_us[fresh] - at_us[place[fresh]] <= CARRIED_MINUTES * MINUTE_US
    place = np.where(fresh, place, -1)
    # One line more than there are evaluations: place -1 finds what stands for none.
    p = np.vstack([_numbers(evaluations["p_wx"]).reshape(-1, brackets), np.full(brackets, np.nan)])
    hazard = np.nan_to_num(np.append(_numbers(first["hazard_next_60m"]), 0.0))
    least_f = np.append(_numbers(first["m_run_lo_f"]), np.nan)
    highest_f = np.array([np.inf if one.high_f is None else one.high_f for one in minutes.ladder.brackets])
    return Weather(place=place, p=p[place], hazard_60m=hazard[place], dead=highest_f < least_f[place, None])


def _numbers(values: pl.Series) -> Floats:
    """Return a column as numbers, null as NaN."""
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy()
