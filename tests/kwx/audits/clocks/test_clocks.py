"""The audit of time: a lake that is sound has nothing to tell, and every kind of defect is found by its name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from kwx.audits.clocks.changes import changes_of
from kwx.audits.clocks.days import standard_offset
from kwx.audits.clocks.known import PART as KNOWN
from kwx.audits.clocks.run import PARTS, audit_time
from kwx.audits.repair import Repairs
from warehouse.lake.tables import (
    BOOKS,
    CANDLES_1M,
    CANDLES_DENSE,
    FORECASTS,
    MARKETS,
    OBS,
    OBS_1M,
    OBS_5M,
    SETTLEMENTS,
    TRADES,
    Partition,
)
from warehouse.market.cities import CITIES

SET_BACK = Partition("chicago", date(2026, 11, 1))
USUAL = Partition("chicago", date(2026, 11, 2))
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
IS_NBM = pl.col("source") == "nbm"


def first(number, change):
    """Return what changes the first rows of a frame and leaves the others."""
    return lambda rows: pl.concat([rows.head(number).with_columns(**change), rows.slice(number)])


def where(condition, **change):
    """Return what changes the rows of which something is so."""
    return lambda rows: rows.with_columns(
        pl.when(condition).then(value).otherwise(name).alias(name) for name, value in change.items()
    )


DEFECTS = {
    "a minute lost": (OBS_1M, USUAL, lambda rows: rows.slice(1), "climate days", "obs_1m is not one row"),
    "a step off the grid": (
        OBS_5M, USUAL, first(1, {"ts_utc": pl.col("ts_utc") + MINUTE}), "climate days", "obs_5m is not one row",
    ),
    "a day of 25 hours": (
        OBS_1M, SET_BACK, lambda rows: pl.concat([rows, rows.head(60).with_columns(pl.col("ts_utc") - HOUR)]),
        "clock changes", "is not 24 hours long",
    ),
    "a day of 23 hours": (OBS_5M, SET_BACK, lambda rows: rows.slice(12), "clock changes", "is not 24 hours long"),
    "reports of tomorrow": (
        OBS, USUAL, first(3, {"ts_utc": pl.col("ts_utc") + DAY, "known_utc": pl.col("known_utc") + DAY}),
        "climate days", "filed under another climate day",
    ),
    "a clock not set back": (
        CANDLES_DENSE, SET_BACK, lambda rows: rows.with_columns(utc_offset_minutes=pl.lit(-300, pl.Int32)),
        "clock changes", "another wall clock",
    ),
    "a close after the day": (
        MARKETS, USUAL, lambda rows: rows.with_columns(pl.col("close_utc") + HOUR), "trading hours", "after the end",
    ),
    "a close of no law": (
        MARKETS, USUAL, lambda rows: rows.with_columns(pl.col("close_utc") - 3 * HOUR), "trading hours", "no law",
    ),
    "a close of another era": (
        MARKETS, USUAL, lambda rows: rows.with_columns(pl.col("close_utc") - MINUTE), "trading hours", "another era",
    ),
    "one market closes early": (
        MARKETS, USUAL, first(1, {"close_utc": pl.col("close_utc") - MINUTE}), "trading hours", "do not close together",
    ),
    "an open in the evening": (
        MARKETS, USUAL, lambda rows: rows.with_columns(open_utc=pl.col("close_utc") - 3 * HOUR), "trading hours",
        "half of their climate day",
    ),
    "an open days before": (
        MARKETS, USUAL, lambda rows: rows.with_columns(pl.col("open_utc") - 2 * DAY), "trading hours", "before the eve",
    ),
    "a result while it trades": (
        MARKETS, USUAL, lambda rows: rows.with_columns(settled_utc=pl.col("close_utc") - HOUR), "trading hours",
        "a result is known before trading ends",
    ),
    "candles off the minute": (
        CANDLES_1M, USUAL, first(2, {"ts_utc": pl.col("ts_utc") + timedelta(seconds=30)}), "stamps of the tape",
        "candles_1m: stamps are not whole minutes",
    ),
    "candles of nobody": (
        CANDLES_1M, USUAL, first(2, {"market_ticker": pl.lit("KXHIGHCHI-26NOV02-B1")}), "stamps of the tape",
        "candles_1m: rows are of markets that are not listed",
    ),
    "candles before the open": (
        CANDLES_1M, USUAL, first(2, {"ts_utc": pl.col("ts_utc") - 3 * DAY}), "stamps of the tape",
        "candles_1m: rows are stamped before their market opens",
    ),
    "trades after the close": (
        TRADES, USUAL, first(2, {"ts_utc": pl.col("ts_utc") + 3 * DAY, "known_utc": pl.col("known_utc") + 3 * DAY}),
        "stamps of the tape", "trades: rows are stamped after their market closes",
    ),
    "minutes at the open": (
        CANDLES_DENSE, USUAL, first(1, {"ts_utc": pl.lit(datetime(2026, 11, 1, 14, tzinfo=UTC))}), "stamps of the tape",
        "candles_dense: rows are stamped before their market opens",
    ),
    "a forecast known unissued": (
        FORECASTS, USUAL, where(IS_NBM, known_utc=pl.col("issued_utc") - MINUTE), "issued, known, valid",
        "forecasts of nbm: known before it was issued",
    ),
    "a forecast of the past": (
        FORECASTS, USUAL, where(IS_NBM, valid_utc=pl.col("issued_utc") - HOUR), "issued, known, valid",
        "forecasts of nbm: speaks of a time before its issue",
    ),
    "a report known as of": (
        SETTLEMENTS, USUAL, where(~pl.col("is_final"), known_utc=pl.col("as_of_utc")), "issued, known, valid",
        "known by its as-of time",
    ),
    "a final of the running day": (
        SETTLEMENTS, USUAL, where(pl.col("source") == "dsm", issued_utc=pl.col("issued_utc") - DAY),
        "issued, known, valid", "settlements of dsm: final, and issued before",
    ),
    "reports known unstamped": (
        OBS, USUAL, where(pl.col("source") == "metar", known_utc=pl.col("ts_utc") - MINUTE), KNOWN,
        "obs of metar: rows are known before their own stamp",
    ),
    "reports known at once": (
        OBS, USUAL, where(pl.col("source") == "vc", known_utc=pl.col("ts_utc")), KNOWN,
        "obs of vc: rows are known at their very stamp",
    ),
    "books heard unsent": (
        BOOKS, USUAL, first(5, {"ts_utc": pl.col("known_utc") + MINUTE}), KNOWN,
        "books: rows are known before their own stamp",
    ),
    "candles known before their end": (
        CANDLES_1M, USUAL, first(5, {"known_utc": pl.col("ts_utc") - MINUTE}), KNOWN,
        "candles_1m: rows are known before their own stamp",
    ),
    "a source without a model": (
        OBS, USUAL, where(pl.col("source") == "vc", source=pl.lit("mesonet")), KNOWN,
        "obs of mesonet: no lag is modelled",
    ),
}  # fmt: skip


def test_a_sound_lake_has_nothing_to_tell(planted):
    """Every part is looked at, and none finds anything."""
    audit = audit_time(planted(), Repairs())

    assert (PARTS, (), True) == (tuple(part.name for part in audit.parts), audit.findings, audit.passed)
    assert not any(part.rows.is_empty() for part in audit.parts)


@pytest.mark.parametrize(("table", "place", "change", "part", "what"), DEFECTS.values(), ids=DEFECTS)
def test_a_defect_is_found_where_it_is(planted, table, place, change, part, what):
    """By the law that it breaks, in its city and on its day, with the command that brings its table again."""
    audit = audit_time(planted((table, place, change)), Repairs())

    found = [one for one in audit.findings if one.part == part and what in one.what]
    assert found, audit.findings
    assert {(place.city, place.event_date)} == {(one.city, one.since) for one in found}
    assert all(one.repair.startswith(("kwx ingest ", "kwx lake dense ", "kwx record ")) for one in found)
    assert all(one.example and one.found for one in found)


def test_days_that_follow_each_other_are_one_finding(planted):
    """With the number of rows in all of them."""
    late = lambda rows: rows.with_columns(known_utc=pl.col("ts_utc") - MINUTE)  # noqa: E731

    audit = audit_time(planted((OBS, SET_BACK, late), (OBS, USUAL, late), cities=("chicago",)), Repairs())

    (of_metar,) = [one for one in audit.findings if one.what.startswith("obs of metar")]
    assert (date(2026, 11, 1), date(2026, 11, 2), 48) == (of_metar.since, of_metar.until, of_metar.found)
    assert "--source metar" in of_metar.repair


def test_a_registry_that_is_wrong_about_a_city_is_told(planted, monkeypatch):
    """What it says is held against the tables of time zones."""
    monkeypatch.setitem(CITIES, "chicago", replace(CITIES["chicago"], standard_offset_hours=-5))

    audit = audit_time(planted(cities=("chicago",)), Repairs())

    assert "the registry's standard time is not that of the city's zone" in {one.what for one in audit.findings}


def test_only_what_is_asked_for_is_looked_at(planted):
    """A defect of another city or another day is not told."""
    lost = (OBS_1M, USUAL, lambda rows: rows.slice(1))

    assert audit_time(planted(lost, cities=("nyc",)), Repairs()).passed
    assert audit_time(planted(lost, until=date(2026, 11, 1)), Repairs()).passed
    assert not audit_time(planted(lost, since=date(2026, 11, 2)), Repairs()).passed


def test_every_year_of_the_lake_has_its_two_clock_changes(planted):
    """Those that the lake does not have are told too; on the others the day keeps its minutes."""
    rows = next(part for part in audit_time(planted(), Repairs()).parts if part.name == "clock changes").rows

    assert [(date(2026, 3, 8), 23, False, 0), (date(2026, 11, 1), 25, True, 1440)] == rows.filter(
        pl.col("city") == "chicago"
    ).select("event_date", "civil_hours", "in_lake", "minutes").rows()


@pytest.mark.parametrize("key", CITIES)
def test_zones_say_what_the_registry_says(key):
    """In winter and in summer; and clocks are set in March and November."""
    zone = CITIES[key].tzinfo

    assert {CITIES[key].standard_offset} == {standard_offset(zone, date(2026, month, 15)) for month in (1, 7)}
    assert [(3, 60), (11, -60)] == [(one.event_date.month, one.minutes) for one in changes_of(zone, 2026)]
    assert [] == changes_of(ZoneInfo("America/Phoenix"), 2026)


def test_lags_are_told_beside_the_model(planted):
    """Rows that came sooner than modelled are those received live, and their quantiles are of them alone."""
    soon = where(pl.col("source") == "metar", known_utc=pl.col("ts_utc") + timedelta(seconds=90))
    scope = planted((OBS, USUAL, soon), cities=("chicago",), since=date(2026, 11, 1))

    rows = next(part for part in audit_time(scope, Repairs()).parts if part.name == KNOWN).rows

    (metar,) = rows.filter((pl.col("table") == "obs") & (pl.col("source") == "metar")).to_dicts()
    assert (48, 24, 5.0, 1.5, 5.0) == tuple(
        metar[name] for name in ("rows", "live_rows", "model_minutes", "live_p50_minutes", "most_minutes")
    )
    (books,) = rows.filter(pl.col("table") == "books").to_dicts()
    assert books["live_rows"] == books["rows"] == books["later_rows"]
