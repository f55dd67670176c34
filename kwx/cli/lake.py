"""`kwx lake …`: build, inspect, check and repair the lake."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.forms import drawn, give_plot, plot_option
from kwx.cli.options import EventDate, city_option, json_option, lake_option, range_options, workers_option


@click.group(epilog="Example:  kwx lake build --days 14 --seed 7")
def lake() -> None:
    """Build, inspect, check and repair the lake."""


@lake.command(epilog="Example:  kwx lake build --demo --days 3 --city chicago --seed 7")
@click.option(
    "--demo",
    is_flag=True,
    default=True,
    help="Build the demo world: seeded, with known truth, no keys needed (the default).",
)
@click.option("--days", type=click.IntRange(1, 3_660), help="Number of event days (default 14).")
@click.option(
    "--seed", type=int, default=7, show_default=True, help="Seed of the world; the same seed gives the same bytes."
)
@click.option("--since", type=EventDate(), help="First event date, instead of --days.")
@click.option("--until", type=EventDate(), help="Last event date (default 2026-11-04, so that a DST change is inside).")
@click.option(
    "--efficiency",
    type=click.FloatRange(0, 1),
    default=0.8,
    show_default=True,
    help="How much the market knows: 1 is everything.",
)
@click.option("--books/--no-books", default=True, show_default=True, help="Write order-book messages too.")
@workers_option
@city_option
@json_option
@lake_option
def build(
    demo: bool,
    days: int | None,
    seed: int,
    since: date | None,
    until: date | None,
    efficiency: float,
    books: bool,
    workers: int | None,
    cities: tuple[str, ...],
    as_json: bool,
    lake_root: Path | None,
) -> None:
    """Build a lake from nothing: the demo world, through the same contracts and transforms as real data."""
    from kwx.cli.progress import progress_of
    from kwx.cli.show import print_json
    from kwx.cli.tell import built_as_json, tell_built
    from pipelines.build import build_demo, demo_world

    del demo  # the only world there is without keys
    world = demo_world(
        days=days, since=since, until=until, cities=cities, seed=seed, efficiency=efficiency, books=books
    )
    with progress_of("building") as on_progress:
        built = build_demo(world, lake_root, workers=workers, on_progress=on_progress)
    print_json(built_as_json(built)) if as_json else tell_built(built)


@lake.command(epilog="Example:  kwx lake status --json")
@plot_option
@json_option
@lake_option
def status(plot: Path | None, as_json: bool, lake_root: Path | None) -> None:
    """Show the current snapshot: every table with its rows, days and bytes, and what lies in quarantine."""
    from kwx.cli.show import print_json
    from kwx.cli.tell import status_as_json, tell_status
    from warehouse.lake.store import Lake

    found = Lake(lake_root)
    print_json(status_as_json(found)) if as_json else tell_status(found)
    give_plot(plot, drawn("status_chart", found.snapshot().manifest, module="lake_charts"))


@lake.command(epilog="Example:  kwx lake tables candles_dense")
@click.argument("name", required=False)
@click.option("--markdown", is_flag=True, help="Print Markdown; of all tables the page docs/tables.md.")
@json_option
def tables(name: str | None, markdown: bool, as_json: bool) -> None:
    """Tell what a row of each table and view is, or of one the columns: type, unit, range, meaning, when known."""
    from kwx.cli.show import print_json
    from kwx.cli.tables_told import entry_as_json, entry_as_markdown, page, tell_entries, tell_entry
    from warehouse.lake.reference import entries, entry

    if markdown and as_json:
        raise click.UsageError("say one of --json and --markdown")
    if markdown:
        click.echo(entry_as_markdown(entry(name), entries()) if name else page(entries()), nl=name is not None)
    elif as_json:
        print_json(entry_as_json(entry(name)) if name else [entry_as_json(told) for told in entries().values()])
    elif name:
        tell_entry(entry(name))
    else:
        tell_entries(entries())


@lake.command(epilog="Example:  kwx lake check")
@click.option("--snapshot", type=int, help="Check an older snapshot.")
@plot_option
@json_option
@lake_option
def check(snapshot: int | None, plot: Path | None, as_json: bool, lake_root: Path | None) -> None:
    """Hold the lake against its own promises; exit 3 and show the offending rows when one is broken."""
    from kwx.cli.progress import progress_of
    from kwx.cli.show import print_json
    from kwx.cli.tell import checks_as_json, tell_checks
    from warehouse.lake.checks import run_checks
    from warehouse.lake.statements import statements
    from warehouse.lake.store import Lake

    total = len(statements("checks")) + 1
    with progress_of("checking") as on_progress:
        done = iter(range(1, total + 1))
        results = run_checks(
            Lake(lake_root).snapshot(snapshot), on_done=lambda result: on_progress(next(done), total, result.name)
        )
    print_json(checks_as_json(results)) if as_json else tell_checks(results)
    give_plot(plot, drawn("checks_chart", results, module="lake_charts"))
    if not all(result.passed for result in results):
        raise SystemExit(3)


@lake.command(epilog="Example:  kwx lake dense --city chicago --since 2026-11-01 --until 2026-11-04")
@city_option
@range_options
@workers_option
@json_option
@lake_option
def dense(
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    workers: int | None,
    as_json: bool,
    lake_root: Path | None,
) -> None:
    """Make candles_dense, obs_1m and obs_5m again from candles and observations; unchanged days stay as they are."""
    from kwx.cli.progress import progress_of
    from kwx.cli.show import print_json
    from kwx.cli.tell import built_as_json, tell_built
    from pipelines.derivation import rebuild_derived

    with progress_of("densifying") as on_progress:
        built = rebuild_derived(
            lake_root, cities=cities, since=since, until=until, workers=workers, on_progress=on_progress
        )
    print_json(built_as_json(built)) if as_json else tell_built(built)


@lake.command(epilog="Example:  kwx lake gc --keep 5 --dry-run")
@click.option(
    "--keep", type=click.IntRange(min=1), default=10, show_default=True, help="Snapshots to keep, newest first."
)
@click.option("--dry-run", is_flag=True, help="Say what would go, remove nothing.")
@json_option
@lake_option
def gc(keep: int, dry_run: bool, as_json: bool, lake_root: Path | None) -> None:
    """Remove old snapshots and the files that only they used. The current snapshot always stays."""
    from kwx.cli.show import print_json, size_of
    from warehouse.lake.recovery import collect_garbage
    from warehouse.lake.store import Lake

    removed = collect_garbage(Lake(lake_root), keep=keep, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, **removed.__dict__})
        return
    verb = "would remove" if dry_run else "removed"
    click.echo(
        f"{verb} {len(removed.snapshots)} snapshots, {len(removed.versions)} table versions, {size_of(removed.bytes)}"
    )


@lake.command(epilog="Example:  kwx lake rollback --to 3")
@click.option("--to", "number", type=int, help="Snapshot to go back to (default: the parent of the current one).")
@json_option
@lake_option
def rollback(number: int | None, as_json: bool, lake_root: Path | None) -> None:
    """Make an earlier snapshot the current one. Nothing is removed: roll back to the newer number to undo it."""
    from kwx.cli.show import print_json
    from warehouse.lake.recovery import rollback as go_back
    from warehouse.lake.store import Lake

    found = Lake(lake_root)
    before = found.snapshot().number
    snapshot = go_back(found, number=number)
    if as_json:
        print_json({"from": before, "to": snapshot.number})
        return
    when = f"{snapshot.manifest.created_utc[:16]}Z"
    click.echo(f"current is now snapshot {snapshot.number} of {when}; undo with: kwx lake rollback --to {before}")
