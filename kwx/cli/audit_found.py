"""What audits say of findings: what is wrong and where, and below it the command that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kwx.audits.finding import Finding, findings_frame
from kwx.cli.show import console

SHOWN = 40


def tell_findings(findings: Sequence[Finding], *, clean: str) -> None:
    """Print each finding with its repair, or that all is well."""
    out = console()
    if not findings:
        out.print(clean, soft_wrap=True, markup=False)
        return
    out.print(f"{len(findings)} findings:", style="bold")
    for one in findings[:SHOWN]:
        example = f"; {one.example}" if one.example else ""
        out.print(f"  {one.where}: {one.what} ({one.found:,}){example}", soft_wrap=True, markup=False, style="red")
        out.print(f"    mend: {one.repair}", soft_wrap=True, markup=False)
    if len(findings) > SHOWN:
        out.print(f"  and {len(findings) - SHOWN} more: --json gives all of them")


def findings_as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as plain values."""
    return findings_frame(findings).to_dicts()
