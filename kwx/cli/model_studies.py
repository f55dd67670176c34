"""`kwx models study` and `kwx models blend`: which way of fitting generalises, and how much a model weighs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.forms import Forms, drawn, forms_options
from kwx.cli.options import city_option, lake_option, range_options, workers_option

_FAMILIES = ("elasticnet", "direction", "market_clock", "tod", "hybrid", "tod_against_market_clock")
_BRACKETS = ("between", "greater", "less")
_LEVEL = click.option(
    "--level", type=click.FloatRange(0.5, 0.99), default=0.95, show_default=True, help="Of intervals."
)


@click.command(epilog="Example:  kwx models study --family elasticnet --train-days 60 --test-days 14")
@click.option("--family", "families", multiple=True, type=click.Choice(_FAMILIES), help="Repeatable. All.")
@city_option
@range_options
@click.option(
    "--bracket",
    type=click.Choice(_BRACKETS),
    default="between",
    show_default=True,
    help="Type of bracket, of elastic nets.",
)
@click.option("--train-days", type=click.IntRange(min=1), help="Event dates that each window is fitted on.")
@click.option("--test-days", type=click.IntRange(min=1), help="Event dates that each window is judged on.")
@click.option("--step-days", type=click.IntRange(min=1), help="Event dates from one window to the next.")
@click.option("--config", "file", type=click.Path(path_type=Path), help="Configuration file (else the shipped one).")
@click.option("--trials", type=click.IntRange(min=1), help="Trials of each elastic net's search.")
@click.option("--again", is_flag=True, help="Fit also the windows that are held already.")
@click.option(
    "--models", "root", type=click.Path(path_type=Path), help="Folder of models (else KWX_MODELS, else ./models)."
)
@_LEVEL
@workers_option
@forms_options
@lake_option
def study(
    families: tuple[str, ...],
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    bracket: str,
    train_days: int | None,
    test_days: int | None,
    step_days: int | None,
    file: Path | None,
    trials: int | None,
    again: bool,
    root: Path | None,
    level: float,
    workers: int | None,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Fit each family once for all cities together and once for each, and print which generalises.

    Both ways have the same windows, settings and test rows. tod_against_market_clock is what hybrid chooses between on
    the event day: each city's tod, and the one market-clock of all. Every fit is kept below the models, in studies/:
    one that is held, made of what the lake holds now, is left alone, so that a study goes on where it stopped.
    """
    from kwx.cli.progress import progress_of
    from kwx.cli.studied import study_rows, study_summary, tell_study
    from kwx.config.file import load_config
    from kwx.models.training.asked import WalkWish
    from kwx.models.training.both_ways import study_family
    from warehouse.lake.store import Lake
    from warehouse.market.cities import CITIES

    lake, configuration = Lake(lake_root), load_config(file)
    wish = WalkWish(since=since, until=until, train_days=train_days, test_days=test_days, step_days=step_days)
    with progress_of("studying") as on_progress:
        found = [
            study_family(
                lake, family, cities=cities or tuple(CITIES), bracket=bracket, wish=wish,
                configuration=configuration, level=level, trials=trials, root=root, again=again, workers=workers,
                on_progress=on_progress,
            )
            for family in families or _FAMILIES
        ]  # fmt: skip
    rows = study_rows(found)
    chart = drawn("study_chart", rows, module="model_study_charts")
    forms.give(rows, study_summary(found), tell=lambda: tell_study(found), chart=chart)


@click.command(epilog="Example:  kwx models blend --city chicago --family elasticnet")
@city_option
@click.option("--family", default="elasticnet", show_default=True, help="Family of models.")
@range_options
@click.option(
    "--minutes", type=click.IntRange(1, 1440), default=15, show_default=True, help="Between rows of a market."
)
@click.option("--whole-ladders", is_flag=True, help="Pool whole events, made to sum to one, instead of each bracket.")
@_LEVEL
@forms_options
@lake_option
def blend(
    cities: tuple[str, ...],
    family: str,
    since: date | None,
    until: date | None,
    minutes: int,
    whole_ladders: bool,
    level: float,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Pool a model with the market at every weight of the grid and at a fitted one, on the model's test dates.

    blend_weight of the configuration is the model's share that signals use.
    """
    from kwx.cli.blended import blend_rows, tell_blends
    from kwx.models.blend import fit_blends
    from kwx.models.blend_rows import read_blend_rows
    from kwx.models.training.series import predicted_cities
    from warehouse.lake.store import Lake

    snapshot = Lake(lake_root).snapshot()
    fits = {
        f"{city} {family}": fit_blends(
            read_blend_rows(
                snapshot, city, family, since=since, until=until, every_minutes=minutes, whole_ladders=whole_ladders
            ),
            level=level,
        )
        for city in cities or predicted_cities(snapshot, family)
    }
    rows = blend_rows(fits)
    chart = drawn("blend_chart", rows, module="model_study_charts")
    forms.give(rows, {"snapshot": snapshot.number}, tell=lambda: tell_blends(fits), chart=chart)
