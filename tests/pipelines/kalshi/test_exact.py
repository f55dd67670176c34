"""Columns of words become exact integers, by the grammar of money, whatever stands beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kalshi.exact import BAD, MISSING, centi_of, centi_of_whole, instants_of, ticks_of, ticks_of_cents
from pipelines.kalshi.places import event_of
from warehouse.errors import Unparsable
from warehouse.market.cities import CITIES
from warehouse.market.money import count_centi, price_ticks
from warehouse.market.tickers import EventTicker

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMERIC = st.text("0123456789.-+e ", max_size=9)


def judged(parse, text):
    try:
        return parse(text)
    except Unparsable:
        return BAD


@given(st.lists(st.integers(0, 10_000)))
def test_every_tick_survives_the_wire(ticks):
    """A price written by the exchange is read as the same tick."""
    assert ticks == ticks_of([f"{tick / 10_000:.4f}" for tick in ticks]).tolist()


@given(st.lists(NUMERIC))
def test_prices_are_read_by_the_grammar_of_money(words):
    """What `price_ticks` reads is read the same, what it refuses is BAD."""
    assert [judged(price_ticks, word) for word in words] == ticks_of(words).tolist()


@pytest.mark.parametrize(
    ("word", "ticks"),
    [
        (0, 0),
        (29, 2_900),
        (100, 10_000),
        (29.0, 2_900),
        (29.5, BAD),
        (101, BAD),
        (-1, BAD),
        (10**40, BAD),
        (1e300, BAD),
        (None, MISSING),
    ],
)
def test_a_bare_number_is_cents(word, ticks):
    """A number is never dollars, however small it is."""
    assert [ticks] == ticks_of([word]).tolist()


@given(st.lists(st.integers(0, 10**17 - 1)))
def test_every_hundredth_of_a_contract_survives_the_wire(centi):
    """A count written by the exchange is read as the same hundredths."""
    assert centi == centi_of([f"{one // 100}.{one % 100:02d}" for one in centi]).tolist()


@given(st.lists(NUMERIC))
def test_counts_are_read_by_the_grammar_of_money(words):
    """What `count_centi` reads is read the same, if it is not negative; all else is BAD."""
    expected = [judged(count_centi, word) for word in words]

    assert [one if one >= 0 else BAD for one in expected] == centi_of(words).tolist()


@given(st.lists(st.one_of(st.none(), st.integers(-5, 10**16), st.floats(), NUMERIC)))
def test_a_count_does_not_depend_on_what_stands_beside_it(words):
    """Read together or alone, a word is the same count."""
    assert [centi_of([word])[0] for word in words] == centi_of(words).tolist()


@given(st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)), max_size=5))
def test_every_microsecond_survives_the_wire(instants):
    """Stamps are written without the zeros at their end, and read exactly."""
    words = [f"{one:%Y-%m-%dT%H:%M:%S}.{one.microsecond:06d}".rstrip("0").rstrip(".") + "Z" for one in instants]

    assert [(one - EPOCH) // timedelta(microseconds=1) for one in instants] == instants_of(words).tolist()


STAMPS = st.one_of(
    st.sampled_from(
        ["2026-10-04T01:46:15.69Z", "2026-02-29T00:00:00Z", "2026-10-04T24:00:00Z", "2026-10-04T00:00:60Z", "", "NaT"]
    ),
    st.sampled_from(["2026-10-04T01:46:15+02:00", "2026-10-04", "1999-12-31T23:59:59Z", "9999-12-31T00:00:00Z", "now"]),
    st.sampled_from(["2026-10-04T01:46:15Z\n2026-10-04T01:46:15Z", " 2026-10-04T01:46:15Z", "02026-10-04T01:46:15Z"]),
    st.none(),
    st.text("0123456789-:TZ.+", max_size=27),
)


@settings(max_examples=300)
@given(st.lists(STAMPS))
def test_a_stamp_does_not_depend_on_what_stands_beside_it(words):
    """Read together or alone, a word is the same instant."""
    assert [instants_of([word])[0] for word in words] == instants_of(words).tolist()


@given(st.lists(st.one_of(st.none(), st.integers(-3, 110))))
def test_columns_of_cents_and_contracts_are_read_like_words(values):
    """An archive of columns says the same as the answers it was made of."""
    column = pl.Series(values, dtype=pl.Int32)

    assert ticks_of(values).tolist() == ticks_of_cents(column).tolist()
    assert centi_of(values).tolist() == centi_of_whole(column).tolist()


@pytest.mark.parametrize(
    ("values", "dtype", "cents", "contracts"),
    [
        ([29.0, 29.9, None, float("nan")], pl.Float64, [2_900, BAD, MISSING, BAD], [2_900, BAD, MISSING, BAD]),
        ([0.5, 100.0, 155.5, -1.0], pl.Float32, [BAD, 10_000, BAD, BAD], [BAD, 10_000, BAD, BAD]),
        (["29.90", "29.00"], pl.Decimal(10, 2), [BAD, 2_900], [BAD, 2_900]),
        (["29", "0.29"], pl.String, [BAD] * 2, [BAD] * 2),
        ([True, False], pl.Boolean, [BAD] * 2, [BAD] * 2),
    ],
)
def test_a_fraction_in_a_column_of_whole_numbers_is_never_cut_off(values, dtype, cents, contracts):
    """29.9 cents are no 29, and half a contract is none: what is not whole is BAD."""
    column = pl.Series(values).cast(dtype)

    assert cents == ticks_of_cents(column).tolist()
    assert contracts == centi_of_whole(column).tolist()


@given(
    city=st.sampled_from(list(CITIES.values())),
    day=st.dates(datetime(2021, 8, 6).date(), datetime(2099, 12, 31).date()),
    strike=st.sampled_from(["T70", "B72.5", "T-4", "B-0.5", "T0", "T101"]),
)
def test_every_ticker_of_every_era_has_its_place(city, day, strike):
    """The city and the date are said by the name alone, under the old prefix and the new one."""
    for series in city.all_series:
        event, found = event_of(f"{EventTicker(series, day)}-{strike}")
        assert (city, day, series) == (found, event.event_date, event.series)


@given(st.text(max_size=30))
def test_what_is_no_ticker_has_no_place(text):
    """Any text is a ticker or refused, never an error of another kind."""
    with pytest.raises(Unparsable):
        event_of(text)
