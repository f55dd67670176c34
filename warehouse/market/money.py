"""Money and counts as integers: a tick is $0.0001, a centi is 0.01 contract. Parsed exactly, never through a float.

One grammar for single values and for columns: plain ASCII digits, no sign before a price, no exponent, no blanks.
"""

from __future__ import annotations

import re
from decimal import Decimal

import polars as pl

from warehouse.errors import Unparsable

TICKS_PER_DOLLAR = 10_000
TICKS_PER_CENT = 100
CENTI_PER_CONTRACT = 100

# Zeros beyond the last decimal that counts are padding; nine and fifteen digits fit an Int64 once scaled.
_DOLLARS = r"^([0-9]{1,9})(?:\.([0-9]{1,4})0*)?$"
_CONTRACTS = r"^(-?)([0-9]{1,15})(?:\.([0-9]{1,2})0*)?$"
_DOLLARS_TEXT = re.compile(_DOLLARS)
_CONTRACTS_TEXT = re.compile(_CONTRACTS)


def price_ticks(dollars: str) -> int:
    """Parse a dollar price exactly: "0.29" is 2900, never 2899; refuse what is finer than a tick or above $1."""
    match = _DOLLARS_TEXT.fullmatch(dollars) if isinstance(dollars, str) else None
    if match is None:
        raise Unparsable(
            f"price {dollars!r} is no dollar amount of at most four decimals",
            hint='prices are plain text such as "0.2900"; the exchange has no finer tick',
        )
    ticks = int(match[1]) * TICKS_PER_DOLLAR + int((match[2] or "").ljust(4, "0"))
    if ticks > TICKS_PER_DOLLAR:
        raise Unparsable(f"price {dollars!r} is outside $0 … $1", hint="a contract pays $1; is it in cents?")
    return ticks


def price_ticks_from_cents(cents: int) -> int:
    """Parse the integer cents of payloads before 2026-03."""
    if type(cents) is not int:  # True would pass for one cent, 29.9 for 29
        raise Unparsable(f"price {cents!r} is no whole number of cents")
    if not 0 <= cents <= TICKS_PER_DOLLAR // TICKS_PER_CENT:
        raise Unparsable(f"price {cents!r} is outside 0 … 100 cents", hint="is it in ticks or in dollars?")
    return cents * TICKS_PER_CENT


def count_centi(contracts: str | int) -> int:
    """Parse a number of contracts exactly: "562.24" is 56224, the legacy integer 562 is 56200."""
    match = _CONTRACTS_TEXT.fullmatch(str(contracts))
    if match is None:
        raise Unparsable(
            f"count {contracts!r} is no number of at most two decimals",
            hint="contracts are counted in hundredths; the exchange never sends a finer count",
        )
    centi = int(match[2]) * CENTI_PER_CONTRACT + int((match[3] or "").ljust(2, "0"))
    return -centi if match[1] else centi


def dollars_text(ticks: int) -> str:
    """Print ticks as the exchange does: four decimals."""
    return f"{Decimal(ticks) / TICKS_PER_DOLLAR:.4f}"


def price_ticks_expr(dollars: pl.Expr) -> pl.Expr:
    """Parse a column of dollar strings; what `price_ticks` refuses becomes null, for the caller to refuse."""
    whole = dollars.str.extract(_DOLLARS, 1).cast(pl.Int64)
    decimals = dollars.str.extract(_DOLLARS, 2).fill_null("").str.pad_end(4, "0").cast(pl.Int64)
    ticks = whole * TICKS_PER_DOLLAR + decimals
    return pl.when(ticks <= TICKS_PER_DOLLAR).then(ticks).cast(pl.Int32)


def count_centi_expr(contracts: pl.Expr) -> pl.Expr:
    """Parse a column of contract counts; what `count_centi` refuses becomes null, for the caller to refuse."""
    sign = pl.when(contracts.str.starts_with("-")).then(-1).otherwise(1)
    whole = contracts.str.extract(_CONTRACTS, 2).cast(pl.Int64)
    decimals = contracts.str.extract(_CONTRACTS, 3).fill_null("").str.pad_end(2, "0").cast(pl.Int64)
    return sign * (whole * CENTI_PER_CONTRACT + decimals)
