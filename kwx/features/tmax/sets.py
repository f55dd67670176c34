"""The features of the models of the high, by family: functions of one snapshot each.

Degrees stand relative to base_f, which the target is counted from. Names that end in _over_base_f are degrees that the
high may be near; a model that asks of one degree after another measures them from that degree as well.
"""

from __future__ import annotations

import math

import polars as pl

from kwx.features.feature import Feature, FeatureSet
from warehouse.market.cities import CITIES

OVER_BASE = "_over_base_f"
_BASE = pl.col("base_f").cast(pl.Float64)
_REPORTS = "ts_utc: of reports known by then, of the event day alone"
_FORECASTS = "ts_utc: of forecasts known by then"
_WORDS = "ts_utc: of bulletins and climate reports known by then, of the event day alone"
_BOTH = "ts_utc: of reports and forecasts known by then"
_CLOCK = "ts_utc: the clock alone"


def _over(name: str, column: str, meaning: str, known: str) -> Feature:
    return Feature(
        name=f"{name}{OVER_BASE}", meaning=f"{meaning}, minus the base", sources=(column, "base_f"),
        value=pl.col(column) - _BASE, unit="°F", known=known,
    )  # fmt: skip


def _own(name: str, meaning: str, unit: str, known: str) -> Feature:
    return Feature(name=name, meaning=meaning, sources=(name,), value=pl.col(name), unit=unit, known=known)


def _turn(name: str, column: str, period: float, meaning: str) -> tuple[Feature, Feature]:
    angle = pl.col(column) * (2 * math.pi / period)
    return (
        Feature(name=f"{name}_sin", meaning=f"{meaning}, sine", sources=(column,), value=angle.sin(), known=_CLOCK),
        Feature(name=f"{name}_cos", meaning=f"{meaning}, cosine", sources=(column,), value=angle.cos(), known=_CLOCK),
    )


def _flag(name: str, meaning: str, known: str) -> Feature:
    return Feature(name=name, meaning=meaning, sources=(name,), value=pl.col(name).cast(pl.Float64), known=known)


DAY_SO_FAR = (
    _own("run_max_f", "the highest report", "°F", _REPORTS),
    _over("run_max", "run_max_f", "the highest report", _REPORTS),
    _over("run_max_lo", "run_max_lo_f", "the lowest whole degree that it can mean", _REPORTS),
    _over("run_max_hi", "run_max_hi_f", "the highest whole degree that it can mean", _REPORTS),
    _over("min", "min_f", "the lowest report", _REPORTS),
    _over("mean", "mean_f", "the mean of the last known report over the steps so far", _REPORTS),
    _over("last", "last_f", "the last report", _REPORTS),
    _own("reports", "how many reports were told", "", _REPORTS),
    _own("slope_1h", "the trend of the last hour", "°F/h", _REPORTS),
    _own("slope_3h", "the trend of the last three hours", "°F/h", _REPORTS),
    _own("minutes_since_max", "since the highest report rose last", "min", _REPORTS),
    _own("plateau_minutes", "how long the air stood within a whole °C of the highest report", "min", _REPORTS),
    _over("morning_max", "morning_max_f", "the highest report up to 12:00 standard time", _REPORTS),
    _over("afternoon_max", "afternoon_max_f", "the highest report after it", _REPORTS),
)
OFFICIAL = (
    _over("official_max", "official_max_f", "the highest that official words tell of a stretch of the day", _WORDS),
    _over("official_since", "official_since_f", "the highest report after the end of what they tell", _REPORTS),
    _over(
        "floor", "official_floor_f", "the lowest whole degree that the high so far can be by words and reports", _WORDS
    ),
    _over("ceiling", "official_ceiling_f", "the highest", _WORDS),
    _own("official_age_minutes", "since the end of what they tell", "min", _WORDS),
)
SURPRISE = (
    _own("surprise_now_f", "the last report minus what was forecast for its minute", "°F", _BOTH),
    _own("surprise_recent_f", "the mean of that over the last three hours", "°F", _BOTH),
    _own("surprise_mean_f", "the mean of that over the day so far", "°F", _BOTH),
    _over("rest", "surprise_rest_f", "the highest that is forecast for the hours to come", _FORECASTS),
    _over("shifted_rest", "surprise_shifted_f", "the same as much warmer as the last three hours were", _BOTH),
)
OUTLOOK = (
    _over("forecast", "forecast_high_f", "rule `forecast`: the forecast high in force", _FORECASTS),
    _over("forecast_mean", "forecast_mean_f", "the mean of every source's newest forecast high", _FORECASTS),
    _over("eve_forecast", "forecast_eve_high_f", "the day-before forecast, the last by midnight", _FORECASTS),
    _own("forecast_spread_f", "the range of the sources' newest forecast highs", "°F", _FORECASTS),
    _own("forecast_revision_f", "the forecast high in force minus the one before it", "°F", _FORECASTS),
    _own("forecast_since_open_f", "the forecast high in force minus that at the market's open", "°F", _FORECASTS),
    _own("forecast_age_minutes", "since the forecast in force became known", "min", _FORECASTS),
)
RULES = (
    Feature(
        name=f"half_way{OVER_BASE}", meaning="the mean of the rules `hold` (the highest report) and `forecast`",
        sources=("run_max_f", "forecast_high_f", "base_f"),
        value=(pl.col("run_max_f") + pl.col("forecast_high_f")) / 2 - _BASE, unit="°F",
        known=_BOTH,
    ),
)  # fmt: skip
CALENDAR = (
    *_turn("year", "day_of_year", 365.25, "day of the year"),
    *_turn("hour", "standard_minute", 1440.0, "hour of standard time"),
    _own("minutes_left", "to the end of the climate day", "min", _CLOCK),
)
QUALITY = (
    _own("stale_minutes", "the age of the last report", "min", _REPORTS),
    _own("share_seen", "the share of the day's steps that had a fresh report", "", _REPORTS),
    _own("is_official", "1 where the last report is the station's own", "", _REPORTS),
    _flag("is_observed", "1 where the base is a report, 0 where it is the forecast", _REPORTS),
)
MARKET = (
    _own("minutes_since_open", "of the event's market", "min", _CLOCK),
    _flag("is_eve", "1 on the day before", _CLOCK),
)
CITY = tuple(
    Feature(
        name=f"is_{key}", meaning=f"1 in {record.name}", sources=("city",),
        value=(pl.col("city") == key).cast(pl.Float64), known="always",
    )
    for key, record in CITIES.items()
)  # fmt: skip

TOD = FeatureSet(name="tod", features=(*DAY_SO_FAR, *OFFICIAL, *SURPRISE, *OUTLOOK, *RULES, *CALENDAR, *QUALITY, *CITY))
"""Of a model of one city on its event day; the days of other cities are lent to it, so it is told which they are of."""
MARKET_CLOCK = FeatureSet(name="market_clock", features=(*TOD.features, *MARKET))
"""Of a model of every city from the market's open on: the same, and the market's own clock."""
