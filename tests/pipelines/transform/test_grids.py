"""Laws of the observation grids: what is known when, which report counts, and how far the maximum is known."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.transform import observation_grid
from warehouse.lake.tables import OBS, OBS_1M, OBS_5M, Partition
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay


@pytest.mark.parametrize(("step_minutes", "steps"), [(1, 1_440), (5, 288)])
@pytest.mark.parametrize("event_date", [date(2026, 3, 8), date(2026, 7, 1), date(2026, 11, 1)])
def test_every_day_has_the_same_number_of_steps(step_minutes, steps, event_date):
    """A climate day is 24 hours of standard time, when the clock changes too, and when nothing was reported."""
    grid = observation_grid(OBS.empty(), day=ClimateDay(CITIES["nyc"], event_date), step_minutes=step_minutes)

    assert steps == grid.height
    assert grid.drop("ts_utc").null_count().row(0) == (steps,) * (grid.width - 1)


@pytest.mark.parametrize(("table", "step_minutes"), [(OBS_1M, 1), (OBS_5M, 5)])
def test_grids_keep_their_contract(station, table, step_minutes):
    """What is built is admitted: columns, types, rules and order."""
    grid = station.grid(station.report(60, 71), station.report(-5, 70), step_minutes=step_minutes)

    admitted = table.admit(grid, Partition("chicago", station.day.event_date))

    assert grid.equals(admitted)


def test_report_counts_from_the_step_in_which_it_is_known(station):
    """A report of minute 3 that came at 6:30 is in the row of minute 7 and in no earlier one."""
    grid = station.grid(station.report(3, 71, known=6.5))

    assert station.row(grid, 6)["temp_f"] is None
    assert (71.0, 4, 71) == tuple(station.row(grid, 7)[name] for name in ("temp_f", "stale_minutes", "run_max_hi_f"))


def test_five_minute_step_reads_what_the_minute_at_its_end_reads(station):
    """The coarse grid is every fifth row of the fine one."""
    reports = [station.report(ts, temp_f, known=ts + 2) for ts, temp_f in ((-3, 60), (4, 61), (8, 63), (700, 62))]

    fine, coarse = station.grid(*reports), station.grid(*reports, step_minutes=5)

    assert coarse.equals(fine.gather_every(5, offset=4))


def test_late_report_does_not_take_over_from_a_younger_one(station):
    """The row follows the youngest stamp; the late report still enters the maximum when it arrives."""
    grid = station.grid(station.report(5, 70), station.report(3, 75, known=9))

    assert [70.0, 70.0] == [station.row(grid, minute)["temp_f"] for minute in (8, 9)]
    assert [70.0, 75.0] == [station.row(grid, minute)["run_max_f"] for minute in (8, 9)]


def test_eve_fills_the_first_minutes_but_not_the_maximum(station):
    """A report before the opening midnight tells the temperature; the day's maximum starts with the day."""
    grid = station.grid(station.report(-10, 90), station.report(0, 70), station.report(20, 72))

    first = station.grid(station.report(-10, 90)).row(0, named=True)
    assert (90.0, 11, None) == (first["temp_f"], first["stale_minutes"], first["run_max_f"])
    assert 70.0 == station.row(grid, 1)["run_max_f"]


def test_report_at_the_closing_midnight_is_not_of_this_day(station):
    """The closing midnight belongs to tomorrow's maximum, though the last row may read the report."""
    last = station.grid(station.report(10, 70), station.report(1_440, 99)).row(-1, named=True)

    assert (99.0, 70.0, 70) == (last["temp_f"], last["run_max_f"], last["run_max_hi_f"])


def test_filled_report_says_nothing_new(station):
    """A repeated report neither refreshes the row nor enters the maximum."""
    repeated = station.report(8, 80, is_filled=True, source="vc", humidity_pct=50)

    assert station.grid(station.report(5, 70)).equals(station.grid(station.report(5, 70), repeated))


def test_exact_report_counts_before_a_whole_celsius_one(station):
    """At one stamp the exact report is read, whichever arrives first."""
    exact, whole = station.report(5, 79), station.report(5, 78.8, interval=(78, 79), source="hfmetar")

    first, then = station.grid(exact, whole), station.grid(whole, exact)

    assert "metar" == station.row(first, 5)["source"]
    assert first.equals(then)


def test_exact_report_replaces_a_whole_celsius_one_of_the_same_stamp_when_it_arrives(station):
    """A better report of the same stamp takes over at its own arrival, a worse one never does."""
    grid = station.grid(station.report(5, 79, known=8), station.report(5, 78.8, interval=(78, 79), source="vc"))

    assert ["vc", "vc", "metar"] == [station.row(grid, minute)["source"] for minute in (5, 7, 8)]


