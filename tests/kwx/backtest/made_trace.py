"""Traces made by hand: bars of a few minutes of Chicago, and what a step did in them, said entry by entry.

    bars = made_bars(6, brackets=2, winner=[..., 0])
    actions = made_actions(bars, made_centi={(1, 0): 400}, …)

An entry is placed by (minute, bracket), by (minute,) for what is of whole events, or with city and date as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from kwx.exec.bars.bars import Bars
from kwx.exec.state import Actions, Orders, State
from tests.kwx.exec.made import made_minutes
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay
from warehouse.market.fees import FeeRule

FIRST = date(2026, 11, 2)
_EVENT = ("settled_micros", "cash_micros", "position_micros", "at_risk_micros", "fees_micros", "mode")
_RUNS_ON = ("order_side", "order_ticks", "order_left_centi", "order_serial", *_EVENT[1:])
"""What stays until something else is said."""


def made_bars(
    T: int, *, brackets: int = 2, cities: tuple[str, ...] = ("chicago",), dates: int = 1, **said: Any  # noqa: N803
) -> Bars:  # fmt: skip
    """Return T rows from the midnight that begins each date, the last one the settlement; what is said is set.

    Fees: makers pay a quarter of takers, balances are kept in ticks.
    """
    days = tuple(FIRST + timedelta(days=number) for number in range(dates))
    said.setdefault("open", [True] * (T - 1) + [False])
    minutes = made_minutes(T, brackets=brackets, cities=len(cities), dates=dates, maker_fee_num=7_000, **said)
    starts = [ClimateDay(CITIES["chicago"], day).start_utc.replace(tzinfo=None) for day in days]
    starts_utc = np.array(starts, "datetime64[us]")
    paid = minutes.winner[-1] >= 0
    event = (len(cities), dates)
    return Bars(
        cities=cities, dates=days, tickers=np.array(tickers(brackets, cities, days)).reshape(brackets, *event),
        starts_utc=starts_utc,
        settled_utc=np.where(paid, starts_utc + np.timedelta64(32, "h"), np.datetime64("NaT")),
        settled_f=np.where(paid, 70.0, np.nan), fee_rules=(FeeRule(fee_type="quadratic_with_maker_fees"),),
        fee_rule=np.zeros((T, *event), np.int16), listed_maker_fee_num=np.full((T, *event), 7_000, np.int32),
        minutes=minutes,
    )  # fmt: skip


def tickers(brackets: int, cities: tuple[str, ...], days: tuple[date, ...]) -> list[str]:
    """Return names of markets, coldest first, as [B, C, D] has them."""
    return [
        f"{CITIES[city].series}-{day:%y%b%d}-B{70 + 2 * place}.5".upper()
        for place in range(brackets)
        for city in cities
        for day in days
    ]


def made_actions(bars: Bars, **said: Mapping[tuple[int, ...], int]) -> Actions:
    """Return actions of nothing but what is said; orders, money and modes stay as they were said last."""
    minutes, *shape = bars.minutes.open.shape
    fields = {}
    for name in Actions._fields:
        event = name in _EVENT
        values = np.zeros((minutes, *(shape[1:] if event else shape)), np.int64 if "micros" in name else np.int32)
        for place, value in sorted(said.pop(name, {}).items()):
            if name in _RUNS_ON:
                values[(slice(place[0], None), *place[1:])] = value
            else:
                values[place] = value
        fields[name] = values
    if said:
        raise TypeError(f"actions have no field {' '.join(said)}")
    return Actions(**fields)


def made_final(actions: Actions, *, position_centi: int = 0) -> State:
    """Return the state at the end of some actions, with what is held of every bracket."""
    nothing = np.zeros_like(actions.verb[-1])
    return State(
        position_centi=nothing + position_centi, held_minutes=nothing, entry_ticks=nothing, mid_half_ticks=nothing,
        orders=Orders(*(nothing for _ in Orders._fields)), cash_micros=actions.cash_micros[-1],
        fees_micros=actions.fees_micros[-1], mode=actions.mode[-1],
    )  # fmt: skip
