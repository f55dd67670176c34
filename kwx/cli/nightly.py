"""`kwx nightly`: the batch of a night, from what the vendors say to the report of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.model_options import models_option
from kwx.cli.options import EventDate, city_option, json_option, lake_option, server_option, workers_option

_EPILOG = """\
Examples:

\b
  kwx nightly --dry-run
  kwx nightly --date 2026-11-04
  kwx nightly --only hazard --only fusion --again
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--date", "event_date", type=EventDate(), help="Event date (default: the newest that is over everywhere)."
)
@city_option
@server_option
@click.option("--replay", type=click.Path(path_type=Path), help="Take saved answers instead of asking: lake/raw, …")
@click.option("--only", multiple=True, metavar="STEP", help="Only this step, and the report; repeatable.")
@click.option("--skip", multiple=True, metavar="STEP", help="Without this step; repeatable.")
@click.option("--again", is_flag=True, help="Do every step, also those that ended and whose inputs are the same.")
@click.option("--dry-run", is_flag=True, help="Print what each step would do now and why; touch nothing.")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file (default: the shipped one).")
@workers_option
@json_option
@models_option
@lake_option
def nightly(
    event_date: date | None,
    cities: tuple[str, ...],
    server: str | None,
    replay: Path | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    again: bool,
    dry_run: bool,
    config: Path | None,
    workers: int | None,
    as_json: bool,
    root: Path | None,
    lake_root: Path | None,
) -> None:
    """Do what is due after an event date: from ingest to scores, fits that are old, and the report.

    One night at a time. Cut off at any point it goes on where it was when it is run again; each step publishes a
    snapshot behind the checks or none. Exit 1 when a needed step failed, 3 when a check refused one; an optional
    step that fails is told in the report, lake/nightly/latest/report.html, and stops nothing.
    """
    from kwx.cli.nightly_told import plan_as_json, run_as_json, tell_begin, tell_plan, tell_run, tell_step
    from kwx.cli.progress import progress_of
    from kwx.cli.show import print_json
    from kwx.nightly.plan import Asked, plan_of
    from kwx.nightly.run import run_night, the_night
    from kwx.nightly.source import source_of
    from warehouse.lake.store import Lake

    asked = Asked(only=only, skip=skip, again=again)
    night = the_night(
        lake_root, source=source_of(Lake(lake_root), server=server, replay=replay), event_date=event_date,
        cities=cities, models=root, config=config, workers=workers,
    )  # fmt: skip
    if dry_run:
        plan = plan_of(night, asked)
        print_json(plan_as_json(night, plan)) if as_json else tell_plan(night, plan)
        return
    with progress_of("nightly") as on_progress:
        run = run_night(night, asked, on_progress=on_progress, on_begin=tell_begin, on_step=tell_step)
    print_json(run_as_json(run)) if as_json else tell_run(night, run)
    raise SystemExit(run.exit_code)
