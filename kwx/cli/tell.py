"""What the lake commands say: to people in tables, to machines in plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console

from kwx.cli.show import console, show_frame, size_of, table_of
from pipelines.publishing import Built
from warehouse.lake.checks import CheckResult
from warehouse.lake.fetched import FetchLedger
from warehouse.lake.manifest import Manifest
from warehouse.lake.quarantine import Refusals, refusals
from warehouse.lake.store import Lake
from warehouse.lake.tables import TABLES

RULES_SHOWN = 12

_NEXT = (
    ('kwx sql "from minute_panel_full limit 5"', "the panel, one row per market and minute"),
    ("kwx sql --query ladder_now", "each event's ladder at its last complete minute"),
    ("kwx lake check", "hold the lake against its promises"),
)


def tell_built(built: Built, following: Sequence[tuple[str, str]] = _NEXT) -> None:
    """Print what was built, how long it took, and what to type next."""
    out = console()
    manifest = built.snapshot.manifest
    out.print(_tables(manifest, only=set(built.written)))
    out.print(
        f"\nsnapshot {manifest.number} of {manifest.root}: {sum(built.written.values()):,} rows written"
        f" in {built.seconds:.1f} s; {sum(check.passed for check in built.checks)} checks passed",
        soft_wrap=True,
    )
    for check in built.checks:
        if not check.passed:
            out.print(f"look at {check.name}: {check.found:,} rows. {check.meaning}", style="yellow", soft_wrap=True)
    if not built.changed:
        out.print("nothing differed from what the lake held: no new snapshot")
    elif built.before is not None:
        out.print(f"snapshot {built.before} is kept; back to it with: kwx lake rollback")
    tell_next(following)


def tell_next(following: Sequence[tuple[str, str]]) -> None:
    """Print what to type next, each command with what it is for."""
    out = console()
    out.print("\nnext:")
    out.print(table_of(("", ""), [(f"  {command}", meaning) for command, meaning in following]))


def built_as_json(built: Built) -> dict[str, Any]:
    """Return the same as plain values."""
    return {
        "snapshot": built.snapshot.number,
        "changed": built.changed,
        "lake": built.snapshot.manifest.root,
        "seconds": round(built.seconds, 2),
        "rows": built.written,
        "checks": checks_as_json(built.checks),
    }


def tell_status(lake: Lake) -> None:
    """Print the current snapshot, table by table, and the quarantine."""
    out = console()
    manifest = lake.snapshot().manifest
    numbers = lake.snapshot_numbers()
    kept = f"{len(numbers)} kept ({numbers[0]}–{numbers[-1]})"
    out.print(f"lake {lake.paths.root}", soft_wrap=True)
    out.print(
        f"snapshot {manifest.number} of {manifest.created_utc[:16]}Z, by {manifest.purpose}; {kept}",
        soft_wrap=True,
    )
    for source, what in manifest.sources.items():
        out.print(f"source {source}: {what}", soft_wrap=True)
    out.print(_tables(manifest))
    empty = [name for name in TABLES if name not in manifest.tables]
    if empty:
        out.print(f"empty: {' '.join(empty)}", soft_wrap=True)
    if answers := FetchLedger(lake.paths.fetched).counts():
        told = ", ".join(f"{count:,} of {vendor}" for vendor, count in answers.items())
        out.print(f"raw: answers archived, {told}", soft_wrap=True)
    _tell_quarantine(out, refusals(lake.paths))


def _tell_quarantine(out: Console, found: Sequence[Refusals]) -> None:
    """Print what lies in quarantine, by table and rule, the most frequent first."""
    rows: Counter[tuple[str, str]] = Counter()
    runs: dict[tuple[str, str], str] = {}
    for one in found:
        rows[one.table, one.rule] += one.rows
        runs[one.table, one.rule] = max(one.run_id, runs.get((one.table, one.rule), ""))
    for (table, rule), count in rows.most_common(RULES_SHOWN):
        told = f"quarantine: {count:,} rows of {table}, last in {runs[table, rule]}: {rule}"
        out.print(told, style="yellow", soft_wrap=True)
    if len(rows) > RULES_SHOWN:
        out.print(f"quarantine: and {len(rows) - RULES_SHOWN} more rules; all of them: --json", style="yellow")


def status_as_json(lake: Lake) -> dict[str, Any]:
    """Return the same as plain values."""
    manifest = asdict(lake.snapshot().manifest)
    return {
        **manifest,
        "snapshots": lake.snapshot_numbers(),
        "raw": dict(FetchLedger(lake.paths.fetched).counts()),
        "quarantine": [asdict(refused) for refused in refusals(lake.paths)],
    }


def tell_checks(results: Sequence[CheckResult]) -> None:
    """Print a line for each check, then the offending rows of those that failed."""
    out = console()
    rows = [
        ("[green]ok[/green]" if r.passed else "[red]FAILED[/red]", r.name, r.found, f"{r.seconds:.2f}") for r in results
    ]
    out.print(table_of(("", "check", "rows found", "seconds"), rows))
    for result in results:
        if not result.passed:
            out.print(f"\n[bold]{result.name}[/bold]: {result.found:,} rows. {result.meaning}", soft_wrap=True)
            show_frame(result.rows)
            click.echo(f"mend: {result.mend}")


def checks_as_json(results: Sequence[CheckResult]) -> list[dict[str, Any]]:
    """Return the same as plain values."""
    return [
        {
            "check": r.name,
            "passed": r.passed,
            "found": r.found,
            "seconds": round(r.seconds, 3),
            "mend": r.mend,
            "rows": r.rows.to_dicts(),
        }
        for r in results
    ]


def _tables(manifest: Manifest, only: set[str] | None = None) -> Any:
    rows = [
        (
            name,
            entry.rows,
            entry.files,
            entry.since or "·",
            entry.until or "·",
            size_of(entry.bytes),
            round(entry.bytes / max(entry.rows, 1), 1),
        )
        for name, entry in manifest.tables.items()
        if only is None or name in only
    ]
    return table_of(("table", "rows", "files", "since", "until", "size", "bytes/row"), rows)
