"""The Weather Company's page: both known shapes, and everything that it must not become."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime
from typing import Any

import pytest

from pipelines.payload import Parsed, Payload
from pipelines.weather.twc import parse_twc_climate

_ISSUED = "2026-09-06T06:31:00Z"


def _station(cli: str = "NYC", icao: str = "KNYC", status: str = "official", **data: Any) -> dict[str, Any]:
    said = {"stationId": cli, "maxTemp": 84, "minTemp": 67, "avgTemp": 76, "isOfficial": True, "issueTime": _ISSUED}
    return {"station": {"icao": icao, "cliId": cli}, "status": status, "data": said | data}


def _parsed(*results: Any, body: bytes | None = None, asked: dict[str, str] | None = None) -> Parsed:
    payload = Payload(
        kind="twc_climate",
        asked={"date": "2026-09-05"} if asked is None else asked,
        body=json.dumps({"results": results}).encode() if body is None else body,
        received_utc=datetime(2026, 9, 7, tzinfo=UTC),
    )
    (parsed,) = parse_twc_climate([payload])
    return parsed


def test_an_official_value_is_final():
    """Official is final, issued when it says, known half an hour later."""
    row = _parsed(_station()).frame.row(0, named=True)

    assert ("nyc", date(2026, 9, 5), 84, True) == (row["city"], row["event_date"], row["high_f"], row["is_final"])
    assert datetime(2026, 9, 6, 7, 1, tzinfo=UTC) == row["known_utc"]


def test_the_other_shape_says_its_own_day():
    """One variant names the report's date and writes amounts as text; the page's date and the report's must agree."""
    other = _station("MDW", "KMDW", precipitation="0.00", reportDate="2026-09-05", location="Chicago", stationId=None)

    assert [date(2026, 9, 5)] == _parsed(other, asked={}).frame["event_date"].to_list()


@pytest.mark.parametrize(
    ("status", "is_final", "is_correction"),
    [("official", True, False), ("revised", True, True), ("preliminary", False, False), ("OFFICIAL", True, False)],
)
def test_the_status_tells_final_from_preliminary(status, is_final, is_correction):
    """Only official and revised values are final; a revised one corrects."""
    frame = _parsed(_station(status=status)).frame

    assert [(is_final, is_correction)] == frame.select("is_final", "is_correction").rows()


@pytest.mark.parametrize("status", ["pending", "no_report", "preliminary"])
def test_no_data_is_no_row_and_no_error(status):
    """A station that has nothing to say yet says nothing."""
    parsed = _parsed(_station(status=status) | {"data": None})

    assert (0, 0) == (parsed.frame.height, parsed.refused.height)


def test_stations_of_other_products_are_passed_over():
    """The page has some forty stations; those that settle none of our cities are not ours to judge."""
    parsed = _parsed(_station("ORD", "KORD"), _station())

    assert (1, 0) == (parsed.frame.height, parsed.refused.height)


@pytest.mark.parametrize("status", ["official", "revised"])
@pytest.mark.parametrize("issued", ["2026-09-05T05:31:00Z", "2026-09-06T04:59:00Z"])
def test_official_before_the_end_of_its_day_is_refused(status, issued):
    """A final value issued while the day still runs is yesterday's, or no final one."""
    parsed = _parsed(_station(status=status, issueTime=issued))

    assert parsed.frame.is_empty()
    assert "before its day was over" in parsed.refused["rule"][0]


def test_preliminary_before_the_end_of_its_day_is_not_final():
    """A value told while the day still runs cannot be its high."""
    parsed = _parsed(_station(status="preliminary", issueTime="2026-09-05T21:00:00Z"))

    assert [False] == parsed.frame["is_final"].to_list()


