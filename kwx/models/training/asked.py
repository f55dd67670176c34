"""From what was asked on the command line and in the configuration file to the series of each family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from kwx.config.fields import TrainConfig
from kwx.config.file import BRACKETS, Configuration
from kwx.models.artifact import EVERY_BRACKET
from kwx.models.training.series import FitWindow, Series, traded_dates
from warehouse.lake.store import Snapshot
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.market.cities import CITIES

if TYPE_CHECKING:
    from kwx.models.direction.recipe import DirectionRecipe
    from kwx.models.elasticnet.recipe import ElasticnetRecipe
    from kwx.models.tmax.joined import HybridRecipe
    from kwx.models.tmax.recipe import TmaxRecipe


@dataclass(frozen=True, kw_only=True)
class WalkWish:
    """The walk that is asked for; None is what the family's default or the configuration says."""

    since: date | None = None
    until: date | None = None
    train_days: int | None = None
    test_days: int | None = None
    step_days: int | None = None

    def said(self) -> dict[str, Any]:
        """Return what was said, by the keys of the configuration; windows follow each other where no step is said."""
        values = {
            "start_date": self.since, "end_date": self.until, "train_days": self.train_days,
            "test_days": self.test_days, "step_days": self.step_days or self.test_days,
        }  # fmt: skip
        return {name: value for name, value in values.items() if value is not None}


def elasticnet_series(
    configuration: Configuration,
    *,
    cities: Sequence[str],
    brackets: Sequence[str],
    profile: str | None,
    said: Mapping[str, Any],
    storage: str | None = None,
) -> list[Series]:
    """Return the series of every city and type of bracket that is asked for, each as the configuration has it."""
    from kwx.models.elasticnet.fit import fit_window

    chosen = [
        (city, configuration.for_(_settings_city(city), bracket, profile=profile, said=said))
        for city in cities or tuple(CITIES)
        for bracket in brackets or BRACKETS
    ]
    return [
        Series(
            family="elasticnet", city=city, bracket=config.bracket, fit_window=fit_window,
            recipe=elasticnet_recipe(config, storage=storage), train_days=config.train_days,
            test_days=config.test_days, step_days=config.step_days, since=config.start_date, until=config.end_date,
        )
        for city, config in chosen
    ]  # fmt: skip


def _settings_city(city: str) -> str:
    """Return the city whose settings count; those of the first one for a model of all."""
    return next(iter(CITIES)) if city == ALL_CITIES else city


def elasticnet_recipe(config: TrainConfig, *, storage: str | None = None) -> ElasticnetRecipe:
    """Return the recipe that a pair's settings come to."""
    from kwx.models.elasticnet.recipe import CalibrationRule, ElasticnetRecipe, SearchRange

    space, calibration = config.search_space, config.calibration
    return ElasticnetRecipe(
        feature_set=config.feature_set,
        penalties=config.penalties,
        trials=config.trials,
        cv_splits=config.cv_splits,
        search=SearchRange(
            c_min=space.C_min, c_max=space.C_max, l1_ratio_min=space.l1_ratio_min, l1_ratio_max=space.l1_ratio_max,
            class_weights=space.class_weight,
        ),
        calibration=CalibrationRule(
            method_large=calibration.method_large, method_small=calibration.method_small,
            threshold=calibration.threshold, share=calibration.share, guard=calibration.guard,
        ),
        every_minutes=config.every_minutes,
        excluded_vc_cities=config.excluded_vc_cities if config.use_vc_minutes else tuple(CITIES),
        seed=config.seed,
        storage=storage,
        pilot_dir=config.pilot_dir,
        pilot_windows=config.pilot_windows,
        pilot_total_test_rows=config.pilot_total_test_rows,
    )  # fmt: skip


TMAX_TRAIN_DAYS, TMAX_TEST_DAYS = 180, 30
"""Trees of the high want a season; they are fitted anew each month."""
DIRECTION_TRAIN_DAYS, DIRECTION_TEST_DAYS = 42, 7


def tmax_series(family: str, *, cities: Sequence[str], wish: WalkWish, recipe: Mapping[str, Any]) -> list[Series]:
    """Return the series of a family of the high: one of all cities together, or one for each that is named."""
    from kwx.models.tmax import fit, joined
    from kwx.models.tmax.recipe import TmaxRecipe

    if family == "tod":
        each = cities or tuple(CITIES)
        return [_tmax(family, city, fit.fit_window, TmaxRecipe(family=family, **recipe), wish) for city in each]
    places = cities or (ALL_CITIES,)
    if family == joined.NAME:
        made = joined.HybridRecipe(**recipe)
        return [_tmax(family, city, joined.fit_window, made, wish) for city in places]
    return [_tmax(family, city, fit.fit_alone, TmaxRecipe(family=family, **recipe), wish) for city in places]


def _tmax(
    family: str, city: str, fit_window: FitWindow, recipe: TmaxRecipe | HybridRecipe, wish: WalkWish
) -> Series:  # fmt: skip
    return Series(
        family=family.replace("-", "_"), city=city, bracket=EVERY_BRACKET, fit_window=fit_window, recipe=recipe,
        train_days=wish.train_days or TMAX_TRAIN_DAYS, test_days=wish.test_days or TMAX_TEST_DAYS,
        step_days=wish.step_days or wish.test_days or TMAX_TEST_DAYS, since=wish.since, until=wish.until,
        lends=recipe.lends,
    )  # fmt: skip


def direction_series(
    snapshot: Snapshot, *, cities: Sequence[str], wish: WalkWish, recipe: DirectionRecipe
) -> list[Series]:  # fmt: skip
    """Return one window for each city, its dates parted by the recipe's shares; a walk where its days are said."""
    from kwx.models.direction.fit import fit_window
    from kwx.models.direction.parts import window_of

    is_walk = wish.train_days or wish.test_days or wish.step_days
    series = []
    for city in cities or tuple(CITIES):
        dates = traded_dates(snapshot, city)
        since, until = wish.since or dates[0], wish.until or dates[-1]
        series.append(
            Series(
                family="direction", city=city, bracket=EVERY_BRACKET, fit_window=fit_window, recipe=recipe,
                horizon=recipe.horizon, since=since, until=until,
                window=None if is_walk else window_of(snapshot, city, since, until, recipe),
                train_days=wish.train_days or DIRECTION_TRAIN_DAYS, test_days=wish.test_days or DIRECTION_TEST_DAYS,
                step_days=wish.step_days or wish.test_days or DIRECTION_TEST_DAYS,
            )
        )  # fmt: skip
    return series
