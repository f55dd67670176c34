"""`kwx backtest --compare`: two kept runs, or two ways to trade that are run now, side by side."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
import polars as pl

from kwx.backtest.compare import Compared, Difference, compared
from kwx.backtest.run import Wish
from kwx.backtest.sides import sides_of
from kwx.cli.forms import Forms, drawn
from kwx.cli.progress import progress_of
from kwx.cli.show import console, table_of
from kwx.scoring.resampling import LEAST_BLOCKS

_MICROS_PER_DOLLAR = 1_000_000
_SHOWN = 40


def compare(words: tuple[str, str], wish: Wish, lake_root: Path | None, forms: Forms) -> None:
    """Compare two sides on the settled events that both have."""
    with progress_of("trading") as on_progress:
        first, second = sides_of(words, wish, lake_root, on_progress=on_progress)
    found = compared(first, second, block_days=wish.block_days, level=wish.level, seed=wish.seed)
    rows = _rows(found)
    chart = drawn("compared_chart", found, module="backtest_question_charts")
    forms.give(rows, _summary(found), tell=lambda: tell_compare(found), chart=chart)


def _rows(found: Compared) -> pl.DataFrame:
    """Return a row for each number: of all cities together by metric, then net of each city."""
    told = [("metric", *line) for line in found.metrics] + [("city", *line) for line in found.by_city]
    frame = pl.DataFrame(told, schema=("of", *Difference._fields), orient="row")
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def _summary(found: Compared) -> dict[str, Any]:
    return {
        "first": found.sides[0].run_id,
        "second": found.sides[1].run_id,
        "events": found.events,
        "dates": found.dates,
        "left_out": list(found.only),
        "level": found.level,
        "differs": found.differs.to_dicts(),
        "days": found.days.to_dicts(),
    }


def tell_compare(found: Compared) -> None:
    """Print what differs between two sides, and what came of it."""
    out = console()
    first, second = found.sides
    out.print(f"first:  {first.word} ({first.run_id})\nsecond: {second.word} ({second.run_id})", soft_wrap=True)
    out.print(
        f"{found.events} settled events of {found.dates} dates are in both; differences are first less second, with"
        f" intervals of {found.level:.0%} by event date\n",
        soft_wrap=True,
    )
    out.print(table_of(("differs", "first", "second"), found.differs.head(_SHOWN).iter_rows()))
    out.print("")
    headers = ("first", "second", "difference", "interval")
    out.print(table_of(("", *headers), [_line(line) for line in found.metrics]))
    out.print("")
    out.print(table_of(("net, dollars", *headers), [_line(line) for line in found.by_city]))
    out.print("\ncity-days that differ most, net in dollars")
    days = [
        (line["city"], str(line["event_date"]), *(f"{line[name] / _MICROS_PER_DOLLAR:,.2f}" for name in _OF_DAY))
        for line in found.days.iter_rows(named=True)
    ]
    out.print(table_of(("city", "event date", *headers[:3]), days))
    for side, left in zip(found.sides, found.only, strict=True):
        if left:
            click.echo(f"note: {left} settled events are of {side.word} alone and left out", err=True)
    fills = [sum(side.days[f"{style}_fills"].sum() for style in ("maker", "taker")) for side in found.sides]
    for side in (side for side, number in zip(found.sides, fills, strict=True) if number == 0):
        click.echo(f"note: {side.word} never traded; kwx backtest --why tells what stopped it", err=True)
    if found.dates < LEAST_BLOCKS:
        click.echo(f"note: no intervals on {found.dates} dates; {LEAST_BLOCKS} are needed", err=True)


_OF_DAY = ("net_micros", "net_micros_second", "difference_micros")


def _line(line: Difference) -> tuple[str, str, str, str, str]:
    interval = "·" if math.isnan(line.low) else f"{_number(line.low)} … {_number(line.high)}"
    return line.what, _number(line.first), _number(line.second), _number(line.difference), interval


def _number(value: float) -> str:
    if math.isnan(value):
        return "·"
    return (
        f"{value:,.0f}"
        if value == round(value) and abs(value) >= 1
        else f"{value:,.2f}"
        if abs(value) >= 1
        else f"{value:.4f}"
    )
