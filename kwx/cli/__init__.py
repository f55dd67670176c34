"""The command line: a translation table. A command parses, calls one library function and shows its result.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed, 2 usage, 3 refused by a check.
Only click is imported here, and by a command only what it needs: `kwx --help` answers at once.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

__all__ = ["main"]

_COMMANDS = {
    "lake": ("kwx.cli.lake:lake", "Build, inspect, check and repair the lake."),
    "ingest": ("kwx.cli.ingest:ingest", "Fetch from the vendors, or replay saved answers, into the lake."),
    "record": ("kwx.cli.record:record", "Record order books and trades as the exchange streams them."),
    "hazard": ("kwx.cli.hazard:hazard", "Turn weather into bracket probabilities: fit, run, look."),
    "fuse": ("kwx.cli.fuse:fuse", "Put market and weather into one distribution: tune, run."),
    "calibrate": ("kwx.cli.calibrate:calibrate", "Mend what models say: judge the methods on later days, store one."),
    "score": ("kwx.cli.score:score", "Score stored probabilities against what settled, source beside source."),
    "train": ("kwx.cli.train:train", "Fit models on past dates, judge them on later ones, keep them."),
    "backtest": ("kwx.cli.backtest:backtest", "Run a strategy over past days of the lake."),
    "shadow": ("kwx.cli.shadow:shadow", "Live days on paper: keep them, replay them, judge whether they may go live."),
    "audit": ("kwx.cli.audit:audit", "Audit the lake at hand: its clocks, its gaps, its leaks, what models see."),
    "models": ("kwx.cli.models:models", "Keep models: list, look, accept, promote, take back."),
    "live": ("kwx.cli.live:live", "Live event dates: the loop, its kill switch and how it is."),
    "nightly": ("kwx.cli.nightly:nightly", "Do what is due after an event date: from ingest to the report."),
    "monitor": ("kwx.cli.monitor:monitor", "Tell how all stands on one page: money, drift, data, models, ladders."),
    "signals": ("kwx.cli.signals:signals", "Keep the table of live signals in PostgreSQL: migrate, replay, show."),
    "demo": ("kwx.cli.demo:demo", "Serve the demo world as the vendors would."),
    "sql": ("kwx.cli.sql:sql", "Ask the lake in SQL."),
    "doctor": ("kwx.cli.doctor:doctor", "Say what this machine and this lake are fit for."),
}

# Where each command is documented; said at the end of its help and of the help of what stands below it.
_PAGES = {
    "lake": "docs/howto/lake.md",
    "ingest": "docs/howto/real-data.md",
    "record": "docs/howto/real-data.md",
    "hazard": "docs/howto/hazard.md",
    "fuse": "docs/howto/fusion.md",
    "calibrate": "docs/howto/models.md",
    "score": "docs/howto/scores.md",
    "train": "docs/howto/models.md",
    "backtest": "docs/howto/backtest.md",
    "shadow": "docs/howto/live.md",
    "audit": "docs/howto/audits.md",
    "models": "docs/howto/models.md",
    "live": "docs/howto/live.md",
    "nightly": "docs/howto/nightly.md",
    "monitor": "docs/howto/monitor.md",
    "signals": "docs/howto/signals.md",
    "demo": "docs/howto/real-data.md",
    "sql": "docs/howto/sql.md",
    "doctor": "docs/howto/lake.md",
}

_LOOKS_QUICKLY = {"live", "shadow"}
"""Commands whose process looks every few seconds: it is set up for that before Polars comes in."""

_EPILOG = 'Start with:  kwx lake build  then  kwx sql "from minute_panel_full limit 5"'


class LazyCommands(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a new user meets them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        if cmd_name not in _COMMANDS:
            return None
        if cmd_name in _LOOKS_QUICKLY:
            importlib.import_module("kwx.live.quick").look_quickly()
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        _name_page(command, _PAGES[cmd_name])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


def _name_page(command: click.Command, page: str) -> None:
    """End the help of a command, and of those below it, with where its documentation is."""
    said = f"Documentation:  {page}"
    if said not in (command.epilog or ""):
        command.epilog = f"{command.epilog or ''}\n\n{said}".strip()
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _name_page(below, page)


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"kwx {version('kalshi-wx')}")
        ctx.exit()


@click.group(cls=LazyCommands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def kwx() -> None:
    """Research warehouse and trading stack for Kalshi's highest-temperature-today markets."""


def main() -> None:
    """Run the command line and leave with the documented exit code."""
    try:
        kwx(prog_name="kwx", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; nothing half-done was published", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (`head`, a pager) had enough; that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        # The command line's last line: a known error is told with its next step, an unknown one keeps its traceback.
        sys.exit(_tell(error))


def _tell(error: Exception) -> int:
    from warehouse.errors import KwxError

    if isinstance(error, OSError):
        error = KwxError(
            f"{error.strerror}: {error.filename}", hint="another folder or file: --lake DIR, --parquet FILE"
        )
    if not isinstance(error, KwxError):
        raise error
    click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
    if error.hint:
        click.echo(f"{click.style('hint:', fg='cyan')}  {error.hint}", err=True)
    return error.exit_code
