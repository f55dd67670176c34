"""One part of the audit of time: what was looked at, row by row, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from kwx.audits.finding import Finding
from kwx.audits.scope import spans

Span = tuple[date, date]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """What was looked at, as rows of its own columns, and what is wrong in it."""

    name: str
    meaning: str
    rows: pl.DataFrame
    findings: tuple[Finding, ...]


def of_days(
    part: str,
    broken: pl.DataFrame,
    *,
    what: str,
    repair: Callable[[str, Span], str],
    example: Callable[[dict[str, object]], str] = lambda row: "",
    count: str = "",
) -> Iterator[Finding]:
    """Yield a finding for each city and stretch of event dates in broken rows (city, event_date, …).

    count: the column whose sum is told; the rows themselves are counted where none is said.
    """
    for (city,), rows in broken.sort("city", "event_date").group_by("city", maintain_order=True):
        for since, until in spans(rows["event_date"]):
            ours = rows.filter(pl.col("event_date").is_between(since, until))
            yield Finding(
                part=part, city=str(city), since=since, until=until, what=what,
                found=int(ours[count].sum()) if count else ours.height,
                example=example(ours.row(0, named=True)), repair=repair(str(city), (since, until)),
            )  # fmt: skip
