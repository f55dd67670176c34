"""What audits say of findings: what is wrong and where, and below it the command that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kwx.audits.finding import Finding, findings_frame
from kwx.audits.repair import CHECKOUT, OF_CODE, OF_SERVER
from kwx.cli.show import console

SHOWN = 40
_NOTES = (
    (OF_SERVER, "URL is the address of the demo server that filled the lake; kwx demo serve prints it"),
    (OF_CODE, "git status tells what in this copy of kwx is not as it was published; if nothing is, tell its authors"),
    (f"-C {CHECKOUT} ", f"{CHECKOUT} is the folder into which the repository of kwx was cloned"),
)
"""What is to be said of repairs in which a word stands for something, or which may not be enough."""


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
    for words, note in _NOTES:
        if any(words in one.repair for one in findings):
            out.print(f"  note: {note}", soft_wrap=True, markup=False)


def findings_as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as plain values."""
    return findings_frame(findings).to_dicts()
