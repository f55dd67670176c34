"""The city registry: seven records, each consistent with the zone and the exchange."""

from __future__ import annotations

from datetime import datetime

import pytest

from warehouse.errors import UnknownCity
from warehouse.market.cities import CITIES, city, city_of_series

EVERY_CITY = pytest.mark.parametrize("record", CITIES.values(), ids=CITIES)


def test_the_registry_holds_the_seven_cities_in_order():
    """The stored keys are these seven."""
    expected = ["austin", "chicago", "denver", "los_angeles", "miami", "nyc", "philadelphia"]

    assert expected == list(CITIES)


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("la", "los_angeles"),
        ("lax", "los_angeles"),
        ("Los Angeles", "los_angeles"),
        ("los-angeles", "los_angeles"),
        ("ny", "nyc"),
        ("NYC", "nyc"),
        ("chi", "chicago"),
        ("aus", "austin"),
        ("den", "denver"),
        (" mia ", "miami"),
        ("phil", "philadelphia"),
        ("philly", "philadelphia"),
    ],
)
def test_an_alias_names_its_city(word, key):
    """People may abbreviate; the key is what is stored."""
    assert key == city(word).key


@pytest.mark.parametrize(("word", "hint"), [("chicgo", "did you mean 'chicago'"), ("qqqq", "known cities: austin")])
def test_an_unknown_city_gets_a_suggestion(word, hint):
    """The error says which cities there are, and the nearest one."""
    with pytest.raises(UnknownCity, match=word) as caught:
        city(word)

    assert hint in caught.value.hint


@EVERY_CITY
def test_every_series_leads_back_to_its_city(record):
    """Old and new prefixes are unambiguous."""
    assert {record} == {city_of_series(series) for series in record.all_series}


@EVERY_CITY
def test_the_standard_offset_is_that_of_the_zone_in_january(record):
    """Standard time is what the civil clock shows in winter."""
    assert record.standard_offset == datetime(2026, 1, 15, tzinfo=record.tzinfo).utcoffset()


def test_another_product_is_of_no_city():
    """A daily low or a city outside the registry is not ours."""
    assert [None, None, None] == [city_of_series(series) for series in ("KXLOWTNYC", "KXHIGHTATL", "")]


def test_only_new_york_is_excluded_from_visual_crossing():
    """The gate is data: one record carries the flag."""
    assert ["nyc"] == [key for key, record in CITIES.items() if record.vc_excluded]


def test_words_are_of_one_city_only():
    """No alias is shared, and none is another city's key."""
    words = [word for record in CITIES.values() for word in (record.key, *record.aliases)]

    assert len(words) == len(set(words))
