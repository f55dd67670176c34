"""`kwx signals`: the table of the loop's signals in PostgreSQL, and what waits on the disk for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kwx.cli.forms import plot_option
from kwx.cli.options import city_option, json_option, lake_option

Command = TypeVar("Command", bound=Callable[..., Any])


def _dsn_option(command: Command) -> Command:
    """Add --dsn; the environment is read where it is used, so that --help never shows a password."""
    return click.option(
        "--dsn", metavar="DSN", help="PostgreSQL (else KWX_POSTGRES_DSN): a DSN, or 'embedded', the one in the lake."
    )(command)


@click.group(epilog="Example:  kwx signals migrate --dsn embedded")
def signals() -> None:
    """Keep the table rt_signals, which the live loop writes."""


@signals.command(epilog="Example:  kwx signals migrate --dsn postgresql://kwx@127.0.0.1/kwx --status")
@click.option("--down-to", type=click.IntRange(min=0), help="Undo the migrations above this number; 0 drops the table.")
@click.option("--status", "only_status", is_flag=True, help="Say what is applied; change nothing.")
@_dsn_option
@json_option
@lake_option
def migrate(down_to: int | None, only_status: bool, dsn: str | None, as_json: bool, lake_root: Path | None) -> None:
    """Bring the table to the newest form, or back to an older one: all of it, or nothing.

    Callers at the same time wait for each other. Exit 3 when an applied migration is not what its file says.
    """
    from kwx.cli.signalled import migrated, standing_of

    if only_status and down_to is not None:
        raise click.UsageError("--status changes nothing: leave --down-to out")
    if only_status:
        standing_of(dsn, lake_root, as_json=as_json)
    else:
        migrated(dsn, lake_root, down_to=down_to, as_json=as_json)


@signals.command(epilog="Example:  kwx signals replay --spool lake/signals")
@click.option(
    "--spool", type=click.Path(path_type=Path), help="Folder of the signals that wait (default: signals/ of the lake)."
)
@_dsn_option
@json_option
@lake_option
def replay(spool: Path | None, dsn: str | None, as_json: bool, lake_root: Path | None) -> None:
    """Store the signals that wait on the disk, in their order; what the database refuses is set aside with its reason.

    A running loop does this by itself, and holds the folder. Exit 1 when some wait still.
    """
    from kwx.cli.signalled import replayed

    if not replayed(dsn, lake_root, spool=spool, as_json=as_json):
        raise SystemExit(1)


@signals.command(epilog="Example:  kwx signals show --city chicago --limit 12")
@click.option("--limit", type=click.IntRange(1, 10_000), default=42, show_default=True, help="Rows, the newest first.")
@city_option
@_dsn_option
@plot_option
@json_option
@lake_option
def show(
    limit: int, cities: tuple[str, ...], dsn: str | None, plot: Path | None, as_json: bool, lake_root: Path | None
) -> None:  # fmt: skip
    """Show the newest signals: what the model and the market said, and the edge after fees.

    --plot draws the newest of each bracket.
    """
    from kwx.cli.signalled import shown

    shown(dsn, lake_root, limit=limit, cities=cities, plot=plot, as_json=as_json)
