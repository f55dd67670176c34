"""What `kwx backtest` says of a run: one screen for people, everything in plain values for machines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import click
import polars as pl

from kwx.backtest.report.figures import CASES, STYLES, cases_of, figures_of, gate_shares, styles_of
from kwx.backtest.report.words import share
from kwx.backtest.run import Outcome, told
from kwx.backtest.slices import slices_of
from kwx.cli.show import console, table_of
from kwx.cli.tell import built_as_json, tell_next
from kwx.exec.codes import Gate
from kwx.models.registry.plain import plain

_GATES_SHOWN = 4


def summary_of(done: Outcome) -> dict[str, Any]:
    """Return all that is known of a run but its city-days and its ledger."""
    asked = {name: value for name, value in done.asked.row().items() if name != "config_json"}
    return {
        **asked,
        "built": None if done.built is None else built_as_json(done.built),
        "bars": done.bars,
        "seconds": round(done.seconds, 2),
        "metrics": done.measured.metrics.plain(),
        "sensitivity": plain([told(case) for case in done.sensitivity]),
        "slices": slices_of(done.measured).with_columns(pl.selectors.float().fill_nan(None)).to_dicts(),
        "gates": gate_shares(done.ledger.gates).to_dicts(),
        "notes": list(done.notes),
    }


def tell_backtest(done: Outcome, report: Path | None) -> None:
    """Print the figures of a run, what else it might have earned, and why it did nothing where it did nothing."""
    out, metrics = console(), done.measured.metrics
    _tell_head(done)
    level = f"{metrics.net.level:.0%} interval"
    out.print(_table(("", "value", level), list(figures_of(metrics)), numbers=(1,)))
    out.print("")
    out.print(_table(STYLES, styles_of(metrics), numbers=range(1, len(STYLES))))
    if done.sensitivity:
        out.print("")
        cases = cases_of(done.sensitivity, fill=done.asked.fill_model)
        out.print(_table(CASES, cases, numbers=(2, 4, 5, 6)))
    _tell_gates(done.ledger.gates)
    for note in _notes(done):
        click.echo(f"note: {note}", err=True)
    tell_next(_following(done, report))


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[int]) -> Any:
    """Return a table of what is told already, with some of its columns to the right."""
    columns = [list(column) for column in zip(headers, *rows, strict=True)]
    for place in numbers:
        width = max(map(len, columns[place]))
        columns[place] = [cell.rjust(width) for cell in columns[place]]
    head, *body = zip(*columns, strict=True)
    return table_of(head, body)


def _tell_head(done: Outcome) -> None:
    out, asked, metrics = console(), done.asked, done.measured.metrics
    cities = " ".join(asked.cities) if len(asked.cities) < 4 else f"{len(asked.cities)} cities"
    out.print(f"run {asked.run_id}: snapshot {asked.snapshot}, {_kept(done)}", soft_wrap=True)
    out.print(
        f"{asked.strategy} in {cities}, {asked.since} … {asked.until}, fills by {asked.fill_model}:"
        f" {metrics.events} settled events of {metrics.dates} dates, {done.bars:,} minutes of brackets,"
        f" {done.seconds:.1f} s",
        soft_wrap=True,
    )


def _kept(done: Outcome) -> str:
    if done.built is None:
        return "not kept"
    number = done.built.snapshot.number
    return f"kept in snapshot {number}" if done.built.changed else "held already, nothing differed"


def _tell_gates(gates: pl.DataFrame) -> None:
    """Print in which share of minutes nothing was wanted, and what was wanted and stopped, the most frequent first."""
    shares = gate_shares(gates)
    idle = shares.filter(~pl.col("stopped") & (pl.col("gate") != Gate.NONE.word))
    console().print("")
    acted = shares.filter(pl.col("gate") == Gate.NONE.word)["share"].sum()
    console().print(f"acted, or held what was wanted, in {share(float(acted))} of minutes")
    for words, rows in (("nothing wanted in", idle), ("wanted and stopped in", shares.filter("stopped"))):
        named = rows.head(_GATES_SHOWN).select("gate", "share").iter_rows()
        which = ", ".join(f"{gate} {share(part)}" for gate, part in named)
        console().print(
            f"{words} {share(float(rows['share'].sum()))} of minutes" + (f": {which}" if which else ""), soft_wrap=True
        )


def _notes(done: Outcome) -> list[str]:
    metrics = done.measured.metrics
    notes = list(done.notes)
    if metrics.unsettled:
        notes.append(f"{len(metrics.unsettled)} events are not settled and are in none of the figures")
    if metrics.net.low != metrics.net.low:
        notes.append(f"no intervals on {metrics.dates} dates: too few")
    return notes


def _following(done: Outcome, report: Path | None) -> list[tuple[str, str]]:
    """Return what to type after a run."""
    run_id = done.asked.run_id
    following = []
    if done.built is not None:
        following += [
            (f"kwx sql \"from run_days where run_id = '{run_id}'\"", "its city-days"),
            (f"kwx backtest --why --run {run_id}", "what stopped it"),
        ]
    if report is None:
        following.append(("kwx backtest … --report run.html", "all of it on one page"))
    return following
