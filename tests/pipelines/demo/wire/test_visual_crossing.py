"""Visual Crossing's timeline says the world by civil days, in nested JSON, with plain text where something is wrong."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest

from pipelines.demo import World
from pipelines.demo.wire import Limits, serve

TIMELINE = "/VisualCrossingWebServices/rest/services/timeline"
OBS = {"include": "obs,minutes", "options": "minuteinterval_5,useobs,nonulls", "unitGroup": "us", "key": "k"}
WORDS = {"temp_f": "temp", "dew_f": "dew", "humidity_pct": "humidity", "wind_mph": "windspeed"}


def minutes_of(answer: dict) -> list[dict]:
    """Flatten days, hours and minutes."""
    return [minute for day in answer["days"] for hour in day["hours"] for minute in hour["minutes"]]


def test_measured_minutes_are_those_of_the_world(ask: Callable, rows: Callable[..., pl.DataFrame]) -> None:
    """Every report once, by epoch, from the one station, to the last digit."""
    answer = ask(f"{TIMELINE}/stn:KMDW/2026-10-29/2026-11-04", **OBS).json

    said, direct = minutes_of(answer), rows("obs").filter(source="vc").sort("ts_utc")
    assert direct["ts_utc"].dt.epoch("s").to_list() == [minute["datetimeEpoch"] for minute in said]
    for name, word in WORDS.items():
        assert direct[name].to_list() == [minute[word] for minute in said]
    assert {("obs", ("KMDW",))} == {(minute["source"], tuple(minute["stations"])) for minute in said}
    assert 7 * 288 == answer["queryCost"]
    assert "stn:KMDW" == answer["address"]


def test_a_civil_day_has_twenty_five_hours_when_the_clocks_go_back(ask: Callable) -> None:
    """One o'clock is there twice, told apart by the epoch alone."""
    (day,) = ask(f"{TIMELINE}/stn:KMDW/2026-11-01", **OBS).json["days"]

    names = Counter(hour["datetime"] for hour in day["hours"])
    assert (25, 2) == (len(day["hours"]), names["01:00:00"])
    assert 25 == len({hour["datetimeEpoch"] for hour in day["hours"]})


def test_only_the_elements_that_are_asked_for_come(ask: Callable) -> None:
    """Days carry no aggregates unless they are asked for."""
    answer = ask(f"{TIMELINE}/stn:KNYC/2026-11-01", **OBS | {"elements": "datetimeEpoch,temp,source"}).json

    assert {"datetimeEpoch", "temp", "source"} == set(minutes_of(answer)[0])
    assert {"temp", "datetimeEpoch", "source", "hours"} == set(answer["days"][0])


def test_the_usual_step_is_a_quarter_of_an_hour(ask: Callable) -> None:
    """Five minutes have to be asked for."""
    answer = ask(f"{TIMELINE}/stn:KMDW/2026-11-02", include="obs,minutes", key="k").json

    assert {0} == {minute["datetimeEpoch"] % 900 for minute in minutes_of(answer)}
    assert 96 == answer["queryCost"]


@pytest.mark.parametrize(("target", "basis"), [("2026-11-02", "2026-11-01"), ("2026-11-02", "2026-11-02")])
def test_a_stored_run_is_told_as_it_was_issued(
    ask: Callable, rows: Callable[..., pl.DataFrame], target: str, basis: str
) -> None:
    """Hours after the issue and the high of the day, both of that run."""
    query = {"include": "days,hours", "forecastBasisDate": basis, "key": "k"}

    answer = ask(f"{TIMELINE}/Chicago,IL/{target}/2026-11-03", **query).json

    run = rows("forecasts").filter(
        (pl.col("source") == "vc")
        & (pl.col("issued_utc") == datetime.fromisoformat(f"{basis}T00:00Z"))
        & (pl.col("event_date").cast(pl.String) == target)
    )
    said = {hour["datetimeEpoch"]: hour["temp"] for day in answer["days"] for hour in day["hours"]}
    direct = dict(run.select(pl.col("valid_utc").dt.epoch("s"), "temp_f").iter_rows())
    assert direct.items() <= said.items()
    assert run["high_f"].drop_nulls().item() == answer["days"][0]["tempmax"]
    assert {"fcst"} == {hour["source"] for day in answer["days"] for hour in day["hours"]}


