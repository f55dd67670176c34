"""What `kwx audit coverage` says: a calendar with a sign for each day, a count for each table, then what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from kwx.audits.coverage.cells import ORDER, State
from kwx.audits.coverage.run import Coverage
from kwx.cli.audit_found import findings_as_json, tell_findings
from kwx.cli.show import console, table_of

SIGNS: Mapping[str, str] = {
    State.WHOLE: "█", State.RUNNING: "~", State.THIN: "▒", State.STALE: "s", State.MISSING: "·",
}  # fmt: skip
"""The sign of a day is that of its worst table; a day of which nothing is owed has none."""

_DAYS = 31


def coverage_summary(audit: Coverage) -> dict[str, Any]:
    """Return whether all is there, what is wrong, and each table's count of states."""
    counts = audit.cells.group_by("table", "state").len().sort("table", "state")
    states: dict[str, dict[str, int]] = {}
    for table, state, count in counts.iter_rows():
        states.setdefault(table, {})[state] = count
    return {
        "snapshot": audit.snapshot, "passed": audit.passed, "states": states,
        "findings": findings_as_json(audit.findings),
    }  # fmt: skip


def tell_coverage(audit: Coverage) -> None:
    """Print the calendar, the tables, then what is wrong."""
    out = console()
    out.print(f"snapshot {audit.snapshot}: the worst of each day's tables", style="bold")
    for line in calendar(audit):
        out.print(line, markup=False, soft_wrap=True)
    legend = "  ".join(f"{sign} {state}" for state, sign in SIGNS.items())
    out.print(f"{legend}  (blank: nothing is owed)\n", markup=False, soft_wrap=True)
    out.print(table_of(("table", "source", "days", *ORDER[::-1], "least", "mean"), _counts(audit.cells)))
    out.print()
    tell_findings(audit.findings, clean="nothing that is owed is missing, thin or stale")


def calendar(audit: Coverage) -> list[str]:
    """Return a line for each city and month, with the sign of each day at its place."""
    months: dict[tuple[str, str], list[str]] = {}
    for city, day, state in audit.worst().iter_rows():
        signs = months.setdefault((city, f"{day:%Y-%m}"), [" "] * _DAYS)
        signs[day.day - 1] = SIGNS[state]
    width = max((len(city) for city, _ in months), default=4)
    heading = "".join(f"{day:<5}" for day in range(1, _DAYS + 1, 5)).rstrip()
    lines = [f"{'':<{width}}           {heading}"]
    lines += [f"{city:<{width}}  {month}  {''.join(signs)}".rstrip() for (city, month), signs in sorted(months.items())]
    return lines


def _counts(cells: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return for each table and source in how many days it is how, and which share of what is due is there."""
    counted = cells.group_by("table", "source", maintain_order=True).agg(
        pl.len().alias("days"),
        *((pl.col("state") == str(state)).sum().alias(str(state)) for state in ORDER[::-1]),
        pl.col("share").min().alias("least"),
        pl.col("share").mean().alias("mean"),
    )
    return [(*row[:-2], *map(_share, row[-2:])) for row in counted.iter_rows()]


def _share(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"
