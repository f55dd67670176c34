"""Ticker grammar: what is parsed prints as it was, and nothing else is parsed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import Unparsable
from warehouse.market.cities import CITIES
from warehouse.market.tickers import EventTicker, MarketTicker, parse_event_ticker, parse_market_ticker

SERIES = st.one_of(
    st.sampled_from([series for city in CITIES.values() for series in city.all_series]),
    st.from_regex(r"\A[A-Z0-9]{1,14}\Z"),
)
EVENTS = st.builds(EventTicker, SERIES, st.dates(date(2000, 1, 1), date(2099, 12, 31)))
MARKETS = st.builds(
    MarketTicker,
    EVENTS,
    st.sampled_from(["B", "T"]),
    st.decimals(-150, 150, places=1) | st.integers(-99, 150).map(Decimal),
)


@given(EVENTS)
def test_a_printed_event_is_parsed_back(event):
    """Parse and print of an event are inverse."""
    assert event == parse_event_ticker(str(event))


@given(MARKETS)
def test_a_printed_market_is_parsed_back(market):
    """Parse and print of a market are inverse, for whole, fractional and negative strikes."""
    assert market == parse_market_ticker(str(market))


@pytest.mark.parametrize(
    ("text", "series", "letter", "strike"),
    [
        ("KXHIGHCHI-26OCT04-B72.5", "KXHIGHCHI", "B", "72.5"),
        ("KXHIGHCHI-26OCT04-T70", "KXHIGHCHI", "T", "70"),
        ("KXHIGHCHI-26OCT04-T-5", "KXHIGHCHI", "T", "-5"),
        ("KXHIGHCHI-26OCT04-B-0.5", "KXHIGHCHI", "B", "-0.5"),
        ("HIGHNY-24AUG15-T83", "HIGHNY", "T", "83"),
        ("KXHIGHTATL-26OCT04-B72.5", "KXHIGHTATL", "B", "72.5"),
        ("KXHIGHTBOS-26OCT04-T72", "KXHIGHTBOS", "T", "72"),
        ("TB-26OCT04-B0", "TB", "B", "0"),
    ],
)
def test_a_market_ticker_is_series_date_letter_and_strike(text, series, letter, strike):
    """A letter inside the series never passes for the letter of the strike."""
    market = parse_market_ticker(text)

    assert (series, letter, Decimal(strike), text) == (market.event.series, market.letter, market.strike, str(market))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "KXHIGHCHI",
        "KXHIGHCHI-26OCT04",
        "KXHIGHCHI-26OCT04-72.5",
        "KXHIGHCHI-26OCT04-B",
        "KXHIGHCHI-26OCT04-B72.5-T3",
        "KXHIGHCHI-26OCT04-BT72",
        "KXHIGHCHI-26OCT04-B--5",
        "KXHIGHCHI-26OCT04-B072",
        "KXHIGHCHI-26OCT04-B72.",
        "KXHIGHCHI-26OCT04-B1e2",
        "KXHIGHCHI-26OCT04-B72.5\n",
        "KXHIGHCHI-26OCT04-B\u0667\u0662",
        "KXHIGH-TB-26OCT04-B72.5",
        "KXHIGH-T5-26OCT04-B72.5",
        "kxhighchi-26OCT04-B72.5",
        "KXHIGHCHI-26oct04-B72.5",
        " KXHIGHCHI-26OCT04-B72.5",
        "KXHIGHCHI-26FEB30-B72.5",
        "KXHIGHCHI-26OCT00-B72.5",
    ],
)
def test_what_is_no_market_ticker_is_refused(text):
    """Near misses are refused with the expected shape, never repaired."""
    with pytest.raises(Unparsable):
        parse_market_ticker(text)


@pytest.mark.parametrize("text", ["KXHIGHCHI-26FEB30", "KXHIGHCHI-25FEB29", "KXHIGHCHI-26SEP31", "KXHIGHCHI-26JAN00"])
def test_a_date_that_does_not_exist_is_refused(text):
    """A ticker names a day of the calendar."""
    with pytest.raises(Unparsable, match="date that does not exist"):
        parse_event_ticker(text)


@pytest.mark.parametrize(
    "text", ["", "KXHIGHCHI", "KXHIGHCHI-26OCT4", "KXHIGHCHI-2026OCT04", "KXHIGHCHI-\u0662\u0666OCT04"]
)
def test_what_is_no_event_ticker_is_refused(text):
    """An event ticker has two-digit year, month name and two-digit day, in ASCII."""
    with pytest.raises(Unparsable, match="not an event ticker"):
        parse_event_ticker(text)


def test_old_and_new_series_name_the_same_city():
    """The prefix changed in 2024; the city did not."""
    old, new = parse_event_ticker("HIGHCHI-24OCT04"), parse_event_ticker("KXHIGHCHI-26OCT04")

    assert CITIES["chicago"] == old.city == new.city


def test_another_product_has_no_city():
    """A series that is not in the registry is no error of the grammar."""
    assert parse_event_ticker("KXHIGHTATL-26OCT04").city is None
