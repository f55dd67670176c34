"""What `kwx ingest` says: the plan before, the outcome after, to people in tables and to machines in plain values."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from kwx.cli.show import console, table_of
from kwx.cli.tell import built_as_json, tell_built
from pipelines.calls import Call
from pipelines.ingest.plan import Line, Plan
from pipelines.ingest.replay import Recognised
from pipelines.ingest.run import Ingested

_CALLS_SHOWN_PER_LINE = 2
_REASONS_SHOWN = 12


def tell_plan(plan: Plan) -> None:
    """Print every line of a plan with its cost, how long it takes at least, and its first calls word for word."""
    out = console()
    rows = [
        (line.kind, line.vendor, line.city, _calls_of(line), len(line.calls) - len(line.missing), _records(line))
        for line in plan.lines
    ]
    out.print(table_of(("kind", "vendor", "city", "calls", "at hand", "records"), rows))
    asked = {line.vendor: 0 for line in plan.lines}
    for line in plan.lines:
        asked[line.vendor] += line.count
    out.print("\nat the vendors' rate limits:")
    costs = [(name, count, f"{plan.seconds.get(name, 0):,.0f} s") for name, count in asked.items()]
    out.print(table_of(("vendor", "calls", "at least"), costs))
    out.print("\nthe first calls of each line:")
    for line in plan.lines:
        for call in line.missing[:_CALLS_SHOWN_PER_LINE]:
            out.print(f"  {call}{_pages(call)}", markup=False, soft_wrap=True)
    for note in plan.notes:
        out.print(f"note: {note}", soft_wrap=True)
    out.print("every call: --dry-run --json; nothing was sent")


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """Return a plan with every call."""
    return {
        "lines": [
            {
                "kind": line.kind,
                "vendor": line.vendor,
                "city": line.city,
                "calls": line.count,
                "expected": line.expected,
                "at_hand": len(line.calls) - len(line.missing),
                "records": _records(line),
                "requests": [{"call": str(call), "tokens": call.tokens, "pages": call.pages} for call in line.missing],
            }
            for line in plan.lines
        ],
        "seconds": {name: round(seconds, 1) for name, seconds in plan.seconds.items()},
        "notes": list(plan.notes),
    }


def tell_recognised(found: Recognised) -> None:
    """Print what a folder holds, kind by kind, and what is left out."""
    counts: dict[str, int] = {}
    for load in found.loads:
        counts[load.kind] = counts.get(load.kind, 0) + 1
    console().print(table_of(("kind", "answers"), sorted(counts.items())))
    _tell_left_out(found)


def recognised_as_json(found: Recognised) -> dict[str, Any]:
    """Return the same as plain values."""
    return {
        "kinds": [load.kind for load in found.loads],
        "left_out": [{"file": str(path), "reason": reason} for path, reason in found.left_out],
    }


def tell_ingested(ingested: Ingested) -> None:
    """Print what was asked, what was refused, what failed, and what the lake holds now."""
    fetched, folded = ingested.fetched, ingested.folded
    if ingested.recognised is not None:
        _tell_left_out(ingested.recognised)
    else:
        at_hand = len(fetched.answers) - fetched.asked
        click.echo(f"{fetched.asked:,} calls answered, {at_hand:,} at hand from before, {len(fetched.failed):,} failed")
    for note in ingested.notes:
        click.echo(f"note: {note}", err=True)
    _tell_failures(ingested)
    if folded is None:
        nothing = not fetched.answers and not fetched.failed
        click.echo("nothing was asked" if nothing else "the lake holds all of it already: no new snapshot")
        return
    if folded.refused:
        click.echo(f"{sum(one.rows for one in folded.refused):,} rows refused, kept in quarantine with their rule:")
        rows = [(table, rule, count) for (table, rule), count in _by_rule(ingested).most_common(_REASONS_SHOWN)]
        console().print(table_of(("table", "rule", "rows"), rows))
    tell_built(folded.built)


def has_news(ingested: Ingested) -> bool:
    """Tell whether a run changed the lake, refused rows, or could not ask all it wanted."""
    folded = ingested.folded
    return not ingested.is_whole or (folded is not None and (folded.built.changed or bool(folded.refused)))


def ingested_as_json(ingested: Ingested) -> dict[str, Any]:
    """Return the same as plain values."""
    folded = ingested.folded
    return {
        "asked": ingested.fetched.asked,
        "at_hand": len(ingested.fetched.answers) - ingested.fetched.asked,
        "failed": [{"call": str(call), "error": str(error)} for call, error in ingested.fetched.failed],
        "stopped": {name: str(error) for name, error in ingested.fetched.stopped.items()},
        "refused": [
            {"table": table, "rule": rule, "rows": rows} for (table, rule), rows in _by_rule(ingested).most_common()
        ],
        "notes": list(ingested.notes),
        "built": built_as_json(folded.built) if folded else None,
    }


def _by_rule(ingested: Ingested) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for one in ingested.folded.refused if ingested.folded else ():
        counts[one.table, one.rule] += one.rows
    return counts


def _tell_failures(ingested: Ingested) -> None:
    for name, error in ingested.fetched.stopped.items():
        sign = "error" if name in ingested.stopped else "note"
        click.echo(f"{sign}: {name} was given up: {error}", err=True)
        if error.hint:
            click.echo(f"hint:  {error.hint}", err=True)
    alone = [(call, error) for call, error in ingested.fetched.failed if call.vendor not in ingested.fetched.stopped]
    for _call, error in alone[:_REASONS_SHOWN]:
        click.echo(f"failed: {error}", err=True)
    if len(alone) > _REASONS_SHOWN:
        click.echo(f"failed: and {len(alone) - _REASONS_SHOWN} more; all of them: --json", err=True)


def _tell_left_out(found: Recognised) -> None:
    reasons: dict[str, list[str]] = {}
    for path, reason in found.left_out:
        reasons.setdefault(reason, []).append(str(path))
    for reason, files in reasons.items():
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        click.echo(f"left out, {reason}: {', '.join(files[:3])}{more}", err=True)


def _calls_of(line: Line) -> str:
    about = f" (about {line.expected} of them for events not listed yet)" if line.expected else ""
    return f"{line.count:,}{about}"


def _records(line: Line) -> int:
    return sum(call.records for call in line.missing)


def _pages(call: Call) -> str:
    return "  (and its further pages)" if call.pages else ""
