"""What of Visual Crossing's answers is a measurement, of which day, and what becomes of everything else."""

from __future__ import annotations

import json
import logging
import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.transform import observation_grid
from pipelines.weather import timeline as wire
from pipelines.weather.visual_crossing import parse_vc_nowcast, parse_vc_obs
from warehouse.lake.tables import FORECASTS, OBS
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

NAN = float("nan")


def rules(parsed):
    return parsed.refused["rule"].to_list()


def test_measured_minute_becomes_a_row(timeline):
    """A minute that the station measured is a row of obs, known eight minutes later."""
    parsed = timeline.obs(timeline.slot(5, 91.4))

    row = parsed.frame.row(0, named=True)
    said = {"temp_f": 91.4, "dew_f": 66.2, "humidity_pct": 46.1, "source": "vc", "station": "KMDW", "is_filled": False}
    assert said == {name: row[name] for name in said}
    assert (timeline.at(5), timeline.at(13), date(2025, 7, 15)) == (row["ts_utc"], row["known_utc"], row["event_date"])
    assert [] == rules(parsed)


def test_rows_keep_the_contract_of_obs(timeline):
    """What is parsed is admitted, partition by partition."""
    parsed = timeline.obs(*(timeline.slot(5 * step, 70 + 0.9 * (step % 20)) for step in range(200)))

    admitted = [OBS.admit(rows, partition).height for partition, rows in OBS.split(parsed.frame)]

    assert [144, 56] == admitted


@pytest.mark.parametrize(
    ("temp", "whole", "interval"),
    [
        (89.6, True, (89, 90)),
        (91.4, True, (91, 92)),
        (86.0, True, (86, 86)),
        (90.0, False, (90, 90)),
        (-0.4, True, (-1, 0)),
    ],
)
def test_whole_celsius_is_an_interval(timeline, temp, whole, interval):
    """89.6 is 32 °C, which means 89 or 90; 90.0 is 32.2 °C, which means 90."""
    row = timeline.obs(timeline.slot(0, temp)).frame.row(0, named=True)

    assert (whole, *interval) == (row["is_whole_c"], row["temp_lo_f"], row["temp_hi_f"])


def test_running_maximum_of_whole_celsius_stays_an_interval(timeline):
    """A day whose hottest report is 32 °C had a maximum of 89 or 90, never of 89.6."""
    reports = timeline.obs(timeline.slot(0, 87.8), timeline.slot(5, 89.6), timeline.slot(10, 87.8)).frame

    grid = observation_grid(
        reports.drop("city", "event_date"), day=ClimateDay(CITIES["chicago"], date(2025, 7, 15)), step_minutes=5
    )

    assert (89, 90) == grid.select("run_max_lo_f", "run_max_hi_f").row(-1)


BAD_SLOTS = {
    "model": ({"source": "fcst"}, "source is not obs"),
    "mixture": ({"source": "comb"}, "source is not obs"),
    "statistics": ({"source": "stats"}, "source is not obs"),
    "no source": ({"source": None}, "source is missing"),
    "O'Hare": ({"stations": ["KORD"]}, "not the one station"),
    "blend": ({"stations": ["KMDW", "KORD"]}, "not the one station"),
    "nobody": ({"stations": None}, "stations is missing"),
    "milliseconds": ({"datetimeEpoch": 1752606000000}, "milliseconds"),
    "off the grid": ({"datetimeEpoch": 1752606420}, "five-minute grid"),
    "text for a number": ({"temp": "89.6"}, "changed a type: Expected `float | null`, got `str`"),
    "number for text": ({"source": 7}, "changed a type"),
    "epoch as text": ({"datetimeEpoch": "1752606000"}, "changed a type"),
    "epoch beyond every calendar": ({"datetimeEpoch": 10**30}, "changed a type"),
    "no epoch": ({"datetimeEpoch": None}, "changed a type"),
    "null": ({"temp": None}, "temperature is missing"),
    "not a number": ({"temp": NAN}, "not finite"),
    "infinite": ({"temp": float("inf")}, "not finite"),
    "mark for nothing": ({"temp": -77.9}, "-77.9 °F is the vendor's mark"),
    "lonely zero": ({"temp": 0.0}, "0.0 °F is the vendor's mark"),
    "too hot": ({"temp": 151.0}, "no American station"),
    "absurd": ({"temp": 1e300}, "no American station"),
    "1970": ({"datetimeEpoch": 300}, "before the year 2000"),
    "tomorrow": ({"datetimeEpoch": 1753056000}, "from the future"),
}


