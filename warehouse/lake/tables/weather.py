"""Tables of the weather: observations, their grids, forecasts, official reports."""

from __future__ import annotations

import polars as pl

from warehouse.lake.tables.contract import Column, Rule, Table
from warehouse.lake.tables.day_laws import after_day_where, grid_of_day, observed_in_day
from warehouse.lake.tables.words import (
    KNOWN_UTC,
    TS_UTC,
    degrees,
    flag,
    instant,
    number,
    temperature,
    text,
    whole,
)

OBS_SOURCES = ("vc", "metar", "hfmetar", "asos1min")
SETTLEMENT_SOURCES = ("kalshi", "twc", "cli", "cf6", "dsm", "ghcn")

_HUMIDITY = number("humidity_pct", "relative humidity", unit="%", low=0, high=110, null=True)
_WIND = number("wind_mph", "wind speed", unit="mph", low=0, high=250, null=True)
_DEW = temperature("dew_f", "dew point", null=True)

OBS = Table(
    name="obs",
    original="wx.minute_obs",
    meaning="one report of one station, at its own cadence",
    known="known_utc: the instant of receipt, or the report's instant plus its modelled lag",
    grain=("city", "ts_utc", "source"),
    day_laws=(observed_in_day("ts_utc"),),
    columns=(
        TS_UTC,
        text("source", "who told us; vc is Visual Crossing", one_of=OBS_SOURCES),
        text("station", "the station that measured"),
        temperature("temp_f", "air temperature"),
        degrees("temp_lo_f", "lowest whole degree that the report can mean"),
        degrees("temp_hi_f", "highest whole degree that the report can mean"),
        _DEW,
        _HUMIDITY,
        _WIND,
        flag("is_whole_c", "the report is in whole °C, so it names one or two whole °F"),
        flag("is_filled", "the vendor repeated an older report"),
        degrees("max_6h_f", "the report's own maximum of the six hours before it", null=True),
        degrees("max_24h_f", "the report's own maximum of the day that ended before it", null=True),
        KNOWN_UTC,
    ),
    rules=(
        Rule(law="known_utc >= ts_utc", holds=pl.col("known_utc") >= pl.col("ts_utc")),
        Rule(law="temp_lo_f <= temp_hi_f", holds=pl.col("temp_lo_f") <= pl.col("temp_hi_f")),
    ),
)


def _grid(name: str, step: str) -> Table:
    return Table(
        name=name,
        original=f"wx.minute_{name}",
        meaning=f"{step} of one climate day: the last report known by then and the running maximum of the day",
        known="ts_utc: the row holds only reports known at its instant",
        grain=("city", "ts_utc"),
        day_laws=(grid_of_day("ts_utc"),),
        columns=(
            instant("ts_utc", "the inclusive end of the step"),
            text("source", "who told the report", null=True, one_of=OBS_SOURCES),
            temperature("temp_f", "last known air temperature", null=True),
            _DEW,
            _HUMIDITY,
            _WIND,
            whole("stale_minutes", "age of the report", unit="min", low=0, null=True),
            temperature("run_max_f", "highest temperature reported in the day so far", null=True),
            degrees("run_max_lo_f", "lowest whole degree that this maximum can mean", null=True),
            degrees("run_max_hi_f", "highest whole degree that this maximum can mean", null=True),
        ),
        rules=(
            Rule(law="run_max_lo_f <= run_max_hi_f", holds=pl.col("run_max_lo_f") <= pl.col("run_max_hi_f")),
            Rule(
                law="temp_f has a source and stale_minutes",
                holds=(pl.col("temp_f").is_null() == pl.col("source").is_null())
                & (pl.col("temp_f").is_null() == pl.col("stale_minutes").is_null()),
            ),
        ),
    )


OBS_1M = _grid("obs_1m", "one minute")
OBS_5M = _grid("obs_5m", "one five-minute step")

FORECASTS = Table(
    name="forecasts",
    meaning="one forecast as issued: a temperature at valid_utc, or, at the end of a climate day, that day's high",
    known="known_utc: issued_utc plus the publication lag of its source",
    grain=("city", "source", "issued_utc", "valid_utc"),
    day_laws=(grid_of_day("valid_utc"),),
    columns=(
        text("source", "whose forecast: vc, nbm, lamp, mos, …"),
        instant("issued_utc", "the run's own instant"),
        instant("valid_utc", "the instant it speaks of; the closing midnight for a daily high"),
        KNOWN_UTC,
        temperature("temp_f", "forecast temperature at valid_utc", null=True),
        temperature("high_f", "forecast high of the day that ends at valid_utc", null=True),
        number("high_sd_f", "spread of the forecast high, as stated", unit="°F", low=0, null=True),
    ),
    rules=(
        Rule(law="known_utc >= issued_utc", holds=pl.col("known_utc") >= pl.col("issued_utc")),
        Rule(law="temp_f or high_f is there", holds=pl.col("temp_f").is_not_null() | pl.col("high_f").is_not_null()),
    ),
)

SETTLEMENTS = Table(
    name="settlements",
    original="wx.settlement",
    meaning="one issuance of one report of a day's high, preliminary, final or corrected; nothing is overwritten",
    known="known_utc: the instant of receipt, or issued_utc plus the modelled lag; never the as-of time",
    grain=("city", "event_date", "source", "issued_utc"),
    day_laws=(after_day_where("is_final", "issued_utc"),),
    columns=(
        text("source", "who reports", one_of=SETTLEMENT_SOURCES),
        instant("issued_utc", "when the report was issued"),
        KNOWN_UTC,
        degrees("high_f", "the day's high; null where the report says that it is missing", null=True),
        flag("is_final", "covers the whole climate day"),
        flag("is_correction", "says of itself that it corrects an earlier one"),
        instant("as_of_utc", "a preliminary report's own as-of time", null=True),
        text("product_id", "the report's own name", null=True),
    ),
    rules=(
        Rule(law="known_utc >= issued_utc", holds=pl.col("known_utc") >= pl.col("issued_utc")),
        Rule(law="a final report has no as_of_utc", holds=~(pl.col("is_final") & pl.col("as_of_utc").is_not_null())),
    ),
)

TRUTH_MINUTES = Table(
    name="truth_minutes",
    meaning="demo world only: the air temperature that was, each minute; never joined by a view",
    known="never: it is the answer",
    grain=("city", "ts_utc"),
    day_laws=(grid_of_day("ts_utc"),),
    columns=(
        instant("ts_utc", "the minute"),
        temperature("temp_f", "true air temperature"),
        temperature("baseline_f", "noiseless part of it"),
    ),
)

TRUTH_DAYS = Table(
    name="truth_days",
    meaning="demo world only: what the day was drawn to be, and the number it settled on",
    known="never: it is the answer",
    grain=("city", "event_date"),
    columns=(
        degrees("high_f", "the official high"),
        temperature("high_exact_f", "the highest minute before rounding"),
        instant("high_utc", "when it was reached"),
        number("anomaly_f", "how much warmer than the season the day was drawn", unit="°F"),
        Column(name="seed", dtype=pl.Int64(), meaning="the seed of the world"),
        number("efficiency", "1 is a market that knows everything, 0 one that lags an hour", low=0, high=1),
    ),
)
