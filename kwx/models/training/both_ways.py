"""Pooled or per city, family by family: the same windows and recipe both ways."""

from __future__ import annotations

from collections.abc import Sequence

from kwx.config.file import Configuration
from kwx.models.artifact import EVERY_BRACKET
from kwx.models.study import Study, Way, study
from kwx.models.training.asked import (
    DIRECTION_TEST_DAYS,
    DIRECTION_TRAIN_DAYS,
    TMAX_TEST_DAYS,
    TMAX_TRAIN_DAYS,
    WalkWish,
    elasticnet_recipe,
)
from kwx.models.training.series import traded_dates
from kwx.models.windows import Window, walk
from pipelines.publishing import OnProgress
from warehouse.errors import Usage
from warehouse.lake.store import Snapshot
from warehouse.lake.tables.contract import ALL_CITIES

FAMILIES = ("elasticnet", "direction", "market_clock")


def study_family(
    snapshot: Snapshot,
    family: str,
    *,
    cities: Sequence[str],
    bracket: str,
    wish: WalkWish,
    configuration: Configuration,
    level: float,
    workers: int,
    on_progress: OnProgress,
) -> Study:
    """Fit a family pooled and per city on every window of a walk, and compare what both say of later dates.

    Settings are those of the configuration's first city for the elastic net, the family's own for the others.
    """
    way, train_days, test_days = _way(family, cities[0], bracket, configuration)
    windows = _windows(snapshot, wish, train_days=train_days, test_days=test_days)
    spoken = bracket if family == "elasticnet" else EVERY_BRACKET
    return study(
        snapshot, cities, spoken, windows, pooled=way, per_city=way, level=level, workers=workers,
        on_progress=on_progress,
    )  # fmt: skip


def _way(family: str, city: str, bracket: str, configuration: Configuration) -> tuple[Way, int, int]:
    """Return how a family is fitted, and the days of its windows where none are said."""
    if family == "elasticnet":
        from kwx.models.elasticnet.fit import fit_window

        config = configuration.for_(city, bracket)
        recipe = elasticnet_recipe(config)
        return Way(fit_window=fit_window, recipe=recipe), config.train_days, config.test_days
    if family == "direction":
        from kwx.models.direction.fit import fit_window as fit_direction
        from kwx.models.direction.recipe import DirectionRecipe

        return Way(fit_window=fit_direction, recipe=DirectionRecipe()), DIRECTION_TRAIN_DAYS, DIRECTION_TEST_DAYS
    if family == "market_clock":
        from kwx.models.tmax.fit import fit_alone
        from kwx.models.tmax.recipe import TmaxRecipe

        return Way(fit_window=fit_alone, recipe=TmaxRecipe()), TMAX_TRAIN_DAYS, TMAX_TEST_DAYS
    raise Usage(f"{family!r} is not fitted both ways", hint=f"families: {' '.join(FAMILIES)}")


def _windows(snapshot: Snapshot, wish: WalkWish, *, train_days: int, test_days: int) -> list[Window]:
    dates, test = traded_dates(snapshot, ALL_CITIES), wish.test_days or test_days
    since, until = wish.since or dates[0], wish.until or dates[-1]
    step = wish.step_days or test
    return list(walk(since, until, train_days=wish.train_days or train_days, test_days=test, step_days=step))
