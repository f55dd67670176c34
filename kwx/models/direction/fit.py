"""Fitting one window of direction: earlier dates fit, later ones choose and judge, and the test dates are spoken of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from kwx.features.book.aggression import Laws, fit_laws
from kwx.features.book.microstructure import MICROSTRUCTURE, recorded_dates, with_microstructure
from kwx.features.feature import FeatureSet
from kwx.features.panel import KEYS, read_panel
from kwx.features.sets import set_for, set_of_all
from kwx.models.artifact import EVERY_BRACKET, PREDICTED, Artifact
from kwx.models.contract import Fitted
from kwx.models.direction.candidates import Rows, choose, judged_on
from kwx.models.direction.fitted import About, DirectionModel
from kwx.models.direction.metrics import crossed_of, metrics_of
from kwx.models.direction.moves import HALF_SPREAD, HALF_TICKS_PER_DOLLAR, KEY, MOVE, moves_of, went_up
from kwx.models.direction.parts import Parts, parts_of, window_of
from kwx.models.direction.recipe import FAMILY, DirectionRecipe
from kwx.models.windows import Window
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.market.cities import CITIES

UP = "up"
LEAST_ROWS = 100
_PROBABILITY, _MOVE_PROB = "p_model", "move_prob"


def fit_direction(
    snapshot: Snapshot, city: str, since: date, until: date, recipe: DirectionRecipe, *, bracket: str = EVERY_BRACKET
) -> Artifact:
    """Fit, choose, judge and test on the event dates of a range, parted by the recipe's shares."""
    return fit_window(snapshot, city, bracket, window_of(snapshot, city, since, until, recipe), recipe)


def fit_window(snapshot: Snapshot, city: str, bracket: str, window: Window, recipe: DirectionRecipe) -> Artifact:
    """Fit, choose and judge on the dates of a window before its test, and speak of its test dates."""
    return fit_features(_features(city, bracket, recipe), snapshot, city, bracket, window, recipe)


def fit_features(
    features: FeatureSet, snapshot: Snapshot, city: str, bracket: str, window: Window, recipe: DirectionRecipe
) -> Artifact:
    """Fit one window on features that are handed over."""
    parts = parts_of(snapshot, city, window, recipe)
    laws, notes = _laws(snapshot, city, parts, recipe)
    panel = _panel(snapshot, city, bracket, parts.every, features, recipe, laws=laws)
    frames = {name: panel.filter(pl.col("event_date").is_in(list(dates))) for name, dates in parts.of_rows.items()}
    fitted, choosing, judging = (_rows(frames[name], name, city) for name in ("fitted", "choosing", "judging"))
    about = About(
        features=features.names, horizon_minutes=recipe.horizon_minutes, epsilon=recipe.epsilon,
        prior=float(fitted.up.mean()), validation_log_loss=0.0, validation_prior_log_loss=0.0,
        hawkes=None if laws is None else laws.document(),
    )  # fmt: skip
    chosen = choose(fitted, choosing, about, recipe)
    model, held = judged_on(chosen.fitted, judging)
    told = frames["tested"].with_columns(pl.Series(_PROBABILITY, model.predict(frames["tested"])))
    counts = {f"rows_{name}": frame[UP].count() for name, frame in frames.items()}
    return Artifact(
        family=FAMILY, city=city, bracket=bracket, horizon=recipe.horizon, window=window, fitted=model,
        calibrator=None, predictions=_predictions(told),
        params={"kind": recipe.kind, "epsilon": recipe.epsilon, **chosen.params},
        metrics={**_metrics(told, about.prior, recipe), **_crossed(told, recipe), **counts, "held": vars(held).copy(),
                 "tried": list(chosen.tried)},
        config=recipe.config(), seed=recipe.seed, snapshot=snapshot.number, notes=(*notes, *held.notes()),
    )  # fmt: skip


def validation_rows(
    snapshot: Snapshot, city: str, bracket: str, window: Window, recipe: DirectionRecipe, fitted: DirectionModel
) -> pl.DataFrame:
    """Return the rows that chose a fitted model: keys, what came, what it says, what it saw."""
    dates, features = parts_of(snapshot, city, window, recipe).choosing, _features(city, bracket, recipe)
    hawkes = fitted.about.hawkes
    laws = None if hawkes is None else Laws.of(hawkes)
    panel = _panel(snapshot, city, bracket, dates, features, recipe, laws=laws)
    rows = _rows(panel, "choosing", city).frame
    told = rows.with_columns(
        pl.Series(_MOVE_PROB, rows[MOVE].to_numpy() / HALF_TICKS_PER_DOLLAR),
        pl.Series(_PROBABILITY, fitted.predict(rows)),
    )
    return told.select(*KEYS, _MOVE_PROB, UP, _PROBABILITY, *fitted.features)


def said_of_dates(
    snapshot: Snapshot, city: str, bracket: str, dates: Sequence[date], config: Mapping[str, Any], fitted: Fitted, *,
    of: str,
) -> pl.DataFrame:  # fmt: skip
    """Return what a fitted model of a city, or `of` all, says of a city's event dates: of every minute with a mid."""
    recipe = DirectionRecipe.of_config(config)
    hawkes = fitted.about.hawkes  # type: ignore[attr-defined]
    panel = _panel(
        snapshot, city, bracket, dates, _features(of, bracket, recipe), recipe,
        laws=None if hawkes is None else Laws.of(hawkes),
    )  # fmt: skip
    return _predictions(panel.with_columns(pl.Series(_PROBABILITY, fitted.predict(panel))))


