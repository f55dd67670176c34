"""The audit of coverage: a whole lake owes nothing, and whatever is missing, thin or stale is found where it is."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from kwx.audits.coverage.cells import ORDER, State
from kwx.audits.coverage.run import audit_coverage
from kwx.audits.repair import Repairs
from kwx.audits.scope import Scope
from kwx.fuse.run import FuseWish, fuse_days
from warehouse.lake.store import Lake
from warehouse.lake.tables import (
    BOOKS,
    CANDLES_1M,
    CANDLES_DENSE,
    FORECASTS,
    MARKETS,
    OBS,
    OBS_1M,
    OBS_5M,
    PMF_DEGREES,
    PMF_MINUTE,
    PREDICTIONS,
    PROMOTIONS,
    SETTLEMENTS,
    TRADES,
    Partition,
)
from warehouse.lake.writer import write

MIDDLE, LAST = Partition("chicago", date(2026, 11, 1)), Partition("chicago", date(2026, 11, 2))


def none(rows):
    """Return no row."""
    return rows.clear()


def silent(rows, *names):
    """Return rows in which some columns say nothing."""
    return rows.with_columns(pl.lit(None, dtype=rows.schema[name]).alias(name) for name in names)


def unreported(rows):
    """Return the grid of a day without a report, whose eve had none either."""
    return silent(rows, *(name for name in rows.columns if name != "ts_utc"))


def carried(rows):
    """Return the grid of a day without a report, through which the eve's last one is carried."""
    return silent(rows, "run_max_f", "run_max_lo_f", "run_max_hi_f")


def few(rows):
    """Return every tenth row."""
    return rows.gather_every(10)


def without(column, value):
    """Return what takes away the rows that have a value."""
    return lambda rows: rows.filter(pl.col(column) != value)


def closed_below(rows):
    """Return the brackets of an event without the coldest one."""
    return rows.filter(pl.col("low_f").is_not_null())


def first_run(rows):
    """Return the first run of each source."""
    return rows.filter(pl.col("issued_utc") == pl.col("issued_utc").min().over("source"))


def warmer(rows):
    """Return reports of which one is the day's highest by far."""
    return rows.with_columns(temp_f=pl.when(pl.int_range(pl.len()) == 20).then(130.0).otherwise("temp_f"))


DEFECTS = {
    "no listing": (MARKETS, MIDDLE, none, "missing", "kwx ingest markets"),
    "an open end gone": (MARKETS, MIDDLE, closed_below, "thin", "kwx ingest markets"),
    "no candles": (CANDLES_1M, MIDDLE, none, "missing", "kwx ingest candles"),
    "few candles": (CANDLES_1M, MIDDLE, few, "thin", "kwx ingest candles"),
    "no minutes": (CANDLES_DENSE, MIDDLE, none, "missing", "kwx lake dense"),
    "minutes cut short": (CANDLES_DENSE, MIDDLE, lambda rows: rows.head(9_000), "thin", "kwx lake dense"),
    "minutes of other candles": (
        CANDLES_DENSE, MIDDLE, lambda rows: rows.with_columns(pl.col("volume_centi") + 100), "stale", "kwx lake dense",
    ),
    "no trades": (TRADES, MIDDLE, none, "missing", "kwx ingest trades"),
    "few trades": (TRADES, MIDDLE, few, "thin", "kwx ingest trades"),
    "no books": (BOOKS, MIDDLE, none, "missing", "kwx record"),
    "books of an hour": (BOOKS, MIDDLE, lambda rows: rows.head(500), "thin", "kwx record"),
    "no reports of one source": (OBS, MIDDLE, without("source", "metar"), "metar: missing", "kwx ingest obs"),
    "few reports": (OBS, MIDDLE, few, "vc: thin", "kwx ingest obs"),
    "reports that repeat": (
        OBS, MIDDLE, lambda rows: rows.with_columns(is_filled=True), "vc: missing", "kwx ingest obs",
    ),
    "no grid": (OBS_1M, MIDDLE, none, "missing", "kwx lake dense"),
    "half a grid": (OBS_5M, MIDDLE, lambda rows: rows.head(144), "thin", "kwx lake dense"),
    "a grid that begins at noon": (
        OBS_1M, MIDDLE, lambda rows: pl.concat([unreported(rows.head(720)), rows.tail(720)]), "thin", "kwx lake dense",
    ),
    "a grid of other reports": (
        OBS_1M, MIDDLE, lambda rows: rows.with_columns(pl.col("run_max_f") - 1), "stale", "kwx lake dense",
    ),
    "no forecasts of one source": (FORECASTS, MIDDLE, without("source", "nbm"), "nbm: missing", "kwx ingest forecasts"),
    "few forecasts": (FORECASTS, MIDDLE, first_run, "thin", "kwx ingest forecasts"),
    "forecasts that come too late": (
        FORECASTS, MIDDLE, lambda rows: rows.with_columns(known_utc=pl.col("valid_utc") + timedelta(hours=1)),
        "missing", "kwx ingest forecasts",
    ),
    "no report of one source": (
        SETTLEMENTS, MIDDLE, without("source", "dsm"), "dsm: missing", "kwx ingest settlements",
    ),
    "a report that is not final": (
        SETTLEMENTS, MIDDLE, lambda rows: rows.with_columns(is_final=False), "cli: missing", "kwx ingest settlements",
    ),
}  # fmt: skip


