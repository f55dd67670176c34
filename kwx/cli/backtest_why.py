"""`kwx backtest --why`: which gates stopped a run, where and when, and what would move them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from kwx.backtest.run import Wish, backtest
from kwx.backtest.why import Why, part_of, why_of
from kwx.cli.forms import Forms, drawn
from kwx.cli.progress import progress_of
from kwx.cli.show import console, table_of
from kwx.cli.tell import tell_next
from kwx.exec.runs.kept import run_of
from warehouse.lake.store import Lake

_SHOWN = 3


def why(run_id: str | None, wish: Wish, lake_root: Path | None, forms: Forms) -> None:
    """Tabulate the gates of a kept run, or of one that is made now and not kept."""
    if run_id is not None:
        kept = run_of(Lake(lake_root).snapshot(), run_id)
        name, ledger = kept.run_id, part_of(kept, cities=wish.cities, since=wish.since, until=wish.until)
    else:
        from dataclasses import replace

        with progress_of("trading") as on_progress:
            asked = replace(wish, keep=False, with_sensitivity=False, with_rows=True)
            done = backtest(asked, lake_root, on_progress=on_progress)
        name, ledger = done.asked.run_id, done.ledger
    found = why_of(ledger)
    chart = drawn("gates_chart", found, module="backtest_question_charts")
    forms.give(
        found.gates, _summary(name, found), tell=lambda: tell_why(name, found, kept=run_id is not None), chart=chart
    )


def _summary(name: str, found: Why) -> dict[str, Any]:
    return {
        "run_id": name,
        "answer": found.answer,
        "acted": found.acted,
        "by_city": found.by_city.to_dicts(),
        "by_date": found.by_date.to_dicts(),
        "by_hour": found.by_hour.to_dicts(),
    }


def tell_why(name: str, found: Why, *, kept: bool) -> None:
    """Print the answer, then the gates: of all, by city, by date and by hour."""
    out = console()
    out.print(found.answer, soft_wrap=True)
    out.print(f"\nrun {name}: minutes of brackets by the gate that was told, of several the first", soft_wrap=True)
    lines = [
        (line["gate"], line["minutes"], f"{line['share']:.1%}", line["meaning"], line["change"])
        for line in found.gates.iter_rows(named=True)
    ]
    out.print(table_of(("gate", "minutes", "share", "meaning", "what moves it"), lines))
    for title, rows, by in (
        ("city", found.by_city, "city"),
        ("date", found.by_date, "event_date"),
        ("hour, local standard time: only what was wanted and stopped", found.by_hour, "hour_lst"),
    ):
        out.print(f"\nby {title}")
        out.print(table_of((by, "minutes", "the most frequent"), _by(rows, by)))
    at = f" --run {name}" if kept else ""
    tell_next([(f"kwx backtest --explain TICKER TS{at}", "one minute of one market, gate by gate")])


def _by(rows: pl.DataFrame, by: str) -> list[tuple[str, int, str]]:
    told = []
    for (key,), own in rows.partition_by(by, as_dict=True, maintain_order=True).items():
        most = ", ".join(f"{line['gate']} {line['share']:.0%}" for line in own.head(_SHOWN).iter_rows(named=True))
        told.append((str(key), int(own["minutes"].sum()), most))
    return told
