"""Options of the fuse commands alone: how p_mkt is made, which pools and methods, which horizon."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from kwx.fuse.market.recipe import MarketRecipe

Command = TypeVar("Command", bound=Callable[..., Any])

_PRICES = ("mid", "micro")
_OVERROUNDS = ("plain", "power", "additive")
_POOLS = ("log_linear", "linear", "beta")
_METHODS = ("grid", "optuna", "gradient")
_HORIZONS = ("day", "1m", "5m")


def market_options(command: Command) -> Command:
    """Add --price and --overround."""
    price = click.option(
        "--price", type=click.Choice(_PRICES), default="mid", show_default=True,
        help="What a two-sided quote is worth; micro leans to the side with less size, where books were recorded.",
    )  # fmt: skip
    overround = click.option(
        "--overround", type=click.Choice(_OVERROUNDS), default="power", show_default=True,
        help="How the prices of an event are made to sum to one.",
    )  # fmt: skip
    return price(overround(command))


def kind_options(command: Command) -> Command:
    """Add --pool and --method, both repeatable."""
    pools = click.option("--pool", "pools", multiple=True, type=click.Choice(_POOLS), help="Repeatable; default all.")
    methods = click.option(
        "--method", "methods", multiple=True, type=click.Choice(_METHODS), help="Repeatable; default all."
    )
    return pools(methods(command))


def horizon_option(command: Command) -> Command:
    """Add --horizon."""
    return click.option(
        "--horizon", type=click.Choice(_HORIZONS), default="day", show_default=True,
        help="What the weights are fitted to: the settlement, or the market one or five minutes later.",
    )(command)  # fmt: skip


def market_recipe(price: str, overround: str) -> MarketRecipe:
    """Return the recipe that was said."""
    from kwx.fuse.market.recipe import MarketRecipe

    return MarketRecipe(price=price, overround=overround)
