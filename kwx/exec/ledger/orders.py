"""Orders told from a trace: when each was placed, what became of it, and which of them every fill belongs to.

A bracket has one order in the book at most, and a minute that takes leaves none. So the count of a bracket's orders is
the number of the order that rests at the end of a minute, or of the one that took in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.ledger.places import Bools, Ints, chosen, ends_utc, instants, market_columns
from kwx.exec.state import Actions
from warehouse.errors import Unbalanced

BUY, SELL = "buy", "sell"
MAKER, TAKER = "maker", "taker"
_STATUS = ("filled", "canceled", "expired", "resting")
_FILLED, _CANCELED, _EXPIRED, _RESTING = range(4)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trail:
    """The actions of a run laid out market by market, [N, T], of those that ever had an order.

    market: [N] the place of each in [B, C, D].
    """

    market: Ints
    serial: Ints
    side: Ints
    ticks: Ints
    left_centi: Ints
    made_centi: Ints
    made_serial: Ints
    took_centi: Ints
    took_ticks: Ints
    open: Bools

    @classmethod
    def of(cls, bars: Bars, actions: Actions) -> Trail:
        """Lay out some actions; refuse an order that rests beside one that took."""
        market = np.flatnonzero(np.asarray(actions.order_serial)[-1])
        laid = {
            "serial": actions.order_serial, "side": actions.order_side, "ticks": actions.order_ticks,
            "left_centi": actions.order_left_centi, "made_centi": actions.made_centi,
            "made_serial": actions.made_serial, "took_centi": actions.took_centi, "took_ticks": actions.took_ticks,
            "open": bars.minutes.open,
        }  # fmt: skip
        trail = cls(market=market, **{name: _of_markets(values, market) for name, values in laid.items()})
        if ((trail.took_centi != 0) & trail.rests).any():
            raise Unbalanced("an order rests in a minute that took", hint="this is a defect of the step")
        return trail

    @property
    def rests(self) -> Bools:
        """Whether an order rests at the end of each minute."""
        rests: Bools = self.side != 0
        return rests

    @property
    def is_new(self) -> Bools:
        """Whether the number of the bracket's orders grew in each minute."""
        grew: Bools = np.diff(self.serial, axis=1, prepend=0) != 0
        return grew


