"""Two recorded years of Miami: what its METARs say of each day's high, against the station's own daily summaries."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import polars as pl
import pytest

from pipelines.payload import Parsed, Payload
from pipelines.weather.ncei_hourly import parse_ncei_hourly
from warehouse.lake.tables import OBS, SETTLEMENTS, Partition

RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)
ROW = '"72202012839","2022-07-01T17:53:00","7","FM-15 ","METAR KMIA 011753Z 21016KT 33/22 A2987 RMK AO2 T03280222 $"'
HEADER = '"STATION","DATE","SOURCE","REPORT_TYPE","REM"'


def payload(body, city="miami"):
    return Payload(kind="ncei_hourly", asked={"city": city}, body=body, received_utc=RECEIVED)


@pytest.fixture(scope="module")
def bodies(recorded):
    """The files as they came."""
    return [(recorded("metar_kmia") / f"KMIA_{year}.csv.gz").read_bytes() for year in (2022, 2023)]


@pytest.fixture(scope="module")
def both(bodies) -> list[Parsed]:
    """The two years, parsed: reports and summaries."""
    return list(parse_ncei_hourly([payload(body) for body in bodies]))


@pytest.fixture(scope="module")
def miami(both) -> Parsed:
    """Their reports."""
    return both[0]


@pytest.fixture(scope="module")
def summaries(both) -> pl.DataFrame:
    """The high of each day, out of the summaries that end the days."""
    return both[1].frame


def test_every_row_of_two_years_is_read_or_refused_for_a_reason(miami):
    """Of 26,906 rows 20,396 are METARs; six say no temperature and two contradict themselves."""
    reasons = Counter(miami.refused["rule"].to_list())

    assert 20_388 == miami.frame.height
    assert 6 == reasons["the METAR says no temperature"]
    assert 2 == reasons["the T-group contradicts the body by more than 1 °C"]
    assert ["2858 synoptic rows", "2897 synoptic rows"] == sorted(rule[:18] for rule in reasons if "synoptic" in rule)
    assert 2 == sum(rule.startswith("12 summaries of a month") for rule in miami.refused["rule"])
    assert not any("summaries of a day" in rule for rule in reasons)


def test_every_summary_of_two_years_is_a_settlement_or_refused_for_a_reason(both):
    """Of 730 summaries one has no text and one says no maximum."""
    settlements = both[1]

    assert (728, "settlements") == (settlements.frame.height, settlements.table.name)
    assert ["its text says no maximum"] * 2 == settlements.refused["rule"].to_list()
    assert ["ncei_hourly miami 2022-05-31", "ncei_hourly miami 2023-03-30"] == settlements.refused["subject"].to_list()


def test_summaries_of_recorded_days_keep_the_contract(summaries):
    """Every day's summary is admitted to its partition."""
    admitted = [SETTLEMENTS.admit(rows, partition).height for partition, rows in SETTLEMENTS.split(summaries)]

    assert [1] * 728 == admitted


def test_reports_of_a_recorded_day_keep_the_contract(miami):
    """A day of real reports is admitted."""
    rows = dict(OBS.split(miami.frame))

    partition = Partition("miami", datetime(2023, 7, 1).date())
    assert rows[partition].height == OBS.admit(rows[partition], partition).height


def agreement(days: pl.DataFrame, summaries: pl.DataFrame) -> tuple[int, int]:
    """Return on how many days a value equals the summary, and of how many."""
    both = days.join(summaries, on="event_date")
    return int((both["said_f"] == both["high_f"]).sum()), both.height


def test_day_group_is_the_settled_high(miami, summaries):
    """The 24-hour group of the midnight report is the daily maximum on 721 of 722 days."""
    said = miami.frame.drop_nulls("max_24h_f").select("event_date", said_f="max_24h_f")

    assert (721, 722) == agreement(said, summaries)


def test_six_hour_groups_of_the_day_are_nearly_the_settled_high(miami, summaries):
    """Without the group that begins before midnight, the six-hour maxima give the high on 716 of 727 days."""
    groups = miami.frame.drop_nulls("max_6h_f").filter(pl.col("ts_utc").dt.hour() != 5)

    assert (716, 727) == agreement(groups.group_by("event_date").agg(said_f=pl.col("max_6h_f").max()), summaries)


def test_readings_alone_miss_the_settled_high(miami, summaries):
    """The hottest exact reading of the day is the high on 220 of 728 days: maxima fall between reports."""
    readings = miami.frame.filter(~pl.col("is_whole_c"))

    assert (220, 728) == agreement(readings.group_by("event_date").agg(said_f=pl.col("temp_hi_f").max()), summaries)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW.replace("12839", "14819"), "the row is of another station"),
        (ROW.replace("KMIA", "KOPF"), "the METAR is of another station"),
        (ROW.replace("METAR KMIA", "METAR KMIA KMIA").replace("011753Z", ""), "there is no METAR in it"),
        (ROW.replace("2022-07-01T17:53:00", "2022-07-01"), "its time cannot be read"),
    ],
)
def test_bad_row_is_refused_alone(row, reason):
    """A row of another station, or without a report, does not take the next one along."""
    good = ROW.replace("17:53", "18:53").replace("011753Z", "011853Z")

    parsed = next(parse_ncei_hourly([payload("\n".join([HEADER, row, good, ""]).encode())]))

    assert (1, [reason]) == (parsed.frame.height, parsed.refused["rule"].to_list())


def test_midways_file_is_not_miamis(bodies):
    """A whole file of another city's station is refused row by row, its summaries too."""
    reports, summaries = parse_ncei_hourly([payload(bodies[0], city="chicago")])

    assert (0, 0) == (reports.frame.height, summaries.frame.height)
    assert ["the row is of another station"] * 365 == summaries.refused["rule"].to_list()


def test_a_question_for_days_that_are_none_is_refused(bodies):
    """A bad date in the question is told, not raised."""
    asked = {"city": "miami", "since": "2022-13-01", "until": "2022-12-31"}

    parsed, _ = parse_ncei_hourly([Payload(kind="ncei_hourly", asked=asked, body=b"", received_utc=RECEIVED)])

    assert "asked for days that are none" in parsed.refused["rule"][0]


def test_cut_archive_is_refused(bodies):
    """Half a compressed file is none."""
    parsed = next(parse_ncei_hourly([payload(bodies[0][:1_000])]))

    assert parsed.frame.is_empty()
    assert parsed.refused["rule"][0].startswith("the compressed answer is damaged")
