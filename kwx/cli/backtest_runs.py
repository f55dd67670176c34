"""`kwx backtest --runs`: the runs that the lake keeps, the newest first."""

from __future__ import annotations

from pathlib import Path

import click
import polars as pl

from kwx.backtest.run import Wish
from kwx.cli.forms import Forms, drawn
from kwx.cli.show import ROWS_SHOWN, console, table_of
from kwx.cli.tell import tell_next
from kwx.exec.runs.listed import runs_listed
from warehouse.lake.store import Lake

_MICROS_PER_DOLLAR = 1_000_000
_CITIES_NAMED = 3


def runs(wish: Wish, lake_root: Path | None, forms: Forms) -> None:
    """List the kept runs that traded the cities and dates of a wish, all of them where it names none."""
    snapshot = Lake(lake_root).snapshot()
    rows = runs_listed(snapshot, cities=wish.cities, since=wish.since, until=wish.until)
    chart = drawn("runs_chart", rows, module="backtest_question_charts")
    forms.give(rows, {"snapshot": snapshot.number}, tell=lambda: tell_runs(rows), chart=chart)


def tell_runs(rows: pl.DataFrame) -> None:
    """Print a line for each run, and what to type next."""
    if rows.is_empty():
        console().print("the lake keeps no such run")
        tell_next([("kwx backtest --strategy fused", "keeps one")])
        return
    lines = [
        (
            line["run_id"], _cities(line["cities"]), f"{line['since_date']} … {line['until_date']}",
            _dollars(line["net_micros"]), _dollars(line["fees_micros"]), line["fills"], line["events"],
            f"{line['made_utc']:%Y-%m-%dT%H:%MZ}",
        )
        for line in rows.head(ROWS_SHOWN).iter_rows(named=True)
    ]  # fmt: skip
    headers = ("run", "cities", "event dates", "net $", "fees $", "fills", "settled events", "made")
    console().print(table_of(headers, lines), soft_wrap=True)
    if rows.height > ROWS_SHOWN:
        click.echo(f"… and {rows.height - ROWS_SHOWN:,} more runs: --csv, --json and --parquet give all", err=True)
    newest = rows.item(0, "run_id")
    following = [(f"kwx backtest --why --run {newest}", "what stopped it")]
    if rows.height > 1:
        following.append((f"kwx backtest --compare {newest} {rows.item(1, 'run_id')}", "what differs"))
    tell_next(following)


def _cities(said: str) -> str:
    count = len(said.split())
    return said if count <= _CITIES_NAMED else f"{count} cities"


def _dollars(micros: int | None) -> str | None:
    return None if micros is None else f"{micros / _MICROS_PER_DOLLAR:,.2f}"
