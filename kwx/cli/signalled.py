"""What the commands of signals do and say: to people in tables, to machines in plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from kwx.cli.forms import drawn, give_plot
from kwx.cli.show import console, print_json, table_of
from kwx.live.sink.dsn import said_dsn, spool_folder
from kwx.live.sink.migrate import migrate, standing
from kwx.live.sink.postgres import SignalTable
from kwx.live.sink.server import Connection, server_of, telling
from kwx.live.sink.sink import Written, open_sink
from warehouse.lake.layout import lake_root

_SHOWN = {
    "tick": "ts_utc",
    "market": "market_ticker",
    "model": "p_model",
    "price": "p_market",
    "blend": "p_blend",
    "edge ¢": "edge_cents",
    "kelly": "kelly_fraction",
    "size": "size_fraction",
    "spread ¢": "spread_cents",
    "minutes": "minutes_to_close",
}
"""Columns by the short words that fit a page; JSON has all of them by their own names."""


@contextmanager
def _connection(dsn: str | None, lake: Path | None) -> Iterator[Connection]:
    server = server_of(said_dsn(dsn, lake_root(lake)))
    try:
        with telling(server.dsn), server.connect() as connection:
            yield connection
    finally:
        server.close()


def migrated(dsn: str | None, lake: Path | None, *, down_to: int | None, as_json: bool) -> None:
    """Migrate and say what was done."""
    with _connection(dsn, lake) as connection:
        moved = migrate(connection, to=down_to)
    if as_json:
        print_json(asdict(moved))
        return
    for step in moved.done:
        click.echo(step)
    click.echo(f"at migration {moved.after}" if moved.done else f"at migration {moved.after}: nothing to do")


def standing_of(dsn: str | None, lake: Path | None, *, as_json: bool) -> None:
    """Say which migrations a database has."""
    with _connection(dsn, lake) as connection:
        found = standing(connection)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(one.migration, one.applied_at or "not applied", "CHANGED" if one.changed else "") for one in found]
    console().print(table_of(("migration", "applied", ""), rows))


def replayed(dsn: str | None, lake: Path | None, *, spool: Path | None, as_json: bool) -> bool:
    """Store what waits and say how many rows it was; return whether nothing waits any longer."""
    root = lake_root(lake)
    with open_sink(said_dsn(dsn, root), spool or spool_folder(root)) as sink:
        done, trouble = Written(), None
        while sink.waiting:
            last = sink.flush()
            done = Written(committed=done.committed + last.committed, refused=done.refused + last.refused)
            trouble = sink.trouble
            if trouble or not last.committed + last.refused:
                break
            click.echo(f"{done.committed:,} signals stored, {sink.waiting:,} wait", err=True)
        waiting, trouble = sink.waiting, trouble or ("the database is silent" if sink.waiting else None)
    if as_json:
        print_json(asdict(done) | {"spooled": waiting, "trouble": trouble})
    else:
        click.echo(f"{done.committed:,} signals stored, {done.refused:,} set aside, {waiting:,} wait")
        if trouble:
            click.echo(f"the last try failed: {trouble}", err=True)
    return waiting == 0


def shown(
    dsn: str | None, lake: Path | None, *, limit: int, cities: Sequence[str], plot: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Print the newest signals."""
    table = SignalTable(server_of(said_dsn(dsn, lake_root(lake))))
    try:
        rows = table.latest(limit, cities=cities)
    finally:
        table.close()
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("no signals yet")
    else:
        console().print(table_of(list(_SHOWN), [[row[name] for name in _SHOWN.values()] for row in rows]))
    give_plot(plot, drawn("signals_chart", rows, module="ladder_charts"))