def test_a_whole_lake_owes_nothing(planted):
    """Every city-day of every table that is owed is whole; of the eve weather alone is."""
    audit = audit_coverage(planted(), Repairs())

    assert ((), True) == (audit.findings, audit.passed)
    assert {"whole"} == set(audit.cells["state"])
    eve = audit.cells.filter((pl.col("city") == "chicago") & (pl.col("event_date") == date(2026, 10, 30)))
    assert {"obs", "obs_1m", "obs_5m"} == set(eve["table"])
    assert {"metar"} == set(audit.cells.filter((pl.col("city") == "nyc") & (pl.col("table") == "obs"))["source"])


@pytest.mark.parametrize(("table", "place", "change", "what", "repair"), DEFECTS.values(), ids=DEFECTS)
def test_a_defect_is_found_where_it_is(planted, table, place, change, what, repair):
    """Of its table, in its city and on its day, with the command that brings it."""
    audit = audit_coverage(planted((table, place, change)), Repairs())

    found = [one for one in audit.findings if one.part == table.name and what in one.what]
    assert found, audit.findings
    assert {(place.city, place.event_date, place.event_date)} == {(one.city, one.since, one.until) for one in found}
    assert all(one.repair.startswith(repair) and "--city chicago" in one.repair for one in found)


def test_what_ends_before_the_others_is_stale(planted):
    """Its last days are not a gap: nobody has brought them yet; of both days together it is one finding."""
    gone = [(TRADES, place, none) for place in (MIDDLE, LAST)]

    audit = audit_coverage(planted(*gone), Repairs())

    (found,) = audit.findings
    assert ("trades", "trades: stale", MIDDLE.event_date, LAST.event_date, 2) == (
        found.part, found.what, found.since, found.until, found.found,
    )  # fmt: skip
    assert "it ended before" in found.example
    assert "kwx ingest trades --city chicago --since 2026-11-01 --until 2026-11-02 --again" == found.repair


def test_days_without_volume_owe_neither_trades_nor_books(planted):
    """Nothing was traded, so nothing is missing."""
    quiet = [
        (CANDLES_1M, MIDDLE, lambda rows: rows.with_columns(volume_centi=pl.lit(0, pl.Int64))),
        (TRADES, MIDDLE, none), (BOOKS, MIDDLE, none),
        (CANDLES_DENSE, MIDDLE, lambda rows: rows.with_columns(volume_centi=pl.lit(0, pl.Int64))),
    ]  # fmt: skip

    audit = audit_coverage(planted(*quiet), Repairs())

    assert () == audit.findings
    middle = audit.cells.filter((pl.col("city") == "chicago") & (pl.col("event_date") == MIDDLE.event_date))
    assert not {"trades", "books"} & set(middle["table"])


def test_where_the_raw_rows_are_missing_too_their_repair_brings_both(planted):
    """An ingest derives the minutes of what it brings."""
    audit = audit_coverage(planted((CANDLES_1M, MIDDLE, none), (CANDLES_DENSE, MIDDLE, none)), Repairs())

    found = {one.part: one.repair for one in audit.findings}
    assert found["candles_1m"] == found["candles_dense"]
    assert found["candles_dense"].startswith("kwx ingest candles")


