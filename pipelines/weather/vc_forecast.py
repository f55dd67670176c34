"""Visual Crossing's forecasts to rows of forecasts: as issued on a basis date, and as they stand in a live nowcast.

Runs are stored at midnight UTC. Hours up to the issue are analysis and are left out; hours after it that say `obs`
are refused, because an answer that knows the outcome is not the one that was issued. `tempmax` is the high of the
civil day: it stands for the climate day of that date.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from pipelines.lags import FORECAST_LAG, known_expr
from pipelines.payload import Parsed, Payload, refusal, refused_frame
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
from pipelines.weather.timeline import (
    SLOTS,
    Timeline,
    city_address,
    marks_of_nothing,
    read_timelines,
    slots_frame,
    timed_laws,
)
from warehouse.lake.tables import FORECASTS, UTC_TYPE
from warehouse.market.cities import City
from warehouse.market.climate_day import MINUTES_PER_DAY, event_date_expr

FORECAST_WORDS = ("fcst", "histfcst")
_NO_SOURCE: Law = ("source is missing, so it may be what was measured", pl.col("said_source").is_null())
_LIVE_DAY_WORDS = (*FORECAST_WORDS, "comb")  # today's own day is part measured, part forecast: a high known by then

_INSTANT = timedelta(microseconds=1)
_RUN = ("city", "issued_utc")
_KEY = (*_RUN, "valid_utc")
_SUPPORTS_ZERO_F = 15
_FRAME = pl.Schema({**FORECASTS.schema, **FORECASTS.path_columns})
_RUN_SCHEMA = {"issued_utc": UTC_TYPE, "target": pl.Date()}
_SLOTS = pl.Schema({**SLOTS, **_RUN_SCHEMA})
_DAYS = pl.Schema(
    {
        "city": pl.String(),
        "event_date": pl.Date(),
        "high_f": pl.Float64(),
        "said_source": pl.String(),
        "timezone": pl.String(),
        "zone": pl.String(),
        "received_utc": UTC_TYPE,
        **_RUN_SCHEMA,
    }
)


def parse_vc_forecast(payloads: Sequence[Payload], *, lag: timedelta = FORECAST_LAG["vc"]) -> Iterator[Parsed]:
    """Turn answers of kind vc_forecast (`asked`: city, target, basis) into what was forecast for the target day.

    `lag` is how long after midnight UTC of its basis a run could be had.
    """
    timelines, refused = read_timelines(payloads, address=city_address)
    slots, days = [], []
    for timeline in timelines:
        run = _run(timeline)
        if isinstance(run, str):
            refused.append(refusal(subject_of(timeline.payload), run, dict(timeline.payload.asked)))
            continue
        if not timeline.hours:
            refused.append(refusal(subject_of(timeline.payload), "no hours at all for the target day", ""))
        slots.append(slots_frame(timeline, timeline.hours).with_columns(run))
        days.append(_days_frame(timeline).with_columns(run))
    yield _forecasts(slots, days, refused, kind="vc_forecast", lag=lag, day_words=FORECAST_WORDS)


def live_forecasts(timelines: Sequence[Timeline], minutes: Sequence[pl.DataFrame]) -> Parsed:
    """Return the forecast part of live nowcasts: issued and known when it was received; minutes before hours."""
    slots, days = [], []
    for timeline, of_minutes in zip(timelines, minutes, strict=True):
        run = _run_columns(timeline.payload.received_utc, None)
        of_hours = slots_frame(timeline, timeline.hours).filter(pl.col("said_source").is_in(FORECAST_WORDS))
        between = of_hours.join(of_minutes, on="epoch", how="anti", maintain_order="left")
        slots.append(pl.concat([of_minutes.select(SLOTS.names()), between]).with_columns(run))
        days.append(_days_frame(timeline).with_columns(run))
    return _forecasts(slots, days, [], kind="vc_nowcast", lag=timedelta(0), day_words=_LIVE_DAY_WORDS)


def _run(timeline: Timeline) -> list[pl.Expr] | str:
    """Return issue and target of a stored run, or why there is none."""
    asked = timeline.payload.asked
    try:
        target, basis = date.fromisoformat(asked["target"]), date.fromisoformat(asked["basis"])
    except (KeyError, ValueError):
        return "asked for no target and basis date"
    issued_utc = datetime.combine(basis, time(), UTC)
    if issued_utc > timeline.payload.received_utc:
        return "from the future: its basis is after it was received"
    return _run_columns(issued_utc, target)


def _run_columns(issued_utc: datetime, target: date | None) -> list[pl.Expr]:
    return [pl.lit(issued_utc, UTC_TYPE).alias("issued_utc"), pl.lit(target, pl.Date).alias("target")]


def _days_frame(timeline: Timeline) -> pl.DataFrame:
    days = timeline.answer.days
    return pl.DataFrame(
        {
            "said_date": [day.datetime for day in days],
            "high_f": [day.tempmax for day in days],
            "said_source": [day.source for day in days],
        },
        schema={"said_date": pl.String(), "high_f": pl.Float64(), "said_source": pl.String()},
    ).select(
        pl.lit(timeline.city.key).alias("city"),
        pl.col("said_date").str.to_date("%Y-%m-%d", strict=False).alias("event_date"),
        "high_f",
        "said_source",
        pl.lit(timeline.answer.timezone, pl.String).alias("timezone"),
        pl.lit(timeline.city.zone).alias("zone"),
        pl.lit(timeline.payload.received_utc, UTC_TYPE).alias("received_utc"),
    )


def _forecasts(
    slots: Sequence[pl.DataFrame],
    days: Sequence[pl.DataFrame],
    refused: Sequence[Refusal],
    *,
    kind: str,
    lag: timedelta,
    day_words: Sequence[str],
) -> Parsed:
    """Return the rows of runs: one for each instant, the closing midnight's carrying the high too."""
    curve, bad_slots = _curve(pl.concat(slots) if slots else pl.DataFrame(schema=_SLOTS))
    highs, bad_days = _highs(pl.concat(days) if days else pl.DataFrame(schema=_DAYS), curve, words=day_words)
    told = pl.concat([curve, highs], how="diagonal")
    rows = told.group_by(*_KEY, "event_date", maintain_order=True).agg(
        pl.col("temp_f").drop_nulls().first(), pl.col("high_f").drop_nulls().first(), pl.col("received_utc").min()
    )
    known = known_expr(pl.col("issued_utc"), lag=lag, received_utc=pl.col("received_utc"))
    frame = rows.sort(_KEY).with_columns(known, source=pl.lit("vc"), high_sd_f=pl.lit(None, pl.Float64))
    bad = [refused_rows(rows, kind=kind) for rows in (bad_slots, bad_days)]
    return Parsed(
        table=FORECASTS,
        frame=frame.select(pl.col(name).cast(dtype) for name, dtype in _FRAME.items()),
        refused=pl.concat([refused_frame(refused), *bad]),
    )


