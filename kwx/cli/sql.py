"""`kwx sql`: one question to a pinned snapshot, answered as a table, JSON, CSV or Parquet."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kwx.cli.forms import drawn, give_plot, plot_option
from kwx.cli.options import json_option, lake_option


@click.command(epilog='Example:  kwx sql "select city, count(*) as markets from markets group by all order by city"')
@click.argument("question", required=False)
@click.option("--query", "named", metavar="NAME", help="Ask a ready question of sql/queries instead.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--parquet", type=click.Path(dir_okay=False, path_type=Path), help="Write the result to a Parquet file.")
@plot_option
@click.option("--snapshot", type=int, help="Ask an older snapshot.")
@json_option
@lake_option
def sql(
    question: str | None,
    named: str | None,
    as_csv: bool,
    parquet: Path | None,
    plot: Path | None,
    snapshot: int | None,
    as_json: bool,
    lake_root: Path | None,
) -> None:
    """Ask the lake in SQL: every table and view by its name, read-only, in UTC.

    QUESTION is a SELECT, or DuckDB's short form `from VIEW limit 5`; `-` reads it from stdin. --plot draws the answer:
    the first column across, every column of numbers up; beside one of them a column of names tells lines apart.
    """
    from kwx.ask import ask, ask_in_batches, print_csv, ready_question, save_parquet
    from kwx.cli.show import ROWS_SHOWN, print_json_rows, show_frame

    asked = ready_question(named) if named else _read(question or "")
    if (question is None) == (named is None) or not asked.strip():
        raise click.UsageError(
            "say one question, or --query NAME; the tables and views: kwx lake status, kwx sql 'show tables'"
        )
    if as_csv + as_json + (parquet is not None) > 1:
        raise click.UsageError("say one of --json, --csv and --parquet")
    if parquet is not None and not parquet.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {parquet.absolute().parent} to write into")
    if plot is not None:
        from kwx.cli.sql_chart import MOST_ROWS

        answer = ask(asked, lake_root, snapshot=snapshot, at_most=MOST_ROWS + 1)
        give_plot(plot, drawn("answer_chart", answer, module="sql_chart"))
    if parquet is not None:
        save_parquet(asked, parquet, lake_root, snapshot=snapshot)
        click.echo(f"written to {parquet}", err=True)
    elif as_csv:
        print_csv(asked, lake_root, snapshot=snapshot)
    elif as_json:
        print_json_rows(ask_in_batches(asked, lake_root, snapshot=snapshot))
    else:
        show_frame(ask(asked, lake_root, snapshot=snapshot, at_most=ROWS_SHOWN + 1))


def _read(question: str) -> str:
    return sys.stdin.read() if question == "-" else question
