"""Summaries of a day in NCEI's global-hourly files: one degree, in whole °F and again in tenths of °C, or none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from pipelines.payload import Parsed, Payload
from pipelines.weather.ghcn import tenths_of_fahrenheit
from pipelines.weather.ncei_hourly import parse_ncei_hourly

RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = {
    "STATION": "72202012839",
    "DATE": "2022-01-04T04:59:00",
    "REPORT_TYPE": "SOD  ",
    "REM": "SOD739 24 HR SNOWFALL (IN):0.0  24 HR MAX TEMP (F): 8324 HR MIN TEMP (F): 68AVERAGE STATION PRESSURE:30.0",
    "KA1": "240,M,+0283,5",
    "KA2": "240,N,+0200,5",
}


def both(*rows, city="miami") -> list[Parsed]:
    """Parse rows, each the good one with changes."""
    frame = pl.DataFrame([GOOD | row for row in rows], orient="row")
    body = frame.write_csv(quote_style="always").encode()
    return list(
        parse_ncei_hourly([Payload(kind="ncei_hourly", asked={"city": city}, body=body, received_utc=RECEIVED)])
    )


def parsed(*rows, city="miami") -> Parsed:
    """Return the settlements among rows."""
    return both(*rows, city=city)[1]


def test_a_summary_is_a_final_report_of_the_day_it_ends_and_known_days_later():
    """Its stamp is the day's last minute in UTC: it is issued a minute later, on the evening of the day before."""
    row = parsed({}).frame.row(0, named=True)

    assert ("ghcn", "SOD", 83, True, False) == tuple(
        row[name] for name in ("source", "product_id", "high_f", "is_final", "is_correction")
    )
    assert (date(2022, 1, 3), datetime(2022, 1, 4, 5, tzinfo=UTC)) == (row["event_date"], row["issued_utc"])
    assert row["issued_utc"] + timedelta(days=3) == row["known_utc"]


def test_a_summary_is_no_report_of_an_instant():
    """A file of summaries alone has no observations, and none of its rows is counted as unread."""
    reports, _ = both({})

    assert (0, 0) == (reports.frame.height, reports.refused.height)


@pytest.mark.parametrize(
    "follows", ["24 HR MIN TEMP (F): 68", " 24 HR MAX TEMP TIME (LST):1437", "AVERAGE STATION PRESSURE:30.050", ""]
)
def test_the_maximum_is_read_whatever_follows_it_without_a_blank(follows):
    """The digits of the next item's name are never taken for the maximum's: every degree of -40 … 130 comes back."""
    degrees = list(range(-40, 131))
    days = [date(2022, 1, 2) + timedelta(days=place) for place in range(len(degrees))]

    read = parsed(
        *(
            {
                "DATE": f"{day}T04:59:00",
                "REM": f"SOD 24 HR MAX TEMP (F):{high_f:3d}{follows}",
                "KA1": f"240,M,{tenths_of_fahrenheit(high_f):+05d},5",
            }
            for day, high_f in zip(days, degrees, strict=True)
        )
    )

    assert degrees == read.frame.sort("event_date")["high_f"].to_list()


@pytest.mark.parametrize("place", ["KA2", "KA3", "KA4"])
def test_the_group_of_the_maximum_may_stand_at_any_place(place):
    """Groups have no fixed order, and a file may have more of them than another."""
    assert [83] == parsed({"KA1": "240,N,+0200,5", place: "240,M,+0283,5"}).frame["high_f"].to_list()


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"STATION": "72530014819"}, "the row is of another station"),
        ({"DATE": "2022-01-04"}, "its time cannot be read"),
        ({"DATE": "2022-01-04T05:59:00"}, "it does not bear the last minute of a climate day"),
        ({"REM": None}, "its text says no maximum"),
        ({"REM": GOOD["REM"].replace(" 83", " M")}, "its text says no maximum"),
        ({"REM": GOOD["REM"].replace(" 83", "   ")}, "its text says no maximum"),
        ({"REM": "SOD 24 HR MAX TEMP (F): 83.524 HR MIN TEMP"}, "its text says no maximum"),
        ({"REM": GOOD["REM"].replace(" 83", "999")}, "its text marks the maximum as missing"),
        ({"KA1": None}, "no coded group says the maximum of its 24 hours"),
        ({"KA1": "120,M,+0283,5"}, "no coded group says the maximum of its 24 hours"),
        ({"KA1": "240,P,+0283,5"}, "no coded group says the maximum of its 24 hours"),
        ({"KA1": "240,M,+9999,9"}, "its coded group marks the maximum as missing"),
        ({"KA1": "240,M,+0283,3"}, "the archive doubts its maximum"),
        ({"KA1": "240,M,+0289,5"}, "its text and its coded group name different degrees"),
        ({"REM": "SOD 24 HR MAX TEMP (F):15024 HR MIN", "KA1": "240,M,+0656,5"}, "150 °F is outside -60 … 140 °F"),
        ({"DATE": "2027-01-04T04:59:00"}, "from the future: issued after it was received"),
    ],
)
def test_a_broken_summary_is_refused_alone(changes, rule):
    """What is missing, doubted or said in two ways gives no row; the next day's summary stays."""
    read = parsed(changes, {"DATE": "2022-01-05T04:59:00"})

    assert ([date(2022, 1, 4)], [rule]) == (read.frame["event_date"].to_list(), read.refused["rule"].to_list())


def test_a_day_summarised_twice_keeps_the_first():
    """Two summaries of one day with other highs: the second is told among the refused."""
    read = parsed({}, {"REM": GOOD["REM"].replace(" 83", " 84"), "KA1": "240,M,+0289,5"})

    assert [83] == read.frame["high_f"].to_list()
    assert ["another report of the same minute says 83 °F: the first to settle stays"] == read.refused["rule"].to_list()


def test_the_end_of_the_day_is_that_of_the_city():
    """Chicago's day ends an hour after Miami's, in UTC."""
    read = parsed({"STATION": "72534014819", "DATE": "2022-07-04T05:59:00"}, city="chicago")

    assert [datetime(2022, 7, 4, 6, tzinfo=UTC)] == read.frame["issued_utc"].to_list()
