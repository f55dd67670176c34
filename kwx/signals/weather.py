"""What of the weather is known at each minute of a panel: columns of `minute_panel_weather` that the grids of days say.

An event trades on two climate days, its eve and its own; the running maximum is of its own alone. The gate is that of
the view: of cities whose Visual Crossing minutes are excluded that vendor's dew, humidity and wind are null.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from kwx.features.gate import EXCLUDED_VC_CITIES
from warehouse.lake.tables import OBS_1M

_STEP_US = 300_000_000
_IS_OF_VENDOR = pl.col("wx_source").str.starts_with("vc").fill_null(value=False)
_IS_OPEN = ~(pl.col("city").is_in(EXCLUDED_VC_CITIES) & _IS_OF_VENDOR)
_IS_OWN = pl.col("climate_date") == pl.col("event_date")

_GATED = {"wx_dew": "dew_f", "wx_humidity": "humidity_pct", "wx_wind": "wind_mph"}
_OF_DAY = {"wx_run_max_f": "run_max_f", "wx_run_max_lo_f": "run_max_lo_f", "wx_run_max_hi_f": "run_max_hi_f"}
_PLAIN = {"wx_source": "source", "wx_temp_1m": "temp_f", "wx_stale_minutes": "stale_minutes"}
_OF_STEP = "wx_temp_5m"

OF_WEATHER = (*_PLAIN, *_GATED, *_OF_DAY, _OF_STEP)
"""The columns of the view that are said here."""

GRID = ("city", "climate_date", *OBS_1M.schema)
"""What grids hold: rows of obs_1m with their city and climate date."""


def empty_grid() -> pl.DataFrame:
    """Return grids without a row."""
    of_day = {"city": pl.String(), "climate_date": pl.Date()}
    return pl.DataFrame(schema={name: of_day.get(name) or OBS_1M.schema[name] for name in GRID})


def weather_columns(keys: pl.DataFrame, grids: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """Return what grids say at each row of keys (city, event_date, ts_utc), in its order.

    grids: rows of obs_1m of each city's climate days, no instant there twice. The temperature of a five-minute step is
    that of the minute at which it ended.
    """
    said = grids.lazy()
    named = {name: pl.col(of) for name, of in {**_PLAIN, **_GATED, **_OF_DAY}.items()}
    rows = keys.lazy().select("city", "event_date", "ts_utc").join(
        said.select("city", "ts_utc", "climate_date", **named), on=("city", "ts_utc"), how="left", maintain_order="left"
    )  # fmt: skip
    if _OF_STEP in names:
        step_utc = pl.from_epoch(pl.col("ts_utc").dt.epoch("us") // _STEP_US * _STEP_US, time_unit="us")
        rows = rows.with_columns(step_utc=step_utc.dt.replace_time_zone("UTC")).join(
            said.select("city", step_utc="ts_utc", wx_temp_5m="temp_f"),
            on=("city", "step_utc"), how="left", maintain_order="left",
        )  # fmt: skip
    gated = [pl.when(_IS_OPEN).then(pl.col(name)).alias(name) for name in _GATED]
    of_day = [pl.when(_IS_OWN).then(pl.col(name)).alias(name) for name in _OF_DAY]
    told = rows.with_columns(*gated, *of_day).select(name for name in OF_WEATHER if name in names)
    return told.collect()