@pytest.mark.parametrize("grid", [unreported, carried])
def test_a_grid_of_a_day_without_a_report_is_not_whole(planted, grid):
    """It has all of its rows, and they say nothing of the day: the reports are to be brought."""
    bare = [(OBS, MIDDLE, none), *((table, MIDDLE, grid) for table in (OBS_1M, OBS_5M))]

    audit = audit_coverage(planted(*bare), Repairs())

    found = {one.part: one for one in audit.findings if one.part in {"obs_1m", "obs_5m"}}
    assert {"obs_1m": "obs_1m: missing", "obs_5m": "obs_5m: missing"} == {name: one.what for name, one in found.items()}
    assert "2026-11-01: 0 of 1,440 steps" == found["obs_1m"].example
    assert all(one.repair.startswith("kwx ingest obs --city chicago --since 2026-11-01") for one in found.values())


def test_steps_before_the_first_report_of_a_lake_are_no_gap(planted):
    """The eve of its first day has no report, so an hour may pass in which none is known."""
    first = Partition("chicago", date(2026, 10, 30))

    def late(rows):
        return pl.concat([unreported(rows.head(70)), rows.slice(70)])

    assert () == audit_coverage(planted((OBS_1M, first, late)), Repairs()).findings


def test_a_day_that_runs_is_not_judged(copied):
    """When the lake was written on the evening of the last day, its reports and results were not due."""
    lake = Lake(copied)
    with write(lake, purpose="test", clock=lambda: datetime(2026, 11, 3, 4, tzinfo=UTC)) as writer:
        for city in ("chicago", "nyc"):
            writer.drop(SETTLEMENTS, Partition(city, LAST.event_date))
        writer.publish()

    audit = audit_coverage(Scope(snapshot=lake.snapshot()), Repairs())

    last = audit.cells.filter((pl.col("table") == "settlements") & (pl.col("event_date") == LAST.event_date))
    assert () == audit.findings
    assert {"running"} == set(last["state"])


def test_a_range_at_whose_edge_something_is_missing_shows_it(planted):
    """What is owed follows from the whole lake, not from what is asked for."""
    audit = audit_coverage(planted((FORECASTS, LAST, none), since=LAST.event_date, cities=("chicago",)), Repairs())

    assert {("forecasts", LAST.event_date)} == {(one.part, one.since) for one in audit.findings}
    assert {LAST.event_date} == set(audit.cells["event_date"])


def test_evaluations_of_other_reports_are_stale(planted, hazard_lake):
    """The lake says of what each day was made, and that is not what it holds now."""
    whole = audit_coverage(planted(root=hazard_lake, cities=("chicago",)), Repairs())
    audit = audit_coverage(planted((OBS, LAST, warmer), root=hazard_lake, cities=("chicago",)), Repairs())

    assert () == whole.findings
    (found,) = [one for one in audit.findings if one.part == PMF_DEGREES.name]
    assert ("pmf_degrees: stale", LAST.event_date) == (found.what, found.since)
    assert "kwx hazard backfill --city chicago --since 2026-11-02 --until 2026-11-02" == found.repair
    assert {"obs_1m: stale", "obs_5m: stale"} == {
        one.what for one in audit.findings if one.part in {"obs_1m", "obs_5m"}
    }


def test_evaluations_cut_short_are_run_again(planted, hazard_lake):
    """The lake takes such a day for held, so the command says --again."""
    cut = (PMF_DEGREES, LAST, lambda rows: rows.head(100))

    (found,) = audit_coverage(planted(cut, root=hazard_lake, cities=("chicago",)), Repairs()).findings

    assert ("pmf_degrees: thin", "2026-11-02: 100 of 307 evaluations") == (found.what, found.example)
    assert found.repair.endswith("--again")


def test_fusions_of_other_quotes_are_stale(planted, own_lake):
    """And markets without any probability make a day thin."""
    fuse_days(FuseWish(cities=("chicago",)), own_lake, workers=1)
    moved = (CANDLES_DENSE, LAST, lambda rows: rows.with_columns(pl.col("quote_age_minutes") + 1))
    fewer = (PMF_MINUTE, LAST, lambda rows: rows.filter(pl.col("market_ticker") != pl.col("market_ticker").max()))

    whole, stale, thin = (
        audit_coverage(planted(*some, root=own_lake, cities=("chicago",)), Repairs())
        for some in ((), (moved,), (fewer,))
    )

    assert () == whole.findings
    assert [
        ("pmf_minute", "pmf_minute: stale", "kwx fuse run --city chicago --since 2026-11-02 --until 2026-11-02")
    ] == [(one.part, one.what, one.repair) for one in stale.findings]
    (found,) = thin.findings
    assert ("pmf_minute: thin", "2026-11-02: 5 of 6 markets") == (found.what, found.example)


