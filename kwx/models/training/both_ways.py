"""Pooled or per city, family by family: the same windows and recipe both ways, and every fit kept.

What is fitted lies in a folder of its own below that of the models, `studies`: its windows have the names that pilots
have, and may be of other settings. A window that is held is left alone, so that a study that was killed goes on where
it stopped, and one that was done is told at once. The lake is told nothing: it knows what was meant to be used. Both
ways read the same days: the fits of a window share what they read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kwx.config.file import Configuration
from kwx.models.artifact import EVERY_BRACKET
from kwx.models.registry.places import models_root
from kwx.models.registry.store import read_predictions
from kwx.models.study import Said, Study, study
from kwx.models.training.asked import (
    DIRECTION_TEST_DAYS,
    DIRECTION_TRAIN_DAYS,
    WalkWish,
    elasticnet_recipe,
    tmax_series,
)
from kwx.models.training.run import Told, fit_all
from kwx.models.training.series import Series, traded_dates
from pipelines.publishing import OnProgress
from warehouse.errors import Usage
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables.contract import ALL_CITIES

AGAINST_CLOCK = "tod_against_market_clock"
"""The choice that hybrid makes on the event day: the city's own tod against the one market-clock of all cities."""
_OF_THE_HIGH = {
    "market_clock": ("market-clock", "market-clock"), "tod": ("tod", "tod"), "hybrid": ("hybrid", "hybrid"),
    AGAINST_CLOCK: ("market-clock", "tod"),
}  # fmt: skip
"""The models of the high: what is fitted for all cities together, and what for each."""
FAMILIES = ("elasticnet", "direction", *_OF_THE_HIGH)
STUDIES = "studies"


def study_family(
    lake: Lake,
    family: str,
    *,
    cities: Sequence[str],
    bracket: str,
    wish: WalkWish,
    configuration: Configuration,
    level: float,
    trials: int | None = None,
    root: Path | str | None = None,
    again: bool = False,
    workers: int | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Study:
    """Fit a family pooled and per city on every window of a walk, and compare what both say of later dates.

    Settings are those of the configuration's first city for the elastic net, the family's own for the others. Both ways
    speak of the rows that are compared; of `tod_against_market_clock` these are the snapshots of the event day.
    """
    snapshot = lake.snapshot()
    dates = traded_dates(snapshot, ALL_CITIES)
    within = replace(wish, since=wish.since or dates[0], until=wish.until or dates[-1])
    if family in _OF_THE_HIGH:
        pooled, own = _OF_THE_HIGH[family]
        # The pooled fit comes last: what the cities read by themselves serves it.
        series = [
            *tmax_series(own, cities=cities, wish=within, recipe={}),
            *tmax_series(pooled, cities=(ALL_CITIES,), wish=within, recipe={}),
        ]
    else:
        series = _alike(
            family, (*cities, ALL_CITIES), within, _settings(family, cities[0], bracket, configuration, trials)
        )
    told = fit_all(
        series, lake, models_root(root) / STUDIES, again=again, together=True, workers=workers, on_progress=on_progress
    )  # fmt: skip
    return _compared(told, cities, family, series[0].bracket, snapshot, level=level)


def _alike(family: str, cities: Sequence[str], wish: WalkWish, settings: dict[str, Any]) -> list[Series]:
    """Return the series of a family of each city, `all` among them, with the same settings."""
    said = wish.said()
    test_days = said.get("test_days", settings.pop("test_days"))
    walked = {
        "since": wish.since, "until": wish.until, "train_days": said.get("train_days", settings.pop("train_days")),
        "test_days": test_days, "step_days": said.get("step_days", test_days),
    }  # fmt: skip
    return [Series(family=family, city=city, **walked, **settings) for city in cities]


def _compared(
    told: Sequence[Told], cities: Sequence[str], family: str, bracket: str, snapshot: Snapshot, *, level: float
) -> Study:
    """Read back what was kept, and compare it."""
    return study(
        [
            Said(city=fit.city, window=fit.card.window, predictions=read_predictions(fit.folder))
            for fit in told
            if fit.card is not None
        ],
        cities,
        family=family,
        bracket=bracket,
        snapshot=snapshot.number,
        notes=[f"{fit.city} {fit.window}: {fit.why}" for fit in told if fit.card is None],
        level=level,
    )


def _settings(
    family: str, city: str, bracket: str, configuration: Configuration, trials: int | None
) -> dict[str, Any]:  # fmt: skip
    """Return how a family is fitted, as a series has it, and the days of its windows where none are said."""
    if family == "elasticnet":
        from kwx.models.elasticnet.fit import fit_window

        config = configuration.for_(city, bracket, said={} if trials is None else {"trials": trials})
        return {
            "bracket": bracket, "fit_window": fit_window, "recipe": elasticnet_recipe(config),
            "train_days": config.train_days, "test_days": config.test_days,
        }  # fmt: skip
    if family == "direction":
        from kwx.models.direction.fit import fit_window as fit_direction
        from kwx.models.direction.recipe import DirectionRecipe

        recipe = DirectionRecipe()
        return {
            "bracket": EVERY_BRACKET, "fit_window": fit_direction, "recipe": recipe, "horizon": recipe.horizon,
            "train_days": DIRECTION_TRAIN_DAYS, "test_days": DIRECTION_TEST_DAYS,
        }  # fmt: skip
    raise Usage(f"{family!r} is not fitted both ways", hint=f"families: {' '.join(FAMILIES)}")