def _features(city: str, bracket: str, recipe: DirectionRecipe) -> FeatureSet:
    name, excluded = recipe.feature_set, recipe.excluded_vc_cities
    if city == ALL_CITIES:
        chosen = set_of_all(name, bracket=bracket, excluded=excluded)
    else:
        chosen = set_for(name, city, bracket=bracket, excluded=excluded)
    if not recipe.microstructure:
        return chosen
    return FeatureSet(
        name=f"{chosen.name} with {MICROSTRUCTURE.name}", features=(*chosen.features, *MICROSTRUCTURE.features)
    )


def _laws(snapshot: Snapshot, city: str, parts: Parts, recipe: DirectionRecipe) -> tuple[Laws | None, tuple[str, ...]]:
    """Return the laws of trades of dates before those that fit, where they are asked for, and what is to be said."""
    if not recipe.microstructure:
        return None, ()
    if city == ALL_CITIES:
        raise Refused(
            "the trades of all cities follow no one law", hint="leave the microstructure out, or fit each city"
        )
    recorded = recorded_dates(snapshot, city, parts.fitted)
    if not recorded:
        raise Refused(
            f"no order book of {city} was recorded from {parts.fitted[0]} to {parts.fitted[-1]}",
            hint="leave the microstructure out, or record first: kwx record",
        )
    laws, notes = fit_laws(snapshot, city, parts.laws), []
    missing = len(parts.every) - len(recorded_dates(snapshot, city, parts.every))
    if missing:
        notes.append(
            f"order books were not recorded on {missing} of {len(parts.every)} dates: their features are not known"
        )
    notes += [f"too few trades to fit {column}: it is not known" for column, law in laws.of_column.items() if not law]
    return laws, tuple(notes)


def _panel(
    snapshot: Snapshot, city: str, bracket: str, dates: Sequence[date], features: FeatureSet, recipe: DirectionRecipe,
    *, laws: Laws | None,
) -> pl.DataFrame:  # fmt: skip
    """Return keys, features, move and `up` of every minute that has a mid, in the order of date, market and minute."""
    own = [name for name in features.sources if name not in MICROSTRUCTURE.sources]
    cities = tuple(CITIES) if city == ALL_CITIES else (city,)
    panel = pl.concat(
        read_panel(
            snapshot, one, since=dates[0], until=dates[-1], every_minutes=recipe.every_minutes,
            strike_types=() if bracket == EVERY_BRACKET else (bracket,), columns=own,
        )
        for one in cities
    ).filter(pl.col("event_date").is_in(list(dates)))  # fmt: skip
    if laws is not None:
        panel = with_microstructure(panel, snapshot, city, laws)
    rows = pl.concat([panel.select(KEYS), features.build(panel)], how="horizontal")
    moves = moves_of(snapshot, cities, dates, horizon_minutes=recipe.horizon_minutes)
    return rows.join(moves, on=KEY, how="inner", maintain_order="left").with_columns(went_up(recipe.epsilon).alias(UP))


def _rows(frame: pl.DataFrame, part: str, city: str) -> Rows:
    """Return the rows that moved; refuse too few of them, and a single class."""
    moved = frame.filter(pl.col(UP).is_not_null())
    ups = int(moved[UP].sum())
    if moved.height < LEAST_ROWS or ups in {0, moved.height}:
        raise Refused(
            f"{city}: {moved.height} moves on the {part} dates, {ups} up; {LEAST_ROWS} of both kinds are needed",
            hint="say more dates, a smaller epsilon, or every minute",
        )
    return Rows(frame=moved, up=moved[UP].to_numpy())


def _metrics(told: pl.DataFrame, prior: float, recipe: DirectionRecipe) -> dict[str, Any]:
    """Return the scores of the test dates' rows that moved."""
    moved = told.filter(pl.col(UP).is_not_null())
    return metrics_of(
        moved[_PROBABILITY].to_numpy(), up=moved[UP].to_numpy(), dates=moved["event_date"], prior=prior,
        resamples=recipe.resamples, seed=recipe.seed,
    )  # fmt: skip


def _crossed(told: pl.DataFrame, recipe: DirectionRecipe) -> dict[str, Any]:
    """Return what following the model across the spread earned, of minutes that have two sides and a move, or none."""
    rows = told.drop_nulls([MOVE, HALF_SPREAD])
    move, half_spread = (rows[name].to_numpy() / HALF_TICKS_PER_DOLLAR for name in (MOVE, HALF_SPREAD))
    return crossed_of(
        rows[_PROBABILITY].to_numpy(), move_prob=move, half_spread_prob=half_spread, dates=rows["event_date"],
        resamples=recipe.resamples, seed=recipe.seed,
    )  # fmt: skip


def _predictions(told: pl.DataFrame) -> pl.DataFrame:
    """Return every minute's prediction, whatever came: to keep only those that a move followed would tell of it."""
    return told.with_columns(p_calibrated=pl.lit(None, pl.Float64), outcome=UP).select(
        pl.col(name).cast(dtype) for name, dtype in PREDICTED.items()
    )