@pytest.mark.parametrize(
    ("issued", "said", "is_kept"),
    [
        ("2026-06-22T05:00:00Z", {}, True),
        ("2026-06-22T05:01:00Z", {}, False),
        ("2026-06-24T05:00:00Z", {"reportDate": None}, False),
        ("2026-06-24T05:00:00Z", {"reportDate": "2026-06-20"}, True),
        ("2026-09-06T06:31:00Z", {"reportDate": "2026-06-20"}, False),
    ],
)
def test_a_report_of_long_after_is_of_another_day(issued, said, is_kept):
    """Without a date of its own a report counts for a day, with one for some days: the page may answer with today's."""
    parsed = _parsed(_station(issueTime=issued, **said), asked={"date": "2026-06-20"})

    assert (is_kept, not is_kept) == (parsed.frame.height == 1, parsed.refused.height == 1)


@pytest.mark.parametrize(
    "station",
    [{"icao": "KMDW"}, {"cliId": "MDW"}, {"icao": "kmdw", "cliId": "CLIMDW"}, {"icao": "KMDW", "cliId": "mdw"}],
)
def test_a_station_is_known_by_either_code_in_any_shape(station):
    """A code that is left out, or told in another shape, loses no report."""
    record = _station("MDW", "KMDW", stationId="climdw") | {"station": station}

    assert ["chicago"] == _parsed(record).frame["city"].to_list()


def test_a_page_without_any_station_of_ours_is_refused_once():
    """Codes in a shape that nobody knows are told, not passed over in silence."""
    parsed = _parsed(*[_station("Midway", "74534")] * 3)

    assert (0, 1) == (parsed.frame.height, parsed.refused.height)
    assert "none of its 3 stations is of a city in the registry" in parsed.refused["rule"][0]


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        (_station("NYC", "KLGA"), "is not KNYC"),
        (_station("LGA", "KNYC"), "is not CLINYC"),
        (_station("MIA", "KNYC"), "is not KMIA"),
        (_station() | {"data": None}, "there are no data"),
        (_station(status="revised") | {"data": None}, "there are no data"),
        (_station(stationId="LGA"), "the data are of 'LGA'"),
        (_station(maxTemp=None), "maxTemp is missing"),
        (_station(maxTemp=84.5), "is not a whole °F"),
        (_station(maxTemp="hot"), "is not a whole °F"),
        (_station(maxTemp=True), "is not a whole °F"),
        (_station(maxTemp=-999), "outside"),
        (_station(maxTemp=float("nan")), "is not a whole °F"),
        (_station(issueTime=None), "issueTime is missing"),
        (_station(issueTime="2026-09-06T06:31:00"), "has no time zone"),
        (_station(issueTime="2026-09-05T02:00:00Z"), "before its day"),
        (_station(reportDate="2026-09-04"), "asked for 2026-09-05, the report is for 2026-09-04"),
        (_station(isOfficial=False), "isOfficial is false"),
        (_station(status="guessed"), "is none of"),
        (_station() | {"data": [1]}, "not an object"),
        ("KNYC", "not an object"),
    ],
)
def test_what_cannot_be_believed_is_refused_alone(record, rule):
    """A broken record is refused with its reason, its neighbours stay; the average never stands in."""
    parsed = _parsed(record, _station("MIA", "KMIA"))

    assert ["miami"] == parsed.frame["city"].to_list()
    assert rule in parsed.refused["rule"][0]


@pytest.mark.parametrize("body", [b'{"results": [{"sta', b"<html>sorry</html>", b"", b"[" * 100_000, b'{"a": 1}', b"7"])
def test_another_page_is_refused_whole(body):
    """What is no JSON, or holds no list of stations, gives no row and one refusal."""
    parsed = _parsed(body=body)

    assert (0, 1) == (parsed.frame.height, parsed.refused.height)


def test_a_new_field_is_told_once(caplog: pytest.LogCaptureFixture):
    """A field that nobody knows is logged once in the life of the process and changes nothing."""
    with caplog.at_level(logging.WARNING):
        parsed = [_parsed(_station(feelsNice=True)) for _ in range(2)]

    assert 1 == sum("feelsNice" in record.message for record in caplog.records)
    assert [1, 1] == [one.frame.height for one in parsed]
