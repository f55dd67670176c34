"""What every source of station reports shares: which rows are no measurement, which say the same, when each was known.

A raw frame carries `city`, `received_utc` and what its source says of obs; its rows end in the frame of obs, in order
of city, source and time, or among the refused. Rows of other event dates than asked for (`since`, `until`) only gave
the margin: they are left out, because their days are not complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

import polars as pl

from pipelines.lags import OBS_LAG, known_expr
from pipelines.payload import REFUSED_SCHEMA, Parsed, Payload, refusal
from pipelines.weather.fill import filled_expr
from warehouse.lake.tables import OBS, UTC_TYPE
from warehouse.market.cities import CITIES, City
from warehouse.market.climate_day import event_date_expr
from warehouse.market.temperature import FAHRENHEIT_PER_CELSIUS, FREEZING_F, fahrenheit_interval_expr

Law = tuple[str, pl.Expr]
"""A sentence, and the expression that is true where a row breaks it."""

Refusal = dict[str, str | None]

FILLING_SOURCES = ("vc",)
"""Who repeats a report to fill a gap; the others send what the station wrote, or nothing."""

EARLIEST_UTC = datetime(2000, 1, 1, tzinfo=UTC)
MPH_PER_KNOT = 1.15078

COLDEST_F, WARMEST_F = -60, 140
_WHOLE_C_WITHIN = 0.05
_KEY = ("city", "source", "ts_utc")
_SIDES = {"dew_f": (COLDEST_F, WARMEST_F), "humidity_pct": (0, 110), "wind_mph": (0, 250)}
_SAID = ("station", "temp_f", "temp_lo_f", "temp_hi_f", *_SIDES, "max_6h_f", "max_24h_f")
_OPTIONAL = {name: OBS.schema[name] for name in (*_SIDES, "max_6h_f", "max_24h_f")} | {
    "since": pl.Date(),
    "until": pl.Date(),
}
_FRAME = pl.Schema({**OBS.schema, **OBS.path_columns})
_CONTRADICTS = "the same answer tells this instant twice, with other values: the first stays"
_CORRECTED = "a correction (COR) of the same minute says otherwise: the correction counts"
_REVISED = "a later answer tells this instant with other values: the later counts"

_COMMON: tuple[Law, ...] = (
    ("the report has no time", pl.col("ts_utc").is_null()),
    ("from the future: its time is after it was received", pl.col("ts_utc") > pl.col("received_utc")),
    ("before the year 2000: its time is damaged", pl.col("ts_utc") < pl.lit(EARLIEST_UTC, UTC_TYPE)),
    ("the temperature is missing", pl.col("temp_f").is_null()),
    ("the temperature is not finite", ~pl.col("temp_f").is_finite()),
    (
        f"no American station ever reported it: outside {COLDEST_F} … {WARMEST_F} °F",
        ~pl.col("temp_f").is_between(COLDEST_F, WARMEST_F),
    ),
)


def sifted_reports(
    raw: pl.DataFrame, *, kind: str, laws: Sequence[Law] = (), side_marks: Mapping[str, pl.Expr] | None = None
) -> Parsed:
    """Return the rows of obs that a raw frame says, and the refused, each with the first law that it broke.

    Laws of the source come before those of any report. Rows may come in any order and more than once. A dew point,
    humidity or wind that cannot be, or that `side_marks` calls the source's mark for nothing, is refused alone: its
    temperature stays. Of a report and its correction (`is_correction`, where the source says so) the correction counts.
    """
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in _OPTIONAL.items() if name not in raw.columns]
    reports = _dated(raw.with_columns(missing)).sort(_KEY, maintain_order=True)
    judged = reports.with_columns(first_broken([*laws, *_COMMON])).filter(_asked())
    kept = judged.filter(pl.col("rule").is_null())
    kept, silenced = _without_impossible_sides(kept, side_marks or {})
    kept, corrected = _with_corrections(kept)
    kept, repeated = without_repeats(kept, key=_KEY, said=_SAID)
    refused = [judged.filter(pl.col("rule").is_not_null()), silenced, corrected, repeated]
    return Parsed(
        table=OBS, frame=_finished(kept), refused=pl.concat([refused_rows(rows, kind=kind) for rows in refused])
    )


def subject_of(payload: Payload) -> str:
    """Return what a payload was about, in words: its kind, and what was asked."""
    return " ".join([payload.kind, *payload.asked.values()])


def well_asked(payloads: Iterable[Payload]) -> tuple[list[Payload], list[Refusal]]:
    """Part answers whose question names its days by dates from the others, which are refused."""
    well: list[Payload] = []
    refused: list[Refusal] = []
    for payload in payloads:
        try:
            for name in ("since", "until"):
                date.fromisoformat(payload.asked.get(name, "2000-01-01"))
        except ValueError as error:
            refused.append(refusal(subject_of(payload), f"asked for days that are none: {error}", dict(payload.asked)))
        else:
            well.append(payload)
    return well, refused


def asked_columns(payload: Payload, city: City) -> dict[str, pl.Expr]:
    """Return what every row of a payload carries of its question: whose it is, which days, when it came."""
    since, until = (
        date.fromisoformat(payload.asked[name]) if name in payload.asked else None for name in ("since", "until")
    )
    return {
        "city": pl.lit(city.key),
        "station": pl.lit(city.station),
        "received_utc": pl.lit(payload.received_utc, UTC_TYPE),
        "since": pl.lit(since, pl.Date),
        "until": pl.lit(until, pl.Date),
    }


def interval_of(temp_f: pl.Expr) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Return is_whole_c, temp_lo_f and temp_hi_f of temperatures of which only the °F are known.

    Within 0.05 of a whole °C it is taken for a report in whole °C, which means one or two whole °F; any other value
    means the nearest whole °F (90.0 is 32.2 °C, so a report in tenths).
    """
    plausible = pl.when(temp_f.is_between(COLDEST_F, WARMEST_F)).then(temp_f)
    celsius = (plausible - FREEZING_F) / FAHRENHEIT_PER_CELSIUS
    whole = (celsius - celsius.round()).abs() <= _WHOLE_C_WITHIN
    low_f, high_f = fahrenheit_interval_expr(celsius.round())
    nearest = nearest_degree(plausible)
    return (
        whole.alias("is_whole_c"),
        pl.when(whole).then(low_f).otherwise(nearest).alias("temp_lo_f"),
        pl.when(whole).then(high_f).otherwise(nearest).alias("temp_hi_f"),
    )


