"""`kwx monitor`: the page that is looked at in the morning, as a file or at an address of this machine."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.forms import writable
from kwx.cli.options import EventDate, json_option, lake_option

_USUAL = Path("monitor.html")
_PORT, _EVERY_S = 9_110, 30.0


@click.command(epilog="Example:  kwx monitor --out monitor.html")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=writable,
    help=f"The page (default: {_USUAL}).",
)
@click.option("--date", "event_date", type=EventDate(), help="Today's event date (default: the newest that has begun).")
@click.option("--run", help="Tell the money of this kept run; a name that begins one run alone is enough.")
@click.option("--serve", is_flag=True, help="Serve it on 127.0.0.1 until Ctrl-C, made anew when something is new.")
@click.option("--port", type=click.IntRange(0, 65_535), default=_PORT, show_default=True, help="Of --serve; 0 is any.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(1, 86_400),
    default=_EVERY_S,
    show_default=True,
    help="Of --serve: look for something new every so many seconds.",
)
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Of --serve: stop after so long.")
@json_option
@lake_option
def monitor(
    out: Path | None, event_date: date | None, run: str | None, serve: bool, port: int, every_s: float,
    seconds: float | None, as_json: bool, lake_root: Path | None,
) -> None:  # fmt: skip
    """Tell how money, probabilities, data and models stand, on one page that opens without a network.

    Yesterday's gain and drawdown, fees, drift in its control limits, the health of the hazard, freshness, coverage,
    alerts, ages of models, and today's ladders with the fan of the high. What the lake lacks is said with the command
    that makes it. --json prints the figures; with --out the page is written too. Exit 1 when something is there and
    cannot be told.
    """
    from kwx.cli.monitored import serve_page, tell_page
    from kwx.monitor.look import Wish

    wish = Wish(event_date=event_date, run=run, lake_said=lake_root)
    if serve:
        if out is not None or as_json:
            raise click.UsageError("--serve writes no file and prints no figures: leave --out and --json out")
        serve_page(wish, lake_root, port=port, every_s=every_s, seconds=seconds)
    else:
        tell_page(wish, lake_root, out=out or (None if as_json else _USUAL), as_json=as_json)
