"""The fit of one window: trees on its training dates, judged on held-out ones, and what they say of its test dates.

A training day is used only if its label was known at the first minute of the test dates' trading. The last training
dates are held out at first: every other one of them chooses the number of trees, the rest judge it against the class
prior. Then the trees are grown again on all training dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kwx.features.tmax.instants import Clock, utc_of
from kwx.features.tmax.snapshots import read_days, read_snapshots
from kwx.models.artifact import EVERY_BRACKET, Artifact
from kwx.models.held import held_out
from kwx.models.tmax import hybrid, market_clock, tod
from kwx.models.tmax.centre import Centre
from kwx.models.tmax.classes import ErrorLaw, Floats, Ints, class_of
from kwx.models.tmax.fitted import Held, TmaxFamily, TmaxModel, rows_of
from kwx.models.tmax.ordinal import Ordinal, Prior, Rows, Trees
from kwx.models.tmax.predictions import spoken_of
from kwx.models.tmax.recipe import FAMILIES, TmaxRecipe
from kwx.models.windows import PURGED_DAYS, Window
from kwx.scoring.brackets import log_loss
from warehouse.errors import Refused, Usage
from warehouse.lake.store import Snapshot
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.lake.tables.research import SETTLEMENT_HORIZON
from warehouse.market.cities import CITIES

LEAST_HELD_DATES = 2
LEAST_DATES = 8
"""Fewer training dates cannot be cut into some to fit, some to choose by and some to judge by."""


def fit_window(snapshot: Snapshot, city: str, bracket: str, window: Window, recipe: TmaxRecipe) -> Artifact:
    """Fit a window: of market-clock for the city `all`, of tod for one city or `all`; both for the bracket `all`."""
    cities = _cities(city, bracket, recipe)
    family, clock = _family(recipe)
    rows, fit_utc = _read(snapshot, cities, window, clock)
    every = {"clock_minutes": recipe.clock_minutes, "every_minutes": recipe.fit_every_minutes}
    train = usable(rows, window, fit_utc, **every)
    lent = usable(_lent(snapshot, cities, window, recipe, clock), window, fit_utc, **every)
    model, found = fitted(train, family, recipe, lent=lent)
    test = rows.filter(pl.col("event_date").is_between(window.test_since, window.test_until))
    notes = model.held.notes()
    predictions, brackets = spoken_of(model, test, snapshot, notes)
    metrics = brackets | {"classes": class_scores(model, test), "held": vars(model.held).copy()}
    return Artifact(
        family=model.family, city=city, bracket=bracket, horizon=SETTLEMENT_HORIZON, window=window, fitted=model,
        calibrator=None, predictions=predictions, params=found, metrics=metrics, config=recipe.config(),
        seed=recipe.seed, snapshot=snapshot.number, notes=tuple(notes),
    )  # fmt: skip


def fit_alone(snapshot: Snapshot, city: str, bracket: str, window: Window, recipe: TmaxRecipe) -> Artifact:
    """Fit a model of the high as the recipe says it for all cities, or the very same for one city alone."""
    mine = recipe if city == ALL_CITIES else replace(recipe, cities=(city,))
    return replace(fit_window(snapshot, ALL_CITIES, bracket, window, mine), city=city, config=recipe.config())


def hybrid_window(
    snapshot: Snapshot, clock_artifact: Artifact, tod_artifacts: Sequence[Artifact], cities: Sequence[str] = ()
) -> Artifact:  # fmt: skip
    """Join a market-clock artifact and the tod ones of the same window; which spoke, and why, is with every row.

    It speaks of some cities, or of those that market-clock was fitted on where none is named.
    """
    window = clock_artifact.window
    strange = [one.model_id for one in (clock_artifact, *tod_artifacts) if one.window != window]
    if strange or not isinstance(clock_artifact.fitted, TmaxModel):
        raise Usage(f"{', '.join(strange) or clock_artifact.model_id} cannot be part of a hybrid of {window.name}")
    tods = {one.city: one.fitted for one in tod_artifacts if isinstance(one.fitted, TmaxModel)}
    model = hybrid.Hybrid(market_clock=clock_artifact.fitted, tods=tods)
    cities = tuple(cities) or tuple(clock_artifact.config["cities"]) or tuple(CITIES)
    test = pl.concat(
        read_snapshots(snapshot, city, since=window.test_since, until=window.test_until) for city in cities
    )
    notes = clock_artifact.fitted.held.notes()
    notes += [note for city, one in sorted(tods.items()) for note in one.held.notes(of=f"tod of {city}: ")]
    notes += [f"tod of {city}: {why}" for city, why in model.silent.items()]
    predictions, metrics = spoken_of(model, test, snapshot, notes, beside=model.choices(test))
    parts = {"market_clock": clock_artifact.model_id, "tod": {one.city: one.model_id for one in tod_artifacts}}
    return replace(
        clock_artifact, family=hybrid.NAME, fitted=model, predictions=predictions, params=parts, metrics=metrics,
        config={"family": hybrid.NAME, **parts}, notes=tuple(notes),
    )  # fmt: skip


def _cities(city: str, bracket: str, recipe: TmaxRecipe) -> tuple[str, ...]:
    if bracket != EVERY_BRACKET:
        raise Usage(f"a model of the high speaks of every bracket, not of {bracket!r}", hint=f"say {EVERY_BRACKET}")
    if recipe.family == FAMILIES[0]:
        if city != ALL_CITIES:
            raise Usage(f"market-clock is one model of every city, not of {city!r}", hint=f"say {ALL_CITIES}")
        return recipe.cities or tuple(CITIES)
    if city == ALL_CITIES:
        return recipe.cities or tuple(CITIES)
    if city not in CITIES:
        raise Usage(f"tod is fitted for a city, not for {city!r}", hint=f"say one of {' '.join(CITIES)}, or all")
    return (city,)


def _family(recipe: TmaxRecipe) -> tuple[TmaxFamily, Clock]:
    if recipe.family == FAMILIES[0]:
        return market_clock.FAMILY, market_clock.CLOCK
    return tod.FAMILY, tod.CLOCK


def _read(snapshot: Snapshot, cities: Sequence[str], window: Window, clock: Clock) -> tuple[pl.DataFrame, datetime]:
    """Return the snapshots of a window's dates, and the first minute of its test dates."""
    parts, first_us = [], []
    for city in cities:
        inputs, rows = read_days(snapshot, city, since=window.train_since, until=window.test_until, clock=clock)
        parts.append(rows)
        instants = clock(inputs)
        tested = np.array([one >= window.test_since for one in inputs.dates])[instants.day]
        first_us.append(int(instants.ts_us[tested].min()))
    return pl.concat(parts), utc_of(np.array([min(first_us)]))[0]


