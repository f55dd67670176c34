"""`kwx live`: the loop, on paper or at an exchange, and its kill switch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kwx.cli.forms import plot_option
from kwx.cli.options import EventDate, city_option, json_option, lake_option, server_option

Command = TypeVar("Command", bound=Callable[..., Any])

VENUES = ("kalshi", "demo")


def loop_options(command: Command) -> Command:
    """Add what shadow and live are asked alike."""
    for option in reversed((
        city_option,
        click.option("--strategy", help="Who decides (default: live.strategy of the configuration)."),
        click.option("--config", "config_file", type=click.Path(path_type=Path), help="Configuration file."),
        click.option("--profile", help="Profile of the configuration."),
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="trade.max_order_contracts=5 …"),
        click.option("--dsn", metavar="DSN", help="PostgreSQL for signals (else KWX_POSTGRES_DSN); none: the spool."),
        click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after so long."),
        server_option,
    )):  # fmt: skip
        command = option(command)
    return command


@click.group(invoke_without_command=True, epilog="Example:  kwx live --venue demo --city chicago")
@loop_options
@click.option("--venue", type=click.Choice(VENUES), default="kalshi", show_default=True, help="Whose exchange.")
@click.option(
    "--mode", type=click.Choice(["paper", "live"]), default="paper", show_default=True,
    help="live sends orders; --venue demo does unless paper is said.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing: paper, whatever --mode says.")
@click.option("--confirm", metavar="PHRASE", help="The phrase that confirms live trading, where nobody can type it.")
@click.option("--adopt", is_flag=True, help="Take in orders at the exchange that bear our mark in no journal.")
@click.option("--date", "event_date", type=EventDate(), help="Event date of --venue demo.")
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of --venue demo.")
@click.option("--efficiency", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Of --venue demo.")
@json_option
@lake_option
@click.pass_context
def live(ctx: click.Context, /, **asked: Any) -> None:
    """Live event dates minute by minute: fetch, think, decide by the step of the backtest, say signals, send orders.

    Nothing is sent without three consents: --mode live here, live.trade_mode: live in the configuration, and a phrase
    that names the venue and the bankroll, typed at the terminal or given by --confirm. Without them all is paper.

    Each order is in lake/live/orders.jsonl before it is sent, and never sent twice. Makers end by themselves after
    live.venue.order_minutes. Where orders, fills, positions or cash of the journal are not the exchange's, kwx refuses
    to begin, or halts and cancels; --adopt takes in orders that bear our mark in no journal.

    To stop: Ctrl-C and SIGTERM cancel everything and leave. `kwx live kill`, SIGUSR1, or a file lake/live/KILL made by
    hand cancel everything, and nothing is sent until a person removes that file.

    How it is: `kwx live status`, lake/live/live.log, and /metrics and /healthz on 127.0.0.1:9108.

    With --venue demo a whole event day is lived as fast as it goes, at an exchange on this machine that takes orders.
    """
    if ctx.invoked_subcommand is not None:
        return
    from kwx.cli.lived import live_at_demo, live_now

    if asked["venue"] == "demo":
        asked["mode"] = asked["mode"] if _is_said("mode") else "live"
        live_at_demo(**_only(asked, "server", "adopt", "confirm", "dry_run", "seconds"))
    else:
        live_now(**_only(asked, "event_date", "seed", "efficiency"))


def _only(asked: dict[str, Any], *without: str) -> dict[str, Any]:
    """Return what was asked without what does not concern it; refuse where that was said."""
    for name in without:
        if _is_said(name):
            option = "date" if name == "event_date" else name.replace("_", "-")
            raise click.UsageError(f"--{option} says nothing of --venue {asked['venue']}")
    return {name: value for name, value in asked.items() if name not in without and name != "venue"}


def _is_said(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@live.command(epilog='Example:  kwx live kill --reason "looks wrong"')
@click.option("--reason", default="by command", show_default=True, help="What is written into the file.")
@server_option
@lake_option
def kill(reason: str, server: str | None, lake_root: Path | None) -> None:
    """Make the kill file, cancel everything at the exchange, and see that it is gone.

    The loop sends nothing as long as the file is there; a person removes it.
    """
    from kwx.cli.lived import kill_loop

    kill_loop(reason, server=server, lake_root=lake_root)


@live.command(epilog="Example:  kwx live status --json")
@plot_option
@json_option
@lake_option
def status(plot: Path | None, as_json: bool, lake_root: Path | None) -> None:
    """Say how the loop of a lake is. Exit 1 when it is not well."""
    from kwx.cli.lived import tell_status

    tell_status(lake_root, plot=plot, as_json=as_json)
