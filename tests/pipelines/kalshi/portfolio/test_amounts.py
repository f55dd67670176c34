"""Money to the micro and counts to the hundredth, there and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.kalshi.portfolio.amounts import (
    contracts_text,
    instant_of_millis,
    instant_of_seconds,
    micros,
    micros_of_cents,
    whole_seconds,
)
from warehouse.errors import Refused, Unparsable
from warehouse.market.money import count_centi


@given(st.integers(-(10**17), 10**17))
def test_every_micro_survives_its_text(amount):
    """Six decimals, either sign, nothing through a float."""
    sign, size = ("-" if amount < 0 else ""), abs(amount)

    assert amount == micros(f"{sign}{size // 10**6}.{size % 10**6:06}")


@pytest.mark.parametrize(
    ("text", "amount"), [("1000.0000", 10**9), ("0.010000", 10_000), ("-0.5", -500_000), ("7", 7_000_000)]
)
def test_shorter_texts_are_read(text, amount):
    """As the exchange writes balances, fees and positions."""
    assert amount == micros(text)


@pytest.mark.parametrize("text", ["", "1e3", "0.0000001", ".5", "1,000", " 1", "+1", "nan", None, 1, 1.5, "--1"])
def test_what_is_no_amount_is_refused(text):
    """Nothing is rounded, nothing is guessed."""
    with pytest.raises(Unparsable):
        micros(text)


@pytest.mark.parametrize("cents", [1.0, "1", None, True])
def test_what_is_no_number_of_cents_is_refused(cents):
    """Settlements are in whole cents."""
    with pytest.raises(Unparsable):
        micros_of_cents(cents)


@given(st.integers(0, 10**12))
def test_every_count_survives_the_wire(centi):
    """Two decimals."""
    assert centi == count_centi(contracts_text(centi))


def test_a_negative_count_is_refused():
    """An order is of some contracts; its side says which way."""
    with pytest.raises(Refused):
        contracts_text(-1)


@given(st.integers(0, 4_000_000_000))
def test_every_second_survives(seconds):
    """There and back, also from within a second."""
    instant = instant_of_seconds(seconds)

    assert seconds == whole_seconds(instant) == whole_seconds(instant + timedelta(microseconds=999_999))
    assert instant == instant_of_millis(1000 * seconds)


@pytest.mark.parametrize("seconds", [-1, 1_790_000_000_000, 1.5, "1", True])
def test_what_counts_in_another_unit_is_no_second(seconds):
    """Milliseconds are not taken for seconds."""
    with pytest.raises(Unparsable):
        instant_of_seconds(seconds)


def test_an_instant_is_in_utc():
    """The epoch's beginning."""
    assert datetime(1970, 1, 1, tzinfo=UTC) == instant_of_seconds(0)
