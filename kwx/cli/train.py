"""`kwx train …`: fit models on past dates, judge them on later ones, keep them among the pilots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kwx.cli.train_options import Walked, walk_options

_BRACKETS = ("between", "greater", "less")
_MOVE = click.FloatRange(0, 1, min_open=True)
_SETS = ("baseline", "ridge_conservative", "elasticnet_rich")


@click.group(epilog="Example:  kwx train elasticnet --city chicago --profile pilot && kwx models list")
def train() -> None:
    """Fit models in walk-forward windows; each is kept among the pilots, and its predictions in the lake."""


@train.command(epilog="Example:  kwx train elasticnet --city chicago --bracket between --train-days 42 --trials 20")
@click.option("--bracket", "brackets", multiple=True, type=click.Choice(_BRACKETS), help="Type; repeatable. All.")
@click.option("--config", "file", type=click.Path(path_type=Path), help="Configuration file (else the shipped one).")
@click.option("--profile", help="A profile of the file: pilot has shorter windows, production a longer search.")
@click.option("--trials", type=click.IntRange(min=1), help="Trials of the search.")
@click.option("--feature-set", type=click.Choice(_SETS), help="What the model sees.")
@click.option("--storage", type=click.Path(path_type=Path), help="Folder that keeps searches: a killed one goes on.")
@walk_options
def elasticnet(
    walked: Walked,
    brackets: tuple[str, ...],
    file: Path | None,
    profile: str | None,
    trials: int | None,
    feature_set: str | None,
    storage: Path | None,
) -> None:
    """Fit logistic regressions with an elastic net: one for each city, type of bracket and window.

    Settings come from the configuration file, which says them for every pair; what is said here comes last. A window
    that is held, made of what the lake holds of its dates now, is left alone.
    """
    from kwx.config.file import load_config
    from kwx.models.training.asked import elasticnet_series

    beside = {"trials": trials, "feature_set": feature_set}
    said = {name: value for name, value in beside.items() if value is not None} | walked.wish.said()
    series = elasticnet_series(
        load_config(file), cities=walked.cities, brackets=brackets, profile=profile, said=said,
        storage=None if storage is None else str(storage),
    )  # fmt: skip
    walked.train(series)


@train.command(
    epilog="Example:  kwx train direction --city chicago --minutes 5 --epsilon 0.01 --export-val val.parquet"
)
@click.option("--minutes", type=click.Choice(("1", "5")), default="5", show_default=True, help="How far ahead.")
@click.option("--epsilon", type=_MOVE, default=0.005, show_default=True, help="A smaller move of the mid is none.")
@click.option("--kind", type=click.Choice(("logistic", "gbdt")), default="logistic", show_default=True)
@click.option("--feature-set", type=click.Choice(_SETS), default="baseline", show_default=True)
@click.option("--microstructure", is_flag=True, help="See also the recorded books and trades.")
@click.option("--every-minutes", type=click.IntRange(1, 60), default=5, show_default=True)
@click.option("--export-val", type=click.Path(path_type=Path), help="Write the rows that chose: .csv or .parquet.")
@walk_options
def direction(
    walked: Walked,
    minutes: str,
    epsilon: float,
    kind: str,
    feature_set: str,
    microstructure: bool,
    every_minutes: int,
    export_val: Path | None,
) -> None:
    """Fit whether the mid of a bracket goes up or down within minutes.

    Dates are parted 60 to fit, 20 to choose by and to judge the choice, and 20 to test on, with a date between them
    that nobody uses; with --train-days or --test-days they are walked through instead.
    """
    from kwx.cli.trained import write_validation
    from kwx.models.direction.recipe import DirectionRecipe
    from kwx.models.training.asked import direction_series
    from warehouse.lake.store import Lake

    if export_val is not None and export_val.suffix not in {".csv", ".parquet"}:
        raise click.UsageError(f"--export-val {export_val}: name a file that ends in .csv or .parquet")
    recipe = DirectionRecipe(
        horizon_minutes=int(minutes), epsilon=epsilon, kind=kind, feature_set=feature_set,
        microstructure=microstructure, every_minutes=every_minutes,
    )  # fmt: skip
    snapshot = Lake(walked.lake_root).snapshot()
    series = direction_series(snapshot, cities=walked.cities, wish=walked.wish, recipe=recipe)
    done = walked.train(series)
    if export_val is not None:
        write_validation(export_val, snapshot, series, done)


_FIT_EVERY = click.option(
    "--fit-every", type=click.IntRange(min=5), default=15, show_default=True, help="Minutes between fitted snapshots."
)  # fmt: skip


@train.command("market-clock", epilog="Example:  kwx train market-clock --train-days 60 --test-days 14")
@_FIT_EVERY
@walk_options
def market_clock(walked: Walked, fit_every: int) -> None:
    """Fit one model of every city's high, from the market's open on the eve to the end of the day."""
    _train_high(walked, "market-clock", fit_every)


@train.command(epilog="Example:  kwx train tod --city chicago --train-days 60 --test-days 14")
@_FIT_EVERY
@walk_options
def tod(walked: Walked, fit_every: int) -> None:
    """Fit a model of each city's high on its event day."""
    _train_high(walked, "tod", fit_every)


@train.command(epilog="Example:  kwx train hybrid --train-days 60 --test-days 14")
@_FIT_EVERY
@walk_options
def hybrid(walked: Walked, fit_every: int) -> None:
    """Fit both and join them: market-clock on the eve, the city's tod on the day where it says something."""
    _train_high(walked, "hybrid", fit_every)


def _train_high(walked: Walked, family: str, fit_every: int) -> None:
    from kwx.models.training.asked import tmax_series

    said: dict[str, Any] = {"fit_every_minutes": fit_every}
    recipe = {"parts": said} if family == "hybrid" else said
    walked.train(tmax_series(family, cities=walked.cities, wish=walked.wish, recipe=recipe))
