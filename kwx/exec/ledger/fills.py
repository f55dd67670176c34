"""Fills told from a trace: what was done at which price, what had been seen before, and where the mid went after.

An order that rests is filled within a minute of which only the end is told; what had been seen before it is the minute
that ended where this one began. One that takes is filled at the end of the minute that it saw.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.ledger.known import Known
from kwx.exec.ledger.orders import MAKER, TAKER, Trail, order_id, sides
from kwx.exec.ledger.places import Bools, Ints, chosen, ends_utc, instants, market_columns
from kwx.exec.state import Actions
from warehouse.lake.tables import FILLS, MIDS_AFTER_MINUTES
from warehouse.market.fees import ROUNDING_MICROS
from warehouse.market.money import TICKS_PER_DOLLAR


def fills_of(run_id: str, bars: Bars, actions: Actions, trail: Trail, known: Known) -> pl.DataFrame:
    """Return the rows of the table fills, with their city and event date."""
    made, took = (
        _rows(bars, trail, *np.nonzero(centi), centi=centi, ticks=ticks, fee=fee, style=style)
        for centi, ticks, fee, style in (
            (trail.made_centi, actions.made_ticks, actions.made_fee_micros, MAKER),
            (trail.took_centi, actions.took_ticks, actions.took_fee_micros, TAKER),
        )
    )
    rows = known.at(pl.concat([made, took]), "seen_utc")
    return rows.with_columns(
        run_id=pl.lit(run_id),
        order_id=order_id(run_id),
        fill_id=pl.concat_str(order_id(run_id), "minute", separator="-"),
    ).select("city", "event_date", *(pl.col(name).cast(dtype) for name, dtype in FILLS.schema.items()))


def _rows(
    bars: Bars, trail: Trail, line: Ints, minute: Ints, *, centi: Ints, ticks: object, fee: object, style: str
) -> pl.DataFrame:  # fmt: skip
    """Return one style's fills; `centi` is [N, T], prices and fees are as the trace has them."""
    rested = int(style == MAKER)
    seen, market = minute - rested, trail.market[line]
    count = centi[line, minute]
    return pl.DataFrame(
        market_columns(bars, minute, market)
        | {
            "minute": minute,
            "serial": (trail.made_serial if rested else trail.serial)[line, minute],
            "side": sides(count),
            "style": chosen((style,), np.zeros_like(market)),
            "price_ticks": _at(ticks, minute, market),
            "count_centi": np.abs(count).astype(np.int64),
            "fee_micros": _at(fee, minute, market).astype(np.int64),
        }
        | around(bars, minute, seen, market)
    )


def around(bars: Bars, minute: Ints, seen: Ints, market: Ints) -> dict[str, pl.Series]:
    """Return what fills of some minutes paid by, what had been seen before them, and where the mid went after."""
    event = market % bars.settled_utc.size
    return (
        {
            **_charged(bars, minute, event),
            "fee_rounding": chosen(tuple(ROUNDING_MICROS), _rounding(bars, minute, event)),
            "seen_utc": instants(ends_utc(bars, seen, market % len(bars.dates))),
            "p_fair": pl.Series(_at(bars.minutes.p_fair, seen, market).astype(np.float64)).fill_nan(None),
            "volume_20m_centi": pl.Series(_at(bars.minutes.volume_20m_centi, seen, market).astype(np.int64)),
        }
        | _quoted(bars, seen, market)
        | {f"mid_{after}m_half_ticks": _mid(bars, minute + after, market) for after in MIDS_AFTER_MINUTES}
    )


def _charged(bars: Bars, minute: Ints, event: Ints) -> dict[str, pl.Series]:
    """Return the rule that each fill paid by: the one of its minute."""
    rule: Ints = bars.fee_rule.reshape(len(bars.fee_rule), -1)[minute, event].astype(np.int64)
    multipliers = pl.Series([rule.multiplier_milli for rule in bars.fee_rules], dtype=pl.Int32)
    return {
        "fee_type": chosen([rule.fee_type for rule in bars.fee_rules], rule),
        "fee_multiplier_milli": multipliers.gather(rule),
    }


def _rounding(bars: Bars, minute: Ints, event: Ints) -> Ints:
    """Return the place of each fill's step among ROUNDING_MICROS, which ascend."""
    steps = bars.minutes.fee_step_micros.reshape(len(bars.minutes.open), -1)[minute, event]
    place: Ints = np.searchsorted(list(ROUNDING_MICROS.values()), steps)
    return place


def _quoted(bars: Bars, minute: Ints, market: Ints) -> dict[str, pl.Series]:
    bid, ask, two_sided = _book(bars, minute, market)
    return {"mid_half_ticks": _where(two_sided, bid + ask), "spread_ticks": _where(two_sided, ask - bid)}


def _mid(bars: Bars, minute: Ints, market: Ints) -> pl.Series:
    """Return twice the mid at some minutes, null where the book was not two-sided or the day is over."""
    is_there = minute < len(bars.minutes.open)
    bid, ask, two_sided = _book(bars, np.where(is_there, minute, 0), market)
    return _where(two_sided & is_there, bid + ask)


def _book(bars: Bars, minute: Ints, market: Ints) -> tuple[Ints, Ints, Bools]:
    bid, ask = (_at(side, minute, market) for side in (bars.minutes.bid_ticks, bars.minutes.ask_ticks))
    two_sided: Bools = _at(bars.minutes.open, minute, market).astype(np.bool_)
    return bid, ask, two_sided & (bid > 0) & (ask < TICKS_PER_DOLLAR) & (bid < ask)


def _where(there: Bools, values: Ints) -> pl.Series:
    return pl.select(pl.when(pl.Series(there)).then(pl.Series(values.astype(np.int32)))).to_series()


def _at(values: object, minute: Ints, market: Ints) -> Ints:
    """Return the entries of [T, B, C, D] at some minutes of some markets."""
    laid = np.asarray(values)
    entries: Ints = laid.reshape(len(laid), -1)[minute, market]
    return entries