def _of_markets(values: Any, market: Ints) -> Any:
    """Turn [T, B, C, D] to [N, T]."""
    laid = np.asarray(values)
    return np.ascontiguousarray(laid.reshape(len(laid), -1)[:, market].T)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rested:
    """The orders that rested, market by market and in the order of their placing; all are [K].

    line: the market's place in the trail. ended: the minute in which each was filled, taken out or closed with its
    market; the number of minutes where it rests still. ordered: what was ordered, as last amended.
    """

    line: Ints
    placed: Ints
    ended: Ints
    serial: Ints
    filled_centi: Ints
    ordered_centi: Ints
    status: Ints

    @classmethod
    def of(cls, trail: Trail) -> Rested:
        """Follow each order from its placing to its end."""
        rests, new, minutes = trail.rests, trail.is_new, trail.serial.shape[1]
        line, placed = np.nonzero(rests & new)
        rested = np.zeros_like(rests)
        rested[:, 1:] = rests[:, :-1]
        end_key = np.flatnonzero(rested & (~rests | new))
        place = np.searchsorted(end_key, line * minutes + placed, side="right")
        found = np.append(end_key, trail.serial.size)[place]
        ended = np.where(found // minutes == line, found % minutes, minutes)
        return cls._judged(trail, line=line, placed=placed, ended=ended)

    @classmethod
    def _judged(cls, trail: Trail, *, line: Ints, placed: Ints, ended: Ints) -> Rested:
        has_ended = ended < trail.serial.shape[1]
        at_end = np.where(has_ended, ended, 0)
        last_filled = np.where(has_ended, np.abs(trail.made_centi[line, at_end]), 0)
        remains = trail.left_centi[line, ended - 1] - last_filled
        filled = _filled_centi(trail, line=line, placed=placed)
        gone = np.where(trail.open[line, at_end], _CANCELED, _EXPIRED)
        status = np.where(~has_ended, _RESTING, np.where(remains == 0, _FILLED, gone))
        return cls(
            line=line, placed=placed, ended=ended, serial=trail.serial[line, placed], filled_centi=filled,
            ordered_centi=filled + remains, status=status,
        )  # fmt: skip


def _filled_centi(trail: Trail, *, line: Ints, placed: Ints) -> Ints:
    """Return what was filled of each order; refuse a fill that is not of the order which rested before it."""
    minutes = trail.serial.shape[1]
    of_line, at = np.nonzero(trail.made_centi)
    order = np.searchsorted(line * minutes + placed, of_line * minutes + at, side="left") - 1
    is_ours = (order >= 0) & (np.append(line, -1)[order] == of_line)
    serial = np.where(is_ours, trail.serial[of_line, np.append(placed, 0)[order]], 0)
    if (serial != trail.made_serial[of_line, at]).any():
        raise Unbalanced("a fill is of an order that did not rest", hint="this is a defect of the step")
    filled = np.zeros(len(line), np.int64)
    np.add.at(filled, order, np.abs(trail.made_centi[of_line, at]))
    return filled


def orders_of(run_id: str, bars: Bars, trail: Trail) -> pl.DataFrame:
    """Return the rows of the table orders, with their city and event date."""
    return pl.concat([_resting_rows(run_id, bars, trail), _taking_rows(run_id, bars, trail)])


def _resting_rows(run_id: str, bars: Bars, trail: Trail) -> pl.DataFrame:
    rested = Rested.of(trail)
    line, placed = rested.line, rested.placed
    market = trail.market[line]
    day = market % len(bars.dates)
    ended = instants(ends_utc(bars, rested.ended, day))
    return pl.DataFrame(
        market_columns(bars, placed, market)
        | {
            "serial": rested.serial,
            "side": sides(trail.side[line, placed]),
            "price_ticks": trail.ticks[line, placed],
            "count_centi": rested.ordered_centi,
            "filled_centi": rested.filled_centi,
            "status": chosen(_STATUS, rested.status),
            "closed_utc": ended,
        }
    ).select(
        *_shared(run_id),
        pl.lit(MAKER).alias("style"),
        pl.lit("gtc").alias("time_in_force"),
        pl.lit(value=True).alias("post_only"),
        *_counted(),
        "status",
        pl.when(pl.col("status") != "resting").then("closed_utc").alias("closed_utc"),
    )


def _taking_rows(run_id: str, bars: Bars, trail: Trail) -> pl.DataFrame:
    line, minute = np.nonzero(trail.took_centi)
    took = trail.took_centi[line, minute]
    return pl.DataFrame(
        market_columns(bars, minute, trail.market[line])
        | {
            "serial": trail.serial[line, minute],
            "side": sides(took),
            "price_ticks": trail.took_ticks[line, minute],
            "count_centi": np.abs(took),
            "filled_centi": np.abs(took),
        }
    ).select(
        *_shared(run_id),
        pl.lit(TAKER).alias("style"),
        pl.lit("ioc").alias("time_in_force"),
        pl.lit(value=False).alias("post_only"),
        *_counted(),
        pl.lit("filled").alias("status"),
        pl.col("ts_utc").alias("closed_utc"),
    )


def _shared(run_id: str) -> list[pl.Expr]:
    return [
        pl.col("city"),
        pl.col("event_date"),
        pl.lit(run_id).alias("run_id"),
        order_id(run_id).alias("order_id"),
        pl.col("market_ticker"),
        pl.col("ts_utc"),
        pl.lit(None, pl.String).alias("venue_order_id"),
        pl.col("side"),
    ]


def _counted() -> list[pl.Expr]:
    whole = pl.col("count_centi", "filled_centi").cast(pl.Int64)
    return [pl.col("price_ticks").cast(pl.Int32), whole]


def order_id(run_id: str) -> pl.Expr:
    """Return the name of an order: its run, its market, and its number among the market's orders."""
    return pl.concat_str(pl.lit(run_id), "market_ticker", "serial", separator="-")


def sides(signed: Ints) -> pl.Series:
    """Return the word of each side: what is counted with a minus is sold."""
    return chosen((BUY, SELL), (signed < 0).astype(np.int64))
