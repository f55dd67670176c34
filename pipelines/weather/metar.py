"""METAR text to columns, and to reports: what the groups say, and which of them say it exactly.

The body gives whole °C; the T-group and the six-hour and 24-hour groups give tenths, of which each names one whole °F.
The groups of longer spans stay columns of their own: a six-hour maximum may be from before the day's first minute.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from pipelines.weather.humidity import relative_humidity_pct_expr
from pipelines.weather.reports import Law, nearest_degree, wind_mph
from warehouse.market.temperature import fahrenheit_interval_expr, fahrenheit_of_celsius_expr

RELAYED_MARK = "MADISHF"
"""The archive's own mark of a five-minute report. Its T-group was made from the whole °C, so it is not believed."""

NEAR = timedelta(minutes=15)
"""A report and the row that carries it may differ in time by the making of the report, not by more."""

_KNOTS_PER_MPS = 1.943844
_ID = r"\b(?<metar_station>[A-Z][A-Z0-9]{3}) (?<day>\d{2})(?<hour>\d{2})(?<minute>\d{2})Z"
_BODY = r" (?<temp>M?\d{2})/(?<dew>M?\d{2})?(?: |$)"
_WIND = r" (?:\d{3}|VRB)(?<speed>\d{2,3})(?:G\d{2,3})?(?<unit>KT|MPS)(?: |$)"
_TENTHS = r" T(?<temp_sign>[01])(?<temp>\d{3})(?:(?<dew_sign>[01])(?<dew>\d{3}))?(?: |$)"
_SIX_HOURS = r" 1(?<sign>[01])(?<tenths>\d{3})(?: |$)"
_DAY = r" 4(?<sign>[01])(?<tenths>\d{3})[01]\d{3}(?: |$)"


def decoded_metars(texts: pl.Series) -> pl.DataFrame:
    """Return what each text says, one row each; null is a group that is absent or cannot be read.

    Columns: metar_station, day, hour, minute; temp_c, dew_c (body); temp_tenths_c, dew_tenths_c (T-group);
    max_6h_tenths_c, max_24h_tenths_c; wind_knots; is_correction, is_relayed.
    """
    # An end sign closes a report in some archives; what follows it is another one.
    plain = texts.str.replace_all(r"\s+", " ").str.replace(r"=.*$", "").alias("text")
    split = pl.col("text").str.splitn(" RMK", 2).struct
    parts = plain.to_frame().select(
        "text", split.field("field_0").alias("body"), split.field("field_1").fill_null("").alias("remarks")
    )
    found = parts.select(
        "text",
        "body",
        pl.col("text").str.extract_groups(_ID).alias("id"),
        pl.col("body").str.extract_groups(_BODY).alias("air"),
        pl.col("body").str.extract_groups(_WIND).alias("wind"),
        *(pl.col("remarks").str.extract_groups(pattern).alias(name) for name, pattern in _REMARKS.items()),
    )
    return found.select(*_identity(), *_degrees(), _wind_knots(), *_flags())


_REMARKS = {
    "exact": _TENTHS,
    "max_6h": _SIX_HOURS,
    "max_24h": _DAY,
}


def _identity() -> list[pl.Expr]:
    group = pl.col("id").struct
    numbers = [group.field(name).cast(pl.Int8) for name in ("day", "hour", "minute")]
    return [group.field("metar_station"), *numbers]


def _degrees() -> list[pl.Expr]:
    air, exact = pl.col("air").struct, pl.col("exact").struct
    return [
        air.field("temp").str.replace("M", "-").cast(pl.Int16).alias("temp_c"),
        air.field("dew").str.replace("M", "-").cast(pl.Int16).alias("dew_c"),
        _tenths(exact.field("temp_sign"), exact.field("temp")).alias("temp_tenths_c"),
        _tenths(exact.field("dew_sign"), exact.field("dew")).alias("dew_tenths_c"),
        *(
            _tenths(pl.col(name).struct.field("sign"), pl.col(name).struct.field("tenths")).alias(f"{name}_tenths_c")
            for name in ("max_6h", "max_24h")
        ),
    ]