@pytest.mark.parametrize(("said", "reason"), BAD_SLOTS.values(), ids=BAD_SLOTS.keys())
def test_what_is_no_measurement_is_refused_alone(timeline, said, reason):
    """One bad minute ends among the refused with its reason; its neighbours stay."""
    parsed = timeline.obs(timeline.slot(-5), timeline.slot(0) | said, timeline.slot(5))

    assert [timeline.at(-5), timeline.at(5)] == parsed.frame["ts_utc"].to_list()
    assert 1 == parsed.refused.height
    assert reason in rules(parsed)[0]
    assert parsed.refused["subject"][0].startswith("vc_obs chicago")


def test_true_zero_is_kept(timeline):
    """A 0.0 between 1.4 and -0.4 is cold, not nothing."""
    parsed = timeline.obs(timeline.slot(0, 1.4), timeline.slot(5, 0.0), timeline.slot(10, -0.4))

    assert [1.4, 0.0, -0.4] == parsed.frame["temp_f"].to_list()


def test_zero_without_any_neighbour_is_refused(timeline):
    """A 0.0 that nothing supports is nothing."""
    assert timeline.obs(timeline.slot(0, 0.0), timeline.slot(5, 0.0)).frame.is_empty()


def test_real_peak_is_kept(timeline):
    """No spike filter: a jump of 4 °F for one report is weather (Seattle's true 69 was once corrected away)."""
    parsed = timeline.obs(timeline.slot(0, 82.4), timeline.slot(5, 86.0), timeline.slot(10, 82.4))

    assert [82.4, 86.0, 82.4] == parsed.frame["temp_f"].to_list()


def test_broken_side_value_is_left_out_alone(timeline):
    """A dew point that cannot be is refused; the temperature beside it stays."""
    parsed = timeline.obs(timeline.slot(0, 89.6, dew=-77.9))

    assert (89.6, None, 46.1) == parsed.frame.select("temp_f", "dew_f", "humidity_pct").row(0)
    assert ["dew_f cannot be: left out, the temperature is kept"] == rules(parsed)


@pytest.mark.parametrize(
    ("name", "value"),
    [("humidity", 0.0), ("humidity", -1.0), ("dew", 0.0), ("dew", 90.7), ("humidity", 999.0), ("dew", -999.0)],
)
def test_a_mark_of_nothing_beside_a_temperature_is_left_out_alone(timeline, name, value):
    """Air that holds nothing, or more than it can, was not measured; the temperature and the other side stay."""
    parsed = timeline.obs(timeline.slot(-5), timeline.slot(0, 89.6, **{name: value}), timeline.slot(5))

    column, other = {"humidity": ("humidity_pct", "dew_f"), "dew": ("dew_f", "humidity_pct")}[name]
    assert [False, True, False] == parsed.frame[column].is_null().to_list()
    assert (3, 0) == (parsed.frame.height, parsed.frame[other].null_count())
    assert [f"{column} cannot be: left out, the temperature is kept"] == rules(parsed)


def test_a_true_zero_of_the_dew_point_is_kept(timeline):
    """Dry cold air: 0.0 between 1.4 and -0.4, and a dew point as high as a rounded temperature."""
    slots = [timeline.slot(5 * step, 20.0, dew=dew) for step, dew in enumerate((1.4, 0.0, -0.4))]

    assert [1.4, 0.0, -0.4, 20.9] == timeline.obs(*slots, timeline.slot(15, 20.0, dew=20.9)).frame["dew_f"].to_list()


