"""`kwx shadow`: live event dates on paper, keep them in the lake, replay them, and judge whether they may go live."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click

from kwx.cli.forms import plot_option
from kwx.cli.live import loop_options
from kwx.cli.options import EventDate, json_option, lake_option

Command = TypeVar("Command", bound=Callable[..., object])


def date_option(command: Command) -> Command:
    """Add --date, which may be repeated."""
    return click.option(
        "--date", "event_dates", multiple=True, type=EventDate(), help="Event date; repeatable. All with a journal."
    )(command)


@click.group(invoke_without_command=True, epilog="Example:  kwx shadow --city chicago --seconds 3600")
@loop_options
@json_option
@lake_option
@click.pass_context
def shadow(ctx: click.Context, /, **asked: Any) -> None:
    """Live event dates on paper: the same decisions, filled by a model, all of it kept.

    Without a subcommand it lives what happens now, until Ctrl-C.
    """
    if ctx.invoked_subcommand is None:
        from kwx.cli.lived import live_now

        live_now(**asked, mode="paper", dry_run=False, confirm=None, adopt=False)


@shadow.command(epilog="Example:  kwx shadow publish --date 2026-11-01")
@date_option
@click.option("--parity/--no-parity", default=True, help="Replay each date first, and keep what came of it.")
@json_option
@lake_option
def publish(event_dates: tuple[date, ...], parity: bool, as_json: bool, lake_root: Path | None) -> None:
    """Keep lived event dates in the lake as runs of the kind shadow or live; told again, nothing changes.

    A date is whole once it is settled: publish it again then. Its hazards and fusion should be in the lake first.
    """
    from kwx.cli.shadowed import published

    published(event_dates, lake_root, with_parity=parity, as_json=as_json)


@shadow.command(epilog="Example:  kwx shadow parity --date 2026-11-01 --json")
@date_option
@plot_option
@json_option
@lake_option
def parity(event_dates: tuple[date, ...], plot: Path | None, as_json: bool, lake_root: Path | None) -> None:
    """Replay lived event dates from their journal and from the lake; exit 3 where a decision differs unexplained."""
    from kwx.cli.shadowed import replayed

    replayed(event_dates, lake_root, plot=plot, as_json=as_json)


@shadow.command(epilog="Example:  kwx shadow golive --strategy fused")
@click.option("--strategy", help="Whose runs (default: live.strategy of the configuration).")
@click.option("--fill", type=click.Choice(["A", "B", "queue", "taker"]), help="Filled by (default: live.fill).")
@click.option("--since", type=EventDate(), help="First event date.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="Configuration file (else ours).")
@plot_option
@json_option
@lake_option
def golive(
    strategy: str | None, fill: str | None, since: date | None, config_file: Path | None, plot: Path | None,
    as_json: bool, lake_root: Path | None,
) -> None:  # fmt: skip
    """Hold the shadow runs of a strategy against live.golive of the configuration; exit 3 where one criterion fails."""
    from kwx.cli.shadowed import judged

    judged(strategy, fill, since, config_file, lake_root, plot=plot, as_json=as_json)
