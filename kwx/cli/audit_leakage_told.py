"""What `kwx audit leakage` says: the checks, each sample's looks, what was garbled, then what looks ahead."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
import polars as pl

from kwx.audits.leakage.look import PARTS
from kwx.audits.leakage.run import LeakageAudit
from kwx.cli.audit_found import tell_findings
from kwx.cli.show import console, table_of


def leakage_summary(audit: LeakageAudit) -> dict[str, Any]:
    """Return what was looked at, and whether the audit is passed."""
    return {
        "snapshot": audit.snapshot,
        "passed": audit.passed,
        "checks": [asdict(one) for one in audit.checks],
        "samples": [asdict(one) for one in audit.samples],
        "garbled_rows": audit.garbled,
        "looked": audit.looked.to_dicts(),
        "notes": list(audit.notes),
    }


def tell_leakage(audit: LeakageAudit) -> None:
    """Print the checks, the samples, then what looks ahead."""
    out = console()
    out.print(f"snapshot {audit.snapshot}: checks that a leak would break", style="bold")
    out.print(table_of(("check", "rows found"), [(one.name, one.found) for one in audit.checks]))
    out.print()
    if audit.samples:
        out.print("poison: all that became known after the instant is garbled in memory", style="bold")
        for sample in audit.samples:
            out.print(f"  {sample}", markup=False)
        out.print(
            table_of(("part", "of", "samples", "rows before", "columns", "changed", "moved after"), _looked(audit))
        )
        rows = ", ".join(f"{name} {count:,}" for name, count in sorted(audit.garbled.items()))
        out.print(f"garbled rows: {rows}\n", soft_wrap=True, markup=False)
    for note in audit.notes:
        click.echo(f"note: {note}", err=True)
    tell_findings(audit.findings, clean=_clean(audit))


def _clean(audit: LeakageAudit) -> str:
    if not audit.samples:
        return "no check found a row"
    columns = audit.looked.group_by("part", "name").agg(pl.col("columns").first())["columns"].sum()
    return f"nothing looks ahead: no check found a row, and none of {columns} columns moved before its instant"


def _looked(audit: LeakageAudit) -> list[tuple[Any, ...]]:
    """Return a row for each thing that was looked at, over all samples."""
    place = pl.col("part").replace_strict({part: number for number, part in enumerate(PARTS)})
    rows = audit.looked.sort(place, maintain_order=True).group_by("part", "name", maintain_order=True).agg(
        pl.len().alias("samples"), pl.col("rows_before").sum(), pl.col("columns").max(),
        pl.col("columns_changed").sum(), pl.col("moved_after").sum().alias("moved"),
    )  # fmt: skip
    return [
        (part, name, samples, before, columns, changed, f"{moved} of {samples}")
        for part, name, samples, before, columns, changed, moved in rows.iter_rows()
    ]
