"""`kwx audit leakage`: whether anything that the lake says of a minute depends on what became known after it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.forms import Forms, drawn, forms_options
from kwx.cli.model_options import models_option
from kwx.cli.options import city_option, lake_option, range_options


@click.command(epilog="Example:  kwx audit leakage --city chicago --samples 2 --strategy my_strategy.py")
@click.option(
    "--samples", type=click.IntRange(0, 1_000), default=3, show_default=True,
    help="How many event dates are poisoned, each at one instant; 0 runs the checks alone.",
)  # fmt: skip
@click.option("--seed", type=int, default=7, show_default=True, help="Draws the samples and the poison.")
@click.option(
    "--strategy", "strategies", multiple=True, help="A strategy of a file of yours beside those shipped; repeatable."
)
@city_option
@range_options
@forms_options
@models_option
@lake_option
def leakage(
    samples: int,
    seed: int,
    strategies: tuple[str, ...],
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    forms: Forms,
    root: Path | None,
    lake_root: Path | None,
) -> None:
    """Prove that nothing looks ahead: SQL checks, then poison.

    A sample is an event date and an instant of its trading. In memory all that became known after it is garbled, in
    every table, and derived minutes are made anew; then minutes, panel, features, evaluations, fusion, promoted models
    and strategies are asked again. No column may differ up to the instant. No file is touched. Exit 3 on findings.
    """
    from kwx.audits.leakage.run import Wish, audit_leakage
    from kwx.audits.repair import Repairs
    from kwx.audits.scope import Scope
    from kwx.cli.audit_leakage_told import leakage_summary, tell_leakage
    from kwx.cli.progress import progress_of
    from warehouse.lake.store import Lake

    snapshot = Lake(lake_root).snapshot()
    scope = Scope(snapshot=snapshot, cities=cities, since=since, until=until)
    wish = Wish(samples=samples, seed=seed, strategies=strategies, models_root=root)
    with progress_of("auditing leakage") as on_progress:
        found = audit_leakage(scope, Repairs.of(snapshot, lake_root), wish, on_step=on_progress)
    chart = drawn("leakage_chart", found, module="audit_leakage_charts")
    forms.give(found.rows, leakage_summary(found), tell=lambda: tell_leakage(found), chart=chart)
    if not found.passed:
        raise SystemExit(3)
