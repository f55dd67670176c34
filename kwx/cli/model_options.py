"""Options that the commands on models share: where models lie, which of them are meant, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kwx.cli.options import json_option

if TYPE_CHECKING:
    from kwx.models.registry.promotion import Choice

Command = TypeVar("Command", bound=Callable[..., Any])

STAGES = ("pilots", "trained", "archive")
BRACKETS = ("between", "greater", "less", "all")
HORIZONS = ("day", "1m", "5m")
_EVERY_CITY = "all"
_OF_HORIZON = "What the models speak of: the settlement, or the next move of the mid; repeatable."


def models_option(command: Command) -> Command:
    """Add --models."""
    return click.option(
        "--models",
        "root",
        type=click.Path(path_type=Path),
        help="Folder of the models (else KWX_MODELS, else ./models).",
    )(command)


def stage_option(*, default: str, stages: tuple[str, ...] = STAGES[:2]) -> Callable[[Command], Command]:
    """Add --stage."""
    return click.option("--stage", type=click.Choice(stages), default=default, show_default=True, help="Where to look.")


def city_words(_ctx: click.Context, _param: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return city keys for what was typed; `all` stands for itself."""
    from warehouse.market.cities import city

    return tuple(dict.fromkeys(word if word == _EVERY_CITY else city(word).key for word in words))


def choice_options(command: Command) -> Command:
    """Add --family, --city, --bracket, --horizon and --window, repeatable; the command is handed them as `choice`."""

    def with_choice(
        *args: Any,
        families: tuple[str, ...],
        cities: tuple[str, ...],
        brackets: tuple[str, ...],
        horizons: tuple[str, ...],
        windows: tuple[str, ...],
        **said: Any,
    ) -> Any:
        return command(*args, choice=_choice(families, cities, brackets, horizons, windows), **said)

    with_choice.__name__ = command.__name__
    with_choice.__doc__ = command.__doc__
    with_choice.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    of_city = "City key or alias; `all` for models of every city; repeatable."
    options = [
        click.option("--family", "families", multiple=True, help="Family of models; repeatable."),
        click.option("--city", "cities", multiple=True, callback=city_words, help=of_city),
        click.option("--bracket", "brackets", multiple=True, type=click.Choice(BRACKETS), help="Type; repeatable."),
        click.option("--horizon", "horizons", multiple=True, type=click.Choice(HORIZONS), help=_OF_HORIZON),
        click.option("--window", "windows", multiple=True, metavar="WIN", help="win_YYYYMMDD_YYYYMMDD; repeatable."),
    ]
    decorated: Any = with_choice
    for option in reversed(options):
        decorated = option(decorated)
    wrapped: Command = decorated
    return wrapped


def promotion_options(*, reason: str) -> Callable[[Command], Command]:
    """Add what promoting and demoting are asked: the choice, --reason, --json and --models."""

    def with_options(command: Command) -> Command:
        asked = click.option("--reason", default="", help=reason)
        return choice_options(asked(json_option(models_option(command))))

    return with_options


def _choice(
    families: tuple[str, ...],
    cities: tuple[str, ...],
    brackets: tuple[str, ...],
    horizons: tuple[str, ...],
    windows: tuple[str, ...],
) -> Choice:
    from kwx.models.registry.promotion import Choice
    from kwx.models.windows import window_dates

    for name in windows:
        window_dates(name)
    return Choice(families=families, cities=cities, brackets=brackets, horizons=horizons, windows=windows)
