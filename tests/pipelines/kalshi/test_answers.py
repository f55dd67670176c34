"""The exchange's small answers steer a run: where to ask, and when it is asleep."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time

import pytest

from pipelines.kalshi.answers import (
    WEEKDAYS,
    Cutoff,
    Pause,
    read_cutoff,
    read_schedule,
    read_status,
)
from pipelines.payload import Payload
from warehouse.errors import Unparsable

NOW = datetime(2026, 10, 4, 12, tzinfo=UTC)
CUT = datetime(2026, 7, 18, tzinfo=UTC)


def said(value: object) -> Payload:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Payload(kind="kalshi_any", body=body, received_utc=NOW)


@pytest.fixture
def golden(recorded):
    """Read a recorded answer of the exchange."""

    def read(name: str) -> Payload:
        return said(json.loads((recorded("kalshi_golden") / name).read_bytes())["response"])

    return read


def test_the_cutoff_routes_by_the_time_of_settlement():
    """Before it historical, from it on live; what is not settled is live."""
    stamp = "2026-07-18T00:00:00Z"
    cutoff = read_cutoff(said({"market_settled_ts": stamp, "trades_created_ts": stamp, "orders_updated_ts": stamp}))

    assert Cutoff(market_settled_utc=CUT, trades_created_utc=CUT) == cutoff
    tiers = [cutoff.tier_of(at) for at in (datetime(2026, 7, 17, 23, 59, 59, tzinfo=UTC), CUT, None)]
    assert ["historical", "live", "live"] == tiers


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"market_settled_ts": "2026-',
        {"market_settled_ts": 5},
        {"trades_created_ts": "yesterday"},
        {"market_settled_ts": "2026-07-18T00:00:00", "trades_created_ts": "2026-07-18T00:00:00Z"},
    ],
)
def test_a_damaged_cutoff_is_an_error(body):
    """Without it no market can be routed."""
    with pytest.raises(Unparsable):
        read_cutoff(said(body))


def test_the_recorded_status_is_read(golden):
    """The old shape, without shards."""
    status = read_status(golden("exchange_status_response.json"))

    assert (True, True, None) == (status.exchange_active, status.trading_active, status.resumes_utc)


def test_a_stamp_without_a_zone_is_an_error():
    """Nobody can say which instant it is, and comparing it would fail far from here."""
    told = {"exchange_active": True, "trading_active": False}
    resumes = told | {"exchange_estimated_resume_time": "2026-10-04T12:00:00"}
    window = {"start_datetime": "2026-10-04T11:00:00", "end_datetime": "2026-10-04T13:00:00"}

    with pytest.raises(Unparsable):
        read_status(said(resumes))
    with pytest.raises(Unparsable):
        read_schedule(said({"schedule": {"standard_hours": [], "maintenance_windows": [window]}}), at_utc=NOW)


def test_the_recorded_schedule_sleeps_on_thursday_mornings(golden):
    """Three to five in Eastern time, in summer and in winter."""
    schedule = read_schedule(golden("exchange_schedule_response.json"), at_utc=NOW)

    assert (Pause(weekday=3, begins=time(3), ends=time(5)),) == schedule.weekly_pauses
    paused = [datetime(2026, 7, 2, 7, tzinfo=UTC), datetime(2026, 12, 3, 9, 59, tzinfo=UTC)]
    awake = [datetime(2026, 7, 2, 9, tzinfo=UTC), datetime(2026, 12, 3, 7, 59, tzinfo=UTC), NOW]
    assert [True, True, False, False, False] == [schedule.is_paused(at) for at in (*paused, *awake)]


def test_announced_maintenance_is_a_pause_too():
    """A window with its own dates, whatever the weekday."""
    window = {"start_datetime": "2026-10-04T11:00:00Z", "end_datetime": "2026-10-04T13:00:00Z"}
    schedule = read_schedule(said({"schedule": {"standard_hours": [], "maintenance_windows": [window]}}), at_utc=NOW)

    assert schedule.is_paused(NOW)


def test_a_day_that_ends_early_is_a_pause_until_midnight():
    """Open hours leave the rest of their day."""
    week = {day: [{"open_time": "00:00", "close_time": "00:00"}] for day in WEEKDAYS}
    week["sunday"] = [{"open_time": "08:00", "close_time": "22:00"}]
    hours = {"start_time": "2024-01-01T00:00:00Z", "end_time": "2200-01-01T00:00:00Z", **week}

    schedule = read_schedule(said({"schedule": {"standard_hours": [hours]}}), at_utc=NOW)

    assert [(6, time(0), time(8)), (6, time(22), time(0))] == [
        (pause.weekday, pause.begins, pause.ends) for pause in schedule.weekly_pauses
    ]
    assert schedule.is_paused(datetime(2026, 10, 5, 3, 59, tzinfo=UTC))
