"""Fits from the lake: which days each one sees, when its labels had to be known, and where it is stored."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

import kwx.hazard.fit.walk as walk_module
from kwx.hazard.backfill import backfill
from kwx.hazard.fit.walk import Walk, fit_params, published
from kwx.hazard.fits import fits_of
from kwx.hazard.law import Baseline
from kwx.hazard.plan import Wish
from warehouse.errors import Refused
from warehouse.lake.store import Lake
from warehouse.lake.writer import write

SINCE, UNTIL = date(2026, 10, 1), date(2026, 10, 20)
MADE = datetime(2026, 11, 20, tzinfo=UTC)


def spans(**said):
    found = Walk(**said).spans(SINCE, UNTIL)
    return [(first.day, last.day) for first, last in found]


def test_without_a_walk_there_is_one_fit_of_the_range():
    """All days, or those of the last window."""
    assert [(1, 20)] == spans()
    assert [(14, 20)] == spans(window_days=7)


def test_a_walk_steps_through_the_range_from_its_first_full_window():
    """A later end of the range moves no earlier fit."""
    assert [(1, 10), (6, 15), (11, 20)] == spans(every_days=5, window_days=10)
    assert [(1, 5), (1, 10), (1, 15), (1, 20)] == spans(every_days=5)


def test_a_range_shorter_than_its_window_is_refused(hazard_lake):
    """No fit is made of fewer days than were asked for."""
    with pytest.raises(Refused, match="is shorter than one window") as caught:
        fit_params(Walk(cities=("chicago",), every_days=1, window_days=60), hazard_lake, workers=1)

    assert "--window" in caught.value.hint


def test_a_city_without_observations_is_refused(hazard_lake):
    """And told how to get some."""
    with pytest.raises(Refused, match="miami: there are no observations") as caught:
        fit_params(Walk(cities=("miami",)), hazard_lake, workers=1)

    assert "kwx ingest obs --city miami" in caught.value.hint


def test_a_city_that_cannot_be_fitted_stops_no_other(own_lake, law_of, monkeypatch):
    """New York has three days and Miami none: the law of Chicago is stored, and both are told."""
    law = law_of(rho=0.9, fitted_utc=MADE)
    monkeypatch.setattr(
        walk_module, "in_pool", lambda fit, tasks, *_: [[law] if one.city == "chicago" else fit(one) for one in tasks]
    )

    fitted = fit_params(Walk(cities=("nyc", "miami", "chicago")), own_lake, clock=lambda: MADE)

    assert (fitted.added, [one.city for one in fitted.laws]) == (1, ["chicago"])
    assert {"miami", "nyc"} == fitted.unfitted.keys()
    assert "a fit needs 7 days" in str(fitted.unfitted["nyc"])
    with pytest.raises(Refused, match="miami: there are no observations"):
        fitted.require_every_city()


def test_a_fit_that_says_the_same_as_the_newest_of_its_end_is_not_stored_again(own_lake, law_of):
    """Only when it was made and of which snapshot differ; one that says something else is added."""
    lake, fits = Lake(own_lake), []
    for rho, made in ((0.97, 1), (0.97, 2), (0.96, 3), (0.97, 4)):
        law = law_of(rho=rho, fitted_utc=MADE + timedelta(hours=made), snapshot=made)
        with write(lake, purpose="test") as writer:
            fits.append(published(writer, [law], started=0.0)[1])

    assert [1, 0, 1, 1] == fits


@pytest.mark.slow
def test_a_walk_of_fits_serves_the_days_after_each(tmp_path):
    """Ten days of a demo world: each fit stored under its own instant, each day run by the newest before its eve."""
    from pipelines.build import build_demo, demo_world

    root = tmp_path / "lake"
    build_demo(demo_world(days=10, until=date(2026, 11, 4), cities=("miami",), seed=5, books=False), root, workers=2)
    walk = Walk(cities=("miami",), since=date(2026, 10, 26), every_days=1, window_days=8)

    fitted = fit_params(walk, root, workers=2, clock=lambda: MADE)
    done = backfill(Wish(cities=("miami",)), root, workers=2)

    fits = fits_of(Lake(root).snapshot(), "miami")
    assert [fit.until for fit in fits] == sorted(fit.until for fit in fits)
    assert all(Baseline.TEMPLATE in fit.laws for fit in fits)
    assert [MADE + timedelta(microseconds=n) for n in range(len(fits))] == [fit.fitted_utc for fit in fits]
    assert len(fitted.laws) == sum(len(fit.laws) for fit in fits)
    assert {"run"} == {day.state for day in done.days}
    assert done.days[0].event_date == fits[0].until + timedelta(days=2)
