"""What the weather said of an event by each minute: its newest evaluation, carried forward until it is too old."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.fuse.market.minutes import MINUTE_US, EventMinutes, Floats, Ints, instants_us
from warehouse.errors import Refused
from warehouse.market.ladder import Ladder

CARRIED_MINUTES = 90
"""On its eve a day is evaluated once an hour; what is older than an hour and a half is a run that stopped."""
SUMS_TO_ONE = 1e-6


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
    places = dict(zip(ladder.names, range(len(ladder.names)), strict=True))
    place = evaluated["market_ticker"].replace_strict(places, default=-1, return_dtype=pl.Int32).to_numpy()
    order = np.lexsort((place, instants_us(evaluated["ts_utc"])))
    ours = evaluated[pl.Series(order[place[order] >= 0], dtype=pl.UInt32)]
    _require_whole(ours, len(ladder.names), event=event)
    return ours


def _require_whole(evaluations: pl.DataFrame, brackets: int, *, event: str) -> None:
    """Refuse an evaluation that is no distribution over the brackets of its event."""
    at_us, p = instants_us(evaluations["ts_utc"]), _numbers(evaluations["p_wx"])
    begin = np.flatnonzero(np.append(True, at_us[1:] != at_us[:-1])[: len(at_us)])
    rows = np.diff(np.append(begin, len(at_us)))
    total, least = np.add.reduceat(p, begin), np.minimum.reduceat(p, begin)
    wrong = np.flatnonzero(~((rows == brackets) & (np.abs(total - 1) <= SUMS_TO_ONE) & (least >= 0)))
    if len(wrong):
        first = wrong[0]
        raise Refused(
            f"{event}: p_wx of {evaluations['ts_utc'][int(begin[first])]:%Y-%m-%d %H:%M}Z is no distribution:"
            f" {rows[first]} rows for {brackets} brackets, sum {total[first]}",
            hint="run the weather again: kwx hazard backfill --again; then kwx hazard check-pmf-sum",
        )


def weather_of(evaluations: pl.DataFrame, minutes: EventMinutes) -> Weather:
    """Return what the newest evaluation at or before each minute said."""
    brackets = len(minutes.ladder.names)
    at_us = instants_us(evaluations["ts_utc"])[::brackets]
    place = np.searchsorted(at_us, minutes.ts_us, side="right") - 1
    fresh = place >= 0
    fresh[fresh] = minutes.ts_us[fresh] - at_us[place[fresh]] <= CARRIED_MINUTES * MINUTE_US
    place = np.where(fresh, place, -1)
    # One line more than there are evaluations: place -1 finds what stands for none.
    p = np.column_stack([_numbers(evaluations["p_wx"]).reshape(-1, brackets).T, np.full(brackets, np.nan)])
    hazard = np.nan_to_num(np.append(_numbers(evaluations["hazard_next_60m"])[::brackets], 0.0))
    least_f = np.append(_numbers(evaluations["m_run_lo_f"])[::brackets], np.nan)
    highest_f = np.array([np.inf if one.high_f is None else one.high_f for one in minutes.ladder.brackets])
    return Weather(place=place, p=p[:, place].T, hazard_60m=hazard[place], dead=(highest_f[:, None] < least_f[place]).T)


def _numbers(values: pl.Series) -> Floats:
    """Return a column as numbers, null as NaN."""
    return values.to_numpy().astype(np.float64)
