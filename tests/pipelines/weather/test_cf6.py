"""The monthly F-6 form: fixed widths, days that are not over, and what is no form."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from pipelines.payload import Parsed, Payload
from pipelines.weather.cf6 import read_cf6
from pipelines.weather.nws_text import parse_nws_text
from pipelines.weather.products import split_products
from warehouse.errors import Refused
from warehouse.lake.tables import SETTLEMENTS

_RULER = "=" * 80
_FIRST = " 1  91  72  82   5   0  17 0.00  0.0    0  8.1 15 210   M    M   3        22 210"
_SECOND = " 2 102  75  89  12   0  24    T  0.0    0  8.1 15 210   M    M   3        22 210"
_TODAY = " 3  88   M   M   M   M   M    M    M    M    M  M   M   M    M   M         M   M"


def _form(
    *rows: str,
    heading: str = "CXUS53 KLOT 031400",
    pil: str = "CF6MDW",
    station: str = "CHICAGO-MIDWAY",
    month: str = "JULY",
) -> str:
    return "\n".join(
        [
            *("000", heading, pil, "PRELIMINARY LOCAL CLIMATOLOGICAL DATA (WS FORM: F-6)", ""),
            *(f"       STATION:   {station}", f"       MONTH:     {month}", "       YEAR:      2025", ""),
            *(_RULER, "DY MAX MIN AVG DEP HDD CDD  WTR  SNW DPTH", _RULER, "", *rows, _RULER),
            *("SM  193  147", _RULER, "AV 96.5 73.5", ""),
        ]
    )


def _parsed(text: str, received: datetime = datetime(2025, 9, 1, tzinfo=UTC), **asked: str) -> Parsed:
    (parsed,) = parse_nws_text([Payload(kind="nws_text", asked=asked, body=text.encode(), received_utc=received)])
    return parsed


@pytest.mark.parametrize(
    ("name", "days", "last"),
    [("CF6DSM", 22, 53), ("CF6SEA", 22, 47), ("CF6GRR", 1, 51), ("CF6DSM_empty", 0, None)],
)
def test_recorded_forms_are_read(recorded: Callable, name, days, last):
    """A form gives one high for each day that it has a row for; months come as words or numbers."""
    (product,), _ = split_products(recorded(f"nws_text/{name}.txt").read_text())

    highs_f = read_cf6(product).highs_f

    assert days == len(highs_f)
    assert last == (list(highs_f.values())[-1] if highs_f else None)


def test_an_error_under_the_forms_id_is_refused_with_its_words(recorded: Callable):
    """What is filed under a form's id but has no table is refused, and says what it was."""
    (product,), _ = split_products(recorded("nws_text/CF6WYS_error.txt").read_text())

    with pytest.raises(Refused, match="BAD DATE"):
        read_cf6(product)


def test_the_day_that_is_not_over_is_not_final():
    """A form repeats the month so far; only days that ended before its issue are final."""
    frame = _parsed(_form(_FIRST, _SECOND, _TODAY)).frame

    assert [(1, 91, True), (2, 102, True), (3, 88, False)] == [
        (day.day, high_f, final) for day, high_f, final in frame.select("event_date", "high_f", "is_final").rows()
    ]
    assert [datetime(2025, 7, 3, 14, tzinfo=UTC)] == frame["issued_utc"].unique().to_list()


def test_every_row_is_admitted_by_its_table():
    """What the parser keeps, the table admits."""
    frame = _parsed(_form(_FIRST, _SECOND, _TODAY)).frame

    assert 3 == sum(SETTLEMENTS.admit(rows, part).height for part, rows in SETTLEMENTS.split(frame))


def test_a_missing_maximum_is_missing():
    """M is null, and a blank maximum never lets the minimum take its place."""
    parsed = _parsed(_form(" 1   M  72  82", " 2      75  89"))

    assert [None] == parsed.frame["high_f"].to_list()
    assert 1 == parsed.refused.height