@pytest.mark.parametrize("days", [[], [{"datetime": "2025-07-15", "hours": None}], [{"hours": []}]])
def test_an_answer_without_any_minute_is_refused(timeline, days):
    """Silence about the days asked for is told: the answer may be final."""
    asked = {"since": "2025-07-14", "until": "2025-07-15"}

    (parsed,) = parse_vc_obs([timeline.payload(timeline.body(days=days), **asked)])

    assert ["no minutes at all for 2025-07-14–2025-07-15"] == rules(parsed)


def test_a_question_for_days_that_are_none_is_refused(timeline):
    """A bad date in the question is told, not raised."""
    assert "asked for days that are none" in rules(timeline.obs(timeline.slot(0), since="15 July"))[0]


@pytest.mark.parametrize("place", ["stn:KORD", "KORD", "Chicago,IL"])
def test_answer_for_another_place_is_refused_whole(timeline, place):
    """A report for O'Hare is not Midway, whatever its rows say."""
    (parsed,) = parse_vc_obs([timeline.payload(timeline.body(timeline.slot(0), address=place))])

    assert parsed.frame.is_empty()
    assert f"the answer is for {place!r}, asked was 'stn:KMDW'" == rules(parsed)[0]


def test_la_guardia_is_not_central_park(timeline):
    """The station is that of the city that was asked for."""
    body = timeline.body(timeline.slot(0, stations=["KLGA"]), address="stn:KNYC", resolvedAddress="stn:KLGA")

    (parsed,) = parse_vc_obs([timeline.payload(body, city="nyc")])

    assert parsed.frame.is_empty()


BAD_BODIES = {
    "an error in words": (b"Bad API Request:Invalid location parameter value.", "it begins 'Bad API Request:Inv"),
    "a page": (b"<html><body>502 Bad Gateway</body></html>", "it begins '<html>"),
    "nothing": (b"", "no JSON"),
    "another object": (b'{"errorCode": 999}', "`days` is missing"),
    "a list": (b"[]", "`days` is missing"),
    "days of another type": (b'{"days": {"0": {}}}', "`days` is missing"),
    "not text": (b"\xff\xfe\x00", "no JSON"),
}


