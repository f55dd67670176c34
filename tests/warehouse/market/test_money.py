"""Ticks and centi-contracts: exact, in one grammar for single values and for columns."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import KwxError, Unparsable
from warehouse.market.money import (
    count_centi,
    count_centi_expr,
    dollars_text,
    price_ticks,
    price_ticks_expr,
    price_ticks_from_cents,
)

NO_PRICE = (
    "",
    " ",
    "abc",
    "1e-1",
    "NaN",
    "inf",
    "-0.01",
    "+0.5",
    " 0.29",
    "0.29\n",
    ".29",
    "1.",
    "0_1",
    "0,29",
    "\u0660.\u0662\u0669",
)
ODD_TEXT = st.text(alphabet="0123456789.-+e_ \u0663", max_size=12)
NUMBERS = st.from_regex(r"\A-?[0-9]{1,18}(\.[0-9]{1,7})?\Z")


def in_column(parse, text: str | None) -> int | None:
    return pl.DataFrame({"text": [text]}, schema={"text": pl.String}).select(parse(pl.col("text"))).item()


def or_none(parse, text: str) -> int | None:
    try:
        return parse(text)
    except KwxError:
        return None


@given(st.integers(0, 10_000))
def test_a_printed_price_is_read_back_as_the_same_tick(ticks):
    """Every tick survives the four-decimal dollar string."""
    assert ticks == price_ticks(dollars_text(ticks))


@pytest.mark.parametrize(
    ("dollars", "ticks"),
    [("0.29", 2_900), ("0.57", 5_700), ("0.0001", 1), ("0.30000", 3_000), ("0.123400", 1_234), ("1", 10_000), ("0", 0)],
)
def test_a_dollar_text_becomes_its_exact_tick(dollars, ticks):
    """A price never passes through a float, and padding zeros do not make it finer."""
    assert ticks == price_ticks(dollars)


@pytest.mark.parametrize("text", [*NO_PRICE, "0.00001", "1.0001", "2", "429497"])
def test_what_is_no_price_is_refused(text):
    """Blanks, signs, exponents, foreign digits, a finer tick or more than $1 are never read as a price."""
    with pytest.raises(Unparsable, match="price"):
        price_ticks(text)


@pytest.mark.parametrize("value", [0.29, 1, True, None, Decimal("0.29")])
def test_a_price_that_is_not_text_is_refused(value):
    """A float in a payload has already lost the price."""
    with pytest.raises(Unparsable, match="price"):
        price_ticks(value)


def test_cents_become_ticks():
    """29 legacy cents are 2,900 ticks."""
    assert [0, 2_900, 10_000] == [price_ticks_from_cents(cents) for cents in (0, 29, 100)]


@pytest.mark.parametrize("cents", [-1, 101, True, 29.0, "29", None])
def test_cents_outside_the_contract_are_refused(cents):
    """Cents are whole numbers from 0 to 100; a flag or a float is none."""
    with pytest.raises(Unparsable, match="price"):
        price_ticks_from_cents(cents)


@pytest.mark.parametrize(
    ("contracts", "centi"),
    [("562.24", 56_224), ("562.240", 56_224), (562, 56_200), ("-0.5", -50), ("0", 0), ("0.01", 1), (-3, -300)],
)
def test_a_count_becomes_exact_hundredths(contracts, centi):
    """Fractional and legacy whole counts meet in hundredths of a contract."""
    assert centi == count_centi(contracts)


@pytest.mark.parametrize("contracts", ["", "1.001", "1e3", "NaN", " 1", "\u0663", True, None, "1,000", "9" * 16])
def test_what_is_no_count_is_refused(contracts):
    """A count finer than a hundredth, or no plain number, is never read."""
    with pytest.raises(Unparsable, match="count"):
        count_centi(contracts)


@given(st.one_of(ODD_TEXT, NUMBERS))
def test_price_column_agrees_with_the_single_price(text):
    """The column parser accepts and refuses what the single parser does; refused is null."""
    assert or_none(price_ticks, text) == in_column(price_ticks_expr, text)


@given(st.one_of(ODD_TEXT, NUMBERS))
def test_count_column_agrees_with_the_single_count(text):
    """The column parser accepts and refuses what the single parser does; refused is null."""
    assert or_none(count_centi, text) == in_column(count_centi_expr, text)


def test_columns_have_the_types_of_the_tables():
    """Prices are stored as Int32 and counts as Int64, and a missing text stays missing."""
    frame = pl.DataFrame({"text": ["0.29", None]})

    parsed = frame.select(price=price_ticks_expr(pl.col("text")), count=count_centi_expr(pl.col("text")))

    assert {"price": pl.Int32, "count": pl.Int64} == dict(parsed.schema)
    assert [(2_900, 29), (None, None)] == parsed.rows()
