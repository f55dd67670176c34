"""Options that many commands share, so that all of them are asked in the same words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


_YEARS = range(2000, 2100)


class EventDate(click.ParamType[date]):
    """An event date as a person types it: 2026-11-01."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Parse an ISO date."""
        if isinstance(value, date):
            return value
        try:
            said = date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as 2026-11-01", param, ctx)
        if said.year not in _YEARS:
            self.fail(f"{value!r}: tickers have room for the years 2000 to 2099", param, ctx)
        return said


def _city_keys(_ctx: click.Context, _param: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    from warehouse.market.cities import city

    return tuple(dict.fromkeys(city(word).key for word in words))


def lake_option(command: Command) -> Command:
    """Add --lake."""
    return click.option(
        "--lake", "lake_root", type=click.Path(path_type=Path), help="Folder of the lake (else KWX_LAKE, else ./lake)."
    )(command)


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(command)


def city_option(command: Command) -> Command:
    """Add --city, which may be repeated and takes aliases."""
    return click.option(
        "--city", "cities", multiple=True, callback=_city_keys, help="City key or alias; repeatable. All when left out."
    )(command)


def range_options(command: Command) -> Command:
    """Add --since and --until, event dates, both included."""
    since = click.option("--since", type=EventDate(), help="First event date.")
    until = click.option("--until", type=EventDate(), help="Last event date, included.")
    return since(until(command))


def workers_option(command: Command) -> Command:
    """Add --workers."""
    how_many = "Processes to use (default: KWX_WORKERS, else one per core)."
    return click.option("--workers", type=click.IntRange(min=1), help=how_many)(command)


def scheduler_option(command: Command) -> Command:
    """Add --scheduler."""
    return click.option(
        "--scheduler", metavar="ADDRESS", help="Run on a Dask cluster that sees the lake: tcp://host:8786"
    )(command)


def server_option(command: Command) -> Command:
    """Add --server."""
    return click.option(
        "--server", help="Ask a `kwx demo serve` at this address instead of every real vendor: http://127.0.0.1:8700"
    )(command)