@pytest.mark.parametrize(("body", "reason"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_what_is_no_timeline_is_refused_whole(timeline, body, reason):
    """A body of another kind is refused with its first words; the next answer is read."""
    (parsed,) = parse_vc_obs([timeline.payload(body), timeline.payload(timeline.body(timeline.slot(0)))])

    assert 1 == parsed.frame.height
    assert reason in rules(parsed)[0]


def test_hours_without_minutes_are_refused(timeline):
    """A plan without sub-hourly data says so in the quarantine, not by silence."""
    parsed = timeline.obs()

    assert ["hours without minutes: the plan has no sub-hourly data"] == rules(parsed)


def test_hours_of_another_type_leave_the_other_day(timeline):
    """A damaged day does not take the next one along."""
    good = json.loads(timeline.body(timeline.slot(0)))["days"][0]
    days = [{"hours": "none"}, good, {"hours": [7]}, {"hours": [{"minutes": 7}]}]

    (parsed,) = parse_vc_obs([timeline.payload(timeline.body(days=days))])

    assert 1 == parsed.frame.height
    assert 3 <= parsed.refused.height


def test_same_report_twice_counts_once(timeline):
    """What was said again in the same words is folded, known from its first receipt."""
    early = timeline.payload(timeline.body(timeline.slot(0)), received_utc=timeline.at(3))
    late = timeline.payload(timeline.body(timeline.slot(0)))

    (parsed,) = parse_vc_obs([early, late])

    assert [timeline.at(3)] == parsed.frame["known_utc"].to_list()
    assert [] == rules(parsed)


def test_contradiction_inside_one_answer_leaves_the_first(timeline):
    """Two values of one instant in one answer: the first stays, the second is refused."""
    parsed = timeline.obs(timeline.slot(0, 89.6), timeline.slot(0, 91.4))

    assert [89.6] == parsed.frame["temp_f"].to_list()
    assert ["the same answer tells this instant twice, with other values: the first stays"] == rules(parsed)


def test_revised_report_counts(timeline):
    """What a later answer says of an instant counts; what it replaced is among the refused."""
    early = timeline.payload(timeline.body(timeline.slot(0, 91.4)), received_utc=timeline.at(3))

    (parsed,) = parse_vc_obs([early, timeline.payload(timeline.body(timeline.slot(0, 89.6)))])

    assert [89.6] == parsed.frame["temp_f"].to_list()
    assert ["a later answer tells this instant with other values: the later counts"] == rules(parsed)


@given(st.randoms(use_true_random=False))
def test_order_and_repeats_do_not_matter(timeline, chance: random.Random):
    """Rows out of order and said twice give the same table."""
    slots = [timeline.slot(5 * step, 80.6 + 1.8 * (step % 3)) for step in range(12)]
    mixed = chance.sample(slots, len(slots)) + chance.choices(slots, k=3)

    assert timeline.obs(*slots).frame.equals(timeline.obs(*mixed).frame)


@given(st.integers(0, 700))
def test_truncated_answer_never_raises_and_never_invents(timeline, length):
    """A cut answer is refused whole."""
    body = timeline.body(timeline.slot(0), timeline.slot(5))

    (parsed,) = parse_vc_obs([timeline.payload(body[: min(length, len(body) - 1)])])

    assert (0, 1) == (parsed.frame.height, parsed.refused.height)


@pytest.mark.parametrize("event_date", [date(2026, 3, 8), date(2026, 7, 1), date(2026, 11, 1)])
def test_climate_day_is_whole_when_the_clock_is_changed(timeline, event_date):
    """Three civil days of 23 to 25 hours hold 288 reports of the climate day, by epoch and not by wall clock."""
    first_utc = datetime.combine(event_date - timedelta(days=1), datetime.min.time(), CITIES["chicago"].tzinfo)
    steps = range(0, 3 * 1_440, 5)
    slots = [timeline.slot(0, datetimeEpoch=int(first_utc.timestamp()) + 60 * step) for step in steps]
    asked = {"since": str(event_date), "until": str(event_date), "received_utc": datetime(2027, 1, 1, tzinfo=UTC)}

    frame = timeline.obs(*slots, **asked).frame

    day = ClimateDay(CITIES["chicago"], event_date)
    assert 288 == frame.height
    assert (day.start_utc, day.end_utc - timedelta(minutes=5)) == (frame["ts_utc"].min(), frame["ts_utc"].max())


def test_overnight_high_belongs_to_the_standard_time_day(timeline):
    """In July 00:55 on the civil clock is still yesterday, 01:00 is today."""
    frame = timeline.obs(timeline.slot(715), timeline.slot(720)).frame

    assert [date(2025, 7, 15), date(2025, 7, 16)] == frame["event_date"].to_list()


def test_daily_maximum_of_the_vendor_is_never_a_report(timeline):
    """`tempmax` is of a civil day and of any station: no row of obs comes from it."""
    assert 99.9 not in timeline.obs(timeline.slot(0)).frame["temp_f"].to_list()


def test_copies_of_an_hourly_report_are_flagged(timeline):
    """A station that reports hourly repeats itself eleven times: eight of them say that they do."""
    still = {"windspeed": 4.0}
    hours = [timeline.slot(60 * hour + 5 * step, 78.8 + hour, **still) for hour in range(2) for step in range(12)]

    assert ([False] * 4 + [True] * 8) * 2 == timeline.obs(*hours).frame["is_filled"].to_list()


def test_fill_flag_restarts_at_midnight_of_standard_time(timeline):
    """The first report of a climate day is never a copy."""
    night = [timeline.slot(5 * step, windspeed=0.0) for step in range(138, 150)]

    frame = timeline.obs(*night).frame

    assert [2, 2] == frame.group_by("event_date", maintain_order=True).agg(pl.col("is_filled").sum())[
        "is_filled"
    ].to_list()


def test_unknown_field_is_told_once(timeline, caplog, monkeypatch):
    """A new field is not an error: it is logged once in the life of the process."""
    monkeypatch.setattr(wire, "_told", set())
    slot = timeline.slot(0, dewpointdepression=3.0)

    with caplog.at_level(logging.WARNING):
        frames = [timeline.obs(slot).frame, timeline.obs(slot).frame]

    assert [1, 1] == [frame.height for frame in frames]
    assert 1 == caplog.text.count("dewpointdepression")


def nowcast(timeline, *, minutes, hours=(), days=(), received=0):
    hour = {"datetimeEpoch": int(timeline.at(0).timestamp()), "source": "comb", "minutes": minutes}
    today = {"datetime": "2025-07-15", "tempmax": 91.4, "source": "comb"}
    body = timeline.body(days=[today | {"hours": [hour, *hours]}, *days])
    return tuple(parse_vc_nowcast([timeline.payload(body, "vc_nowcast", received_utc=timeline.at(received))]))


def test_nowcast_parts_measurement_from_model(timeline):
    """Minutes of the station go to obs, minutes of the model after the receipt to forecasts."""
    minutes = [timeline.slot(-15), timeline.slot(0), timeline.slot(15, 90.3, source="fcst")]

    obs, forecasts = nowcast(timeline, minutes=minutes, received=8)

    assert [timeline.at(-15), timeline.at(0)] == obs.frame["ts_utc"].to_list()
    row = forecasts.frame.row(0, named=True)
    assert (timeline.at(15), 90.3, timeline.at(8), timeline.at(8)) == tuple(
        row[name] for name in ("valid_utc", "temp_f", "issued_utc", "known_utc")
    )
    assert [[], []] == [rules(obs), rules(forecasts)]


def test_nowcast_says_the_high_at_the_closing_midnight(timeline):
    """Today's and tomorrow's highs stand at the end of their climate days; yesterday's is over and left out."""
    days = [
        {"datetime": f"2025-07-{day}", "tempmax": high, "source": word}
        for day, high, word in ((14, 88.0, "obs"), (16, 93.0, "fcst"))
    ]

    _, forecasts = nowcast(timeline, minutes=[], days=days)

    highs = forecasts.frame.drop_nulls("high_f")
    assert [(date(2025, 7, 15), 91.4), (date(2025, 7, 16), 93.0)] == highs.select("event_date", "high_f").rows()
    assert [timeline.at(720), timeline.at(720 + 1_440)] == highs["valid_utc"].to_list()
    assert 2 == sum(FORECASTS.admit(rows, partition).height for partition, rows in FORECASTS.split(highs))


def test_nowcast_takes_minutes_before_hours(timeline):
    """Where minutes reach, the hour of the same instant is not a second opinion."""
    minute, hour = timeline.slot(60, 90.3, source="fcst"), timeline.slot(60, 91.0, source="fcst")
    later = timeline.slot(120, 92.0, source="fcst")

    _, forecasts = nowcast(timeline, minutes=[minute], hours=[hour, later])

    assert [90.3, 92.0] == forecasts.frame["temp_f"].drop_nulls().to_list()


def test_stale_nowcast_is_told(timeline, caplog):
    """An answer whose newest measurement is hours old is kept, and somebody hears of it."""
    with caplog.at_level(logging.WARNING):
        obs, _ = nowcast(timeline, minutes=[timeline.slot(0)], received=300)

    assert 1 == obs.frame.height
    assert "the newest measurement of vc_nowcast chicago" in caplog.text
