"""`kwx backtest --explain`: one minute of one market, from what was known to what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import polars as pl

from kwx.backtest.explain.asked import no_minute
from kwx.backtest.explain.explained import Explained
from kwx.backtest.explain.explained import explain as explained
from kwx.backtest.run import Wish
from kwx.cli.forms import Forms, drawn
from kwx.cli.show import console, table_of
from warehouse.lake.store import Lake
from warehouse.market.money import CENTI_PER_CONTRACT

_MICROS_PER_DOLLAR = 1_000_000


def explain(ticker: str, ts: str | None, run_id: str | None, wish: Wish, lake_root: Path | None, forms: Forms) -> None:
    """Explain a minute under the settings said, or as a kept run traded it."""
    if ts is None:
        raise no_minute(Lake(lake_root).snapshot(), ticker, run_id=run_id)
    found = explained(ticker, ts, wish, lake_root, run_id=run_id)
    rows = pl.DataFrame([line._asdict() for line in found.lines])
    chart = drawn("payoffs_chart", found, module="backtest_question_charts")
    forms.give(rows, _summary(found), tell=lambda: tell_explain(found), chart=chart)


def _summary(found: Explained) -> dict[str, Any]:
    told = {name: getattr(found, name) for name in found.__dataclass_fields__ if name not in {"lines", "payoffs"}}
    return {**told, "market": asdict(found.market), "payoffs": found.payoffs.to_dicts()}


def tell_explain(found: Explained) -> None:
    """Print what was done, what was known, every gate, the sizes, and what each outcome pays."""
    out = console()
    out.print(
        f"{found.market.ticker} ({found.market.city} {found.market.event_date}, {found.bracket} °F) in the minute to"
        f" {found.ts_utc:%Y-%m-%dT%H:%MZ}, {found.ts_local}: {found.done}",
        soft_wrap=True,
    )
    for fill in found.fills:
        out.print(f"filled in the minute, {fill}", soft_wrap=True)
    out.print(f"\nknown then: {_pairs(found.known)}", soft_wrap=True)
    out.print(f"terms of {found.strategy}: {_pairs(found.terms)}", soft_wrap=True)
    out.print(f"columns: {_pairs(found.columns)}\n", soft_wrap=True)
    out.print(table_of(("gate", "verdict", "value", "threshold", "what moves it"), found.lines))
    held = (found.position_before_centi, found.position_after_centi)
    out.print(
        f"\nsizes in contracts: {_pairs(found.sizes)}\n"
        f"held: {held[0] / CENTI_PER_CONTRACT:,.2f} → {held[1] / CENTI_PER_CONTRACT:,.2f}\n"
        f"order before: {found.order_before}; after: {found.order_after}\n",
        soft_wrap=True,
    )
    rows = [
        (
            line["outcome"], line["held_before_centi"] / CENTI_PER_CONTRACT, line["before_micros"] / _MICROS_PER_DOLLAR,
            line["held_after_centi"] / CENTI_PER_CONTRACT, line["after_micros"] / _MICROS_PER_DOLLAR,
        )
        for line in found.payoffs.iter_rows(named=True)
    ]  # fmt: skip
    out.print(table_of(("if it is", "held before", "event pays, $", "held after", "event pays then, $"), rows))
    if found.agrees is False:
        click.echo(
            f"note: run {found.run_id} says otherwise of this minute: data or code have changed since it was kept",
            err=True,
        )


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_told(value)}" for name, value in values.items())


def _told(value: Any) -> str:
    if value is None:
        return "·"
    return f"{value:.4g}" if isinstance(value, float) else str(value) or "none"
