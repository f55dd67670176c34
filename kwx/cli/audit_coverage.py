"""`kwx audit coverage`: which city, day and table is missing, thin or stale."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.forms import Forms, drawn, forms_options
from kwx.cli.options import city_option, lake_option, range_options


@click.command(epilog="Example:  kwx audit coverage --city nyc --plot coverage.svg")
@city_option
@range_options
@forms_options
@lake_option
def coverage(
    cities: tuple[str, ...], since: date | None, until: date | None, forms: Forms, lake_root: Path | None
) -> None:  # fmt: skip
    """Tell what is missing, thin or stale, day by day.

    Each city owes each table from its first day of that kind to its last day. What is there is counted against what is
    due: candles against the minutes that markets were open, reports against a source's cadence, forecasts against the
    usual number of runs, trades and books against the volume of the candles. Stale is what ended before the others, or
    is made of something else than the lake holds now. CSV and Parquet hold every cell. Exit 3 when there are findings.
    """
    from kwx.audits.coverage.run import audit_coverage
    from kwx.audits.repair import Repairs
    from kwx.audits.scope import Scope
    from kwx.cli.audit_coverage_told import coverage_summary, tell_coverage
    from kwx.cli.progress import progress_of
    from warehouse.lake.store import Lake

    snapshot = Lake(lake_root).snapshot()
    scope = Scope(snapshot=snapshot, cities=cities, since=since, until=until)
    with progress_of("auditing coverage") as on_progress:
        found = audit_coverage(scope, Repairs.of(snapshot, lake_root), on_table=on_progress)
    chart = drawn("cities_chart", found, module="audit_coverage_charts")
    forms.give(found.cells, coverage_summary(found), tell=lambda: tell_coverage(found), chart=chart)
    if not found.passed:
        raise SystemExit(3)
