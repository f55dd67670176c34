"""What is asked about a running day, at its edges too, and how often Visual Crossing's records allow it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.asking.budget import Budget
from pipelines.live import weather
from pipelines.live.settings import FeedSettings
from pipelines.weather.calls import vc_recent_obs_call
from warehouse.errors import Usage
from warehouse.market.cities import CITIES

CHICAGO = CITIES["chicago"]
NOON = datetime(2026, 10, 31, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now_utc", "days", "records"),
    [
        (NOON, "2026-10-31/2026-10-31", 288),
        (datetime(2026, 10, 31, 5, 30, tzinfo=UTC), "2026-10-30/2026-10-31", 576),  # half past midnight, in summer
        (datetime(2026, 11, 1, 4, 59, tzinfo=UTC), "2026-10-31/2026-10-31", 288),  # a minute before midnight
        (datetime(2026, 11, 2, 5, 30, tzinfo=UTC), "2026-11-01/2026-11-01", 288),  # in winter that is before it
    ],
)
def test_only_the_running_civil_day_is_paid_for(now_utc, days, records):
    """No margin on either side; for an hour after midnight what came in late of the day before."""
    call = vc_recent_obs_call(CHICAGO, heard_utc=now_utc, now_utc=now_utc)

    assert call.path.endswith(days)
    assert records == call.records


def test_after_an_outage_over_midnight_the_day_before_is_asked_for_too():
    """What was measured before midnight is fetched when we hear again, however much later; of older days nothing."""
    evening = datetime(2026, 10, 31, 3, tzinfo=UTC)
    paths = [
        vc_recent_obs_call(CHICAGO, heard_utc=evening - away, now_utc=NOON).path
        for away in (timedelta(0), timedelta(days=5))
    ]

    assert [True, True] == [path.endswith("2026-10-30/2026-10-31") for path in paths]


def test_reports_of_the_evening_are_asked_for_after_midnight():
    """The climate day ends at midnight of standard time; its last reports come after that."""
    midnight = datetime(2026, 10, 31, 6, tzinfo=UTC)
    asked = weather.metar(["chicago"])["chicago"]

    def since(heard_utc, now_utc):
        return [call.query["sts"] for call in asked(heard_utc, now_utc)]

    soon, later = midnight + timedelta(minutes=5), midnight + timedelta(hours=3)
    assert ["2026-10-30T06:00Z"] == since(soon, soon) == since(soon, later)
    assert ["2026-10-31T06:00Z"] == since(later, later)


def test_stored_forecasts_are_asked_for_once_they_cannot_change():
    """A run of midnight is public by six: before that only yesterday's is asked for."""
    asked = weather.vc_forecast(["chicago"])["chicago"]

    before, after = (asked(NOON, datetime(2026, 10, 31, hour, tzinfo=UTC)) for hour in (10, 6))
    early = asked(NOON, datetime(2026, 10, 31, 5, 59, tzinfo=UTC))

    assert {"2026-10-30", "2026-10-31"} == {call.asked["basis"] for call in before}
    assert {call.key for call in after} == {call.key for call in before}
    assert "2026-10-31" not in {call.asked["basis"] for call in early}


def test_every_official_source_is_asked_about_each_day_that_may_still_change():
    """Texts come for a day and a half after a day is over; the page of all stations is asked by date."""
    texts = weather.reports(["chicago"])["chicago"](NOON, NOON)
    (page,) = weather.twc_page(["chicago"]).values()

    assert {"CLIMDW", "DSMMDW", "CF6MDW"} == {call.query["pil"] for call in texts}
    assert {("2026-10-29", "2026-10-31")} == {(call.asked["since"], call.asked["until"]) for call in texts}
    assert ["2026-10-29", "2026-10-30", "2026-10-31"] == [call.query["date"] for call in page(NOON, NOON)]


@pytest.mark.parametrize("records", [8_000, 50_000, 600_000, 2_000_000])
def test_a_plan_of_records_is_never_overdrawn(records, tmp_path):
    """However small the plan: a day of questions at the paced turns stays within it."""
    settings = FeedSettings()
    obs_s, nowcast_s = weather.paced(settings, cities=7, records_per_day=records)
    budget = Budget(tmp_path / "budget.sqlite", records_per_day={"vc": records}, clock=lambda: NOON)

    budget.reserve("vc", 7 * 4 * 24)
    for every_s, cost in ((obs_s, 288), (nowcast_s, 192)):
        budget.reserve("vc", 7 * int(86_400 // every_s) * cost)

    assert obs_s >= settings.vc_obs_s
    assert nowcast_s >= settings.nowcast_s


def test_without_a_limit_nothing_is_stretched_and_a_plan_for_nothing_is_refused():
    """A thousand records a day pay for one city's measurements three times; for seven it is no use to begin."""
    settings = FeedSettings()

    assert (300, 3_600) == weather.paced(settings, cities=7, records_per_day=None)
    with pytest.raises(Usage, match="twice a day"):
        weather.paced(settings, cities=7, records_per_day=1_000)
    with pytest.raises(Usage, match="twice a day"):
        weather.paced(replace(settings, vc_obs_s=60), cities=7, records_per_day=100)
