"""Visual Crossing's station observations and its live nowcast to rows of obs and forecasts, keyed by epoch alone.

A row is a measurement only if exactly the station that was asked for measured it (`stations`, `source` = obs); what
the vendor's model says about a minute is refused. Civil strings are never read: on days when the clock is changed
they name one hour twice or never, and civil days are not climate days.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta

import polars as pl

from pipelines.payload import Parsed, Payload, refusal, refused_frame
from pipelines.weather.reports import (
    Law,
    Refusal,
    asked_columns,
    interval_of,
    sifted_reports,
    subject_of,
    well_asked,
)
from pipelines.weather.timeline import (
    SLOTS,
    Timeline,
    marks_of_nothing,
    read_timelines,
    side_marks_of_nothing,
    slots_frame,
    station_address,
    timed_laws,
)
from pipelines.weather.vc_forecast import FORECAST_WORDS, live_forecasts

_log = logging.getLogger(__name__)
_OLD = timedelta(hours=1)
_STEP_SECONDS = 300
_SERIES = ("city",)

_MEASURED: tuple[Law, ...] = (
    *timed_laws(),
    ("datetimeEpoch is not on the five-minute grid", pl.col("epoch") % _STEP_SECONDS != 0),
    ("source is missing, so it may be a model", pl.col("said_source").is_null()),
    ("source is not obs: what a model says is no measurement", pl.col("said_source") != "obs"),
    ("stations is missing, so nobody measured it", pl.col("said_stations").is_null()),
    ("stations is not the one station asked for", pl.col("said_stations") != pl.col("station")),
    *marks_of_nothing(of=_SERIES),
)


def parse_vc_obs(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn answers of kind vc_obs into rows of obs.

    `asked` names the city and, where it does, the event dates `since` and `until`: the days around them came for the
    margin and are left out. Without them every row is kept, of incomplete days too, whose fill flags know less.
    """
    timelines, refused = _read(payloads)
    refused += [silence for timeline in timelines if (silence := _silence(timeline)) is not None]
    yield _measured([_minutes(timeline) for timeline in timelines], refused, kind="vc_obs")


def parse_vc_nowcast(payloads: Sequence[Payload]) -> Iterator[Parsed]:
    """Turn answers of kind vc_nowcast into measurements (obs) and the forecast of that moment (forecasts).

    `currentConditions` is left out: it lies off the five-minute grid, and the minutes tell it again.
    """
    timelines, refused = _read(payloads)
    minutes = [_minutes(timeline) for timeline in timelines]
    modelled = pl.col("said_source").is_in(FORECAST_WORDS).fill_null(value=False)
    measured = [rows.filter(~modelled) for rows in minutes]
    for timeline, rows in zip(timelines, measured, strict=True):
        _tell_if_old(timeline, rows)
    yield _measured(measured, refused, kind="vc_nowcast")
    yield live_forecasts(timelines, [rows.filter(modelled) for rows in minutes])


def _read(payloads: Sequence[Payload]) -> tuple[list[Timeline], list[Refusal]]:
    """Decode answers for one station each; one that was asked for days that are none is refused."""
    asked, refused = well_asked(payloads)
    timelines, damaged = read_timelines(asked, address=station_address)
    return timelines, refused + damaged


def _minutes(timeline: Timeline) -> pl.DataFrame:
    return slots_frame(timeline, timeline.minutes).with_columns(**asked_columns(timeline.payload, timeline.city))


def _measured(frames: Sequence[pl.DataFrame], refused: Sequence[Refusal], *, kind: str) -> Parsed:
    slots = pl.concat(frames) if frames else pl.DataFrame(schema=SLOTS)
    raw = slots.with_columns(pl.lit("vc").alias("source"), *interval_of(pl.col("temp_f")))
    parsed = sifted_reports(raw, kind=kind, laws=_MEASURED, side_marks=side_marks_of_nothing(of=_SERIES))
    return Parsed(table=parsed.table, frame=parsed.frame, refused=pl.concat([refused_frame(refused), parsed.refused]))


def _silence(timeline: Timeline) -> Refusal | None:
    if timeline.minutes:
        return None
    if timeline.hours:
        return refusal(subject_of(timeline.payload), "hours without minutes: the plan has no sub-hourly data", "")
    since, until = (timeline.payload.asked.get(name, "…") for name in ("since", "until"))
    return refusal(subject_of(timeline.payload), f"no minutes at all for {since}–{until}", "")


def _tell_if_old(timeline: Timeline, measured: pl.DataFrame) -> None:
    newest_utc = measured["ts_utc"].max()
    if newest_utc is None or timeline.payload.received_utc - newest_utc > _OLD:  # type: ignore[operator]
        _log.warning("the newest measurement of %s is of %s", subject_of(timeline.payload), newest_utc)
