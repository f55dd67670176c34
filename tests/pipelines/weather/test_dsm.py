"""The station's own summary message: written once, read back, dated only where its year is certain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.payload import Parsed, Payload
from pipelines.weather.dsm import DailySummary, read_dsm
from pipelines.weather.nws_text import parse_nws_text
from pipelines.weather.products import split_products
from warehouse.lake.tables import SETTLEMENTS

_MIDNIGHT_LST = datetime(2025, 7, 16, 6, tzinfo=UTC)


def _message(
    high: str = "911501",
    *,
    station: str = "KMDW",
    marks: str = "",
    day: str = "15/07",
    heading: str = "CDUS27 KLOT 160616",
    pil: str = "DSMMDW",
) -> str:
    words = f"{station} DS {marks}{day} {high}/ 720512// 91/ 72//9/00/00/00/00/00/05/"
    return f"\x01\n794 \n{heading}\n{pil}\n{words}\n02/06/T/T/12/00/03=\n\x03\n"


def _parsed(text: str, *, received: datetime | None = None, **asked: str) -> Parsed:
    body, received_utc = text.encode(), received or datetime(2025, 7, 18, tzinfo=UTC)
    (parsed,) = parse_nws_text([Payload(kind="iem_afos", asked=asked, body=body, received_utc=received_utc)])
    return parsed


def _read(text: str) -> list[DailySummary]:
    (product,), _ = split_products(text)
    return read_dsm(product)[0]


def test_a_recorded_message_without_any_value_is_missing(recorded: Callable):
    """M is null: two stations' messages in one product have no high."""
    messages = _read(recorded("nws_text/DSM_allmissing.txt").read_text())

    assert [("KHKS", None), ("KXXX", None)] == [(one.station, one.high_f) for one in messages]


def test_the_message_after_midnight_is_final():
    """A message without an hour that was sent after the climate day covers it; it is known two minutes later."""
    row = _parsed(_message()).frame.row(0, named=True)

    assert (91, True, None) == (row["high_f"], row["is_final"], row["as_of_utc"])
    assert datetime(2025, 7, 16, 6, 16, tzinfo=UTC) == row["issued_utc"]
    assert "202507160616-KLOT-CDUS27-DSMMDW" == row["product_id"]


def test_a_message_with_an_hour_is_interim():
    """An hour behind DS means: so far, as of that hour of standard time."""
    row = _parsed(_message(marks="1600 ", heading="CDUS27 KLOT 152216")).frame.row(0, named=True)

    assert (False, datetime(2025, 7, 15, 22, tzinfo=UTC)) == (row["is_final"], row["as_of_utc"])


def test_a_message_before_midnight_is_not_final():
    """However final it looks, the day was not over."""
    assert [False] == _parsed(_message(heading="CDUS27 KLOT 160559")).frame["is_final"].to_list()


@pytest.mark.parametrize("marks", ["COR ", "COR 1600 ", "1600 COR "])
def test_a_correction_says_so(marks):
    """COR stands before or behind the hour."""
    assert [True] == _parsed(_message(marks=marks)).frame["is_correction"].to_list()


def test_the_days_asked_for_give_the_year():
    """A message names no year; fetched years later, it is dated by the days that were asked for."""
    asked = {"pil": "DSMMDW", "city": "chicago", "since": "2024-07-10", "until": "2024-07-20"}

    assert [date(2024, 7, 15)] == _parsed(_message(), **asked).frame["event_date"].to_list()


def test_without_a_year_a_message_is_dated_only_within_a_week():
    """An old message received now must not become this year's report."""
    parsed = _parsed(_message(), received=datetime(2025, 9, 1, tzinfo=UTC))

    assert parsed.frame.is_empty()
    assert "15/07 has no year" in parsed.refused["rule"][0]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"station": "KORD"}, "station KORD is not of a city in the registry"),
        ({"station": "KMIA"}, "filed under DSMMDW, but it is of KMIA"),
        ({"heading": "NOUS27 KLOT 160616"}, "another text filed under its id"),
        ({"high": "91"}, "no readable day and high"),
        ({"high": "912560"}, "is no time of day"),
        ({"high": "3021501"}, "outside"),
        ({"day": "31/02"}, "has no year"),
        ({"marks": "1660 "}, "is no time of day"),
    ],
)
def test_what_cannot_be_a_message_of_ours_is_refused(change, rule):
    """Another station, a damaged field or an impossible day is refused with its reason."""
    parsed = _parsed(_message(**change))

    assert parsed.frame.is_empty()
    assert rule in parsed.refused["rule"][0]


def test_a_row_keeps_every_law_of_its_table():
    """What the parser keeps, the table admits."""
    ((partition, rows),) = SETTLEMENTS.split(_parsed(_message()).frame)

    assert 1 == SETTLEMENTS.admit(rows, partition).height


@given(
    high_f=st.one_of(st.none(), st.integers(-60, 140)),
    at=st.times(),
    interim=st.one_of(st.none(), st.times()),
    is_correction=st.booleans(),
)
def test_the_message_read_is_the_message_written(high_f, at, interim, is_correction):
    """Value, hour and mark of correction come out as they went in."""
    high = "M" if high_f is None else f"{high_f}{at:%H%M}"
    marks = ("COR " if is_correction else "") + (f"{interim:%H%M} " if interim else "")

    (message,) = _read(_message(high, marks=marks))

    assert (high_f, is_correction) == (message.high_f, message.is_correction)
    assert (interim is None) == (message.interim_lst is None)


@given(cut=st.integers(0, len(_message())))
def test_a_message_cut_off_anywhere_never_invents_a_number(cut):
    """A truncated message gives its true high or none."""
    assert {91} >= set(_parsed(_message()[:cut]).frame["high_f"])
