"""What of a stored run is a forecast of the day that was asked for, and when it was known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from pipelines.weather.vc_forecast import parse_vc_forecast
from warehouse.lake.tables import FORECASTS
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

TARGET = date(2025, 7, 15)
DAY = ClimateDay(CITIES["chicago"], TARGET)


def answer(timeline, *, basis="2025-07-15", hours=None, high=91.4, received=None, **top):
    """Return the answer of one run: every hour of two civil days, 70 °F and rising by a tenth."""
    hours = hours if hours is not None else [hour(step) for step in range(48)]
    days = [
        {"datetime": "2025-07-15", "tempmax": high, "source": "fcst", "hours": hours[:24]},
        {"datetime": "2025-07-16", "tempmax": 88.0, "source": "fcst", "hours": hours[24:]},
    ]
    body = timeline.body(
        **{"address": "Chicago,IL", "resolvedAddress": "Chicago, IL, United States", "days": days} | top
    )
    asked = {"target": str(TARGET), "basis": basis, "received_utc": received or timeline.received_utc}
    return timeline.payload(body, "vc_forecast", **asked)


def hour(step, **said):
    """Return the hour that begins `step` hours after the civil midnight."""
    epoch = int(datetime(2025, 7, 15, 5, tzinfo=UTC).timestamp()) + 3_600 * step
    return {
        "datetime": f"{step % 24:02}:00:00",
        "datetimeEpoch": epoch,
        "temp": 70 + step / 10,
        "source": "fcst",
    } | said


def parsed_of(*payloads, **lag):
    (parsed,) = parse_vc_forecast(payloads, **lag)
    return parsed


def rules(parsed):
    return parsed.refused["rule"].to_list()


def test_run_says_every_hour_of_the_climate_day(timeline):
    """Civil hours 02:00 to 01:00 of the next day are the 24 hourly steps of a climate day in summer."""
    frame = parsed_of(answer(timeline)).frame

    hourly = [DAY.start_utc + timedelta(hours=step) for step in range(1, 25)]
    assert hourly == frame["valid_utc"].to_list()
    assert [round(70 + step / 10, 1) for step in range(2, 26)] == frame["temp_f"].round(1).to_list()
    assert {TARGET} == set(frame["event_date"])


def test_rows_keep_the_contract_of_forecasts(timeline):
    """What is parsed is admitted."""
    ((partition, rows),) = FORECASTS.split(parsed_of(answer(timeline)).frame)

    assert 24 == FORECASTS.admit(rows, partition).height


def test_high_stands_at_the_closing_midnight(timeline):
    """The high of the target's civil day shares the row of the last hour; the next day's high is not ours."""
    frame = parsed_of(answer(timeline)).frame

    assert [None] * 23 + [91.4] == frame["high_f"].to_list()
    assert DAY.end_utc == frame["valid_utc"][-1]


def test_run_is_known_six_hours_after_midnight(timeline):
    """A run issued at 00Z could be had at 06Z, or when it was received sooner."""
    late = parsed_of(answer(timeline)).frame
    soon = parsed_of(answer(timeline, received=datetime(2025, 7, 15, 2, tzinfo=UTC))).frame

    assert {datetime(2025, 7, 15, tzinfo=UTC)} == {*late["issued_utc"], *soon["issued_utc"]}
    assert [{6}, {2}] == [{known.hour for known in frame["known_utc"]} for frame in (late, soon)]


def test_publication_lag_can_be_set(timeline):
    """Somebody who knows the vendor better says so."""
    frame = parsed_of(answer(timeline), lag=timedelta(hours=9)).frame

    assert {datetime(2025, 7, 15, 9, tzinfo=UTC)} == set(frame["known_utc"])


def test_hours_before_the_issue_are_left_out(timeline):
    """A run of the next midnight speaks of the last six hours alone; what lies before is analysis."""
    parsed = parsed_of(answer(timeline, basis="2025-07-16"))

    assert [DAY.start_utc + timedelta(hours=step) for step in range(19, 25)] == parsed.frame["valid_utc"].to_list()
    assert [] == rules(parsed)


@pytest.mark.parametrize("word", ["obs", "comb", "stats", "statsfcst"])
def test_measured_hour_is_no_forecast(timeline, word):
    """An answer that knows the outcome is not the one that was issued."""
    hours = [hour(step, source=word if step == 12 else "fcst") for step in range(48)]

    parsed = parsed_of(answer(timeline, hours=hours))

    assert 23 == parsed.frame.height
    assert ["source is a measurement or a statistic, no forecast"] == rules(parsed)


@pytest.mark.parametrize(
    ("high", "reason"),
    [(0.0, "beyond its horizon"), (None, "missing"), (float("nan"), "not finite"), (170.0, "outside"), ("91", "type")],
)
def test_bad_high_is_refused_and_its_hours_stay(timeline, high, reason):
    """A daily maximum that cannot be does not take the curve along."""
    parsed = parsed_of(answer(timeline, high=high))

    assert (24, 0) == (parsed.frame.height, parsed.frame["high_f"].drop_nulls().len())
    assert any(reason in rule for rule in rules(parsed))


def test_an_hour_or_high_without_a_source_is_refused(timeline):
    """Who does not say that it forecasts may tell what was measured since: a leak."""
    hours = [hour(step, source=None) if step == 12 else hour(step) for step in range(48)]
    days = [{"datetime": "2025-07-15", "tempmax": 91.4, "hours": hours}]

    parsed = parsed_of(answer(timeline, days=days))

    assert (23, 0) == (parsed.frame.height, parsed.frame["high_f"].drop_nulls().len())
    assert ["source is missing, so it may be what was measured"] * 2 == rules(parsed)


@pytest.mark.parametrize("days", [[], [{"datetime": "2025-07-15", "hours": None}]])
def test_an_answer_without_hours_is_refused(timeline, days):
    """Silence about the target day is told: the answer may be final."""
    assert "no hours at all for the target day" == rules(parsed_of(answer(timeline, days=days)))[0]


def test_true_zero_high_is_kept(timeline):
    """In a cold snap 0.0 is a temperature: its hours say so."""
    hours = [hour(step, temp=-5.0) for step in range(48)]

    assert 0.0 == parsed_of(answer(timeline, hours=hours, high=0.0)).frame["high_f"][-1]


@pytest.mark.parametrize(
    ("said", "reason"),
    [({"temp": 0.0}, "0.0"), ({"temp": -77.9}, "-77.9"), ({"temp": "70"}, "type"), ({"temp": None}, "missing")],
)
def test_bad_hour_is_refused_alone(timeline, said, reason):
    """Marks for nothing, changed types and gaps cost their hour."""
    hours = [hour(step, **(said if step == 12 else {})) for step in range(48)]

    parsed = parsed_of(answer(timeline, hours=hours))

    assert 23 == parsed.frame["temp_f"].drop_nulls().len()
    assert any(reason in rule for rule in rules(parsed))


def test_epoch_in_milliseconds_is_refused(timeline):
    """Seconds only."""
    hours = [hour(step, **({"datetimeEpoch": 1752606000000} if step == 12 else {})) for step in range(48)]

    assert ["datetimeEpoch is in milliseconds, not seconds"] == rules(parsed_of(answer(timeline, hours=hours)))


def test_high_of_utc_days_is_refused(timeline):
    """Days of another zone are other days: their maximum is not the city's."""
    parsed = parsed_of(answer(timeline, timezone="Z"))

    assert [None] * 24 == parsed.frame["high_f"].to_list()
    assert ["its days are not the city's: the high of another day"] == rules(parsed)


def test_run_of_the_future_is_refused(timeline):
    """A basis after the receipt was not issued yet."""
    parsed = parsed_of(answer(timeline, basis="2025-07-21"))

    assert (0, ["from the future: its basis is after it was received"]) == (parsed.frame.height, rules(parsed))


@pytest.mark.parametrize("body", [b"Bad API Request: forecastBasisDate is not licensed", b"<html>", b'{"days": 1}'])
def test_error_in_words_is_refused_with_its_text(timeline, body):
    """An error that came as a good answer ends in quarantine with its words."""
    payload = timeline.payload(body, "vc_forecast", target=str(TARGET), basis=str(TARGET))

    parsed = parsed_of(payload, answer(timeline))

    assert (24, 1) == (parsed.frame.height, parsed.refused.height)


def test_forecast_for_another_city_is_refused(timeline):
    """The answer must be for the place that was asked."""
    assert parsed_of(answer(timeline, address="Springfield,IL")).frame.is_empty()


def test_same_run_fetched_twice_counts_once(timeline):
    """A run that was asked for again is the same run."""
    once, twice = parsed_of(answer(timeline)), parsed_of(answer(timeline), answer(timeline))

    assert once.frame.equals(twice.frame)
    assert [] == rules(twice)
