"""Classes, their order, and degrees made of them."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwx.models.tmax.centre import STOPS
from kwx.models.tmax.classes import ErrorLaw, class_of, first_class
from kwx.models.tmax.degrees import degrees_of
from kwx.models.tmax.ordinal import Prior, Rows, assembled
from warehouse.market.brackets import Bracket
from warehouse.market.ladder import Ladder

RNG = np.random.default_rng(5)


def snapshots(**columns: object) -> pl.DataFrame:
    """Return three snapshots: of the eve, of a morning, and of an evening in whole °C."""
    told = {
        "city": "chicago", "event_date": date(2026, 5, 1), "base_f": [70, 55, 70], "is_observed": [False, True, True],
        "is_eve": [True, False, False], "lowest_f": [None, 54, 68], "forecast_high_f": [70.2, 71.0, 68.0],
    } | columns  # fmt: skip
    schema = {"base_f": pl.Int32, "lowest_f": pl.Int32, "forecast_high_f": pl.Float64}
    return pl.DataFrame(told, schema_overrides=schema)


def a_law() -> ErrorLaw:
    """Return the law of errors of a few days."""
    days = [date(2026, 4, day) for day in range(1, 29)]
    rows = pl.DataFrame(
        {"city": "chicago", "event_date": days, "is_eve": [day.day % 2 == 0 for day in days], "forecast_high_f": 60.0,
         "label_f": 60 + RNG.integers(-3, 4, len(days))}
    )  # fmt: skip
    return ErrorLaw.fit(rows)


def chances(rows: pl.DataFrame) -> np.ndarray:
    """Return some chances of classes of each snapshot."""
    return assembled(RNG.uniform(0.05, 0.6, (rows.height, STOPS)), first_class(rows))


def test_a_settlement_far_from_the_base_is_of_an_open_class():
    label_f = np.array([40, 68, 69, 70, 79, 80, 95])
    assert class_of(label_f, np.full(7, 70)).tolist() == [0, 0, 1, 2, 11, 12, 12]


def test_the_first_class_is_the_lowest_degree_that_can_happen():
    assert first_class(snapshots()).tolist() == [0, 1, 0]


@given(st.lists(st.lists(st.floats(0, 1), min_size=STOPS, max_size=STOPS), min_size=1, max_size=20), st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_whatever_the_trees_say_the_classes_sum_to_one_and_the_chance_of_more_falls(
    stops: list[list[float]], first: int
):
    stop = np.array(stops)
    p = assembled(stop, np.full(len(stop), first))
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    assert (p >= 0).all()
    assert (p[:, :first] == 0).all()
    q = np.where(np.arange(STOPS) < first, 0.0, stop)
    at_least = np.concatenate([np.ones((len(q), 1)), np.cumprod(1 - q, axis=1)], axis=1)
    assert (np.diff(at_least, axis=1) <= 0).all()
    np.testing.assert_allclose(np.cumsum(p[:, ::-1], axis=1)[:, ::-1], at_least, atol=1e-12)


def test_the_prior_is_the_share_of_each_class_apart_for_forecasts_and_reports():
    classes = np.repeat([2, 3, 12], [500, 300, 200])
    rows = Rows(
        x=np.zeros((2000, 1)), first=np.zeros(2000, dtype=int), is_observed=np.arange(2000) >= 1000,
        start=np.zeros((2000, STOPS)), weight=np.ones(2000),
    )  # fmt: skip
    prior = Prior.fit(rows, np.concatenate([classes, np.full(1000, 5)]))
    p = prior.predict(rows.where(np.isin(np.arange(2000), [0, 1999])))
    np.testing.assert_allclose(p[0, [2, 3, 12]], [0.5, 0.3, 0.2], atol=0.01)
    assert p[1, 5] > 0.98


def test_degrees_sum_to_one_and_keep_the_inner_classes():
    rows = snapshots()
    p = chances(rows)
    degrees = degrees_of(p, rows, a_law())
    np.testing.assert_allclose(degrees.p.sum(axis=1), 1, atol=1e-12)
    for row, base_f in enumerate(rows["base_f"]):
        place = base_f - degrees.first_f
        np.testing.assert_array_equal(degrees.p[row, place - 1 : place + 10], p[row, 1:-1])
        assert degrees.p[row, place + 10 :].sum() == pytest.approx(p[row, -1])


def test_a_degree_that_cannot_happen_any_more_gets_nothing():
    rows = snapshots()
    degrees = degrees_of(chances(rows), rows, a_law())
    degree = degrees.first_f + np.arange(degrees.p.shape[1])
    assert (degrees.p[1, degree < 54] == 0).all()
    assert (degrees.p[2, degree < 68] == 0).all()
    assert degrees.p[2, degree == 68] > 0
    assert degrees.p[0, degree < 68].sum() > 0  # a forecast rules nothing out


def test_what_is_beyond_ten_above_the_base_lies_about_the_forecast():
    rows = snapshots()
    degrees = degrees_of(chances(rows), rows, a_law())
    beyond = degrees.p[1] * (degrees.first_f + np.arange(degrees.p.shape[1]) >= 65)
    assert abs(degrees.first_f + int(beyond.argmax()) - 71) <= 3


def test_without_a_forecast_what_is_beyond_falls_from_the_outermost_degree():
    rows = snapshots(forecast_high_f=[None, None, None], is_eve=False)
    degrees = degrees_of(chances(rows), rows, a_law())
    np.testing.assert_allclose(degrees.p.sum(axis=1), 1, atol=1e-12)
    beyond = degrees.p[1, 55 + 14 - degrees.first_f :]
    assert (np.diff(beyond) <= 0).all()
    assert beyond[0] > beyond[1] > beyond[2] > 0


def test_a_row_says_the_same_whatever_rows_stand_beside_it():
    rows = snapshots()
    p, law = chances(rows), a_law()
    together, ladder = degrees_of(p, rows, law), Ladder.even(60, 78)
    for row in range(rows.height):
        alone = degrees_of(p[row : row + 1], rows[row : row + 1], law)
        np.testing.assert_array_equal(alone.masses(ladder)[0], together.masses(ladder)[row])


@given(st.lists(st.integers(30, 110), min_size=1, max_size=9, unique=True))
@settings(max_examples=25, deadline=None)
def test_the_brackets_of_any_tiling_sum_to_one(edges: list[int]):
    cuts = sorted(edges)
    inner = [Bracket(low, high - 1) for low, high in pairwise(cuts)]
    ladder = Ladder.of(
        ((str(place), one) for place, one in enumerate([Bracket(None, cuts[0] - 1), *inner, Bracket(cuts[-1], None)])),
        event="any",
    )
    rows = snapshots()
    masses = degrees_of(chances(rows), rows, a_law()).masses(ladder)
    np.testing.assert_allclose(masses.sum(axis=1), 1, atol=1e-9)
    assert (masses >= 0).all()


def test_the_law_of_errors_is_that_of_the_forecasts_and_gives_every_error_a_chance():
    law = a_law()
    np.testing.assert_allclose(law.p.sum(axis=1), 1)
    assert (law.p > 0).all()
    assert law.p[:, 27:34].sum(axis=1).min() > 0.75
    far = law.at(np.array([[-31, -30, 30, 31, 45]]), np.array([True]))[0]
    assert far[0] < far[1]
    assert far[2] > far[3] > far[4] > 0


def test_one_event_of_many_snapshots_counts_once_in_the_law_of_errors():
    rows = pl.DataFrame(
        {"city": "chicago", "event_date": [date(2026, 4, 1)] * 90 + [date(2026, 4, day) for day in range(2, 30)],
         "is_eve": True, "forecast_high_f": 60.0, "label_f": [70] * 90 + [60] * 28}
    )  # fmt: skip
    law = ErrorLaw.fit(rows)
    assert law.p[0, 40] < 0.1 < law.p[0, 30]