def nearest_degree(temp_f: pl.Expr) -> pl.Expr:
    """Return the nearest whole °F, a half going up."""
    return (temp_f + 0.5).floor().cast(pl.Int32, strict=False)


def wind_mph(knots: pl.Expr) -> pl.Expr:
    """Return a wind in knots as miles per hour, to one decimal."""
    return (knots * MPH_PER_KNOT).round(1).alias("wind_mph")


def first_broken(laws: Sequence[Law]) -> pl.Expr:
    """Return, as `rule`, the sentence of the first law that a row breaks; null for a good row."""
    return pl.coalesce(*(pl.when(broken).then(pl.lit(law)) for law, broken in laws), pl.lit(None, pl.String)).alias(
        "rule"
    )


def refused_rows(rows: pl.DataFrame, *, kind: str) -> pl.DataFrame:
    """Return rows that carry `rule`, `city` and `event_date` as refusals, with everything that they said."""
    if rows.is_empty():
        return pl.DataFrame(schema=REFUSED_SCHEMA)
    told = rows.select(pl.exclude("rule", "city", "event_date", "since", "until"))
    plain = told.with_columns(pl.col(pl.Float64).fill_nan(None), pl.col(pl.Datetime, pl.Date).cast(pl.String))
    return rows.select(
        pl.concat_str(
            pl.lit(kind), "city", pl.col("event_date").cast(pl.String), separator=" ", ignore_nulls=True
        ).alias("subject"),
        "rule",
        plain.to_struct("record").struct.json_encode().alias("record_json"),
    )


