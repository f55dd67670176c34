"""Bars through the step: one scan over the minutes, and many sets of parameters at once.

Event dates share no money, so they are lanes of one scan. Minutes are compiled for the shape of the bars, so there is
room for a few numbers of dates alone: a run of nine dates finds what one of sixteen has compiled. What is over of the
room is filled with the last date once more, and forgotten.

A single step has the same rooms. Sizes are found in single precision, and a compiler adds up in another order where
there is no whole vector of lanes: a date alone would now and then want a hundredth of a contract more than it did in
the backtest. A room is whole vectors, so that a date is decided to the last tick as it is beside any others.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from kwx.compiled import keep_compiled
from kwx.exec.bars.bars import Bars
from kwx.exec.minute import Array, Minute
from kwx.exec.over import total
from kwx.exec.params import Params
from kwx.exec.rules import Rules
from kwx.exec.state import Actions, State
from kwx.exec.step import empty_state, step
from kwx.exec.wished import Wished, wished
from warehouse.errors import Unbalanced

Tree = TypeVar("Tree")

ROOMS = (8, 16)
"""For so many dates a step is compiled: whole vectors. A processor takes eight at once, so that fewer take as long."""


class Trace(NamedTuple):
    """What a run did in each minute, the minutes leading, and how it ended; NumPy."""

    actions: Actions
    final: State


class Tally(NamedTuple):
    """What is left of each event of each set of parameters, [P, C, D]."""

    cash_micros: Array
    fees_micros: Array
    made_fills: Array
    took_fills: Array
    at_risk_micros: Array  # the most of the day
    paid_micros: Array  # price times contracts of all fills, what was sold with a minus
    settled_micros: Array  # paid by settlements


def run_bars(rules: Rules, params: Params, bars: Bars) -> Trace:
    """Take every step of some bars, and keep all of what was done."""
    keep_compiled()
    with jax.enable_x64(True):
        dates = bars.tickers.shape[-1]
        final, actions = _scanned(rules, params, *_with_room((_start(bars), bars.minutes), dates))
        return _of_dates(Trace(actions=_numpy(actions), final=_numpy(final)), dates)


def tally_bars(rules: Rules, params: Params, bars: Bars) -> Tally:
    """Take every step once for each set of parameters (leaves with a leading axis), and keep sums alone.

    Sets whose money does not add up to the micro are refused.
    """
    keep_compiled()
    with jax.enable_x64(True):
        tally: Tally = _numpy(_tallied(rules, params, _start(bars), bars.minutes))
    if (tally.cash_micros != tally.settled_micros - tally.paid_micros - tally.fees_micros).any():
        raise Unbalanced(
            "cash is not what fills, fees and settlements come to in some set of parameters",
            hint="this is a defect of the step: run the set alone, which tells where",
        )
    return tally


def step_by_step(rules: Rules, params: Params, bars: Bars) -> Trace:
    """Take the same steps one call at a time, as shadow and live do."""
    state, told = _start(bars), []
    for t in range(len(bars.minutes.open)):
        minute = jax.tree.map(lambda field, t=t: field[t], bars.minutes)
        state, actions = one_step(rules, params, state, minute)
        told.append(actions)
    return Trace(actions=jax.tree.map(lambda *each: np.stack(each), *told), final=state)


def one_step(rules: Rules, params: Params, state: State, minute: Minute) -> tuple[State, Actions]:
    """Take one step, as shadow and live do every minute; NumPy."""
    dates = state.mode.shape[-1]
    with jax.enable_x64(True):
        told: tuple[State, Actions] = _numpy(_stepped(rules, params, *_with_room((state, minute), dates)))
        return _of_dates(told, dates)


def one_wish(rules: Rules, params: Params, state: State, minute: Minute) -> Wished:
    """Return what a step wants, for whoever reads along; NumPy."""
    dates = state.mode.shape[-1]
    with jax.enable_x64(True):
        told: Wished = _numpy(_wished(rules, params, *_with_room((state, minute), dates)))
        return _of_dates(told, dates)


def step_each(
    rules: Rules, params: Params, states: Mapping[date, State], minutes: Mapping[date, Minute]
) -> dict[date, tuple[State, Actions]]:
    """Take one step of each of some dates, side by side: that takes as long as the step of one."""
    if not minutes:
        return {}
    stepped = one_step(rules, params, _beside([states[day] for day in minutes]), _beside(list(minutes.values())))
    return dict(zip(minutes, _apart(stepped, len(minutes)), strict=True))


def wish_each(
    rules: Rules, params: Params, states: Mapping[date, State], minutes: Mapping[date, Minute]
) -> dict[date, Wished]:
    """Return what a step of each of some dates wants."""
    if not minutes:
        return {}
    wanted = one_wish(rules, params, _beside([states[day] for day in minutes]), _beside(list(minutes.values())))
    return dict(zip(minutes, _apart(wanted, len(minutes)), strict=True))


@functools.partial(jax.jit, static_argnames="rules")
def _wished(rules: Rules, params: Params, state: State, minute: Minute) -> Wished:
    return wished(rules, params, state, minute)


@functools.partial(jax.jit, static_argnames="rules")
def _scanned(rules: Rules, params: Params, state: State, minutes: Minute) -> tuple[State, Actions]:
    return jax.lax.scan(functools.partial(step, rules, params), state, minutes)


@functools.partial(jax.jit, static_argnames="rules")
def _stepped(rules: Rules, params: Params, state: State, minute: Minute) -> tuple[State, Actions]:
    return step(rules, params, state, minute)


@functools.partial(jax.jit, static_argnames="rules")
def _tallied(rules: Rules, params: Params, state: State, minutes: Minute) -> Tally:
    def one(own: Params) -> Tally:
        def stepped(carried: tuple[State, Tally], minute: Minute) -> tuple[tuple[State, Tally], None]:
            after, actions = step(rules, own, carried[0], minute)
            return (after, _added(carried[1], after, actions)), None

        return jax.lax.scan(stepped, (state, _no_tally(state)), minutes)[0][1]

    return jax.vmap(one)(params)


def _no_tally(state: State) -> Tally:
    money, count = jnp.zeros_like(state.cash_micros), jnp.zeros_like(state.cash_micros, dtype=jnp.int32)
    return Tally(
        cash_micros=money, fees_micros=money, made_fills=count, took_fills=count, at_risk_micros=money,
        paid_micros=money, settled_micros=money,
    )  # fmt: skip


def _added(tally: Tally, state: State, actions: Actions) -> Tally:
    paid = actions.made_centi.astype(jnp.int64) * actions.made_ticks
    paid += actions.took_centi.astype(jnp.int64) * actions.took_ticks
    return Tally(
        cash_micros=state.cash_micros,
        fees_micros=state.fees_micros,
        made_fills=tally.made_fills + total((actions.made_centi != 0).astype(jnp.int32)),
        took_fills=tally.took_fills + total((actions.took_centi != 0).astype(jnp.int32)),
        at_risk_micros=jnp.maximum(tally.at_risk_micros, actions.at_risk_micros),
        paid_micros=tally.paid_micros + total(paid),
        settled_micros=tally.settled_micros + actions.settled_micros,
    )


def room_for(dates: int) -> int:
    """Return for how many dates a step is compiled that is to take so many; for more than there are rooms, for them."""
    return next((room for room in ROOMS if dates <= room), dates)


def _with_room(tree: Tree, dates: int) -> Tree:
    """Return states and minutes of some dates with room for more."""
    places = np.minimum(np.arange(room_for(dates)), dates - 1)
    wide: Tree = jax.tree.map(lambda field: np.take(field, places, axis=-1), tree) if len(places) > dates else tree
    return wide


def _beside(trees: Sequence[Tree]) -> Tree:
    """Lay dates beside each other."""
    laid: Tree = jax.tree.map(lambda *fields: np.concatenate(fields, axis=-1), *trees)
    return laid


def _apart(tree: Tree, dates: int) -> list[Tree]:
    """Return what lies beside each other, date by date."""
    return [jax.tree.map(lambda field, at=at: field[..., at : at + 1], tree) for at in range(dates)]


def _of_dates(tree: Tree, dates: int) -> Tree:
    """Forget what filled the room."""
    cut: Tree = jax.tree.map(lambda numbers: numbers[..., :dates], tree)
    return cut


def _start(bars: Bars) -> State:
    return empty_state(*bars.tickers.shape)


def _numpy(tree: Tree) -> Tree:
    numbers: Tree = jax.tree.map(np.asarray, tree)
    return numbers
