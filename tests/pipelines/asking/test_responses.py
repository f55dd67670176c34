"""What a response means is read from its status, its text, and whether it is whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.asking.responses import Fate, Response, judge, retry_after_s, skew_s, told

NOW = datetime(2026, 10, 4, 12, tzinfo=UTC)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def response(body: bytes, *, status: int = 200, content_type: str = "application/json", **headers: str) -> Response:
    said = (("content-type", content_type), *((name.replace("_", "-"), value) for name, value in headers.items()))
    return Response(uri="http://vendor/", status=status, headers=said, body=body)


@given(whole=st.lists(VALUES, max_size=4) | st.dictionaries(st.text(max_size=3), VALUES, max_size=4), data=st.data())
def test_json_that_was_cut_anywhere_is_never_used(whole, data):
    """Every beginning of an object or a list is asked for again; the whole is used."""
    body = json.dumps(whole).encode()
    cut = data.draw(st.integers(0, len(body) - 1))

    assert Fate.USE is judge("ncei", response(body)).fate
    assert Fate.ASK_AGAIN is judge("ncei", response(body[:cut])).fate


@pytest.mark.parametrize(
    "body", [b'{"temp": NaN}', b'{"a": 1} and more', b"Bad API Request: no such place", b'{"a": 1,}']
)
def test_what_is_whole_but_wrong_goes_to_its_parser(body):
    """Asking again would bring the same; the parser refuses it with its reason."""
    assert Fate.USE is judge("vc", response(body)).fate


@pytest.mark.parametrize(
    "body", [b"<!DOCTYPE html><p>", b"\n <HTML lang=en>", b"\xef\xbb\xbf<html>", b"<!-- x --><head>"]
)
@pytest.mark.parametrize("vendor", ["kalshi", "iem"])
def test_a_page_is_never_data(vendor, body):
    """Whatever its status and its stated type."""
    assert Fate.ASK_AGAIN is judge(vendor, response(body, content_type="text/plain")).fate


def test_a_report_may_contain_angle_brackets():
    """Only a page begins like a page."""
    assert Fate.USE is judge("iem", response(b"<< CLIMATE REPORT >>", content_type="text/plain")).fate


def test_strange_cursors_and_costs_are_not_believed():
    """Only a text is a cursor, only a number is a cost."""
    judged = judge("kalshi", response(b'{"cursor": 7, "queryCost": "many"}'))

    assert ("", None) == (judged.cursor, judged.cost)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        ("Sun, 04 Oct 2026 12:01:00 GMT", 60.0),
        ("Sun, 04 Oct 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_a_wish_to_wait_is_read_in_seconds_or_as_a_date(said, seconds):
    """Anything else is no wish."""
    assert seconds == retry_after_s(response(b"", retry_after=said), now=NOW)


def test_the_clocks_difference_is_told_by_the_date_of_an_answer():
    """Ahead is positive; without a date nothing is known."""
    assert 90.0 == skew_s(response(b"", date="Sun, 04 Oct 2026 11:58:30 GMT"), now=NOW)
    assert skew_s(response(b""), now=NOW) is None


def test_a_long_error_is_quoted_in_part_and_on_one_line():
    """A page of text does not fill the screen."""
    words = told(response(b"very\nlong " * 1_000, status=500))

    assert words.startswith("it answered 500 very long very long")
    assert len(words) < 250
