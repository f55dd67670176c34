"""`kwx backtest`: run a strategy over past days of the lake, and tell what it would have earned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kwx.cli.backtest_options import Question, Said, question_options, report_option, run_options
from kwx.cli.forms import Forms, forms_options
from kwx.cli.options import lake_option

if TYPE_CHECKING:
    from kwx.backtest.run import Outcome


@click.command(
    epilog="Example:  kwx backtest --strategy fused --city chicago --since 2026-10-30 --report run.html",
    short_help="Run a strategy over past days of the lake.",
)
@run_options
@question_options
@report_option
@forms_options
@lake_option
def backtest(said: Said, question: Question, report: Path | None, forms: Forms, lake_root: Path | None) -> None:
    """Run a strategy over past days, minute by minute, and tell what it earned after fees.

    Every city and date with quotes is run when none is named. A run is kept in the tables runs, orders, fills,
    decisions and equity; asked again of the same data by the same code it has the same name, and nothing changes. The
    rows of --csv, --parquet and --json are its city-days; --json has all figures, slices and gates as well; --plot
    draws equity and drawdown.
    """
    if question.name is not None:
        if report is not None:
            raise click.UsageError(f"--report is of a run by itself, not of --{question.name}")
        _answer(question, said, lake_root, forms)
        return
    from kwx.backtest.run import backtest as run
    from kwx.cli.backtested import summary_of, tell_backtest
    from kwx.cli.progress import progress_of

    with progress_of("trading") as on_progress:
        done = run(said.wish, lake_root, on_progress=on_progress)
    if report is not None:
        _write_page(done, report, lake_root)
    forms.give(
        done.measured.days, summary_of(done), tell=lambda: tell_backtest(done, report), chart=lambda: _equity(done)
    )  # fmt: skip


def _answer(question: Question, said: Said, lake_root: Path | None, forms: Forms) -> None:
    """Hand another question to the module that answers it; nothing of the others is imported."""
    if question.sweep is not None:
        from kwx.cli.backtest_sweep import sweep

        sweep(question.sweep, said.wish, lake_root, forms, held_out=question.held_out)
    elif question.compare is not None:
        from kwx.cli.backtest_compare import compare

        compare(question.compare, said.wish, lake_root, forms)
    elif question.explain is not None:
        from kwx.cli.backtest_explain import explain

        explain(question.explain, question.ts, question.run_id, said.wish, lake_root, forms)
    elif question.runs:
        from kwx.cli.backtest_runs import runs

        runs(said.wish, lake_root, forms)
    else:
        from kwx.cli.backtest_why import why

        why(question.run_id, said.wish, lake_root, forms)


def _write_page(done: Outcome, report: Path, lake_root: Path | None) -> None:
    from kwx.backtest.report.page import page_of
    from warehouse.lake.store import Lake

    report.write_text(page_of(done, Lake(lake_root).snapshot()))
    click.echo(f"written to {report}", err=True)


def _equity(done: Outcome) -> Any:
    from kwx.backtest.report.equity_chart import earned_chart

    return earned_chart(done.ledger.equity, done.measured.days)
