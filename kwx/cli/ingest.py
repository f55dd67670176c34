"""`kwx ingest`: fetch from the vendors, or replay saved answers, and fold everything into one publish."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.options import city_option, json_option, lake_option, range_options, server_option, workers_option

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
    from kwx.cli.ingested import (
        has_news,
        ingested_as_json,
        plan_as_json,
        recognised_as_json,
        tell_ingested,
        tell_plan,
        tell_recognised,
    )
    from kwx.cli.progress import progress_of, silence
    from kwx.cli.show import print_json
    from pipelines.ingest.access import access
    from pipelines.ingest.loopback import hello_of
    from pipelines.ingest.questions import Wish, newest_dates
    from pipelines.ingest.replay import recognise
    from pipelines.ingest.run import fetch_and_fold, plan_of, replay_folder
    from pipelines.ingest.shards import Days

    if last is not None and (since or until or folder):
        raise click.UsageError("--last says the dates by itself: leave out --since, --until and --replay")
    kinds = KINDS if kind == "all" else (kind,)
    progress = silence if quiet else progress_of
    if folder is not None:
        if sources or server or vc_records or again:
            raise click.UsageError(
                "--replay asks nobody: --source, --server, --vc-records and --again mean nothing to it"
            )
        if dry_run:
            found = recognise(folder)
            print_json(recognised_as_json(found)) if as_json else tell_recognised(found)
            return
        with progress("replaying") as on_progress:
            ingested = replay_folder(
                folder,
                lake_root,
                kinds=kinds,
                days=Days.of(cities=cities, since=since, until=until),
                workers=workers,
                on_progress=on_progress,
            )
    else:
        entry = access(server, vc_records_per_day=vc_records, again=again)
        if last is not None:
            since, until = newest_dates(last, cities=cities, now_utc=hello_of(entry).clock())
        wish = Wish.of(kinds=kinds, cities=cities, since=since, until=until, sources=sources)
        if dry_run:
            plan = plan_of(wish, lake_root, entry=entry)
            print_json(plan_as_json(plan)) if as_json else tell_plan(plan)
            return
        with progress("ingesting") as on_progress:
            ingested = fetch_and_fold(wish, lake_root, entry=entry, workers=workers, on_progress=on_progress)
    if not quiet or has_news(ingested):
        print_json(ingested_as_json(ingested)) if as_json else tell_ingested(ingested)
    if not ingested.is_whole:
        raise SystemExit(1)
