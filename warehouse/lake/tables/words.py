"""Columns that many tables share, each said once."""

from __future__ import annotations

from typing import Any

import polars as pl

from warehouse.lake.tables.contract import UTC_TYPE, Column
from warehouse.market.money import TICKS_PER_DOLLAR


def text(name: str, meaning: str, **rules: Any) -> Column:
    """Return a column of text."""
    return Column(name=name, dtype=pl.String(), meaning=meaning, **rules)


def instant(name: str, meaning: str, **rules: Any) -> Column:
    """Return a column of instants, microseconds in UTC."""
    return Column(name=name, dtype=UTC_TYPE, meaning=meaning, unit="UTC", **rules)


def flag(name: str, meaning: str, **rules: Any) -> Column:
    """Return a column of yes or no."""
    return Column(name=name, dtype=pl.Boolean(), meaning=meaning, **rules)


def whole(name: str, meaning: str, *, unit: str = "", **rules: Any) -> Column:
    """Return a column of 32-bit integers."""
    return Column(name=name, dtype=pl.Int32(), meaning=meaning, unit=unit, **rules)


def number(name: str, meaning: str, *, unit: str = "", **rules: Any) -> Column:
    """Return a column of finite doubles."""
    return Column(name=name, dtype=pl.Float64(), meaning=meaning, unit=unit, **rules)


def price(name: str, meaning: str, **rules: Any) -> Column:
    """Return a column of prices between $0 and $1."""
    return whole(name, meaning, unit="ticks of $0.0001", low=0, high=TICKS_PER_DOLLAR, **rules)


def money(name: str, meaning: str, **rules: Any) -> Column:
    """Return a column of dollar amounts of either sign."""
    return Column(name=name, dtype=pl.Int64(), meaning=meaning, unit="ticks of $0.0001", **rules)


def micros(name: str, meaning: str, **rules: Any) -> Column:
    """Return a column of dollar amounts as fine as a price times a count: 0.01 contract at one tick is $0.000001."""
    return Column(name=name, dtype=pl.Int64(), meaning=meaning, unit="$0.000001", **rules)


def count(name: str, meaning: str, *, low: float | None = 0, **rules: Any) -> Column:
    """Return a column of contracts."""
    return Column(name=name, dtype=pl.Int64(), meaning=meaning, unit="0.01 contract", low=low, **rules)


def probability(name: str, meaning: str, **rules: Any) -> Column:
    """Return a column of probabilities."""
    return number(name, meaning, unit="probability", low=0, high=1, **rules)


def temperature(name: str, meaning: str, **rules: Any) -> Column:
    """Return a column of °F; what no American station ever reported is refused."""
    return number(name, meaning, unit="°F", low=-60, high=140, **rules)


def degrees(name: str, meaning: str, **rules: Any) -> Column:
    """Return a column of whole °F."""
    return whole(name, meaning, unit="whole °F", low=-60, high=140, **rules)


MARKET_TICKER = text("market_ticker", "the exchange's name of one bracket of one event")
EVENT_TICKER = text("event_ticker", "the exchange's name of the event")
TS_UTC = instant("ts_utc", "the instant that the row describes")
MINUTE_UTC = instant("ts_utc", "the inclusive end of the minute that the row describes")
KNOWN_UTC = instant("known_utc", "the earliest instant at which we could have had the row")
RUN_ID = text("run_id", "the run that wrote the row")
MC_VERSION = text("mc_version", "engine, grid and paths of the weather simulation, e.g. v1_grid5_lattice")