def test_a_form_of_a_month_that_has_ended_was_issued_after_it():
    """A heading of day 5 over rows up to day 31 is of the next month."""
    rows = [f"{day:2}  91  72  82" for day in range(1, 32)]

    frame = _parsed(_form(*rows, heading="CXUS53 KLOT 050900")).frame

    assert [datetime(2025, 8, 5, 9, tzinfo=UTC)] == frame["issued_utc"].unique().to_list()
    assert date(2025, 7, 31) == frame["event_date"].max()


_WHOLE = [f"{day:2}  91  72  82" for day in range(1, 32)]


@pytest.mark.parametrize(
    ("received", "asked", "month"),
    [
        ("2025-08-06", {}, 8),
        ("2025-11-01", {}, 10),
        ("2025-11-01", {"since": "2025-07-20", "until": "2025-08-10"}, 8),
        ("2025-11-01", {"since": "2025-09-01", "until": "2025-09-30"}, 9),
    ],
)
def test_a_whole_month_that_may_be_issued_again_is_known_rather_late(received, asked, month):
    """The heading names no month: what was asked for and the receipt bound it, and of the rest the latest counts."""
    text = _form(*_WHOLE, heading="CXUS53 KLOT 050900")

    frame = _parsed(text, datetime.fromisoformat(received).replace(tzinfo=UTC), **asked).frame

    assert [datetime(2025, month, 5, 9, tzinfo=UTC)] == frame["issued_utc"].unique().to_list()


@pytest.mark.parametrize("asked", [{}, {"since": "2025-08-06", "until": "2025-08-20"}])
def test_a_form_that_cannot_be_of_the_days_asked_for_is_refused(asked):
    """Received before its heading, or issued on no day that was asked for: nobody knows when it was issued."""
    received = datetime(2025, 8, 4 if not asked else 30, tzinfo=UTC)

    parsed = _parsed(_form(*_WHOLE, heading="CXUS53 KLOT 050900"), received, **asked)

    assert parsed.frame.is_empty()
    assert "when it was issued" in parsed.refused["rule"][0]


def test_a_form_that_stops_inside_its_month_was_issued_then():
    """A month so far is issued before its next row is due, however late the text is read."""
    frame = _parsed(_form(_FIRST, _SECOND, _TODAY), datetime(2026, 9, 1, tzinfo=UTC)).frame

    assert [datetime(2025, 7, 3, 14, tzinfo=UTC)] == frame["issued_utc"].unique().to_list()


def test_names_above_the_table_may_have_any_number_of_blanks():
    """Blanks around a name are no part of it."""
    assert 1 == _parsed(_form(_FIRST, station=" " * 100_000 + "CHICAGO-MIDWAY" + " " * 100_000)).frame.height


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"pil": "CF6ORD"}, "a form for ORD is not of a city in the registry"),
        ({"station": "CHICAGO-O'HARE"}, "its words are about"),
        ({"heading": "NOUS53 KLOT 031400"}, "another text filed under its id"),
        ({"month": "JULLY 7"}, None),
        ({"month": "13"}, "are no month"),
    ],
)
def test_what_is_not_our_stations_form_is_refused(change, rule):
    """A form of another place, kind or month is refused as a whole."""
    parsed = _parsed(_form(_FIRST, **change))

    assert rule is None or rule in parsed.refused["rule"][0]
    assert (rule is None) == (parsed.frame.height == 1)


@pytest.mark.parametrize(
    "row", [" 1  9l  72  82", "  1  91  72  82", "32  91  72  82", " 1 901  72  82", " x  91  72  82"]
)
def test_a_damaged_row_is_refused_alone(row):
    """Only the row that does not keep the columns is lost."""
    parsed = _parsed(_form(row, _SECOND))

    assert [102] == parsed.frame["high_f"].to_list()
    assert 1 == parsed.refused.height
