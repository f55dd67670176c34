"""What positions are worth now, and how far losses still let a city's day trade."""

from __future__ import annotations

import jax.numpy as jnp

from kwx.exec.codes import Mode
from kwx.exec.minute import Array, Minute
from kwx.exec.over import total
from kwx.exec.params import Params
from kwx.exec.state import State
from warehouse.market.money import TICKS_PER_DOLLAR


def marked(params: Params, state: State, minute: Minute) -> State:
    """Mark positions, count the minutes they are held, and see what losses still allow; who is halted stays so."""
    held = jnp.where(state.position_centi != 0, state.held_minutes + 1, 0)
    state = state._replace(mid_half_ticks=_mid_half_ticks(state, minute), held_minutes=held)
    loss = -(state.cash_micros + worth_micros(state))
    day_loss = total(loss)
    stops = (loss >= params.city_loss_micros) | (day_loss >= params.day_loss_micros)
    share = params.reduce_share
    warns = (loss >= share * params.city_loss_micros) | (day_loss >= share * params.day_loss_micros)
    was_halted = state.mode == Mode.HALTED
    mode = jnp.where(was_halted | stops, jnp.int32(Mode.HALTED), jnp.where(warns, Mode.REDUCING, Mode.ACTIVE))
    return state._replace(mode=mode.astype(jnp.int32))


def worth_micros(state: State) -> Array:
    """Return [C, D] the worth of positions at their marks."""
    return total(state.position_centi.astype(jnp.int64) * state.mid_half_ticks) // 2


def _mid_half_ticks(state: State, minute: Minute) -> Array:
    """Return the mid of two sides; of one side, the last mid unless that side has passed it.

    A side that is gone for a minute says nothing of the price: marked at the end of the scale it would halt a day.
    """
    has_bid, has_ask = minute.bid_ticks > 0, minute.ask_ticks < TICKS_PER_DOLLAR
    both, last = minute.bid_ticks + minute.ask_ticks, state.mid_half_ticks
    is_new = last == 0
    by_ask = jnp.where(is_new, both, jnp.minimum(last, 2 * minute.ask_ticks))
    by_bid = jnp.where(is_new, both, jnp.maximum(last, 2 * minute.bid_ticks))
    one_sided = jnp.where(has_ask, by_ask, jnp.where(has_bid, by_bid, last))
    return jnp.where(minute.open, jnp.where(has_bid & has_ask, both, one_sided), last)
