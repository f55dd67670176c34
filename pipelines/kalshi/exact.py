"""Columns of the exchange's words to exact integers: prices to ticks, counts to hundredths, stamps to microseconds.

The grammar is that of `warehouse.market.money`. Text is dollars and a bare number is cents: the JSON type tells, never
the size. A word that is not there is MISSING, one that cannot be read is BAD; both are below every true value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from warehouse.errors import Unparsable
from warehouse.market.money import (
    CENTI_PER_CONTRACT,
    TICKS_PER_CENT,
    TICKS_PER_DOLLAR,
    count_centi,
    price_ticks,
    price_ticks_from_cents,
)

MISSING = -1
BAD = -2

YEARS = range(2000, 2100)

Word = str | int | float | None
W = TypeVar("W")
Ints = npt.NDArray[np.int64]

# What the exchange writes today, a line each; a column with any other spelling is read word by word.
_COUNTS = re.compile(r"[0-9]{1,15}\.[0-9]{2}(?:\n[0-9]{1,15}\.[0-9]{2})*")
_STAMPS = frozenset(f"0000-00-00T00:00:00{fraction}Z" for fraction in ("", *("." + "0" * n for n in range(1, 7))))
_DIGITS = str.maketrans("123456789", "000000000")
_LARGEST_COUNT = 10**15 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US, _AFTER_US = (
    (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) for year in (YEARS.start, YEARS.stop)
)
_REMEMBERED = 50_000


class _Ticks(dict[Word, int]):
    """Each price word read once: a day of a market has a hundred different ones and a million in all."""

    def __missing__(self, word: Word) -> int:
        ticks = _ticks(word)
        if len(self) < _REMEMBERED:
            self[word] = ticks
        return ticks


_TICKS = _Ticks()


def ticks_of(words: Sequence[Word]) -> Ints:
    """Read prices exactly: text as dollars, a number as cents."""
    return np.fromiter(map(_TICKS.__getitem__, words), np.int64, len(words))


def centi_of(words: Sequence[Word]) -> Ints:
    """Read counts exactly: text with two decimals as today, integers as they were once; a negative one is BAD."""
    lines = _lines(words)
    if lines is None or not _COUNTS.fullmatch(lines):
        return np.fromiter(map(_centi, words), np.int64, len(words))
    return np.fromstring(lines.replace(".", ""), np.int64, sep="\n")


def instants_of(words: Sequence[str | None]) -> Ints:
    """Read stamps as microseconds since 1970; one without a zone is BAD."""
    lines = _lines(words)
    if lines is not None and _STAMPS.issuperset(lines.translate(_DIGITS).split("\n")):
        try:
            instants = np.array(lines.replace("Z", "").split("\n"), dtype="datetime64[us]").astype(np.int64)
            if instants.min() >= _FIRST_US and instants.max() < _AFTER_US:
                return instants
        except ValueError:
            pass  # a thirtieth of February: found and refused word by word
    return np.fromiter(map(_microseconds, words), np.int64, len(words))


def ticks_of_cents(cents: pl.Series) -> Ints:
    """Read a column of whole cents."""
    return _scaled(cents, largest=TICKS_PER_DOLLAR // TICKS_PER_CENT, by=TICKS_PER_CENT)


def centi_of_whole(contracts: pl.Series) -> Ints:
    """Read a column of whole contracts."""
    return _scaled(contracts, largest=_LARGEST_COUNT, by=CENTI_PER_CONTRACT)


def preferred(read: Callable[[Sequence[W]], Ints], words: Sequence[W], older: Callable[[], Ints]) -> Ints:
    """Read words, and under an older name those that are not there."""
    if words and words[0] is None and words.count(cast("W", None)) == len(words):
        return older()
    values = read(words)
    missing = values == MISSING
    return np.where(missing, older(), values) if missing.any() else values


def nullable(values: Ints, dtype: pl.DataType) -> pl.Series:
    """Return a column in which what is MISSING is null."""
    # A double holds every whole number up to 2**53, which no count and no instant of this exchange comes near.
    return pl.Series(np.where(values == MISSING, np.nan, values), nan_to_null=True).cast(dtype)


def instant_utc(text: str) -> datetime:
    """Read one stamp; refuse what is no instant, has no zone, or is of another century."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Unparsable(f"{text!r} is not an instant") from None
    if instant.tzinfo is None:
        raise Unparsable(f"{text!r} has no time zone")
    if instant.year not in YEARS:
        raise Unparsable(f"{text!r} is no time of this exchange")
    return instant.astimezone(UTC)


def _lines(words: Sequence[Word]) -> str | None:
    """Return words as lines of text, if all of them are text."""
    try:
        lines = "\n".join(words)  # type: ignore[arg-type]
    except TypeError:
        return None
    return lines if words and lines.count("\n") == len(words) - 1 else None


def _scaled(column: pl.Series, *, largest: int, by: int) -> Ints:
    if not column.dtype.is_numeric():  # text would be dollars, and a flag is no count
        return pl.select(pl.when(column.is_null()).then(MISSING).otherwise(BAD).cast(pl.Int64)).to_series().to_numpy()
    said, whole = pl.col("value"), pl.col("value").cast(pl.Int64, strict=False)
    is_true = (whole == said) & whole.is_between(0, largest)  # a cast cuts fractions off
    values = column.to_frame("value").select(
        pl.when(said.is_null()).then(MISSING).when(is_true).then(whole * by).otherwise(BAD)
    )
    return values.to_series().to_numpy()


def _ticks(word: Word) -> int:
    if word is None:
        return MISSING
    try:
        if isinstance(word, str):
            return price_ticks(word)
        return price_ticks_from_cents(int(word) if word == int(word) else -1)
    except (Unparsable, OverflowError, ValueError):
        return BAD


def _centi(word: Word) -> int:
    if word is None:
        return MISSING
    try:
        centi = count_centi(str(word))
    except Unparsable:
        return BAD
    return centi if centi >= 0 else BAD


def _microseconds(word: str | None) -> int:
    if word is None:
        return MISSING
    try:
        return (instant_utc(word) - _EPOCH) // timedelta(microseconds=1)
    except Unparsable:
        return BAD
