"""Laws of the fill flag: how long a copy may stand, and that it never looks ahead."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.weather.fill import FILL_STEPS, filled_expr, is_filled

COLUMNS = ("temp_f", "dew_f", "humidity_pct", "wind_mph")
SCHEMA = dict.fromkeys(COLUMNS, pl.Float64)
REPORTS = st.lists(st.tuples(*[st.sampled_from([1.0, 2.0])] * 2, st.just(50.0), st.sampled_from([None, 3.0])))


def test_copies_count_as_filled_after_three_steps():
    """The fourth repetition is the first that hides weather older than fresh."""
    reports = pl.DataFrame([(70.0, 60.0, 71.0, 5.0)] * 6, schema=SCHEMA, orient="row")

    assert 3 == FILL_STEPS
    assert [False, False, False, False, True, True] == is_filled(reports).to_list()


@pytest.mark.parametrize("name", COLUMNS)
def test_any_new_value_starts_a_new_run(name):
    """A report that differs in one column was measured anew."""
    reports = pl.DataFrame([(70.0, 60.0, 71.0, 5.0)] * 8, schema=SCHEMA, orient="row")
    changed = pl.when(pl.int_range(pl.len()) >= 4).then(pl.col(name) + 1).otherwise(name)

    assert [False] * 8 == is_filled(reports.with_columns(changed.alias(name))).to_list()


def test_temperature_alone_is_no_evidence():
    """Without dew point, humidity and wind a still temperature is just that."""
    reports = pl.DataFrame([(70.0, None, None, None)] * 9, schema=SCHEMA, orient="row")

    assert not is_filled(reports).any()


@given(REPORTS, st.integers(0, 40))
def test_later_reports_never_change_a_flag(rows, cut):
    """The flags of a beginning are the beginning of the flags."""
    reports = pl.DataFrame(rows, schema=SCHEMA, orient="row")

    assert is_filled(reports)[:cut].to_list() == is_filled(reports[:cut]).to_list()


@given(st.lists(REPORTS, max_size=4))
def test_days_at_once_equal_day_by_day(days):
    """The state restarts with each day."""
    frames = [pl.DataFrame(rows, schema=SCHEMA, orient="row") for rows in days]
    together = [frame.with_columns(day=pl.lit(place)) for place, frame in enumerate(frames)]

    at_once = pl.concat(together).select(filled_expr().over("day")).to_series().to_list() if frames else []

    assert [flag for frame in frames for flag in is_filled(frame)] == at_once
