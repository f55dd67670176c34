"""Recorded vintages of Open-Meteo's live forecast for New York, an hour apart, to rows of forecasts.

The point is lower Manhattan (40.71 N), five miles from Central Park and nearer the sea: a forecast of the city, with a
bias of its own against the station that settles. Times are a wall clock at the offset of the issue, also for the days
after a change of the clock. Hours up to the issue are analysis and are left out.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from pipelines.payload import Parsed, Payload, refusal
from pipelines.weather.answers import decoded, require_record
from pipelines.weather.guidance import RAW, forecasts_of
from pipelines.weather.reports import Refusal, subject_of
from warehouse.errors import Refused, Unparsable
from warehouse.lake.tables import UTC_TYPE
from warehouse.market.cities import CITIES

_SOURCE = "open_meteo"
_COLUMNS = {
    "issue_local": pl.Datetime("us"),
    "valid_local": pl.Datetime("us"),
    "utc_offset_s": pl.Int32(),
    "temperature_2m_f": pl.Float32(),
}
_ISSUE_IN_NAME = re.compile(r"raw_(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})_(?P<clock>[0-9]{4})\b")
_LARGEST_OFFSET_S = 14 * 3600
_SHOWN = 1_000


def parse_columns_open_meteo(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn Parquet files of vintages (`asked`: city) into rows of forecasts."""
    yield from _parsed(payloads, _vintages)


def parse_open_meteo(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn raw answers (`asked`: city, perhaps issued_local) into rows of forecasts.

    An answer does not say when it was given: `issued_local` does, else the name of the recorded file.
    """
    yield from _parsed(payloads, _answer)


def _parsed(payloads: Sequence[Payload], read: Any) -> Iterator[Parsed]:
    refused: list[Refusal] = []
    frames: list[pl.DataFrame] = []
    for payload in payloads:
        try:
            frames.append(_raw(read(payload, refused), payload))
        except Refused as error:
            refused.append(refusal(subject_of(payload), str(error), payload.body[:_SHOWN].decode(errors="replace")))
    yield forecasts_of(pl.concat(frames) if frames else pl.DataFrame(schema=RAW), refused, kind=_SOURCE)


def _raw(vintages: pl.DataFrame, payload: Payload) -> pl.DataFrame:
    city = CITIES.get(payload.asked.get("city", ""))
    if city is None:
        raise Refused("asked for no city of the registry")
    offset = pl.duration(seconds=pl.col("utc_offset_s"))
    return vintages.select(
        pl.lit(city.key).alias("city"),
        pl.lit(_SOURCE).alias("source"),
        *(
            (pl.col(f"{name}_local") - offset).dt.replace_time_zone("UTC").alias(f"{stamp}_utc")
            for name, stamp in (("issue", "issued"), ("valid", "valid"))
        ),
        pl.lit(payload.received_utc, UTC_TYPE).alias("received_utc"),
        # The vendor says tenths; single precision blurs them.
        pl.col("temperature_2m_f").cast(pl.Float64).round(1).fill_nan(None).alias("temp_f"),
        pl.lit(None, pl.Float64).alias("extreme_f"),
        pl.lit(None, pl.Float64).alias("extreme_sd_f"),
    )


def _vintages(payload: Payload, _: list[Refusal]) -> pl.DataFrame:
    try:
        vintages = pl.read_parquet(io.BytesIO(payload.body))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise Unparsable(f"no Parquet: {error}") from None
    if any(vintages.schema.get(name) != dtype for name, dtype in _COLUMNS.items()):
        raise Unparsable(f"the columns are {dict(vintages.schema)}, expected {_COLUMNS}")
    return vintages.select(*_COLUMNS)


def _answer(payload: Payload, refused: list[Refusal]) -> pl.DataFrame:
    answer = decoded(payload, refused)
    if answer is None:
        return pl.DataFrame(schema=_COLUMNS)
    told = require_record(answer)
    hourly = require_record(told.get("hourly"))
    offset_s = told.get("utc_offset_seconds")
    if type(offset_s) is not int or abs(offset_s) > _LARGEST_OFFSET_S:
        raise Unparsable(f"utc_offset_seconds {offset_s!r} is no offset from UTC")
    if require_record(told.get("hourly_units")).get("temperature_2m") != "°F":
        raise Unparsable("temperature_2m is not in °F")
    try:
        valid = pl.Series(hourly["time"], dtype=pl.String).str.to_datetime("%Y-%m-%dT%H:%M", time_unit="us")
        temps = pl.Series(hourly["temperature_2m"], dtype=pl.Float32, strict=True)
        columns = {"valid_local": valid, "temperature_2m_f": temps}
        frame = pl.DataFrame(columns)
    except (KeyError, TypeError, pl.exceptions.PolarsError) as error:
        raise Unparsable(f"time and temperature_2m are no columns of one length: {error}") from None
    issued = pl.lit(_issue_local(payload.asked, payload.origin), pl.Datetime("us")).alias("issue_local")
    return frame.with_columns(issued, pl.lit(offset_s, pl.Int32).alias("utc_offset_s")).select(*_COLUMNS)


def _issue_local(asked: Mapping[str, str], origin: str) -> datetime:
    named = _ISSUE_IN_NAME.search(origin)
    said = asked.get("issued_local") or (f"{named['day']}T{named['clock']}" if named else "")
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        raise Refused("neither the question nor the name of the file says when it was issued") from None
