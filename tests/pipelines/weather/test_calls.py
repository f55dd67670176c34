"""The questions to weather vendors: addresses, windows of climate days, prices, and when an answer is final."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from pipelines.calls import NEVER
from pipelines.weather import calls
from pipelines.weather.visual_crossing import parse_vc_obs
from warehouse.market.cities import CITIES

CHICAGO = CITIES["chicago"]
DAY = {"since": date(2025, 7, 15), "until": date(2025, 7, 15)}


def test_observations_of_one_day_cost_three():
    """A day of margin on either side is asked for, and paid for."""
    (call,) = calls.vc_obs_calls(CHICAGO, **DAY)

    assert "/VisualCrossingWebServices/rest/services/timeline/stn:KMDW/2025-07-14/2025-07-16" == call.path
    assert ("1", "minuteinterval_5,useobs,nonulls") == (call.query["maxStations"], call.query["options"])
    assert 3 * 288 == call.records


def test_overlapping_plans_ask_the_same_questions():
    """Long ranges are cut at fixed dates, so a later plan finds the weeks of an earlier one."""
    july = calls.vc_obs_calls(CHICAGO, since=date(2025, 7, 1), until=date(2025, 7, 31))
    later = calls.vc_obs_calls(CHICAGO, since=date(2025, 7, 1), until=date(2025, 8, 9))

    assert {call.key for call in july[:-1]} <= {call.key for call in later}


def test_pieces_cover_every_day_once():
    """No day is left out and none is parsed twice."""
    pieces = calls.vc_obs_calls(CHICAGO, since=date(2025, 7, 1), until=date(2025, 8, 9))

    days = [
        day
        for call in pieces
        for day in range(
            date.fromisoformat(call.asked["since"]).toordinal(), date.fromisoformat(call.asked["until"]).toordinal() + 1
        )
    ]
    assert list(range(date(2025, 7, 1).toordinal(), date(2025, 8, 9).toordinal() + 1)) == days


def test_margin_of_an_answer_is_left_out(timeline):
    """The days around the ones asked for only make them whole."""
    asked = {"since": "2025-07-15", "until": "2025-07-15"}
    body = timeline.body(timeline.slot(-1_000), timeline.slot(0), timeline.slot(1_000))

    (parsed,) = parse_vc_obs([timeline.payload(body, **asked)])

    assert (1, 0) == (parsed.frame.height, parsed.refused.height)


def test_nowcast_is_never_final():
    """The running day is asked for again and again."""
    call = calls.vc_nowcast_call(CHICAGO)

    assert call.path.endswith("/stn:KMDW/today/tomorrow")
    assert NEVER == call.final_after_utc


def test_stored_runs_are_asked_by_city():
    """Two civil days hold a climate day; the basis of lead 1 is the midnight before the market opens."""
    before, same = calls.vc_forecast_calls(CITIES["los_angeles"], **DAY)

    assert before.path.endswith("/Los%20Angeles,CA/2025-07-15/2025-07-16")
    assert ["2025-07-14", "2025-07-15"] == [call.query["forecastBasisDate"] for call in (before, same)]
    assert ("2025-07-15", "2025-07-14") == (before.asked["target"], before.asked["basis"])
    assert datetime(2025, 7, 15, 6, tzinfo=UTC) == same.final_after_utc


@pytest.mark.parametrize(("product", "pil"), [("CLI", "CLIMDW"), ("DSM", "DSMMDW"), ("CF6", "CF6MDW")])
def test_products_are_asked_until_corrections_are_over(product, pil):
    """Every issuance from the first minute of the day to a day and a half after its end."""
    (call,) = calls.iem_afos_calls(CHICAGO, product=product, **DAY)

    assert pil == call.query["pil"] == call.asked["pil"]
    assert ("2025-07-15T06:00Z", "2025-07-17T18:00Z") == (call.query["sdate"], call.query["edate"])


def test_station_reports_are_asked_by_climate_day():
    """The window is the climate day in UTC, the station has no K."""
    (call,) = calls.iem_asos_calls(CHICAGO, **DAY)

    assert ("MDW", "3,4") == (call.query["station"], call.asked["report_type"])
    assert ("2025-07-15T06:00Z", "2025-07-16T06:00Z") == (call.query["sts"], call.query["ets"])


def test_other_archives_are_asked_at_their_addresses():
    """Minute pages, guidance, the portal, the yearly reports and the national archive."""
    (minutes,) = calls.iem_asos1min_calls(CHICAGO, **DAY)
    guidance = calls.iem_mos_calls(CHICAGO, **DAY, models=("NBS", "LAV"))
    (portal,) = calls.twc_climate_calls(**DAY)
    yearly = calls.iem_cli_calls(CHICAGO, since=date(2024, 12, 31), until=date(2025, 1, 1))
    (national,) = calls.ncei_daily_calls(CHICAGO, **DAY)

    assert "/cgi-bin/request/asos1min.py" == minutes.path
    assert [("NBS", "2025-07-13T06:00Z")] == [(call.query["model"], call.query["sts"]) for call in guidance[:1]]
    assert "twc GET /kalshi/api/climate/primary?date=2025-07-15" == str(portal)
    assert ["2024", "2025"] == [call.query["year"] for call in yearly]
    assert ("USW00014819", "standard") == (national.query["stations"], national.query["units"])
