"""What may be fitted, on which dates, in which folds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.models.elasticnet.rows import folds_of, made_utc, require_enough, rows_of, split_later
from warehouse.errors import Refused


def test_rows_come_in_one_order(panel, rows, tiny):
    """Whatever order the panel has."""
    shuffled = rows_of(panel.sample(fraction=1.0, shuffle=True, seed=1), tiny)

    assert rows.said.equals(shuffled.said)
    assert rows.built.equals(shuffled.built)


def test_only_what_was_known_is_fitted(rows):
    """A label that became known a second later is not."""
    by_utc = datetime(2026, 3, 4, 12, tzinfo=UTC)

    assert [date(2026, 3, day) for day in (1, 2, 3)] == rows.known_by(by_utc).dates
    assert [date(2026, 3, day) for day in (1, 2)] == rows.known_by(by_utc - timedelta(seconds=1)).dates


def test_a_label_that_is_not_there_was_not_known(panel, tiny):
    """Rows that have not settled are neither known nor settled."""
    names = ("label_known_utc", "settled_yes")
    open_rows = rows_of(panel.with_columns(pl.lit(None, panel.schema[name]).alias(name) for name in names), tiny)

    assert open_rows.known_by(datetime(2030, 1, 1, tzinfo=UTC)).said.is_empty()
    assert open_rows.settled().said.is_empty()


def test_a_fit_is_made_before_its_first_test_minute(rows, window):
    """At the opening on the eve, or at the first test minute where that comes before it."""
    opens_utc = datetime.combine(window.test_since - timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=14)

    assert opens_utc == made_utc(window, rows.of([]))
    assert rows.said["ts_utc"].min() == made_utc(window, rows)


def test_the_calibration_dates_come_last_with_a_date_between(rows):
    """No date is on both sides, and the one between belongs to none."""
    earlier, later = split_later(rows, 0.25)

    assert rows.dates[:5] == earlier.dates
    assert rows.dates[6:] == later.dates


def test_folds_hold_whole_dates_and_leave_both_classes_outside(rows):
    """Every fold leaves a yes and a no to fit on, also where only two dates have one."""
    two = rows.said["event_date"].is_in(rows.dates[3:5])
    rare = type(rows)(said=rows.said.with_columns(outcome=pl.col("outcome") & two), built=rows.built)

    for some in (rows, rare):
        folds = folds_of(some, 4)

        assert {0, 1, 2, 3} == set(folds.tolist())
        for day in np.unique(some.days):
            assert 1 == len(set(folds[some.days == day].tolist()))
        for fold in range(4):
            assert {True, False} == set(some.came[folds != fold].tolist())


def test_too_little_is_refused_with_the_number_that_is_needed(rows):
    """Dates for the folds, and two dates of each class."""
    require_enough(rows, splits=8, what="here")
    never = type(rows)(said=rows.said.with_columns(outcome=pl.lit(value=False)), built=rows.built)

    with pytest.raises(Refused, match=r"here: 8 dates .* 9 are needed"):
        require_enough(rows, splits=9, what="here")
    with pytest.raises(Refused, match=r"0 of 8 dates to fit have a bracket that settled yes; 2 are needed"):
        require_enough(never, splits=4, what="here")
