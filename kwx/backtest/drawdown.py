"""How far a run fell from its highest: by event dates, and by instants with open positions at the mid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl

from kwx.backtest.days import EVENT


@dataclass(frozen=True, kw_only=True)
class Drawdown:
    """The deepest fall in micros, from a peak to the lowest point after it; no peak where it fell from the start."""

    micros: int
    peak: date | datetime | None
    trough: date | datetime | None


def daily_drawdown(days: pl.DataFrame) -> Drawdown:
    """Return the fall of what settled event dates gained one after the other."""
    daily = days.filter("is_settled").group_by("event_date").agg(pl.col("net_micros").sum()).sort("event_date")
    return _deepest(daily["event_date"], daily["net_micros"].cum_sum())


def intraday_drawdown(equity: pl.DataFrame, days: pl.DataFrame) -> Drawdown:
    """Return the fall of cash and positions of all settled events together, from instant to instant."""
    curve = equity_curve(equity, days)
    return _deepest(curve["ts_utc"], curve["equity_micros"])


def equity_curve(equity: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Return ts_utc and equity_micros: what all settled events were worth together at each instant told of any of them.

    An event is worth nothing before its first row, and what its last row says after it.
    """
    settled = equity.join(days.filter("is_settled").select(EVENT), on=EVENT, how="semi").sort(*EVENT, "ts_utc")
    worth = pl.col("cash_micros") + pl.col("position_micros")
    moved = settled.with_columns(moved=worth - worth.shift(1).over(EVENT).fill_null(0))
    by_instant = moved.group_by("ts_utc").agg(pl.col("moved").sum()).sort("ts_utc")
    return by_instant.select("ts_utc", equity_micros=pl.col("moved").cum_sum())


def _deepest(when: pl.Series, curve: pl.Series) -> Drawdown:
    """Return the deepest fall of a curve that begins at zero before its first point."""
    values = np.concatenate([[0], curve.cast(pl.Int64).to_numpy()])
    peaks = np.maximum.accumulate(values)
    trough = int(np.argmax(peaks - values))
    fall = int(peaks[trough] - values[trough])
    if fall == 0:
        return Drawdown(micros=0, peak=None, trough=None)
    peak = int(np.argmax(values == peaks[trough]))
    return Drawdown(micros=fall, peak=when[peak - 1] if peak else None, trough=when[trough - 1])
