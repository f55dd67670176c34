"""Money of an account in micros ($0.000001), and counts and instants as the exchange wants to be told them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from warehouse.errors import Refused, Unparsable
from warehouse.market.money import CENTI_PER_CONTRACT

MICROS_PER_DOLLAR = 1_000_000
MICROS_PER_CENT = 10_000

# Zeros beyond the last decimal that counts are padding; twelve digits of dollars fit 64 bits once scaled.
_DOLLARS = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,6})0*)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_S = 4_102_444_800  # the year 2100: what is later counts in another unit


def micros(dollars: str) -> int:
    """Parse an amount of dollars exactly; refuse what is finer than a micro."""
    match = _DOLLARS.fullmatch(dollars) if isinstance(dollars, str) else None
    if match is None:
        raise Unparsable(
            f"{dollars!r} is no amount of dollars of at most six decimals", hint='amounts are text such as "-0.010000"'
        )
    amount = int(match[2]) * MICROS_PER_DOLLAR + int((match[3] or "").ljust(6, "0"))
    return -amount if match[1] else amount


def micros_of_cents(cents: int) -> int:
    """Parse an amount in whole cents, as balances and settlements still have it."""
    if type(cents) is not int:
        raise Unparsable(f"{cents!r} is no whole number of cents")
    return cents * MICROS_PER_CENT


def contracts_text(centi: int) -> str:
    """Print a count as the exchange does: two decimals."""
    if centi < 0:
        raise Refused(f"{centi} hundredths of a contract are no count")
    return f"{centi // CENTI_PER_CONTRACT}.{centi % CENTI_PER_CONTRACT:02}"


def instant_of_seconds(seconds: int) -> datetime:
    """Return the instant of a number of seconds since 1970."""
    if type(seconds) is not int or not 0 <= seconds < _LAST_S:
        raise Unparsable(f"{seconds!r} is no instant in seconds")
    return _EPOCH + timedelta(seconds=seconds)


def instant_of_millis(millis: int) -> datetime:
    """Return the instant of a number of milliseconds since 1970."""
    if type(millis) is not int or not 0 <= millis < 1000 * _LAST_S:
        raise Unparsable(f"{millis!r} is no instant in milliseconds")
    return _EPOCH + timedelta(milliseconds=millis)


def whole_seconds(instant_utc: datetime) -> int:
    """Return an instant in whole seconds since 1970, a begun second not counted."""
    return (instant_utc - _EPOCH) // timedelta(seconds=1)