@pytest.mark.parametrize(("one", "other", "read"), [("vc", "metar", "metar"), ("vc", "asos1min", "asos1min")])
def test_equally_exact_reports_rank_by_source(station, one, other, read):
    """The official report counts first, then the alphabet decides."""
    grid = station.grid(station.report(5, 70, source=one), station.report(5, 71, source=other))

    assert read == station.row(grid, 5)["source"]


def test_row_is_one_report_and_never_a_mixture(station):
    """Dew, humidity and wind are those of the last report, also when it does not tell them."""
    grid = station.grid(
        station.report(5, 70, dew_f=50.0, humidity_pct=40.0, wind_mph=7.0), station.report(9, 71, wind_mph=3.0)
    )

    assert (50.0, 40.0, 7.0) == tuple(station.row(grid, 8)[name] for name in ("dew_f", "humidity_pct", "wind_mph"))
    assert (None, None, 3.0) == tuple(station.row(grid, 9)[name] for name in ("dew_f", "humidity_pct", "wind_mph"))


def test_running_maximum_is_an_interval_of_whole_degrees(station):
    """26 °C means 78 or 79; an exact 79 settles the lower end, 27 °C then opens 80 or 81."""
    reports = (
        station.report(5, 78.8, interval=(78, 79)),
        station.report(10, 79),
        station.report(15, 80.6, interval=(80, 81)),
        station.report(20, 75),
    )

    grid = station.grid(*reports)

    seen = [
        tuple(station.row(grid, minute)[f"run_max{part}_f"] for part in ("", "_lo", "_hi"))
        for minute in (5, 10, 15, 20)
    ]
    assert [(78.8, 78, 79), (79.0, 79, 79), (80.6, 80, 81), (80.6, 80, 81)] == seen


def test_order_of_the_input_does_not_matter(station):
    """Shuffled reports give the same grid as sorted ones."""
    reports = [station.report(ts, 60 + ts, known=ts + delay) for ts, delay in ((1, 9), (2, 0), (3, 3), (5, 0))]

    assert station.grid(*reports).equals(station.grid(*reports[::-1]))


_REPORTS = st.lists(
    st.tuples(
        st.integers(-20, 60),
        st.sampled_from([0, 0, 0.5, 3, 12]),
        st.integers(50, 90),
        st.sampled_from(["metar", "vc", "asos1min"]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=20,
    unique_by=lambda drawn: (drawn[0], drawn[3]),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(drawn=_REPORTS)
def test_grid_equals_the_slow_definition(station, drawn):
    """Late, filled, tied and eve reports: the first ninety minutes agree with a loop over the definition."""
    reports = [_report(station, one) for one in drawn]

    grid = station.grid(*reports).head(90)

    assert [_slow_row(station, reports, minute) for minute in range(1, 91)] == grid.to_dicts()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(before=_REPORTS, after=_REPORTS, cut=st.integers(1, 60))
def test_what_becomes_known_after_a_minute_leaves_its_rows_alone(station, before, after, cut):
    """Rows up to a minute are the same with and without the reports that came later."""
    past = [one for one in (_report(station, drawn) for drawn in before) if one["known_utc"] <= station.at(cut)]
    future = [_report(station, drawn) | {"known_utc": station.at(cut + 0.5 + drawn[1])} for drawn in after]

    told, lied = station.grid(*past), station.grid(*future, *past)

    by_then = pl.col("ts_utc") <= station.at(cut)
    assert told.filter(by_then).equals(lied.filter(by_then))


def _report(station, drawn):
    ts, delay, temp_f, source, is_whole, is_filled = drawn
    interval = {"interval": (temp_f, temp_f + 1)} if is_whole else {}
    return station.report(ts, temp_f, known=ts + delay, source=source, is_filled=is_filled, **interval)


def _slow_row(station, reports, minute):
    known = [one for one in reports if one["known_utc"] <= station.at(minute) and not one["is_filled"]]
    ours = [one for one in known if station.day.start_utc <= one["ts_utc"] < station.day.end_utc]
    by_name = sorted(known, key=lambda one: one["source"])
    by_rank = sorted(
        by_name, key=lambda one: (one["ts_utc"], not one["is_whole_c"], one["source"] == "metar"), reverse=True
    )
    row = dict.fromkeys(OBS_1M.schema) | {"ts_utc": station.at(minute)}
    if by_rank:
        row |= {name: by_rank[0][name] for name in ("source", "temp_f", "dew_f", "humidity_pct", "wind_mph")}
        row["stale_minutes"] = int((station.at(minute) - by_rank[0]["ts_utc"]).total_seconds() // 60)
    for name, of in {"run_max_f": "temp_f", "run_max_lo_f": "temp_lo_f", "run_max_hi_f": "temp_hi_f"}.items():
        row[name] = max((one[of] for one in ours), default=None)
    return row
