"""What an exchange reported, written into the state of a step: fills as they came, and the orders that really rest.

Under Fill.EXCHANGE a step asks and never pays. These two functions are the only others that change positions and money,
by the same integers; both give back a new state and leave the old one as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from kwx.exec.state import Orders, State

Place = tuple[int, int, int]
"""Bracket, city and event date, as the arrays of a state have them."""


class Fill(NamedTuple):
    """One execution: contracts bought, or sold with a minus, and whether they are part of the order that rests."""

    place: Place
    centi: int
    ticks: int
    fee_micros: int
    rested: bool


class Resting(NamedTuple):
    """One order in the book of the exchange: side 1 buys yes, -1 sells it."""

    side: int
    ticks: int
    left_centi: int


def with_fills(state: State, fills: Iterable[Fill]) -> State:
    """Return the state after some executions, in their order."""
    after = _copied(state)
    for fill in fills:
        _enter(after, fill)
    return after


def with_orders(state: State, resting: Mapping[Place, Resting]) -> State:
    """Return the state with the orders that the exchange has: one that it does not have is none of ours any more.

    An order that a step wanted and that rests as wanted keeps its age and number.
    """
    after = _copied(state)
    orders = after.orders
    for place in zip(*np.nonzero(orders.side), strict=True):
        if place not in resting:
            orders.side[place] = orders.ticks[place] = orders.left_centi[place] = 0
    for place, one in resting.items():
        is_wanted = (orders.side[place], orders.ticks[place]) == (one.side, one.ticks)
        if not is_wanted:
            orders.age_minutes[place] = orders.ahead_centi[place] = orders.carry_micros[place] = 0
        orders.side[place], orders.ticks[place], orders.left_centi[place] = one
    return after


def _enter(state: State, fill: Fill) -> None:
    """Move contracts and money of one execution, as a step does for all at once."""
    place, event = fill.place, fill.place[1:]
    before = int(state.position_centi[place])
    position = before + fill.centi
    if np.sign(position) != np.sign(before):
        state.held_minutes[place] = 0
        state.entry_ticks[place] = fill.ticks
    elif abs(position) > abs(before):
        share = np.float32(fill.centi / position)
        state.entry_ticks[place] += share * (np.float32(fill.ticks) - state.entry_ticks[place])
    state.position_centi[place] = position
    state.cash_micros[event] -= fill.centi * fill.ticks + fill.fee_micros
    state.fees_micros[event] += fill.fee_micros
    if fill.rested and state.orders.side[place] != 0:
        left = int(state.orders.left_centi[place]) - abs(fill.centi)
        state.orders.left_centi[place] = max(left, 0)


def _copied(state: State) -> State:
    """Return a state whose arrays may be written to."""
    orders = Orders(*(np.array(one) for one in state.orders))
    plain = {name: np.array(getattr(state, name)) for name in State._fields if name != "orders"}
    return State(orders=orders, **plain)
