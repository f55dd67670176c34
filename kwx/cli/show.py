"""Showing frames to people (a table that fits the terminal) and to machines (JSON, CSV)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import click
import polars as pl
from rich.console import Console
from rich.table import Table

_WIDTH_WHEN_PIPED = 1_000  # nothing is cut off in a file or a pipe
_WIDTH_OF_A_PAGE = 120
ROWS_SHOWN = 50


def console(*, err: bool = False) -> Console:
    """Return a console; piped output gets a fixed width, so that it reads the same everywhere."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else _WIDTH_WHEN_PIPED
    return Console(stderr=err, width=width, highlight=False, soft_wrap=False)


def table_of(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> Table:
    """Return a plain table: text to the left, numbers to the right."""
    listed = [list(row) for row in rows]
    table = Table(
        title=title or None,
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
        show_header=any(headers),
    )
    for place, header in enumerate(headers):
        numeric = all(isinstance(row[place], int | float) or row[place] is None for row in listed) and bool(listed)
        table.add_column(header, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*(text_of(value) for value in row))
    return table


def show_frame(frame: pl.DataFrame) -> None:
    """Print a frame as a table when its columns fit, else one block of lines for each row."""
    shown = frame.head(ROWS_SHOWN)
    out = console()
    rows = [[text_of(value) for value in row] for row in shown.iter_rows()]
    if _fits(frame.columns, rows, min(out.width, _WIDTH_OF_A_PAGE)):
        out.print(table_of(frame.columns, shown.iter_rows()))
    else:
        _show_blocks(frame.columns, rows, out)
    if frame.height > shown.height:
        click.echo("… and more rows: --csv, --json and --parquet give all of them", err=True)


def _fits(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    widths = [max([len(name), *(len(row[place]) for row in rows)]) for place, name in enumerate(columns)]
    return sum(widths) + 2 * (len(widths) - 1) <= width


def _show_blocks(columns: Sequence[str], rows: Sequence[Sequence[str]], out: Console) -> None:
    """Print each row as lines of `name  value`: the shape in which sixty columns can still be read."""
    longest = max(map(len, columns))
    for number, row in enumerate(rows, start=1):
        out.print(f"[bold]row {number}[/bold]")
        for name, value in zip(columns, row, strict=True):
            out.print(f"  {name:<{longest}}  {value}", markup=False, overflow="ellipsis", no_wrap=True)


def print_json(value: Any) -> None:
    """Print JSON; instants and dates in ISO 8601."""
    click.echo(json.dumps(value, default=_plain, indent=1, ensure_ascii=False))


def print_json_rows(batches: Iterable[pl.DataFrame]) -> None:
    """Print a list of objects, one row a line, as the rows come."""
    lead = "["
    for row in (row for batch in batches for row in batch.iter_rows(named=True)):
        click.echo(lead + json.dumps(row, default=_plain, ensure_ascii=False), nl=False)
        lead = ",\n "
    click.echo("[]" if lead == "[" else "]")


def text_of(value: Any) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "·"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00") + ("Z" if value.tzinfo else "")
    return str(value)


def size_of(count: int) -> str:
    """Return a number of bytes as a person reads it."""
    return f"{count / 1e6:,.1f} MB" if count < 1e9 else f"{count / 1e9:,.2f} GB"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
