"""Whether the money of a run was there: every event date is sized as if the bankroll were whole."""

from __future__ import annotations

import polars as pl

_MICROS_PER_DOLLAR = 1_000_000


def overdrawn(days: pl.DataFrame, bankroll_micros: int) -> list[str]:
    """Say from which event date on more was at stake than earlier dates had left of the bankroll; nothing if never.

    What a date can lose at most, its fees and what it owes to who bought from it included, stands in at_risk_micros;
    when most of it is at stake the dates before it are paid.
    """
    daily = days.group_by("event_date").agg(
        pl.col("net_micros").sum(), pl.col("at_risk_micros").sum()
    ).sort("event_date")  # fmt: skip
    left = bankroll_micros + pl.col("net_micros").cum_sum().shift(1).fill_null(0)
    short = daily.with_columns(left_micros=left).filter(pl.col("at_risk_micros") > pl.col("left_micros"))
    if short.is_empty():
        return []
    first = short.row(0, named=True)
    return [
        f"the money was not there on {len(short)} of {len(daily)} dates, first on {first['event_date']}:"
        f" {_dollars(first['at_risk_micros'])} at stake, {_dollars(first['left_micros'])} left of a bankroll of"
        f" {_dollars(bankroll_micros)}; each date is sized as if it were whole (trade.bankroll_dollars)"
    ]


def _dollars(micros: int) -> str:
    dollars = micros / _MICROS_PER_DOLLAR
    return f"${dollars:,.2f}" if dollars >= 0 else f"−${-dollars:,.2f}"
