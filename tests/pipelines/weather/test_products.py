"""Texts of the Weather Service cut into products."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipelines.weather.products import clock_minutes, local_issue_utc, split_products

_ONE = "000\nCDUS43 KLOT 090634\nCLIMDW\n\nCLIMATE REPORT\n134 AM CDT THU JUL 09 2026\n"
_TWO = "111\nCDUS43 KLOT 092134 CCA\nCLIMDW\nCLIMATE REPORT\n"


@pytest.mark.parametrize("between", ["\x03\n\x01\n", "\n\n\n", "\n$$\n"])
def test_products_are_parted_by_their_headings(between):
    """Every heading begins a product, whatever stands between two of them."""
    products, headless = split_products(f"\x01\n{_ONE}{between}{_TWO}\x03\n")

    assert [("CLIMDW", ""), ("CLIMDW", "CCA")] == [(one.pil, one.bbb) for one in products]
    assert headless == []


def test_envelope_marks_and_tabs_do_not_reach_the_words():
    """Carriage returns, control characters and tabs are the carrier's, not the report's."""
    (product,), _ = split_products("\x01\r\r\n471 \r\r\nCDUS43 KLOT 090634\r\r\nCLIMDW\r\r\nA\tB\r\r\n\x03")

    assert product.words == "A       B\n"


def test_a_last_line_without_its_end_is_left_out():
    """A line that was cut off says nothing, however complete it looks."""
    (product,), _ = split_products("CDUS43 KLOT 090634\nCLIMDW\nMAXIMUM  91\nMINIMUM  7")

    assert product.words == "MAXIMUM  91\n"


def test_words_without_a_heading_are_told_apart():
    """What has no heading belongs to nobody; an archive that found nothing says so and is no product."""
    assert ([], ["<HTML>BUSY</HTML>"]) == split_products("<html>busy</html>\n")
    assert ([], []) == split_products("ERROR: Could not Find: CLIMDW")


def test_the_heading_takes_its_month_from_its_context():
    """Day, hour and minute mean the instant nearest to what is known of the report, over the turn of a year."""
    (product,), _ = split_products("CDUS43 KLOT 010634\nCLIMDW\n\n")

    assert datetime(2027, 1, 1, 6, 34, tzinfo=UTC) == product.issued_near(datetime(2026, 12, 31, tzinfo=UTC))
    assert datetime(2026, 3, 1, 6, 34, tzinfo=UTC) == product.issued_near(datetime(2026, 2, 28, tzinfo=UTC))


def test_the_product_id_is_the_archives_name():
    """Time, office, heading, id and mark of correction name a product."""
    (product,), _ = split_products(_TWO)

    assert "202607092134-KLOT-CDUS43-CLIMDW-CCA" == product.product_id(datetime(2026, 7, 9, 21, 34, tzinfo=UTC))


@pytest.mark.parametrize(
    ("line", "hour", "minute"),
    [
        ("423 PM EDT SUN MAY 03 2026", 20, 23),
        ("0423 PM EDT SUN MAY 3 2026", 20, 23),
        ("4:23 PM CDT SUN MAY 03 2026", 21, 23),
    ],
)
def test_the_offices_clock_is_read_in_its_zone(line, hour, minute):
    """The line of issue names its zone, so it is an instant."""
    assert datetime(2026, 5, 3, hour, minute, tzinfo=UTC) == local_issue_utc(f"CLIMATE REPORT\n{line}  \n")


@pytest.mark.parametrize(
    "line", ["423 PM XYZ SUN MAY 03 2026", "1373 PM EDT SUN MAY 03 2026", "423 PM EDT SUN MAY 32 2026"]
)
def test_an_unknown_clock_is_no_instant(line):
    """An unknown zone, an impossible time or day says nothing."""
    assert local_issue_utc(f"{line}\n") is None


@pytest.mark.parametrize(
    ("clock", "half", "minutes"), [("1200", "AM", 0), ("1230", "PM", 750), ("11:29", "PM", 1409), ("0151", "PM", 831)]
)
def test_clocks_of_twelve_hours_are_read(clock, half, minutes):
    """Twelve in the morning is midnight."""
    assert minutes == clock_minutes(clock, half)
