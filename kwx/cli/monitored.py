"""What `kwx monitor` does with its page: write it, print its figures, or serve it until somebody says stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from kwx.cli.progress import progress_of
from kwx.cli.show import console, print_json, size_of, table_of
from kwx.monitor.look import Wish
from kwx.monitor.page import Page, page_of
from kwx.monitor.serve import PageServer
from kwx.monitor.write import put_page
from warehouse.clock import utc_now
from warehouse.errors import KwxError
from warehouse.lake.store import Lake


def tell_page(wish: Wish, lake_root: Path | None, *, out: Path | None, as_json: bool) -> None:
    """Make the page once; what could not be told is an error after all else is told."""
    with progress_of("looking") as on_progress:
        page = page_of(Lake(lake_root), wish, moment=utc_now(), on_part=on_progress)
    if out is not None:
        put_page(page, out)
        click.echo(f"written to {out}, {size_of(len(page.html.encode()))}", err=True)
    if as_json:
        print_json(page.figures)
    else:
        _tell_tiles(page)
    if page.failures:
        raise KwxError("; ".join(page.failures), hint="the page says the same in its place, and what to do")


def _tell_tiles(page: Page) -> None:
    """Print the figures that stand first on the page."""
    rows = [(one.label, one.value, one.state, one.note) for one in page.tiles]
    console().print(table_of(("", "", "", ""), rows), soft_wrap=True)
    for one in page.parts:
        if "missing" in one.figures:
            console().print(f"{one.name}: {one.figures['missing']}; {one.figures['hint']}", soft_wrap=True)


def serve_page(
    wish: Wish, lake_root: Path | None, *, port: int, every_s: float, seconds: float | None
) -> None:  # fmt: skip
    """Serve the page on this machine until Ctrl-C, SIGTERM or for so long."""
    with _asked_to_stop() as done, PageServer(Lake(lake_root), wish, port=port, every_s=every_s) as server:
        click.echo(f"{server.url} shows the page, until Ctrl-C", err=True)
        for told in server.turns(done, seconds=seconds):
            click.echo(told, err=True)


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """Hear SIGINT and SIGTERM while the block runs."""
    done = threading.Event()
    heard = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: done.set()) for number in heard]
    try:
        yield done
    finally:
        for number, handler in zip(heard, before, strict=True):
            signal.signal(number, handler)
