"""`kwx record`: order books and trades as the exchange streams them, on the disk within a second."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from kwx.cli.options import city_option, json_option, lake_option, server_option


@click.command(epilog="Example:  kwx record --city chicago --seconds 3600")
@city_option
@click.option("--market", "market_tickers", multiple=True, help="Only this market; repeatable. Else all that trade.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after so long (else at Ctrl-C).")
@server_option
@json_option
@lake_option
def record(
    cities: tuple[str, ...],
    market_tickers: tuple[str, ...],
    seconds: float | None,
    server: str | None,
    as_json: bool,
    lake_root: Path | None,
) -> None:
    """Record the books and trades of a city's markets into hot/, from where the next publish takes them.

    What came is on the disk within a second; a kill loses at most the last one, and the next start marks the gap.
    Needs a key of the exchange: KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_FILE.
    """
    from kwx.cli.show import print_json
    from pipelines.ingest.access import access
    from pipelines.ingest.recording import record_stream

    done = record_stream(
        lake_root,
        entry=access(server),
        cities=cities,
        market_tickers=market_tickers,
        seconds=seconds,
        on_progress=_tell_progress,
    )
    if as_json:
        print_json(asdict(done))
        return
    click.echo(
        f"{done.book_rows:,} book messages and {done.trade_rows:,} trades in hot/, {done.refused_rows:,} refused; "
        "the next kwx ingest takes them into the lake"
    )
    if done.trade_gaps:
        click.echo(f"{done.trade_gaps:,} gaps in the trades: kwx ingest trades fetches what is missing")


def _tell_progress(progress: Any) -> None:
    """Say on a terminal how far the recorder is."""
    import sys

    if sys.stderr.isatty():
        told = f"{progress.book_rows:,} book messages, {progress.trade_rows:,} trades, {progress.live_books} live books"
        click.echo(f"\r{told}   ", nl=False, err=True)
