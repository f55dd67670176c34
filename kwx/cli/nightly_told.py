"""What `kwx nightly` says: its plan, each step as it ends, and what the night came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from kwx.cli.show import console, table_of
from kwx.nightly.journal import Outcome
from kwx.nightly.night import Night
from kwx.nightly.plan import Planned
from kwx.nightly.report.told import rows_told
from kwx.nightly.run import NightRun
from kwx.nightly.step import State, Step

_COLOURS = {State.DONE: "green", State.FAILED: "red", State.REFUSED: "red", State.SKIPPED: "yellow"}


def tell_plan(night: Night, plan: Sequence[Planned]) -> None:
    """Print what each step would do now, what it reads and writes, and why."""
    out = console()
    out.print(f"night of {night.event_date}, {len(night.cities)} cities, from {night.source.told}\n", soft_wrap=True)
    rows = [(_named(one), one.state, one.why) for one in plan]
    out.print(table_of(("step", "", "why"), rows))
    out.print("")
    parts = [
        (str(one.step.name), one.step.meaning, _words(one.step.reads), _words(one.step.told_writes)) for one in plan
    ]
    out.print(table_of(("step", "what it does", "reads", "writes"), parts))
    out.print("\nas the lake is now: a step may become due by what those before it bring. Nothing was touched.")


def plan_as_json(night: Night, plan: Sequence[Planned]) -> dict[str, Any]:
    """Return the same as plain values."""
    return {
        "date": night.event_date,
        "cities": list(night.cities),
        "source": night.source.told,
        "steps": [
            {
                "name": one.step.name,
                "state": one.state,
                "why": one.why,
                "optional": one.is_optional,
                "meaning": one.step.meaning,
                "reads": list(one.step.reads),
                "writes": list(one.step.told_writes),
            }
            for one in plan
        ],
    }


def _words(names: Sequence[str]) -> str:
    return " ".join(names)


def _named(one: Planned) -> str:
    return f"{one.step.name} (optional)" if one.is_optional else one.step.name


def tell_begin(step: Step, why: str) -> None:
    """Say on stderr that a step begins."""
    click.echo(f"{step.name}: {why}", err=True)


def tell_step(outcome: Outcome) -> None:
    """Say on stderr how a step ended, if it was more than not due."""
    if outcome.state in (State.NOT_DUE, State.SKIPPED):
        return
    colour = _COLOURS.get(outcome.state)
    rows = rows_told(outcome.rows)
    told = f"{outcome.seconds:.1f} s" + (f", {rows}" if rows else "")
    click.echo(f"{outcome.name}: {click.style(outcome.state.value, fg=colour)} after {told}", err=True)


def run_as_json(run: NightRun) -> dict[str, Any]:
    """Return the report."""
    return run.report


def tell_run(night: Night, run: NightRun) -> None:
    """Print how each step ended, what people are to know, and where the report is."""
    out = console()
    out.print(table_of(("step", "", "seconds", "rows", "why"), [_row(one) for one in run.outcomes]))
    for line in run.report["lines"]:
        click.echo(f"{line['kind'].replace('_', ' ')}: {line['words']}", err=True)
        if line["hint"]:
            click.echo(f"hint:  {line['hint']}", err=True)
    before, after = run.report["snapshot_before"], run.report["snapshot_after"]
    out.print(f"\nnight of {night.event_date}: snapshot {before or '·'} to {after or '·'}, exit {run.exit_code}")
    out.print(f"report: {night.paths.latest / 'report.html'}", soft_wrap=True)


def _row(one: Outcome) -> tuple[Any, ...]:
    colour = _COLOURS.get(one.state)
    state = f"[{colour}]{one.state.value}[/{colour}]" if colour else one.state.value
    why = one.error or one.why
    return (one.name, state, f"{one.seconds:.1f}" if one.seconds else "", sum(one.rows.values()) or "", why)
