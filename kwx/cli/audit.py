"""`kwx audit …`: proofs that what models and decisions are made of is what we say it is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.audit_coverage import coverage
from kwx.cli.audit_leakage import leakage
from kwx.cli.audit_time import time_
from kwx.cli.forms import Forms, drawn, forms_options
from kwx.cli.options import city_option, lake_option, range_options

_PANEL_SETS = ("baseline", "ridge_conservative", "elasticnet_rich")
_SETS = (*_PANEL_SETS, "market_clock", "tod", "microstructure")
_DEFAULT_SETS = ("elasticnet_rich", "market_clock", "tod")
_TYPES = ("all", "between", "greater", "less")


@click.group(epilog="Example:  kwx audit coverage --city chicago")
def audit() -> None:
    """Audit the lake at hand: its clocks, what it lacks, what knows the future, what models see."""


@audit.command(epilog="Example:  kwx audit features --city nyc --set elasticnet_rich --csv nyc.csv")
@click.option(
    "--set",
    "names",
    multiple=True,
    type=click.Choice(_SETS),
    help=f"A set of features; repeatable (default: {' '.join(_DEFAULT_SETS)}).",
)
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="Configuration file: audit what it says of each city and type of bracket, its set, gate and minutes.",
)
@click.option(
    "--bracket",
    type=click.Choice(_TYPES),
    help="Type of bracket: one that is open at an end has no edge and no neighbour there (default: all together; with"
    " --config each for itself). Sets of the day's high speak of every bracket.",
)
@click.option(
    "--every",
    type=click.IntRange(1, 1440),
    help="Count every so many minutes (default: as models read them); the gate is searched at every minute.",
)
@city_option
@range_options
@forms_options
@lake_option
def features(
    names: tuple[str, ...],
    file: Path | None,
    bracket: str | None,
    every: int | None,
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Tell what a model of each city sees, what it does without, and why.

    Sets: of the panel (baseline, ridge_conservative, elasticnet_rich), of the models of the day's high (market_clock,
    tod), and of recorded books and trades (microstructure). Exit 3 when the gate leaks (a dew point, humidity or wind
    of an excluded city that none but the excluded vendor told, or a feature of it in the set) or when a feature that is
    used is never known, constant or not finite.
    """
    from kwx.cli.audit_asked import as_configured, as_said
    from kwx.cli.audit_told import audit_summary, tell_audit
    from kwx.cli.progress import progress_of
    from kwx.features.audit.run import Asked, audit_features
    from warehouse.lake.store import Lake

    snapshot = Lake(lake_root).snapshot()
    wish = Asked(feature_set="", cities=cities, since=since, until=until, every_minutes=every, lake_said=lake_root)
    sets = names or _DEFAULT_SETS
    if file is None:
        asked = as_said(wish, sets, bracket)
    else:
        panel = tuple(name for name in names if name in _PANEL_SETS)
        others = tuple(name for name in sets if name not in _PANEL_SETS)
        asked = as_configured(snapshot, wish, file, panel if names else None, others, bracket)
    with progress_of("auditing") as on_progress:
        found = audit_features(snapshot, *asked, on_city=on_progress)
    chart = drawn("audit_chart", found, module="audit_charts")
    forms.give(found.rows, audit_summary(found), tell=lambda: tell_audit(found), chart=chart)
    if not found.passed:
        raise SystemExit(3)


audit.add_command(time_)
audit.add_command(coverage)
audit.add_command(leakage)
