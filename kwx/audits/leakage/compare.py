"""Two looks of one thing, held against each other up to an instant: which columns differ, and where first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from kwx.audits.leakage.look import Look

THE_ROWS = "the rows themselves"
_EXACT = 1e-9


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A column that says something else: in how many rows, and where it does first."""

    column: str
    rows: int
    example: str


def differences(one: Look, other: Look, *, until: datetime | None = None) -> list[Difference]:
    """Return the columns in which rows up to an instant differ, of all rows where none is said."""
    known = pl.lit(value=True) if until is None else pl.col("ts_utc") <= until
    ours, theirs = (look.rows.filter(known) for look in (one, other))
    keys = list(one.keys)
    if not ours.select(keys).sort(keys).equals(theirs.select(keys).sort(keys)):
        return [_other_rows(ours, theirs, keys)]
    both = ours.sort(keys).join(theirs.sort(keys), on=keys, suffix="_other", maintain_order="left")
    return list(_columns(both, one, keys))


def moved(one: Look, other: Look, *, since: datetime) -> bool:
    """Tell whether anything after an instant says something else: then what was garbled is read at all."""
    later = pl.col("ts_utc") > since
    ours, theirs = (look.rows.filter(later).sort(list(one.keys)) for look in (one, other))
    return not ours.equals(theirs)


def _other_rows(ours: pl.DataFrame, theirs: pl.DataFrame, keys: Sequence[str]) -> Difference:
    """Tell of rows that are in one of both alone."""
    gone, new = (one.join(other, on=keys, how="anti") for one, other in ((ours, theirs), (theirs, ours)))
    first = pl.concat([gone.select(keys), new.select(keys)]).sort("ts_utc").row(0, named=True)
    told = f"{_where(first)}: {gone.height:,} rows are gone, {new.height:,} are new"
    return Difference(column=THE_ROWS, rows=gone.height + new.height, example=told)


def _columns(both: pl.DataFrame, look: Look, keys: Sequence[str]) -> Iterator[Difference]:
    for name in look.rows.columns:
        if name in keys:
            continue
        dtype = look.rows.schema[name]
        differs = _differs(name, dtype, look.tolerance.get(name, _EXACT))
        rows = both.filter(differs)
        if rows.height:
            first = rows.sort("ts_utc").row(0, named=True)
            said = f"{_where(first)}: {_text(first[name])} → {_text(first[f'{name}_other'])}"
            yield Difference(column=name, rows=rows.height, example=said)


def _differs(name: str, dtype: pl.DataType, tolerance: float) -> pl.Expr:
    ours, theirs = pl.col(name), pl.col(f"{name}_other")
    if not dtype.is_float():
        return ours.ne_missing(theirs)
    ours, theirs = ours.fill_nan(None), theirs.fill_nan(None)
    far = (ours - theirs).abs() > tolerance
    return (ours.is_null() != theirs.is_null()) | far.fill_null(value=False)


def _where(row: dict[str, object]) -> str:
    market = f"{row['market_ticker']} " if "market_ticker" in row else ""
    return f"{market}{row['ts_utc']:%Y-%m-%dT%H:%MZ}"


def _text(value: object) -> str:
    return "nothing" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