def test_a_run_beyond_its_horizon_says_zero(ask: Callable) -> None:
    """The vendor's own mark of nothing."""
    query = {"include": "days,hours", "forecastBasisDate": "2026-10-25", "key": "k"}

    (day,) = ask(f"{TIMELINE}/Chicago,IL/2026-11-01", **query).json["days"]

    assert (0.0, []) == (day["tempmax"], day["hours"])


def test_a_run_is_not_told_before_it_is_published(served_world: World, asking: Callable) -> None:
    """Six hours after midnight UTC, not at midnight."""
    query = {"include": "days,hours", "forecastBasisDate": "2026-11-01", "key": "k"}
    said = {}
    for hour in (5, 7):
        with serve(served_world, now=datetime(2026, 11, 1, hour, tzinfo=UTC)) as served:
            said[hour] = asking(served)(f"{TIMELINE}/Chicago,IL/2026-11-01", **query).json["days"][0]["hours"]

    assert [] == said[5]
    assert said[7]


def test_a_nowcast_goes_on_where_the_measurements_end(ask_at_noon: Callable) -> None:
    """What is known is measured, what is ahead is forecast, and current conditions are the last report."""
    query = {"include": "obs,fcst,current,hours,minutes", "key": "k"}

    answer = ask_at_noon(f"{TIMELINE}/stn:KMDW/today/tomorrow", **query).json

    hours = [hour for day in answer["days"] for hour in day["hours"]]
    sources = [hour["source"] for hour in hours]
    assert ["2026-11-01", "2026-11-02"] == [day["datetime"] for day in answer["days"]]
    assert sorted(sources, reverse=True) == sources
    assert {"obs", "fcst"} == set(sources)
    assert answer["currentConditions"]["datetimeEpoch"] <= 1793556000 - 480
    assert "comb" == answer["days"][0]["source"]


@pytest.mark.parametrize(
    ("path", "query", "status", "text"),
    [
        ("/stn:KMDW/2026-11-01", {"key": ""}, 401, "No session or key found"),
        ("/stn:KORD/2026-11-01", {}, 400, "Bad API Request:Invalid location parameter value."),
        ("/stn:KMDW/2026-13-01", {}, 400, "Bad API Request:Invalid date value."),
        ("/stn:KMDW/2026-11-02/2026-11-01", {}, 400, "Bad API Request:"),
        ("/stn:KMDW/2026-11-01", {"options": "minuteinterval_0"}, 400, "Bad API Request:"),
        ("/stn:KMDW/2026-11-01", {"options": "minuteinterval_five"}, 400, "Bad API Request:"),
        ("/stn:KMDW/2026-11-01", {"unitGroup": "metric"}, 400, "Bad API Request:"),
        ("/stn:KMDW/2026-11-01", {"contentType": "csv"}, 400, "Bad API Request:"),
        ("/stn:KMDW/2026-11-01/2026-11-02/2026-11-03", {}, 404, "Request did not match an endpoint"),
    ],
)
def test_errors_are_plain_text(ask: Callable, path: str, query: dict, status: int, text: str) -> None:
    """No JSON says what is wrong."""
    reply = ask(f"{TIMELINE}{path}", **OBS | query)

    assert status == reply.status
    assert reply.text.startswith(text)
    assert reply.headers["Content-Type"].startswith("text/plain")


def test_a_foreign_key_is_named_and_a_day_has_a_price(served_world: World, asking: Callable) -> None:
    """What passes the day's quota is still answered; the question after it is not."""
    with serve(served_world, limits=Limits(vc_records_per_day=300), vc_keys=frozenset({"k"})) as served:
        ask = asking(served)
        replies = [ask(f"{TIMELINE}/stn:KMDW/2026-11-01", **OBS) for _ in range(3)]
        foreign = ask(f"{TIMELINE}/stn:KMDW/2026-11-01", **OBS | {"key": "other"})

    assert [200, 200, 429] == [reply.status for reply in replies]
    assert "Maximum daily cost exceeded" == replies[-1].text
    assert (401, "No account found with API key 'other'") == (foreign.status, foreign.text)


def test_questions_at_the_same_time_are_too_many(served_world: World, asking: Callable) -> None:
    """A small plan answers one at a time and turns the others away."""
    with serve(served_world, limits=Limits(vc_concurrency=1)) as served:
        ask, replies = asking(served), []
        threads = [
            threading.Thread(target=lambda: replies.append(ask(f"{TIMELINE}/stn:KNYC/2026-11-01", **OBS)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert {200, 429} == {reply.status for reply in replies}
    assert {"Maximum concurrency exceeded"} == {reply.text for reply in replies if reply.status == 429}
