"""Forecast guidance to rows of forecasts: Iowa State's tables of runs, and what a bulletin or another vendor says.

A raw frame says for each run and instant the temperature, and the extreme of the half day that ends there. Only at
00Z, the stations' own evening, is that extreme the day's high: it stands at the closing midnight of that climate day.
At 12Z it is the low of the night, which is never taken for a high.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from pipelines.lags import FORECAST_LAG, known_expr
from pipelines.payload import Parsed, Payload, refusal, refused_frame
from pipelines.weather.answers import decoded, records_of, require_record
from pipelines.weather.bulletins import MISSING_MARKS, Bulletin
from pipelines.weather.places import city_of_station
from pipelines.weather.reports import (
    COLDEST_F,
    WARMEST_F,
    Law,
    Refusal,
    first_broken,
    of_each_city,
    refused_rows,
    subject_of,
    without_repeats,
)
from warehouse.errors import Refused
from warehouse.lake.tables import FORECASTS, UTC_TYPE
from warehouse.market.cities import CITIES, City
from warehouse.market.climate_day import MINUTES_PER_DAY, event_date_expr

SOURCES: Mapping[str, str] = {
    **dict.fromkeys(("NBS", "NBE", "NBX"), "nbm"),
    "LAV": "lamp",
    **dict.fromkeys(("GFS", "AVN"), "mos"),
    "MEX": "mos_mex",
    **dict.fromkeys(("NAM", "ETA"), "mos_nam"),
}
"""Whose forecast a model's is. Models that would say different things of the same run and instant are kept apart."""

RAW = pl.Schema(
    {
        "city": pl.String(),
        "source": pl.String(),
        "issued_utc": UTC_TYPE,
        "valid_utc": UTC_TYPE,
        "received_utc": UTC_TYPE,
        "temp_f": pl.Float64(),
        "extreme_f": pl.Float64(),
        "extreme_sd_f": pl.Float64(),
    }
)

_SAME_MODEL = {"GFS": "AVN", "AVN": "GFS", "NAM": "ETA", "ETA": "NAM"}
_FRAME = pl.Schema({**FORECASTS.schema, **FORECASTS.path_columns})
_KEY = ("city", "source", "issued_utc", "valid_utc")
_SAID = ("temp_f", "extreme_f", "extreme_sd_f")
_INSTANT = timedelta(microseconds=1)
_EVENING_UTC_HOUR = 0
_CLOCKS_DIFFER = timedelta(minutes=15)
_WORDS = ("station", "model", "runtime", "ftime", "tmp", "txn", "n_x", "xnd")
_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M")
_MISSING_WORDS = ("", "M", "MM", "None", "nan", "NaN")


