"""`kwx audit time`: days, clocks, trading hours, stamps, and when each row says that it was known."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.forms import Forms, drawn, forms_options
from kwx.cli.options import city_option, lake_option, range_options


@click.command("time", epilog="Example:  kwx audit time --city chicago --since 2026-11-01 --until 2026-11-04")
@city_option
@range_options
@forms_options
@lake_option
def time_(
    cities: tuple[str, ...], since: date | None, until: date | None, forms: Forms, lake_root: Path | None
) -> None:  # fmt: skip
    """Hold every clock of the lake against the others.

    Climate days against UTC, days on which the wall clock is set, trading hours against the day's end, stamps of
    candles and trades, forecasts (issued, known, valid), and how long after its stamp each row was known, against the
    lag that is modelled. Each finding names the command that mends it; CSV and Parquet hold the findings. Exit 3 when
    there are any.
    """
    from kwx.audits.clocks.run import audit_time
    from kwx.audits.repair import Repairs
    from kwx.audits.scope import Scope
    from kwx.cli.audit_time_told import tell_time, time_summary
    from kwx.cli.progress import progress_of
    from warehouse.lake.store import Lake

    snapshot = Lake(lake_root).snapshot()
    scope = Scope(snapshot=snapshot, cities=cities, since=since, until=until)
    with progress_of("auditing time") as on_progress:
        found = audit_time(scope, Repairs.of(snapshot, lake_root), on_part=on_progress)
    chart = drawn("lags_chart", found, module="audit_time_charts")
    forms.give(found.rows, time_summary(found), tell=lambda: tell_time(found), chart=chart)
    if not found.passed:
        raise SystemExit(3)
