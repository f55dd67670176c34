"""How long after its own stamp a row of each source could be had: the model behind `known_utc`.

A row that was received sooner is known from its receipt; one fetched long after is known when it could have been had.
Lags are late rather than early: a row known too early is a leak, one known late is only a missed chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from warehouse.lake.tables import UTC_TYPE

_NONE = timedelta(0)

TAPE_LAG = _NONE
"""Candles and trades are pushed by the exchange as they happen: a candle is known at the end of its minute."""

OBS_LAG: Mapping[str, timedelta] = {
    "vc": timedelta(minutes=8),  # the airport feed plus the vendor's own collection: 5 to 8 minutes
    "metar": timedelta(minutes=5),
    "hfmetar": timedelta(minutes=8),
    "asos1min": timedelta(hours=24),  # NCEI collects the one-minute pages a day later
}

FORECAST_LAG: Mapping[str, timedelta] = {
    "vc": timedelta(hours=6),  # undocumented; runs are stored at midnight UTC
    "nbm": timedelta(minutes=75),
    "lamp": timedelta(minutes=75),  # after the top of the hour by which the archive names a run of half past
    "mos": timedelta(hours=5),
    "mos_mex": timedelta(hours=5),  # the extended range of the same model
    "mos_nam": timedelta(hours=5),
    "open_meteo": timedelta(hours=1),  # the recorder asked on the hour for what was public then; it may have run late
}

SETTLEMENT_LAG: Mapping[str, timedelta] = {
    "kalshi": _NONE,
    "cli": timedelta(minutes=2),
    "dsm": timedelta(minutes=2),
    "cf6": timedelta(minutes=2),
    "twc": timedelta(minutes=30),  # the page relays the report; when, it does not say
    "ghcn": timedelta(days=3),
}


def known_expr(stamp: pl.Expr, *, lag: timedelta, received_utc: datetime | pl.Expr) -> pl.Expr:
    """Return when rows were known: at their stamp plus the lag, or at their receipt when that was sooner."""
    received = received_utc if isinstance(received_utc, pl.Expr) else pl.lit(received_utc, UTC_TYPE)
    return pl.max_horizontal(stamp, pl.min_horizontal(stamp + lag, received)).alias("known_utc")


def known_at(stamp_utc: datetime, *, lag: timedelta, received_utc: datetime) -> datetime:
    """Return the same for one instant."""
    return max(stamp_utc, min(stamp_utc + lag, received_utc))
