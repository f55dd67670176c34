"""What a step carries from minute to minute: money, positions, the order of each bracket, and how far it may trade."""

from __future__ import annotations

from typing import NamedTuple

from kwx.exec.minute import Array


class Orders(NamedTuple):
    """The one order that each bracket may have in the book: [B, C, D] int32."""

    side: Array  # 1 buys yes, -1 sells it, 0 is no order
    ticks: Array  # its limit
    left_centi: Array  # what is not filled yet
    age_minutes: Array
    ahead_centi: Array  # how much rests before it at its price
    carry_micros: Array  # what rounding of its fees has gathered and not given back, as warehouse.market.fees counts it
    serial: Array  # the number of the bracket's orders so far, this one among them


class State(NamedTuple):
    """Everything that the next minute needs to know of the ones before."""

    position_centi: Array  # int32 [B, C, D]: contracts of yes, negative is sold
    held_minutes: Array  # int32 [B, C, D]: since the position was opened
    entry_ticks: Array  # float32 [B, C, D]: the mean price at which what is held was opened
    mid_half_ticks: Array  # int32 [B, C, D]: what positions are marked at, see kwx.exec.marks; 0 before any quote
    orders: Orders
    cash_micros: Array  # int64 [C, D]: gained or spent on the event so far, fees included
    fees_micros: Array  # int64 [C, D]: fees charged so far
    mode: Array  # int32 [C, D]: a Mode


class Actions(NamedTuple):
    """What a step did in a minute. [B, C, D] int32 unless said otherwise; counts are signed, sold is negative."""

    verb: Array  # a Verb
    gate: Array  # a Gate
    want_centi: Array  # what was wanted beyond the position, before limits
    edge_ticks: Array  # expected gain of a contract after fees, of the side and style that was chosen
    made_centi: Array  # filled by the order that rested
    made_ticks: Array
    made_fee_micros: Array
    took_centi: Array  # filled by taking
    took_ticks: Array
    took_fee_micros: Array
    order_side: Array  # the resting order at the end of the minute, as Orders has it
    order_ticks: Array
    order_left_centi: Array
    order_serial: Array  # orders of the bracket so far; an order that takes has a number of its own
    made_serial: Array  # the number of the order that was filled while resting
    settled_micros: Array  # int64 [C, D]: paid at settlement
    cash_micros: Array  # int64 [C, D]: after the minute
    position_micros: Array  # int64 [C, D]: worth of the positions at the last mids
    at_risk_micros: Array  # int64 [C, D]: the most that the city's day can lose in all, whatever settles
    fees_micros: Array  # int64 [C, D]: charged so far
    mode: Array  # int32 [C, D]