def _lent(
    snapshot: Snapshot, cities: Sequence[str], window: Window, recipe: TmaxRecipe, clock: Clock
) -> pl.DataFrame:  # fmt: skip
    """Return the snapshots that other cities lend to a model of one, of its training dates."""
    lenders = [city for city in CITIES if city not in cities] if recipe.lends else []
    days = {"since": window.train_since, "until": window.train_until}
    # One day of its own, and none of it, so that there are columns where nobody lends.
    none = read_snapshots(snapshot, cities[0], since=window.train_since, until=window.train_since, clock=clock).clear()
    return pl.concat([none, *(read_snapshots(snapshot, city, **days, clock=clock) for city in lenders)])


def usable(
    rows: pl.DataFrame, window: Window, fit_utc: datetime, *, clock_minutes: int, every_minutes: int
) -> pl.DataFrame:
    """Return the snapshots of training dates whose label was known at the fit, thinned out."""
    step = (pl.col("standard_minute") // clock_minutes).cast(pl.Int64)
    # At other minutes on other dates, so that no minute of the clock is never seen.
    keep = (step + pl.col("event_date").dt.epoch("d")) % (every_minutes // clock_minutes) == 0
    return rows.filter(
        pl.col("event_date").is_between(window.train_since, window.train_until)
        & (pl.col("label_known_utc") <= fit_utc)
        & keep
    )


def fitted(
    train: pl.DataFrame, family: TmaxFamily, recipe: TmaxRecipe, *, lent: pl.DataFrame | None = None
) -> tuple[TmaxModel, dict[str, Any]]:
    """Fit on labelled snapshots, and on those that other cities lend; return the model, and what the search found.

    What is lent moves lines and trees alone: the number of trees is chosen, and the model judged, by its own days.
    """
    fit, choose, judge = _cut(train, recipe)
    lent = train.clear() if lent is None else lent
    trees = Trees(rounds=recipe.rounds, patience=recipe.patience, settings=recipe.settings)
    names = family.set.names
    early = lent.filter(pl.col("event_date") <= pl.lit(fit["event_date"].max()))
    centre, rows, classes, prior = _learnt(fit, early, family, recipe)
    held, held_classes = _seen(choose, family, centre)
    tried, rounds = trees.chosen(rows, classes, names, prior, held=held, held_classes=held_classes)
    judged = _judged(tried, judge, family, centre)
    centre, rows, classes, prior = _learnt(train, lent, family, recipe)
    model = TmaxModel(
        set=family.set, centre=centre, ordinal=trees.grown(rows, classes, names, prior, rounds=rounds),
        law=ErrorLaw.fit(train), held=judged, classes_seen=len(np.unique(_classes(train))),
    )  # fmt: skip
    found = {"trees": rounds, "train_rows": train.height, "train_dates": train["event_date"].n_unique()}
    return model, found | {"lent_rows": lent.height}


def _learnt(
    own: pl.DataFrame, lent: pl.DataFrame, family: TmaxFamily, recipe: TmaxRecipe
) -> tuple[Centre, Rows, Ints, Prior]:
    """Return the lines, the rows that trees grow on, their classes, and the class prior of a model's own days."""
    every = pl.concat([own, lent])
    weight = np.repeat([1.0, recipe.lent], [own.height, lent.height])
    centre = Centre.fit(every, weight)
    rows = rows_of(family.set, centre, every, weight)
    classes = _classes(every)
    ours = np.arange(len(rows)) < own.height
    return centre, rows, classes, Prior.fit(rows.where(ours), classes[ours])


def _cut(train: pl.DataFrame, recipe: TmaxRecipe) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Cut the dates: the first to fit, and of the last ones every other to choose by and to judge by.

    Not the later half to judge by: of six weeks that is one spell of weather, and a front in it condemns a good model.
    What is chosen is a number of trees alone, so little luck of the choice comes over from a neighbour.
    """
    dates: list[date] = train["event_date"].unique().sort().to_list()
    if len(dates) < LEAST_DATES:
        raise Refused(
            f"{recipe.family}: {len(dates)} training dates have snapshots and a label; {LEAST_DATES} are needed",
            hint="say more --train-days, or ingest the settlements and observations of the dates before",
        )
    held = dates[-max(LEAST_HELD_DATES, round(len(dates) * recipe.held_share)) :]
    last = held[0] - timedelta(days=PURGED_DAYS)
    return (
        train.filter(pl.col("event_date") < last),
        train.filter(pl.col("event_date").is_in(held[::2])),
        train.filter(pl.col("event_date").is_in(held[1::2])),
    )


def _seen(rows: pl.DataFrame, family: TmaxFamily, centre: Centre) -> tuple[Rows, Ints]:
    return rows_of(family.set, centre, rows), _classes(rows)


def _classes(rows: pl.DataFrame) -> Ints:
    return class_of(rows["label_f"].to_numpy().astype(np.int64), rows["base_f"].to_numpy().astype(np.int64))


def _judged(ordinal: Ordinal, rows: pl.DataFrame, family: TmaxFamily, centre: Centre) -> Held:
    """Return how trees did on dates that they have not seen, each date counting once."""
    seen, classes = _seen(rows, family, centre)
    p = ordinal.predict(seen)
    ours, prior = (log_loss(said, winner=classes) for said in (p, ordinal.prior.predict(seen)))
    told = held_out(ours, prior, rows["event_date"].to_numpy())
    return Held(**vars(told), spread=float(np.ptp(p, axis=0).max()))


def class_scores(model: TmaxModel, rows: pl.DataFrame) -> Mapping[str, float]:
    """Return the log loss of the classes of settled snapshots, and that of the class prior."""
    told = rows.filter(pl.col("label_f").is_not_null())
    if not told.height:
        return {"n": 0}
    classes = _classes(told)
    prior: Floats = model.ordinal.prior.predict(rows_of(model.set, model.centre, told))
    return {
        "n": told.height,
        "log_loss": float(log_loss(model.predict(told), winner=classes).mean()),
        "prior_log_loss": float(log_loss(prior, winner=classes).mean()),
    }
