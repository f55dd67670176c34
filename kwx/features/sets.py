"""The sets of features that models of brackets are fitted on.

baseline             a few columns of the market: what any model must beat
ridge_conservative   columns that any minute has or soon has, none of a fit of ours and none behind the gate
elasticnet_rich      all of them: a penalty chooses
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

from kwx.features.clock import HOUR_COS, HOUR_SIN, MINUTES_TO_CLOSE_LOG, OF_CLOCK
from kwx.features.feature import FeatureSet
from kwx.features.fitted import OF_FITS
from kwx.features.gate import EVERY_TYPE, why_left_out
from kwx.features.market import (
    LEFT_GAP,
    LOG_ODDS,
    MID,
    OF_MARKET,
    RIGHT_GAP,
    SPREAD,
    TRIAD_MASS,
    VELOCITY,
    VOLUME_20M_LOG,
)
from kwx.features.panel import STRIKE_TYPES
from kwx.features.weather import OF_WEATHER, RUN_MAX_INSIDE, RUN_MAX_TO_HIGH_F, RUN_MAX_TO_LOW_F, TEMP_F
from warehouse.errors import Usage
from warehouse.market.cities import CITIES, city

_ALL = (
    FeatureSet(name="baseline", features=(MID, LOG_ODDS, SPREAD, VOLUME_20M_LOG, MINUTES_TO_CLOSE_LOG)),
    FeatureSet(
        name="ridge_conservative",
        features=(
            LOG_ODDS, SPREAD, VELOCITY, VOLUME_20M_LOG, TRIAD_MASS, LEFT_GAP, RIGHT_GAP, MINUTES_TO_CLOSE_LOG,
            HOUR_SIN, HOUR_COS, TEMP_F, RUN_MAX_TO_LOW_F, RUN_MAX_TO_HIGH_F, RUN_MAX_INSIDE,
        ),
    ),
    FeatureSet(name="elasticnet_rich", features=(*OF_MARKET, *OF_CLOCK, *OF_WEATHER, *OF_FITS)),
)  # fmt: skip

FEATURE_SETS: dict[str, FeatureSet] = {one.name: one for one in _ALL}


def feature_set(name: str) -> FeatureSet:
    """Return a set by its name; an unknown name gets the nearest one as a hint."""
    if name not in FEATURE_SETS:
        near = difflib.get_close_matches(name, FEATURE_SETS, n=1)
        known = f"feature sets: {' '.join(FEATURE_SETS)}"
        raise Usage(f"there is no feature set {name!r}", hint=f"did you mean {near[0]!r}? {known}" if near else known)
    return FEATURE_SETS[name]


def left_out(
    name: str, city_word: str, *, bracket: str = EVERY_TYPE, excluded: Collection[str] = ()
) -> dict[str, str]:  # fmt: skip
    """Return the features of a set that a model of a city and a type of bracket does without, each with the reason."""
    if bracket not in (EVERY_TYPE, *STRIKE_TYPES):
        raise Usage(f"there is no type of bracket {bracket!r}", hint=f"types: {' '.join((EVERY_TYPE, *STRIKE_TYPES))}")
    key = city(city_word).key
    reasons = {
        one.name: why_left_out(one, key, bracket=bracket, excluded=excluded) for one in feature_set(name).features
    }
    return {feature: reason for feature, reason in reasons.items() if reason is not None}


def set_for(
    name: str, city_word: str, *, bracket: str = EVERY_TYPE, excluded: Collection[str] = ()
) -> FeatureSet:  # fmt: skip
    """Return what a model of a city and a type of bracket sees: the set without what the gate or an open end takes."""
    gone = left_out(name, city_word, bracket=bracket, excluded=excluded)
    whole = feature_set(name)
    return whole.without(tuple(gone), name=f"{name} of {city(city_word).key}, {bracket}") if gone else whole


def set_of_all(name: str, *, bracket: str = EVERY_TYPE, excluded: Collection[str] = ()) -> FeatureSet:
    """Return what one model of every city sees: what each of them may have."""
    gone = {one for city_key in CITIES for one in left_out(name, city_key, bracket=bracket, excluded=excluded)}
    return feature_set(name).without(tuple(gone), name=f"{name} of all cities, {bracket}")
