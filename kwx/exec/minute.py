"""What a step is given: one minute of the brackets of some cities on some event dates, all of it known at its end.

Arrays are [B, C, D]: bracket (coldest first), city, event date; those of a whole event are [C, D]. Prices are ticks of
$0.0001 of yes, counts are hundredths of a contract. Brackets that an event has not are never open. A whole backtest
is the same tuple with the minutes as one more, leading axis.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Array = Any
"""A JAX or NumPy array: the step does not care which."""

PRINT_LEVELS = 3
"""So many distinct prices of a minute's prints are kept on each side, those furthest through the book first."""

NOT_SETTLED = -1
NO_PRINT_LOW_TICKS, NO_PRINT_HIGH_TICKS = 20_000, -1
"""The traded range of a minute without a trade: no limit lies inside it."""


class Prints(NamedTuple):
    """What takers of one side did in the minute, by price: [K, B, C, D], worst prices for the taker first.

    Sellers' prices ascend, buyers' descend; a level that is not there has count 0.
    """

    ticks: Array  # int32
    centi: Array  # int32


class Minute(NamedTuple):
    """One minute of market, strategy and event."""

    exists: Array  # bool: the event has the bracket, whether or not it trades
    open: Array  # bool: the bracket trades at the end of the minute
    bid_ticks: Array  # int32: best bid at its end, 0 is none
    ask_ticks: Array  # int32: best offer at its end, 10_000 is none
    bid_size_centi: Array  # int32: shown at the best bid, -1 is unknown
    ask_size_centi: Array  # int32
    low_ticks: Array  # int32: lowest trade within the minute
    high_ticks: Array  # int32
    close_ticks: Array  # int32: last trade within the minute; 0 without one
    volume_centi: Array  # int32: traded within the minute
    volume_20m_centi: Array  # int32: traded within the last 20 minutes
    sells: Prints  # by takers who sold yes
    buys: Prints  # by takers who bought yes
    fresh: Array  # bool: quotes and weather are fresh
    p_fair: Array  # float32: what the strategy holds the bracket to be worth, NaN is nothing
    p_gate: Array  # float32: the probability that must lie inside the range that is traded, NaN passes
    score: Array  # float32: how much the strategy wants to trade; NaN passes no threshold above 0
    urgent: Array  # bool: worth the spread even below the taker's threshold
    minutes_to_close: Array  # int32 [C, D]
    release: Array  # bool [C, D]: a report that moves prices is due
    clock_off: Array  # bool [C, D]: our clock is not the exchange's; in a backtest it always is
    taker_fee_num: Array  # int32 [C, D]: see kwx.exec.fees
    maker_fee_num: Array  # int32 [C, D]
    fee_step_micros: Array  # int32 [C, D]: what fees are rounded to, one of ROUNDING_MICROS
    price_step_ticks: Array  # int32 [C, D]: the smallest step of a quote
    winner: Array  # int32 [C, D]: the place of the bracket that pays, once it is known; NOT_SETTLED before
