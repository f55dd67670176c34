"""What `kwx audit time` says: a table for each part, then what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from kwx.audits.clocks import changes, days, issues, known, stamps, trading
from kwx.audits.clocks.part import Part
from kwx.audits.clocks.run import TimeAudit
from kwx.cli.audit_found import tell_findings
from kwx.cli.show import console, table_of

_COLUMNS: Mapping[str, Mapping[str, str]] = {
    days.PART: {
        "city": "city", "station": "station", "standard_offset_hours": "UTC", "day_begins": "begins", "since": "since",
        "until": "until", "days": "days", "traded_days": "traded", "obs_1m_days": "1,440 due",
        "obs_1m_whole": "whole", "obs_5m_days": "288 due", "obs_5m_whole": "whole ",
    },
    changes.PART: {
        "city": "city", "event_date": "date", "clock": "clock", "civil_hours": "civil hours", "minutes": "minutes",
        "steps": "steps", "traded": "traded", "wrong_clock": "wrong clock",
    },
    trading.PART: {
        "city": "city", "closes": "closes at", "events": "events", "since": "since", "until": "until",
        "opens_utc": "opens", "closes_utc": "closes", "untraded_minutes": "min untraded",
    },
    stamps.PART: {
        "table": "table", "city": "city", "rows": "rows", "off_minute": "off minute", "unlisted": "unlisted",
        "before": "before open", "after": "after close",
    },
    issues.PART: {
        "table": "table", "source": "source", "rows": "rows", "unissued": "known < issued",
        "backward": "valid < issued", "as_of": "known by as-of", "premature": "before day's end",
        "late": "known > valid", "late_highs": "of highs",
    },
    known.PART: {
        "table": "table", "source": "source", "rows": "rows", "model_minutes": "model", "p05_minutes": "5 %",
        "p50_minutes": "50 %", "p95_minutes": "95 %", "most_minutes": "most", "live_rows": "live",
        "live_p05_minutes": "5 % ", "live_p50_minutes": "50 % ", "live_p95_minutes": "95 % ",
        "later_rows": "past model",
    },
}  # fmt: skip
"""The columns of each part that are shown, and what stands above them."""

_CLEAN = "every clock agrees: days, trading hours, stamps, and when each row was known"


def time_summary(audit: TimeAudit) -> dict[str, Any]:
    """Return what was looked at, part by part, and whether the audit is passed."""
    parts = {part.name: part.rows.to_dicts() for part in audit.parts}
    return {"snapshot": audit.snapshot, "passed": audit.passed, "parts": parts}


def tell_time(audit: TimeAudit) -> None:
    """Print the parts, then what is wrong."""
    for part in audit.parts:
        _tell_part(part)
    tell_findings(audit.findings, clean=f"snapshot {audit.snapshot}: {_CLEAN}")


def _tell_part(part: Part) -> None:
    out, columns = console(), _COLUMNS[part.name]
    rows = part.rows.filter("in_lake") if part.name == changes.PART else part.rows
    out.print(f"{part.name}: {part.meaning}", style="bold", soft_wrap=True)
    if rows.is_empty():
        out.print("  none in the lake\n" if part.name != changes.PART else f"  {_outside(part.rows)}\n")
        return
    shown = rows.select(*columns).with_columns(pl.col(pl.Float64).round(3))
    out.print(table_of(tuple(columns.values()), shown.iter_rows()))
    out.print()


def _outside(rows: pl.DataFrame) -> str:
    """Say which days of the lake's years the clock is set on, where it has none of them."""
    told = ", ".join(str(day) for day in rows["event_date"].unique().sort())
    return f"none of them in the lake: {told}" if told else "no city of the lake sets its clock"