def of_each_city(rows: pl.DataFrame, says: Callable[[City], pl.Expr], dtype: pl.DataType) -> pl.Expr:
    """Return an expression that differs from city to city."""
    keys = rows["city"].unique().sort()
    return pl.coalesce(*(pl.when(pl.col("city") == key).then(says(CITIES[key])) for key in keys), pl.lit(None, dtype))


def without_repeats(
    rows: pl.DataFrame, *, key: Sequence[str], said: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fold what is said twice in the same words, received when it first came; return it, and the contradictions.

    Of answers that contradict each other the last counts, of rows inside one answer the first: the rest is refused.
    The rows are sorted by their key, and within it by arrival.
    """
    again = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in key).fill_null(value=False)
    if not rows.select(again.any()).item():
        return rows, rows.clear()
    received = pl.col("received_utc")
    dated = rows.with_columns(
        is_last=received == received.max().over(key), received_utc=received.min().over(*key, *said)
    )
    last = dated.filter("is_last").unique(subset=[*key, *said], keep="first", maintain_order=True).drop("is_last")
    kept, second = last.filter(~again), last.filter(again).with_columns(pl.lit(_CONTRADICTS).alias("rule"))
    older = dated.filter(~pl.col("is_last")).drop("is_last").with_columns(pl.lit(_REVISED).alias("rule"))
    revised = older.join(kept, on=[*key, *said], how="anti", nulls_equal=True, maintain_order="left")
    return kept, pl.concat([second, revised])


def _dated(reports: pl.DataFrame) -> pl.DataFrame:
    day = of_each_city(reports, lambda city: event_date_expr(pl.col("ts_utc"), city=city), pl.Date())
    return reports.with_columns(day.alias("event_date"))


def _asked() -> pl.Expr:
    margin = (pl.col("event_date") < pl.col("since")) | (pl.col("event_date") > pl.col("until"))
    return ~margin.fill_null(value=False)


def _with_corrections(reports: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put the last correction in the place of what it corrects; the maxima that it does not repeat stay."""
    if "is_correction" not in reports.columns or not reports["is_correction"].any():
        return reports, reports.clear()
    corrects = pl.col("is_correction").fill_null(value=False)
    minute = (*_KEY, "received_utc")  # of one answer: of a later one everything counts anyway
    whole = reports.with_columns(
        pl.when(corrects).then(pl.coalesce(name, pl.col(name).max().over(minute))).otherwise(name).alias(name)
        for name in ("max_6h_f", "max_24h_f")
    )
    is_last = corrects & (corrects.cum_sum(reverse=True).over(minute) == 1)
    counts = is_last | ~corrects.any().over(minute)
    kept, older = whole.filter(counts), whole.filter(~counts)
    return kept, older.join(
        kept, on=[*minute, *_SAID], how="anti", nulls_equal=True, maintain_order="left"
    ).with_columns(pl.lit(_CORRECTED).alias("rule"))


def _without_impossible_sides(reports: pl.DataFrame, marks: Mapping[str, pl.Expr]) -> tuple[pl.DataFrame, pl.DataFrame]:
    fits = {name: pl.col(name).is_finite() & pl.col(name).is_between(*bounds) for name, bounds in _SIDES.items()}
    fits |= {name: fits[name] & ~mark.fill_null(value=False) for name, mark in marks.items()}
    refused = [
        reports.filter(~fit).with_columns(pl.lit(f"{name} cannot be: left out, the temperature is kept").alias("rule"))
        for name, fit in fits.items()
    ]
    return reports.with_columns(pl.when(fit).then(name).alias(name) for name, fit in fits.items()), pl.concat(refused)


def _finished(reports: pl.DataFrame) -> pl.DataFrame:
    known = [
        pl.when(pl.col("source") == source).then(
            known_expr(pl.col("ts_utc"), lag=lag, received_utc=pl.col("received_utc"))
        )
        for source, lag in OBS_LAG.items()
    ]
    fills = pl.col("source").is_in(FILLING_SOURCES)
    return reports.with_columns(
        pl.coalesce(*known).alias("known_utc"),
        filled_expr().over("city", "source", "event_date") & fills,
    ).select(pl.col(name).cast(dtype) for name, dtype in _FRAME.items())
