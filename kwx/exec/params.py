"""What a step is told to do, as numbers: one for all cities, or one for each city as [C, 1]; a sweep has many."""

from __future__ import annotations

from typing import NamedTuple

from kwx.exec.minute import Array


class Params(NamedTuple):
    """Thresholds, sizes and limits. Money in micros ($0.000001), prices in ticks, counts in hundredths."""

    bankroll_micros: Array  # int64: what sizes and limits are shares of, each event date anew
    kelly_alpha: Array  # float32: share of the bankroll that Kelly is asked about
    tau_open_ticks: Array  # float32: least edge, after fees, that opens
    tau_close_ticks: Array  # float32: an edge below it closes a position and cancels an order
    maker_thresh_ticks: Array  # float32: least edge after fees of an order that rests
    taker_thresh_ticks: Array  # float32: least edge after fee and slippage of an order that takes
    slip_ticks: Array  # int32: how much worse than the quote a taker is filled
    improve_steps: Array  # int32: by how many price steps an order betters the best quote, 0 joins it
    min_score: Array  # float32
    p_low: Array  # float32
    p_high: Array  # float32
    min_volume_20m_centi: Array  # int32
    max_spread_ticks: Array  # int32
    max_position_centi: Array  # int32: of one bracket, either way
    side_share: Array  # float32: of the bankroll, at risk on one side of a city's day
    gross_share: Array  # float32: of the bankroll, at risk on all cities of an event date
    city_loss_micros: Array  # int64: a city's loss of the day that halts it
    day_loss_micros: Array  # int64: the loss of all cities of an event date that halts them
    reduce_share: Array  # float32: from this share of a loss limit on only reducing is allowed
    lot_centi: Array  # int32: sizes are whole multiples of it
    max_order_centi: Array  # int32
    max_take_centi: Array  # int32: most taken in a minute where no size is shown
    max_age_minutes: Array  # int32: a resting order older than this is placed anew
    reprice_ticks: Array  # int32: an order rests until the wanted price is so far from its own
    max_hold_minutes: Array  # int32: a position held so long is closed by taking; 0 is never
    flat_minutes: Array  # int32: so many minutes before the close positions are closed by taking; 0 is never
    no_new_minutes: Array  # int32: so many minutes before the close nothing new is opened
    fill_share: Array  # float32: of a minute's volume that a resting order may have (A and B)
    queue_ahead_centi: Array  # int32: how much is ahead of an order at the best quote where no size is shown
