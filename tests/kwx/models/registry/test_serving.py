"""Which model speaks of a date: the window that holds it, the last before it with a warning, never one that saw it."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from kwx.models.registry.promotion import Choice, promote
from kwx.models.registry.serving import NoModel, load_model_for_now, model_for
from kwx.models.registry.store import store
from kwx.models.windows import Window, walk
from warehouse.errors import FileBroken, UnknownCity

tiny = sys.modules["tiny_family"]
FIRST, _, LAST = tiny.WINDOWS
ASKED = {"family": "tiny", "city": "chicago", "bracket": "between"}


@pytest.fixture
def promoted(shelf_root):
    """The pilots, promoted."""
    promote(Choice(), shelf_root, reason="for the test", clock=lambda: tiny.NOW)
    return shelf_root


def test_every_date_is_served_by_the_window_whose_test_holds_it(promoted):
    """And never by one that was fitted on it, or the date before."""
    for window in tiny.WINDOWS:
        for event_date in window.test_dates:
            served = model_for(promoted, **ASKED, event_date=event_date)

            assert window == served.loaded.card.window
            assert (0, None) == (served.age_days, served.warning)
            assert served.loaded.card.window.serves(event_date)


def test_after_the_last_window_it_is_the_last_one_with_its_age(promoted):
    """A stale model says that it is."""
    served = model_for(promoted, **ASKED, event_date=LAST.test_until + timedelta(days=12))

    assert LAST == served.loaded.card.window
    assert 12 == served.age_days
    assert f"12 days past its last test date {LAST.test_until}" in served.warning


@pytest.mark.parametrize("days", [-1, -2, -10, -400])
def test_before_the_first_window_there_is_none(promoted, days):
    """Not even for the dates that were fitted: they would be known to the model."""
    with pytest.raises(NoModel, match=f"comes before {FIRST.test_since}"):
        model_for(promoted, **ASKED, event_date=FIRST.test_since + timedelta(days=days))


def test_in_a_gap_it_is_the_window_before_never_the_one_after(tmp_path):
    """The one after was fitted on the gap."""
    windows = list(walk(date(2026, 9, 1), date(2026, 10, 12), train_days=20, test_days=3, step_days=10))
    for window in windows:
        store(tiny.fit_window("chicago", "between", window), tmp_path, clock=lambda: tiny.NOW)
    promote(Choice(), tmp_path, reason="for the test", clock=lambda: tiny.NOW)

    served = model_for(tmp_path, **ASKED, event_date=windows[0].test_until + timedelta(days=4))

    assert windows[0] == served.loaded.card.window
    assert 4 == served.age_days


def test_of_several_windows_that_hold_a_date_the_newest_fit_serves(tmp_path):
    """Newest is the fit of the latest dates, whenever its test ends."""
    until = date(2026, 10, 9)
    older = Window(
        train_since=date(2026, 9, 1), train_until=date(2026, 9, 20), test_since=date(2026, 9, 22), test_until=until
    )
    newer = replace(older, train_until=date(2026, 9, 25), test_since=date(2026, 9, 27), test_until=date(2026, 10, 3))
    for window in (newer, older):
        store(tiny.fit_window("chicago", "between", window), tmp_path, clock=lambda: tiny.NOW)
    promote(Choice(), tmp_path, reason="for the test", clock=lambda: tiny.NOW)

    served = [model_for(tmp_path, **ASKED, event_date=date(2026, 9, day)) for day in (26, 27, 30)]
    late = model_for(tmp_path, **ASKED, event_date=until)

    assert [older, newer, newer] == [one.loaded.card.window for one in served]
    assert (older, 0) == (late.loaded.card.window, late.age_days)


def test_a_pilot_serves_nobody(shelf_root):
    """Before a promotion there is no model, and the error says what to type."""
    with pytest.raises(NoModel, match="no model of chicago/between/tiny is promoted") as refused:
        model_for(shelf_root, **ASKED, event_date=FIRST.test_since)
    assert "kwx models promote" in refused.value.hint


def test_a_city_without_windows_is_served_by_those_of_all_cities(promoted):
    """A global model speaks of each city; a city's own model goes before it."""
    for bracket in ("between", "all"):
        store(tiny.fit_window("all", bracket, FIRST), promoted, clock=lambda: tiny.NOW)
    promote(Choice(cities=("all",)), promoted, reason="for the test", clock=lambda: tiny.NOW)

    places = {
        (city, bracket): model_for(promoted, family="tiny", city=city, bracket=bracket, event_date=FIRST.test_since)
        for city, bracket in (("chicago", "between"), ("miami", "between"), ("miami", "less"))
    }

    assert ["chicago", "all", "all"] == [one.loaded.card.city for one in places.values()]
    assert ["between", "between", "all"] == [one.loaded.card.bracket for one in places.values()]


def test_now_is_the_climate_day_of_the_city(promoted):
    """It ends at midnight of standard time: 06:00 UTC in Chicago, also in summer."""
    midnight = datetime.combine(FIRST.test_until + timedelta(days=1), time(6), UTC)

    before = load_model_for_now(promoted, **ASKED, clock=lambda: midnight - timedelta(seconds=1))
    after = load_model_for_now(promoted, **ASKED, clock=lambda: midnight)

    assert FIRST == before.loaded.card.window
    assert FIRST.test_until + timedelta(days=1) == after.loaded.card.test_since


def test_a_broken_card_and_an_unknown_city_are_named(promoted):
    """It is not passed over in silence."""
    folder = promoted / "trained/chicago/between/tiny" / LAST.name
    (folder / "card.json").chmod(0o644)
    (folder / "card.json").write_text("{")

    with pytest.raises(FileBroken, match=r"card\.json is not JSON"):
        model_for(promoted, **ASKED, event_date=FIRST.test_since)
    with pytest.raises(UnknownCity):
        model_for(promoted, **{**ASKED, "city": "atlantis"}, event_date=FIRST.test_since)
