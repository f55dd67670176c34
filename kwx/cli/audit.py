"""`kwx audit …`: proofs that what models and decisions are made of is what we say it is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.forms import Forms, drawn, forms_options
from kwx.cli.options import city_option, lake_option, range_options

_SETS = ("baseline", "ridge_conservative", "elasticnet_rich")
_TYPES = ("all", "between", "greater", "less")


@click.group()
def audit() -> None:
    """Prove what models and decisions are made of."""


@audit.command(epilog="Example:  kwx audit features --city nyc --set elasticnet_rich --csv nyc.csv")
@click.option(
    "--set",
    "name",
    type=click.Choice(_SETS),
    default="elasticnet_rich",
    show_default=True,
    help="The set of features.",
)
@click.option(
    "--bracket",
    type=click.Choice(_TYPES),
    default="all",
    show_default=True,
    help="Type of bracket: one that is open at an end has no edge and no neighbour there.",
)
@click.option(
    "--every",
    type=click.IntRange(1, 1440),
    default=5,
    show_default=True,
    help="Count every so many minutes; the gate is searched at every minute.",
)
@city_option
@range_options
@forms_options
@lake_option
def features(
    name: str,
    bracket: str,
    every: int,
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Tell what a model of each city sees, what it does without, and why.

    Exit 3 when the gate leaks (a dew point, humidity or wind of an excluded city that none but the excluded vendor
    told, or a feature of it in the set) or when a feature that is used is never known, constant or not finite.
    """
    from kwx.cli.audit_told import audit_summary, tell_audit
    from kwx.cli.progress import progress_of
    from kwx.features.audit import Asked, audit_features
    from warehouse.lake.store import Lake

    asked = Asked(feature_set=name, bracket=bracket, cities=cities, since=since, until=until, every_minutes=every)
    with progress_of("auditing") as on_progress:
        found = audit_features(Lake(lake_root).snapshot(), asked, on_city=on_progress)
    chart = drawn("audit_chart", found, module="audit_charts")
    forms.give(found.rows, audit_summary(found), tell=lambda: tell_audit(found), chart=chart)
    if not found.passed:
        raise SystemExit(3)