def test_predictions_are_owed_from_when_a_model_speaks(planted, hazard_lake, tmp_path):
    """A market of which no model speaks as on other days makes the day thin: nothing is promoted, so one is fitted."""
    root = spoken_lake(hazard_lake, tmp_path)

    whole = audit_coverage(planted(root=root, cities=("chicago",)), Repairs())
    thin = audit_coverage(planted(FEWER_WORDS, root=root, cities=("chicago",)), Repairs())

    assert () == whole.findings
    assert [("predictions", "predictions: thin", FIT)] == [(one.part, one.what, one.repair) for one in thin.findings]


SPEAK = "kwx models predict --city chicago --since 2026-11-02 --until 2026-11-02"
FIT = "kwx train elasticnet --city chicago --until 2026-11-02 --again"


@pytest.mark.parametrize(
    ("city", "told", "command"),
    [
        ("chicago", [["win_20261101_20261102"]], SPEAK),
        ("all", [["win_20261101_20261102"]], SPEAK),
        ("nyc", [["win_20261101_20261102"]], FIT),
        ("chicago", [["win_20261103_20261109"]], FIT),
        ("chicago", [["win_20261101_20261102"], []], FIT),
    ],
    ids=["of the city", "of all cities", "of another city", "of later dates", "demoted"],
)
def test_promoted_models_are_asked_to_speak_and_not_fitted_again(planted, hazard_lake, tmp_path, city, told, command):
    """What they said stays; a model is fitted where none that is promoted may speak of the dates."""
    root = spoken_lake(hazard_lake, tmp_path)
    rows = [
        {
            "line": "m", "since_utc": datetime(2026, 11, 3 + number, tzinfo=UTC), "windows": windows,
            "run_ids": ["r" for _ in windows], "state": number + 1,
        }
        for number, windows in enumerate(told)
    ]  # fmt: skip
    with write(Lake(root), purpose="test") as writer:
        writer.put(PROMOTIONS, pl.DataFrame(rows, schema=PROMOTIONS.schema), Partition(city))
        writer.publish()

    (found,) = audit_coverage(planted(FEWER_WORDS, root=root, cities=("chicago",)), Repairs()).findings

    assert ("predictions: thin", command) == (found.what, found.repair)


FEWER_WORDS = (PREDICTIONS, LAST, lambda rows: rows.head(4))


def spoken_lake(hazard_lake, tmp_path):
    """Return a lake in which a model spoke of every market of two days."""
    root = tmp_path / "lake"
    shutil.copytree(hazard_lake, root, symlinks=True)
    columns = {
        "ts_utc": datetime(2026, 11, 2, 18, tzinfo=UTC), "model_id": "m", "run_id": "r", "horizon": "day",
        "p_model": 0.2, "p_calibrated": None, "wf_window": "win_20261101_20261102",
    }  # fmt: skip
    with write(Lake(root), purpose="test") as writer:
        for place in (MIDDLE, LAST):
            spoken = Lake(root).snapshot().read(MARKETS, place)["market_ticker"].sort()
            rows = [{"market_ticker": name, **columns} for name in spoken]
            writer.put(PREDICTIONS, pl.DataFrame(rows, schema=PREDICTIONS.schema), place)
        writer.publish()
    return root


def test_the_worst_table_says_what_a_day_is(planted):
    """Missing before stale before thin before whole."""
    audit = audit_coverage(planted((CANDLES_1M, MIDDLE, few), (TRADES, MIDDLE, none), (OBS_5M, LAST, few)), Repairs())

    worst = dict(audit.worst().filter(pl.col("city") == "chicago").select("event_date", "state").iter_rows())
    assert (State.MISSING, State.THIN) == (worst[MIDDLE.event_date], worst[LAST.event_date])
    assert set(State) == set(ORDER)
