"""Options of the hazard commands alone: one day, a recipe, the panel, instants of a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kwx.cli.options import EventDate

if TYPE_CHECKING:
    from kwx.hazard.recipe import Recipe

Command = TypeVar("Command", bound=Callable[..., Any])

_GRID_MINUTES = 5
_ENGINES = ("lattice", "simulate")
_BASELINES = ("auto", "template", "timeline", "hold_last")


class ClockTime(click.ParamType[time]):
    """A time of day as a person types it: 09:00."""

    name = "HH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> time:
        """Parse a time of day."""
        if isinstance(value, time):
            return value
        try:
            return time.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time of day; write it as 09:00", param, ctx)


def _city_key(_ctx: click.Context, _param: click.Parameter, word: str) -> str:
    from warehouse.market.cities import city

    return city(word).key


def day_options(command: Command) -> Command:
    """Add --city and --date, one of each."""
    city = click.option("--city", required=True, callback=_city_key, help="City key or alias.")
    day = click.option("--date", "event_date", required=True, type=EventDate(), help="The event date.")
    return city(day(command))


def recipe_options(command: Command) -> Command:
    """Add --engine, --paths and --baseline."""
    engine = click.option(
        "--engine", type=click.Choice(_ENGINES), default="lattice", show_default=True, help="Exact, or drawn paths."
    )
    paths = click.option(
        "--paths", type=click.IntRange(2, 10_000_000), help="Paths of the simulator (default 4000, an even number)."
    )
    baseline = click.option(
        "--baseline",
        type=click.Choice(_BASELINES),
        default="auto",
        show_default=True,
        help="What to measure from: forecast, typical day, nothing; auto takes the best that was known.",
    )
    return engine(paths(baseline(command)))


def panel_option(command: Command) -> Command:
    """Add --panel."""
    return click.option(
        "--panel", is_flag=True, help="Show them in pmf_minute too, which else belongs to the default recipe."
    )(command)


def on_grid(ctx: click.Context, _param: click.Parameter, instants: tuple[time, ...]) -> tuple[time, ...]:
    """Refuse instants at which nothing is evaluated."""
    for at in instants:
        minutes = at.hour * 60 + at.minute + at.second / 60
        nearest = min(round(minutes / _GRID_MINUTES) * _GRID_MINUTES, 24 * 60 - _GRID_MINUTES)
        if minutes != nearest:
            said = f"{nearest // 60:02d}:{nearest % 60:02d}"
            raise click.UsageError(
                f"--at {at:%H:%M}: evaluations are {_GRID_MINUTES} minutes apart; the nearest is {said}", ctx
            )
    return instants


def recipe_of(engine: str, paths: int | None, baseline: str) -> Recipe:
    """Return the recipe that was said; paths of an engine that draws none are refused."""
    from kwx.hazard.law import Baseline
    from kwx.hazard.recipe import DEFAULT_PATHS, Recipe

    if paths is not None and engine != "simulate":
        raise click.UsageError("--paths are of --engine simulate; the lattice draws none")
    chosen = None if baseline == "auto" else Baseline(baseline)
    return Recipe(engine=engine, paths=paths or DEFAULT_PATHS, baseline=chosen)
