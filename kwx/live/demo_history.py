"""A lake for a day that is lived in the demo world: the days before it, fetched from its vendors, and a fit on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from kwx.fuse.fit.tune import publish_sets
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.weights import said_weight
from kwx.hazard.fit.walk import Walk, fit_params
from kwx.hazard.fits import fits_of
from pipelines.demo.weather import opening_utc
from pipelines.demo.world import World
from pipelines.ingest.access import Entry
from pipelines.ingest.questions import Wish
from pipelines.ingest.run import fetch_and_fold
from pipelines.publishing import OnProgress
from warehouse.clock import Clock
from warehouse.lake.store import Lake
from warehouse.lake.tables import FUSION_PARAMS
from warehouse.lake.writer import write

HISTORY_DAYS = 10
"""Enough for a plain fit of the weather; far too few to judge a weight between it and the market."""
MARKET_WEIGHT = 0.5
KINDS = ("markets", "candles", "trades", "obs", "forecasts", "settlements")
_BEFORE_OPENING = timedelta(minutes=5)


def day_starts_utc(event_date: date) -> datetime:
    """Return when a lived day begins: shortly before its market opens, on its eve."""
    return opening_utc(event_date) - _BEFORE_OPENING


def world_around(
    event_date: date, *, cities: Sequence[str], seed: int, efficiency: float, days: int = 1
) -> World:  # fmt: skip
    """Return the world whose last event is the day after those that are lived: two events are always open at once."""
    return World(
        days=HISTORY_DAYS + days + 1, seed=seed, until=event_date + timedelta(days=days), cities=tuple(cities),
        efficiency=efficiency,
    )  # fmt: skip


def prepare(
    world: World, event_date: date, lake_root: Path | str | None, *, entry: Entry, clock: Clock, on_progress: OnProgress
) -> None:  # fmt: skip
    """Make a lake hold the days before a day, as its vendors tell them by then, with a fit on them; once."""
    lake = Lake(lake_root)
    since, until = world.event_dates[0], event_date - timedelta(days=1)
    if lake.current_number() is None:
        wish = Wish.of(kinds=KINDS, cities=world.cities, since=since, until=until)
        fetch_and_fold(wish, lake_root, entry=entry, clock=clock, on_progress=on_progress)
    settled = until - timedelta(days=1)
    if not _is_fitted(lake, world.cities[-1], settled):
        fitted = fit_params(
            Walk(cities=world.cities, since=since, until=settled), lake_root, clock=clock, on_progress=on_progress
        )  # fmt: skip
        fitted.require_every_city()
    if not lake.snapshot().files(FUSION_PARAMS.name):
        _say_weight(lake, since, settled, clock=clock)


def _is_fitted(lake: Lake, city: str, until: date) -> bool:
    return any(fit.until == until for fit in fits_of(lake.snapshot(), city))


def _say_weight(lake: Lake, since: date, until: date, *, clock: Clock) -> None:
    """Store a weight that was said, not found: so few days would not show that weather adds anything."""
    started = time.perf_counter()
    said = said_weight(MARKET_WEIGHT, pool="log_linear", market=MarketRecipe())
    stored = replace(
        said, fitted_utc=clock(), since=since, until=until, days=(until - since).days + 1,
        snapshot=lake.snapshot().number,
    )  # fmt: skip
    with write(lake, purpose="say a weight", clock=clock) as writer:
        publish_sets(writer, [stored], started=started)