def _curve(slots: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the temperatures after the issue, with their climate day, and the refused."""
    # The closing midnight ends its own day, so the day is that of the instant before.
    day = of_each_city(slots, lambda city: event_date_expr(pl.col("ts_utc") - _INSTANT, city=city), pl.Date())
    dated = slots.with_columns(day.alias("event_date")).rename({"ts_utc": "valid_utc"})
    not_asked = (pl.col("valid_utc") <= pl.col("issued_utc")) | (pl.col("event_date") != pl.col("target"))
    ours = dated.filter(~not_asked.fill_null(value=False)).sort(_KEY, maintain_order=True)
    laws: tuple[Law, ...] = (
        *timed_laws(),
        ("the hour has no time", pl.col("valid_utc").is_null()),
        _NO_SOURCE,
        ("source is a measurement or a statistic, no forecast", ~pl.col("said_source").is_in(FORECAST_WORDS)),
        *marks_of_nothing(of=_RUN),
        *_degree_laws("temp_f"),
    )
    judged = ours.with_columns(first_broken(laws))
    kept, repeated = without_repeats(judged.filter(pl.col("rule").is_null()), key=_KEY, said=("temp_f",))
    return kept, pl.concat([judged.filter(pl.col("rule").is_not_null()), repeated])


def _highs(days: pl.DataFrame, curve: pl.DataFrame, *, words: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the daily highs at their closing midnights, and the refused."""
    hottest = curve.group_by(*_RUN, "event_date").agg(pl.col("temp_f").max().alias("hottest_hour_f"))
    closing = of_each_city(days, _closing_midnight, UTC_TYPE)
    dated = days.with_columns(closing.alias("valid_utc")).join(
        hottest, on=[*_RUN, "event_date"], how="left", maintain_order="left"
    )
    not_asked = (pl.col("valid_utc") <= pl.col("issued_utc")) | (pl.col("event_date") != pl.col("target"))
    supported = (pl.col("hottest_hour_f").abs() <= _SUPPORTS_ZERO_F).fill_null(value=False)
    laws: tuple[Law, ...] = (
        ("the day has no date", pl.col("event_date").is_null()),
        ("its days are not the city's: the high of another day", pl.col("timezone") != pl.col("zone")),
        _NO_SOURCE,
        ("source is a measurement or a statistic, no forecast", ~pl.col("said_source").is_in(words)),
        ("tempmax 0.0 is the vendor's mark for a day beyond its horizon", (pl.col("high_f") == 0) & ~supported),
        *_degree_laws("high_f"),
    )
    ours = dated.filter(~not_asked.fill_null(value=False)).sort(_KEY, maintain_order=True)
    judged = ours.with_columns(first_broken(laws))
    kept, repeated = without_repeats(judged.filter(pl.col("rule").is_null()), key=_KEY, said=("high_f",))
    return kept, pl.concat([judged.filter(pl.col("rule").is_not_null()), repeated])


def _degree_laws(name: str) -> tuple[Law, ...]:
    degrees = pl.col(name)
    return (
        ("the forecast is missing", degrees.is_null()),
        ("the forecast is not finite", ~degrees.is_finite()),
        (f"outside {COLDEST_F} … {WARMEST_F} °F", ~degrees.is_between(COLDEST_F, WARMEST_F)),
    )


def _closing_midnight(city: City) -> pl.Expr:
    midnight = pl.col("event_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return midnight - city.standard_offset + timedelta(minutes=MINUTES_PER_DAY)