def _tenths(sign: pl.Expr, digits: pl.Expr) -> pl.Expr:
    tenths = digits.cast(pl.Int16)
    return pl.when(sign == "1").then(-tenths).otherwise(tenths)


def _wind_knots() -> pl.Expr:
    wind = pl.col("wind").struct
    factor = pl.when(wind.field("unit") == "MPS").then(_KNOTS_PER_MPS).otherwise(1.0)
    return (wind.field("speed").cast(pl.Float64) * factor).alias("wind_knots")


def _flags() -> list[pl.Expr]:
    body, text = pl.col("body"), pl.col("text")
    return [
        body.str.contains(r"\bCOR\b").alias("is_correction"),
        text.str.contains(RELAYED_MARK, literal=True).alias("is_relayed"),
    ]


def reports_of_metars(rows: pl.DataFrame) -> pl.DataFrame:
    """Add to rows of `metar` and `valid_utc` what their texts report, in the columns of obs.

    The time is that of the text: its day of month, hour and minute, in the month of `valid_utc`. A T-group names the
    temperature exactly; without one the body's whole °C means one or two whole °F.
    """
    said = pl.concat([rows, decoded_metars(rows["metar"])], how="horizontal")
    exact = pl.when(~pl.col("is_relayed")).then(pl.col("temp_tenths_c") / 10)
    exact_dew = pl.when(~pl.col("is_relayed")).then(pl.col("dew_tenths_c") / 10)
    temp_c, dew_c = pl.coalesce(exact, "temp_c"), pl.coalesce(exact_dew, "dew_c")
    low_f, high_f = fahrenheit_interval_expr(pl.col("temp_c"))
    degrees = said.with_columns(
        _observed_utc().alias("ts_utc"),
        fahrenheit_of_celsius_expr(temp_c).round(2).alias("temp_f"),
        fahrenheit_of_celsius_expr(dew_c).round(2).alias("dew_f"),
        exact.is_null().alias("is_whole_c"),
        wind_mph(pl.col("wind_knots")),
        *(_maximum(name) for name in ("max_6h", "max_24h")),
    )
    point = nearest_degree(pl.col("temp_f"))
    return degrees.with_columns(
        pl.when("is_whole_c").then(low_f).otherwise(point).alias("temp_lo_f"),
        pl.when("is_whole_c").then(high_f).otherwise(point).alias("temp_hi_f"),
        relative_humidity_pct_expr(pl.col("temp_f"), pl.col("dew_f")),
    )


METAR_LAWS: tuple[Law, ...] = (
    ("there is no METAR in it", pl.col("metar_station").is_null()),
    ("the METAR is of another station", pl.col("metar_station") != pl.col("station")),
    ("the time of the METAR is not that of its row", pl.col("ts_utc").is_null() & pl.col("valid_utc").is_not_null()),
    ("the METAR says no temperature", pl.col("temp_f").is_null()),
    (
        "the T-group contradicts the body by more than 1 °C",
        (pl.col("temp_tenths_c") - 10 * pl.col("temp_c")).abs() > 10,
    ),
)
"""What a report must keep after `reports_of_metars`."""


def _observed_utc() -> pl.Expr:
    """Return the instant of the text, which lies near that of its row; null where no such day is near."""
    clock = pl.duration(hours="hour", minutes="minute")
    days = [pl.col("valid_utc").dt.truncate("1d") + pl.duration(days=shift) for shift in (0, 1, -1)]
    instants = [pl.when((day.dt.day() == pl.col("day")) & _is_near(day + clock)).then(day + clock) for day in days]
    return pl.when((pl.col("hour") < 24) & (pl.col("minute") < 60)).then(pl.coalesce(instants))


def _is_near(instant: pl.Expr) -> pl.Expr:
    return (instant - pl.col("valid_utc")).abs() <= NEAR


def _maximum(name: str) -> pl.Expr:
    """Return the whole °F that a group in tenths names; what no station ever measured is none."""
    exact = nearest_degree(fahrenheit_of_celsius_expr(pl.col(f"{name}_tenths_c") / 10))
    return pl.when(exact.is_between(-60, 140)).then(exact).alias(f"{name}_f")
