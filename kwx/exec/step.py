"""One minute of trading: settle, fill what rested, mark, decide, take, rest; the same in backtest, shadow and live.

`step` is pure: the state and the minute it is given are all it knows. Columns of a minute are known at its end, so what
it decides can be filled from the next minute on, or, taking, at the quotes that stand at the minute's end. Under a
model of fills what is taken is paid at once; under Fill.EXCHANGE it is an order, paid when it is reported.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from kwx.exec.codes import Gate, Verb
from kwx.exec.fees import net_fee
from kwx.exec.fills import resting_fills
from kwx.exec.leave import Leave, leave_of
from kwx.exec.marks import marked, worth_micros
from kwx.exec.minute import Array, Minute
from kwx.exec.once import once
from kwx.exec.over import total
from kwx.exec.params import Params
from kwx.exec.resting import Kept, Wanted, rest
from kwx.exec.rules import Fill, Rules
from kwx.exec.sizes import Sizes, open_sizes, worst_losses_micros
from kwx.exec.state import Actions, Orders, State
from kwx.exec.wish import Wish, wish_of
from warehouse.market.money import TICKS_PER_DOLLAR


class Execution(NamedTuple):
    """Contracts bought, or sold with a minus, at a price, and the fee of that: [B, C, D]."""

    centi: Array  # int32
    ticks: Array  # int32
    fee_micros: Array  # int64


def empty_state(brackets: int, cities: int, dates: int) -> State:
    """Return the state before the first minute: no money spent, nothing held, nothing in the book."""
    each, event = (brackets, cities, dates), (cities, dates)
    # Every array is one of its own: a state may be given away to be overwritten.
    orders = Orders(*(np.zeros(each, np.int32) for _ in Orders._fields))
    return State(
        position_centi=np.zeros(each, np.int32), held_minutes=np.zeros(each, np.int32),
        entry_ticks=np.zeros(each, np.float32), mid_half_ticks=np.zeros(each, np.int32), orders=orders,
        cash_micros=np.zeros(event, np.int64), fees_micros=np.zeros(event, np.int64), mode=np.zeros(event, np.int32),
    )  # fmt: skip


def step(rules: Rules, params: Params, state: State, minute: Minute) -> tuple[State, Actions]:
    """Return the state after a minute, and what was done in it."""
    minute = minute._replace(open=minute.open & (minute.winner < 0))
    state, made, settled = before_deciding(rules, params, state, minute)
    wish = once(wish_of(rules.fill, params, state, minute), minute.winner)
    leave = once(leave_of(rules.fill, params, state, minute, wish), minute.winner)
    may = (wish.gate == Gate.NONE) & ~leave.must
    sizes = once(open_sizes(rules.sizing, params, state, minute, wish, may=may), minute.winner)
    # A wish for the other side leads through zero and beyond; otherwise a position that is to be left is left.
    leaves = leave.leaves & ~(may & (wish.side * state.position_centi < 0) & (sizes.open_centi > 0))
    took = once(_taken(params, state, minute, wish, leave, sizes, leaves=leaves, may=may), minute.winner)
    wanted = _to_rest(state, wish, leave, sizes, leaves=leaves, may=may)
    may_rest = wish.may_rest & (took.centi == 0) & ~leave.must
    kept = once(rest(params, state, minute, wish, wanted, may_rest=may_rest), minute.winner)
    after = once(_after(rules, state, took, kept), minute.winner)
    return after, Actions(
        verb=_verb(took, kept, wanted),
        gate=_told(leave, sizes, took, leaves=leaves),
        want_centi=jnp.where(
            leaves | (leave.barred != Gate.NONE), -state.position_centi, wish.side * sizes.want_centi
        ),
        edge_ticks=jnp.where(wish.has_p & wish.two_sided, jnp.round(wish.edge_ticks), 0).astype(jnp.int32),
        made_centi=made.centi, made_ticks=made.ticks, made_fee_micros=made.fee_micros.astype(jnp.int32),
        took_centi=took.centi, took_ticks=took.ticks, took_fee_micros=took.fee_micros.astype(jnp.int32),
        order_side=after.orders.side, order_ticks=after.orders.ticks, order_left_centi=after.orders.left_centi,
        order_serial=after.orders.serial, made_serial=state.orders.serial,
        settled_micros=settled, cash_micros=after.cash_micros, position_micros=worth_micros(after),
        at_risk_micros=worst_losses_micros(after, minute), fees_micros=after.fees_micros, mode=after.mode,
    )  # fmt: skip


def before_deciding(rules: Rules, params: Params, state: State, minute: Minute) -> tuple[State, Execution, Array]:
    """Return the state in which a minute is decided, what was filled of the orders that rested, and what was paid."""
    state, settled = _settled(state, minute)
    state, made = _filled(rules, params, state, minute)
    state, made = once((marked(params, state, minute), made), minute.winner)
    return state, made, settled


def _settled(state: State, minute: Minute) -> tuple[State, Array]:
    """Pay a dollar for each contract of the bracket that won, and drop all positions and orders."""
    is_settled = minute.winner >= 0
    places = jnp.arange(state.position_centi.shape[0], dtype=jnp.int32)[:, None, None]
    winning = total(jnp.where(places == minute.winner, state.position_centi, 0))
    paid = jnp.where(is_settled, TICKS_PER_DOLLAR * winning.astype(jnp.int64), 0)
    position = jnp.where(is_settled, 0, state.position_centi)
    orders = state.orders._replace(side=jnp.where(is_settled, 0, state.orders.side))
    return state._replace(position_centi=position, orders=orders, cash_micros=state.cash_micros + paid), paid


def _filled(rules: Rules, params: Params, state: State, minute: Minute) -> tuple[State, Execution]:
    """Fill the orders that rested through the minute."""
    orders = state.orders
    filled = resting_fills(rules.fill, params, orders, minute)
    centi = orders.side * filled.centi
    fee, carry = net_fee(minute.maker_fee_num, orders.ticks, centi, orders.carry_micros, minute.fee_step_micros)
    made = Execution(centi=centi, ticks=jnp.where(centi != 0, orders.ticks, 0), fee_micros=fee)
    left = orders._replace(
        left_centi=orders.left_centi - filled.centi, ahead_centi=filled.ahead_centi, carry_micros=carry
    )
    return _paid(state._replace(orders=left), made), made


def _paid(state: State, done: Execution) -> State:
    """Move contracts and money of an execution; a sale of what is not held is a debt of its payout."""
    cost = total(done.centi.astype(jnp.int64) * done.ticks + done.fee_micros)
    position = state.position_centi + done.centi
    turned = jnp.sign(position) != jnp.sign(state.position_centi)
    grows = done.centi * jnp.sign(position) > 0
    added = jnp.where(turned, 1.0, done.centi / jnp.where(position == 0, 1, position))
    entry = state.entry_ticks + jnp.where(grows, added * (done.ticks - state.entry_ticks), 0)
    return state._replace(
        position_centi=position,
        held_minutes=jnp.where(turned, 0, state.held_minutes),
        entry_ticks=entry.astype(jnp.float32),
        cash_micros=state.cash_micros - cost,
        fees_micros=state.fees_micros + total(done.fee_micros),
    )


def _taken(
    params: Params, state: State, minute: Minute, wish: Wish, leave: Leave, sizes: Sizes, *, leaves: Array, may: Array
) -> Execution:  # fmt: skip
    """Take the other side of the book, up to what is shown there."""
    long = state.position_centi > 0
    shown = jnp.where(long, minute.bid_size_centi, minute.ask_size_centi)
    most = jnp.where(shown >= 0, shown, params.max_take_centi)
    leaving = jnp.where(leaves & leave.takes, -jnp.sign(state.position_centi), 0)
    opening = jnp.where(may & wish.takes & ~leaves, wish.side * sizes.open_centi, 0)
    centi = opening + leaving * jnp.minimum(jnp.abs(state.position_centi), most)
    ticks = jnp.where(centi == 0, 0, jnp.where(leaves, leave.ticks, wish.ticks))
    fee, _ = net_fee(minute.taker_fee_num, ticks, centi, jnp.zeros_like(centi), minute.fee_step_micros)
    return Execution(centi=centi, ticks=ticks, fee_micros=fee)


def _to_rest(
    state: State, wish: Wish, leave: Leave, sizes: Sizes, *, leaves: Array, may: Array
) -> Wanted:  # fmt: skip
    """Return the order that is to rest: what closes a position first, else what opens one."""
    closes = leaves & ~leave.takes
    opens = may & ~wish.takes & ~leaves
    side = jnp.where(closes, -jnp.sign(state.position_centi), jnp.where(opens, wish.side, 0))
    centi = jnp.where(closes, jnp.abs(state.position_centi), jnp.where(opens, sizes.open_centi, 0))
    return Wanted(
        side=side, ticks=jnp.where(closes, leave.ticks, wish.ticks), centi=centi, closes=side * state.position_centi < 0
    )


def _after(rules: Rules, state: State, took: Execution, kept: Kept) -> State:
    orders = kept.orders._replace(serial=kept.orders.serial + (took.centi != 0))
    after = state._replace(orders=orders)
    return after if rules.fill is Fill.EXCHANGE else _paid(after, took)


def _verb(took: Execution, kept: Kept, wanted: Wanted) -> Array:
    """Return what was done: taking says more than placing, replacing more than either half of it."""
    placed = jnp.where(wanted.closes, Verb.EXIT, jnp.where(kept.canceled, Verb.AMEND, Verb.PLACE))
    quiet = jnp.where(kept.canceled, Verb.CANCEL, jnp.where(kept.cut, Verb.AMEND, Verb.NONE))
    verb = jnp.where(took.centi != 0, Verb.TAKE, jnp.where(kept.placed, placed, quiet))
    return verb.astype(jnp.int32)


def _told(leave: Leave, sizes: Sizes, took: Execution, *, leaves: Array) -> Array:
    """Return why nothing was opened, or that a position could not be left."""
    stuck = leaves & leave.takes & (took.centi == 0)
    leaving = jnp.where(stuck, jnp.int32(Gate.DEPTH), jnp.int32(Gate.NONE))
    return jnp.where(leaves, leaving, jnp.where(leave.barred != Gate.NONE, leave.barred, sizes.gate))
