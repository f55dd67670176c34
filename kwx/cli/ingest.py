"""`kwx ingest`: fetch from the vendors, or replay saved answers, and fold everything into one publish."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kwx.cli.options import city_option, json_option, lake_option, range_options, server_option, workers_option

if TYPE_CHECKING:
    from kwx.cli.progress import OnProgress
    from pipelines.ingest.run import Ingested


KINDS = ("markets", "candles", "trades", "obs", "forecasts", "settlements")

_EPILOG = """\
Examples:

\b
  kwx ingest all --city chicago --since 2026-11-01 --until 2026-11-04 --dry-run
  kwx ingest all --city chicago --since 2026-11-01 --until 2026-11-04
  kwx ingest settlements --last 3 --quiet
  kwx ingest all --replay lake/raw --lake rebuilt
"""


@click.command(epilog=_EPILOG)
@click.argument("kind", type=click.Choice((*KINDS, "all")))
@city_option
@range_options
@click.option(
    "--last", type=click.IntRange(min=1), metavar="DATES",
    help="The newest so many event dates, today's among them, instead of --since and --until.",
)  # fmt: skip
@click.option("--source", "sources", multiple=True, help="Only this source (vc, metar, cli, nbm, …); repeatable.")
@click.option("--dry-run", is_flag=True, help="Print the calls and their cost; send nothing.")
@click.option(
    "--replay",
    "folder",
    type=click.Path(path_type=Path),
    help="Ingest saved answers instead: a raw archive (lake/raw), or a folder of recorded payloads. No network.",
)
@click.option(
    "--vc-records",
    type=click.IntRange(min=1),
    help="Visual Crossing's records a day in your plan (the free one: 1000); stops cleanly before they are spent.",
)
@click.option("--again", is_flag=True, help="Ask anew also what is at hand for good.")
@click.option("--quiet", is_flag=True, help="Say nothing where nothing is new, refused or failed: for a timer.")
@server_option
@workers_option
@json_option
@lake_option
def ingest(
    kind: str,
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    last: int | None,
    sources: tuple[str, ...],
    dry_run: bool,
    folder: Path | None,
    vc_records: int | None,
    again: bool,
    quiet: bool,
    server: str | None,
    workers: int | None,
    as_json: bool,
    lake_root: Path | None,
) -> None:
    """Bring KIND into the lake: what is missing is fetched, archived under raw/, and published in one step.

    Runs again where it stopped, asks for nothing twice that cannot change, and may run twice at once. Exit 1 when a
    vendor had to be given up: what was fetched is kept and published, and the next run goes on.
    """
    from kwx.cli.ingested import has_news, ingested_as_json, tell_ingested
    from kwx.cli.show import print_json

    if last is not None and (since or until or folder):
        raise click.UsageError("--last says the dates by itself: leave out --since, --until and --replay")
    if folder is not None and (sources or server or vc_records or again):
        raise click.UsageError("--replay asks nobody: --source, --server, --vc-records and --again mean nothing to it")
    asked = _Asked(
        kinds=KINDS if kind == "all" else (kind,), cities=cities, since=since, until=until, dry_run=dry_run,
        quiet=quiet, workers=workers, as_json=as_json, lake_root=lake_root,
    )  # fmt: skip
    if folder is not None:
        ingested = _replayed(asked, folder)
    else:
        ingested = _fetched(asked, last=last, sources=sources, server=server, vc_records=vc_records, again=again)
    if ingested is None:
        return
    if not quiet or has_news(ingested):
        print_json(ingested_as_json(ingested)) if as_json else tell_ingested(ingested)
    if not ingested.is_whole:
        raise SystemExit(1)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What both ways of bringing something into the lake have in common."""

    kinds: tuple[str, ...]
    cities: tuple[str, ...]
    since: date | None
    until: date | None
    dry_run: bool
    quiet: bool
    workers: int | None
    as_json: bool
    lake_root: Path | None

    @property
    def progress(self) -> Callable[[str], AbstractContextManager[OnProgress]]:
        """Return how progress is told."""
        from kwx.cli.progress import progress_of, silence

        return silence if self.quiet else progress_of


def _replayed(asked: _Asked, folder: Path) -> Ingested | None:
    """Ingest saved answers; where they are only looked at, say what they are and return nothing."""
    from kwx.cli.ingested import recognised_as_json, tell_recognised
    from kwx.cli.show import print_json
    from pipelines.ingest.replay import recognise
    from pipelines.ingest.run import replay_folder
    from pipelines.ingest.shards import Days

    if asked.dry_run:
        found = recognise(folder)
        print_json(recognised_as_json(found)) if asked.as_json else tell_recognised(found)
        return None
    days = Days.of(cities=asked.cities, since=asked.since, until=asked.until)
    with asked.progress("replaying") as on_progress:
        return replay_folder(
            folder, asked.lake_root, kinds=asked.kinds, days=days, workers=asked.workers, on_progress=on_progress
        )


def _fetched(
    asked: _Asked, *, last: int | None, sources: tuple[str, ...], server: str | None, vc_records: int | None,
    again: bool,
) -> Ingested | None:  # fmt: skip
    """Ask the vendors; where nothing is to be sent, print the calls and return nothing."""
    from kwx.cli.ingested import plan_as_json, tell_plan
    from kwx.cli.show import print_json
    from pipelines.ingest.access import access
    from pipelines.ingest.loopback import hello_of
    from pipelines.ingest.questions import Wish, newest_dates
    from pipelines.ingest.run import fetch_and_fold, plan_of

    entry = access(server, vc_records_per_day=vc_records, again=again)
    since, until = asked.since, asked.until
    if last is not None:
        since, until = newest_dates(last, cities=asked.cities, now_utc=hello_of(entry).clock())
    wish = Wish.of(kinds=asked.kinds, cities=asked.cities, since=since, until=until, sources=sources)
    if asked.dry_run:
        plan = plan_of(wish, asked.lake_root, entry=entry)
        print_json(plan_as_json(plan)) if asked.as_json else tell_plan(plan)
        return None
    with asked.progress("ingesting") as on_progress:
        return fetch_and_fold(wish, asked.lake_root, entry=entry, workers=asked.workers, on_progress=on_progress)
