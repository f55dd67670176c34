"""Summaries of a day in NCEI's global-hourly files (rows SOD): the high of the climate day whose last minute they bear.

The text says it in whole °F, a coded group (KA1 … KA4) in tenths of °C: only where both name the same degree is it
believed. They are the national archive's own, as its daily summaries are: days late, an audit and the last resort.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from pipelines.payload import Parsed
from pipelines.weather.issuances import Issuance, settlements_of
from pipelines.weather.reports import Law, first_broken, nearest_degree, of_each_city, refused_rows
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay, event_date_expr
from warehouse.market.temperature import fahrenheit_of_celsius_expr

GROUPS = ("KA1", "KA2", "KA3", "KA4")
PRODUCT_ID = "SOD"

_LAST_MINUTE = timedelta(minutes=1)
_MISSING_F, _MISSING_TENTHS_C = 999, 9_999
_DOUBTED = ("2", "3", "6", "7")  # suspect and erroneous, by either of the two who check
# The next item follows without a blank, and most often begins with the digits of "24 HR": the fewest digits count.
_TEXT = r"24 HR MAX TEMP \(F\): *(-?\d{1,3}?) *(?:24 HR |[A-Z]{3}|$)"
_GROUP = r"^240,M,(?<tenths_c>[+-]\d{4}),(?<quality>[0-9A-Z])$"


def summary_columns() -> dict[str, pl.Expr]:
    """Return what a summary says of its day's maximum, by name, as expressions over the columns of the file."""
    groups = [pl.when(pl.col(name).str.contains(_GROUP)).then(name) for name in GROUPS]
    return {"text": pl.col("REM"), "group": pl.coalesce(groups)}


def settlements_of_summaries(rows: pl.DataFrame) -> Parsed:
    """Return summaries as final settlements of source ghcn, issued when their day ended and known days later.

    A row carries `city`, `received_utc`, its station (`said_station`, and `wban`, which it must be), `valid_utc` and
    what `summary_columns` names. What is missing, marked as missing or doubted, or said in two ways, is refused.
    """
    group = pl.col("group").str.extract_groups(_GROUP).struct
    said = rows.with_columns(
        _event_date(rows, pl.col("valid_utc")).alias("event_date"),
        pl.col("text").str.extract(_TEXT).cast(pl.Int32).alias("high_f"),
        group.field("tenths_c").cast(pl.Int32).alias("tenths_c"),
        group.field("quality").alias("quality"),
    )
    judged = said.with_columns(first_broken(_laws(said)))
    turned_away = refused_rows(judged.filter(pl.col("rule").is_not_null()), kind="ncei_hourly")
    issuances = [_issuance(row) for row in judged.filter(pl.col("rule").is_null()).iter_rows(named=True)]
    parsed = settlements_of(issuances, ())
    return Parsed(table=parsed.table, frame=parsed.frame, refused=pl.concat([turned_away, parsed.refused]))


def _laws(said: pl.DataFrame) -> tuple[Law, ...]:
    high_f, tenths_c = pl.col("high_f"), pl.col("tenths_c")
    next_minute = _event_date(said, pl.col("valid_utc") + pl.lit(_LAST_MINUTE))
    return (
        ("the row is of another station", pl.col("said_station") != pl.col("wban")),
        ("its time cannot be read", pl.col("valid_utc").is_null()),
        ("it does not bear the last minute of a climate day", next_minute == pl.col("event_date")),
        ("its text says no maximum", high_f.is_null()),
        ("its text marks the maximum as missing", high_f.abs() == _MISSING_F),
        ("no coded group says the maximum of its 24 hours", tenths_c.is_null()),
        ("its coded group marks the maximum as missing", tenths_c.abs() == _MISSING_TENTHS_C),
        ("the archive doubts its maximum", pl.col("quality").is_in(_DOUBTED)),
        (
            "its text and its coded group name different degrees",
            nearest_degree(fahrenheit_of_celsius_expr(tenths_c / 10)) != high_f,
        ),
    )


def _event_date(rows: pl.DataFrame, instant: pl.Expr) -> pl.Expr:
    return of_each_city(rows, lambda city: event_date_expr(instant, city=city), pl.Date())


def _issuance(row: dict[str, Any]) -> Issuance:
    city = CITIES[row["city"]]
    return Issuance(
        city=city,
        event_date=row["event_date"],
        source="ghcn",
        issued_utc=ClimateDay(city, row["event_date"]).end_utc,
        received_utc=row["received_utc"],
        high_f=row["high_f"],
        claims_final=True,
        product_id=PRODUCT_ID,
    )