def parse_iem_mos(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn answers of kind iem_mos (`asked`: city, model; perhaps since, until) into rows of forecasts.

    With `since` and `until` other event dates are left out: the answer does not hold all of their runs.
    """
    frames: list[pl.DataFrame] = []
    refused: list[Refusal] = []
    bad: list[pl.DataFrame] = []
    for payload in payloads:
        try:
            rows, broken = _runs(payload, refused)
        except Refused as error:
            refused.append(refusal(subject_of(payload), str(error), payload.body[:1_000].decode(errors="replace")))
            continue
        frames.append(_of_asked_days(rows, payload))
        bad.append(refused_rows(broken, kind="iem_mos"))
    parsed = forecasts_of(pl.concat(frames) if frames else pl.DataFrame(schema=RAW), refused, kind="iem_mos")
    yield Parsed(table=FORECASTS, frame=parsed.frame, refused=pl.concat([parsed.refused, *bad]))


def bulletin_rows(bulletins: Iterable[Bulletin], received_utc: datetime) -> tuple[pl.DataFrame, list[str]]:
    """Return the blocks of the registry's stations as a raw frame, and the names of all other stations."""
    rows: list[dict[str, object]] = []
    foreign: list[str] = []
    for bulletin in bulletins:
        city = city_of_station(bulletin.station)
        if city is None:
            foreign.append(bulletin.station)
            continue
        run = {
            "city": city.key,
            "source": SOURCES[bulletin.model],
            "issued_utc": bulletin.issued_utc,
            "received_utc": received_utc,
        }
        rows += [run | vars(column) for column in bulletin.columns]
    return pl.DataFrame(rows, schema=RAW, orient="row"), foreign


def forecasts_of(raw: pl.DataFrame, refused: Iterable[Refusal], *, kind: str) -> Parsed:
    """Return a raw frame as rows of forecasts; what speaks of no time after its run is analysis and is left out."""
    ahead = raw.filter((pl.col("valid_utc") > pl.col("issued_utc")).fill_null(value=True))
    judged = _dated(ahead).with_columns(first_broken(_LAWS)).sort(_KEY, maintain_order=True)
    kept, repeated = without_repeats(judged.filter(pl.col("rule").is_null()), key=_KEY, said=_SAID)
    rows = pl.concat([_temperatures(kept), _highs(kept)])
    merged = rows.group_by(*_KEY, "event_date", maintain_order=True).agg(
        *(pl.col(name).drop_nulls().first() for name in ("temp_f", "high_f", "high_sd_f")), pl.col("received_utc").min()
    )
    bad = pl.concat([judged.filter(pl.col("rule").is_not_null()), repeated])
    return Parsed(
        table=FORECASTS,
        frame=_finished(merged.sort(_KEY)),
        refused=pl.concat([refused_frame(refused), refused_rows(bad, kind=kind)]),
    )


def _temperatures(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("temp_f").is_not_null()).select(
        *_KEY, "event_date", "received_utc", "temp_f", high_f=_NOTHING, high_sd_f=_NOTHING
    )


def _highs(rows: pl.DataFrame) -> pl.DataFrame:
    evening = (pl.col("valid_utc").dt.hour() == _EVENING_UTC_HOUR) & (pl.col("valid_utc").dt.minute() == 0)
    return (
        rows.filter(evening & pl.col("extreme_f").is_not_null())
        .with_columns(of_each_city(rows, _closing_midnight, UTC_TYPE).alias("valid_utc"))
        .select(
            *_KEY,
            "event_date",
            "received_utc",
            temp_f=_NOTHING,
            high_f=pl.col("extreme_f"),
            high_sd_f=pl.col("extreme_sd_f"),
        )
    )


def _finished(rows: pl.DataFrame) -> pl.DataFrame:
    known = [
        pl.when(pl.col("source") == source).then(
            known_expr(pl.col("issued_utc"), lag=lag, received_utc=pl.col("received_utc"))
        )
        for source, lag in FORECAST_LAG.items()
    ]
    return rows.with_columns(pl.coalesce(*known).alias("known_utc")).select(
        pl.col(name).cast(dtype) for name, dtype in _FRAME.items()
    )


def _dated(rows: pl.DataFrame) -> pl.DataFrame:
    # The closing midnight ends its own day, so the day is that of the instant before.
    day = of_each_city(rows, lambda city: event_date_expr(pl.col("valid_utc") - _INSTANT, city=city), pl.Date())
    return rows.with_columns(day.alias("event_date"))


def _closing_midnight(city: City) -> pl.Expr:
    midnight = pl.col("event_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return midnight - city.standard_offset + timedelta(minutes=MINUTES_PER_DAY)


def _of_asked_days(rows: pl.DataFrame, payload: Payload) -> pl.DataFrame:
    try:
        since, until = (date.fromisoformat(payload.asked[name]) for name in ("since", "until"))
    except (KeyError, ValueError):
        return rows
    asked = pl.col("event_date").is_between(since, until)
    return _dated(rows).filter(asked.fill_null(value=True)).drop("event_date")


_NOTHING = pl.lit(None, pl.Float64)
_LAWS: tuple[Law, ...] = (
    ("the run has no time", pl.col("issued_utc").is_null()),
    ("the forecast names no instant", pl.col("valid_utc").is_null()),
    (
        "from the future: its run is after it was received",
        pl.col("issued_utc") > pl.col("received_utc") + _CLOCKS_DIFFER,
    ),
    *(
        (f"{name} is outside {COLDEST_F} … {WARMEST_F} °F", ~pl.col(name).is_between(COLDEST_F, WARMEST_F))
        for name in ("temp_f", "extreme_f")
    ),
    ("the spread of the extreme is negative", pl.col("extreme_sd_f") < 0),
)


def _runs(payload: Payload, refused: list[Refusal]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return an answer of Iowa State as a raw frame, and its rows that cannot be read with their rule."""
    city = CITIES.get(payload.asked.get("city", ""))
    model = payload.asked.get("model", "")
    if city is None or model not in SOURCES:
        raise Refused("asked for no city of the registry, or for no model of guidance")
    answer = decoded(payload, refused)
    records = [] if answer is None else records_of(answer, "data", "results")
    told = _told(_objects(records, payload, refused))
    names = (model, _SAME_MODEL.get(model, model))
    runs = told.with_columns(
        *(_instant(name).alias(f"{name}_utc") for name in ("runtime", "ftime")),
        *(_number(name).alias(f"{name}_f") for name in ("tmp", "txn", "n_x", "xnd")),
        city=pl.lit(city.key),
        event_date=pl.lit(None, pl.Date),
    )
    laws: tuple[Law, ...] = (
        (f"station is not {city.station}, which was asked for", ~pl.col("station").eq_missing(pl.lit(city.station))),
        (f"model is not {model}, which was asked for", ~pl.col("model").is_in(names)),
        ("runtime is not an instant", pl.col("runtime_utc").is_null()),
        ("ftime is not an instant", pl.col("ftime_utc").is_null()),
        *(
            (f"{name} is no number", pl.col(f"{name}_f").is_null() & ~_silent(name))
            for name in ("tmp", "txn", "n_x", "xnd")
        ),
    )
    judged = runs.with_columns(first_broken(laws))
    return _raw(judged.filter(pl.col("rule").is_null()), model, payload), judged.filter(pl.col("rule").is_not_null())


def _raw(runs: pl.DataFrame, model: str, payload: Payload) -> pl.DataFrame:
    said = {name: _unless_missing(f"{name}_f") for name in ("tmp", "txn", "n_x", "xnd")}
    return runs.select(
        pl.col("city"),
        pl.lit(SOURCES[model]).alias("source"),
        pl.col("runtime_utc").alias("issued_utc"),
        pl.col("ftime_utc").alias("valid_utc"),
        pl.lit(payload.received_utc, UTC_TYPE).alias("received_utc"),
        said["tmp"].alias("temp_f"),
        pl.coalesce(said["txn"], said["n_x"]).alias("extreme_f"),
        said["xnd"].alias("extreme_sd_f"),
    )


def _objects(records: Iterable[Any], payload: Payload, refused: list[Refusal]) -> Iterator[dict[str, Any]]:
    for record in records:
        try:
            yield require_record(record)
        except Refused as error:
            refused.append(refusal(subject_of(payload), str(error), record))


def _told(records: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Return the records' own words as text, so that a number and its text read the same."""
    rows = list(records)
    columns = {name: [None if (value := row.get(name)) is None else str(value) for row in rows] for name in _WORDS}
    return pl.DataFrame(columns, schema=dict.fromkeys(_WORDS, pl.String()))


def _instant(name: str) -> pl.Expr:
    plain = pl.col(name).str.strip_suffix("Z").str.strip_suffix("+00:00")
    read = [plain.str.to_datetime(pattern, time_unit="us", strict=False) for pattern in _FORMATS]
    return pl.coalesce(*read).dt.replace_time_zone("UTC")


def _silent(name: str) -> pl.Expr:
    return pl.col(name).is_null() | pl.col(name).str.strip_chars().is_in(_MISSING_WORDS)


def _number(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars().cast(pl.Float64, strict=False).fill_nan(None)


def _unless_missing(name: str) -> pl.Expr:
    return pl.when(~pl.col(name).is_in([float(mark) for mark in MISSING_MARKS])).then(name)
