"""A lake whose next night has something to do in every step: served vendors, promoted models, a lived date, old laws.

Two cities of a demo world, one for three weeks and one for one. The last days are fetched from it, those before lie
there; all of them are evaluated, fused and spoken of by a model that was fitted on the first of them, and an hour of
the eve was lived. A day has newer prices than grids, every fit is due, and more snapshots lie there than are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from kwx.config.file import DEFAULT_FILE, load_config
from kwx.fuse.run import FuseWish, fuse_days
from kwx.hazard.backfill import backfill
from kwx.hazard.law import Baseline
from kwx.hazard.plan import Wish as HazardWish
from kwx.models.predicting.run import PredictWish, predict
from kwx.models.registry.promotion import Choice, promote
from kwx.models.registry.told import tell_promotions
from kwx.models.training.asked import elasticnet_series
from kwx.models.training.run import train
from kwx.nightly.night import Night
from kwx.nightly.run import the_night
from kwx.nightly.source import source_of
from kwx.nightly.steps.models import window_of
from pipelines.asking.secrets import Secret, Secrets
from pipelines.build import build_demo, demo_world
from pipelines.demo.wire import Limits, Served, serve
from pipelines.demo.world import World as DemoWorld
from pipelines.http import Patience
from pipelines.ingest.access import Entry
from pipelines.ingest.questions import Wish
from pipelines.ingest.run import fetch_and_fold
from pipelines.vendors import loopback
from tests.kwx.conftest import a_law
from tests.kwx.live.lived_days import live_day
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_1M, FORECASTS, MC_PARAMS, OBS, OBS_1M, OBS_5M, TABLES, Partition, Table
from warehouse.lake.writer import write

KEYS = ("chicago", "nyc")
DAYS, LATER_DAYS, FETCHED_DAYS, MODEL_DAYS = 19, 7, 2, 5
"""The days of the first city, those of the second, those that are fetched, those that the model is fitted on."""
DATE = date(2026, 11, 3)
EVE, MORROW, FIRST = DATE - timedelta(days=1), DATE + timedelta(days=1), DATE - timedelta(days=DAYS - 2)
LATE = Partition("nyc", DATE - timedelta(days=2))
"""A day with prices that came after its grids were laid."""
LATER, FETCHED = MORROW - timedelta(days=LATER_DAYS - 1), EVE - timedelta(days=FETCHED_DAYS - 1)
LAW_ENDS = FIRST + timedelta(days=1)
SERVED_SINCE = FIRST + timedelta(days=MODEL_DAYS + 1)
FIT: dict[str, Any] = {"trials": 1, "cv_splits": 2, "every_minutes": 60, "train_days": MODEL_DAYS}
WEATHER = (OBS, OBS_1M, OBS_5M, FORECASTS)
KINDS = ("markets", "candles", "trades", "obs", "forecasts", "settlements")
SAID: dict[str, Any] = {
    "late_days": 2, "keep_snapshots": 3, "refit": {"hazard_days": 1, "fusion_days": 1, "models_days": 1},
    "drift": {"calibrator_days": 30},
}  # fmt: skip
FAST = Limits(kalshi_tokens_per_second=100_000, kalshi_burst_tokens=100_000)


def morning_after(day: date) -> datetime:
    """Return when the night of a date falls."""
    return datetime(day.year, day.month, day.day, 18, tzinfo=UTC) + timedelta(days=1)


def entry_to(url: str) -> Entry:
    """Return how a served world is reached."""
    patience = Patience(connect_s=5, read_s=60, answer_s=120, attempts=2, first_wait_s=0.001, longest_wait_s=0.002)
    keys = Secrets(visual_crossing_key=Secret("key-of-the-demo"))
    return Entry(
        vendors=loopback(url, tokens_per_second=100_000), secrets=keys, origin="loopback", patience=patience
    )  # fmt: skip


def whole_night(root: Path, url: str) -> Night:
    """Return the night of the date; every clock of it stands."""
    source = source_of(Lake(root), entry=entry_to(url), clock=lambda: morning_after(DATE))
    return the_night(
        root, source=source, event_date=DATE, cities=KEYS, models=models_of(root), config=config_of(root), said=SAID,
        workers=1, wall_clock=lambda: morning_after(DATE),
    )  # fmt: skip


def models_of(root: Path) -> Path:
    """Return where the models of a lake lie."""
    return root.with_name("models")


def config_of(root: Path) -> Path:
    """Return the settings of a lake's nights: those that are shipped, but for nets that are fitted in a moment."""
    return root.with_name("settings.yaml")


@dataclass(frozen=True, kw_only=True)
class World:
    """A served world at the hour of its night, and the lake as it lies there."""

    root: Path
    url: str


@contextmanager
def whole_world(folder: Path) -> Iterator[World]:
    """Serve a world and make its lake, up to the night of the date."""
    world = demo_world(days=DAYS, until=MORROW, cities=KEYS, seed=31, books=False)
    with serve(world, now=morning_after(EVE), led=True, limits=FAST) as served:
        root = folder / "lake"
        _lay_past(world, root)
        _fetch(root, served)
        _evaluate(root)
        _let_models_speak(root)
        live_day(root, day=EVE, cities=KEYS, since=1_450, until=1_500)
        _bring_late_prices(root)
        served.advance_to(morning_after(DATE))
        yield World(root=root, url=served.url)


def _then() -> datetime:
    return morning_after(EVE)


def _lay_past(world: DemoWorld, root: Path) -> None:
    """Put the days before those that are fetched into the lake."""
    build_demo(world, root.with_name("all"), workers=1)
    whole = Lake(root.with_name("all")).snapshot()
    with write(Lake(root), purpose="test") as writer:
        for name, table in TABLES.items():
            for place in whole.partitions(name):
                if _is_past(table, place):
                    writer.put(table, whole.read(table, place).select(table.schema.names()), place)
        writer.publish()


def _is_past(table: Table, place: Partition) -> bool:
    """Tell whether a partition lies before what is fetched, and not before its city trades."""
    if place.event_date is None:
        return True
    trades = place.city == KEYS[0] or place.event_date >= LATER
    return place.event_date < FETCHED and (trades or table in WEATHER)


def _fetch(root: Path, served: Served) -> None:
    wish = Wish.of(kinds=KINDS, cities=KEYS, since=FETCHED, until=EVE)
    fetch_and_fold(wish, root, entry=entry_to(served.url), workers=1, clock=_then)


def _evaluate(root: Path) -> None:
    """Evaluate and fuse the days up to the eve by laws that were written by hand."""
    fitted = {"fitted_utc": datetime(2026, 9, 30, tzinfo=UTC), "since": date(2026, 9, 1), "until": LAW_ENDS}
    with write(Lake(root), purpose="test") as writer:
        for city in KEYS:
            laws = [a_law(baseline, city=city, **fitted) for baseline in (Baseline.TEMPLATE, Baseline.TIMELINE)]
            writer.put(MC_PARAMS, pl.concat(law.row() for law in laws), Partition(city))
        writer.publish()
    backfill(HazardWish(cities=KEYS, until=EVE), root, workers=1, clock=_then)
    fuse_days(FuseWish(cities=KEYS, until=EVE), root, workers=1, clock=_then)


def _let_models_speak(root: Path) -> None:
    """Fit a small net for the first city on its first days, promote it, and let it speak of the others."""
    text = DEFAULT_FILE.read_text()
    for name, value in FIT.items():
        text = _set(text, name, value)
    config_of(root).write_text(text)
    window = replace(
        window_of(SERVED_SINCE - timedelta(days=1), train_days=MODEL_DAYS, serve_days=DAYS), test_until=MORROW
    )
    series = elasticnet_series(
        load_config(config_of(root)), cities=KEYS[:1], brackets=("between",), profile=None, said={}
    )
    train([replace(one, window=window) for one in series], root, models_of(root), workers=1, clock=_then)
    promote(Choice(), models_of(root), reason="test", clock=_then)
    tell_promotions(Lake(root), models_of(root), clock=_then)
    predict(PredictWish(cities=KEYS, since=SERVED_SINCE, until=EVE), root, models_of(root), workers=1, clock=_then)


def _set(text: str, name: str, value: object) -> str:
    """Set a value of the section of training, the first in which its name stands."""
    lines = text.splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if line.startswith(f"  {name}:"))
    lines[place] = f"  {name}: {value}\n"
    return "".join(lines)


def _bring_late_prices(root: Path) -> None:
    """Put the prices of a day as they are known now, less some; its grids are older."""
    prices = Lake(root).snapshot().read(CANDLES_1M, LATE).select(CANDLES_1M.schema.names()).sort("ts_utc")
    with write(Lake(root), purpose="test") as writer:
        writer.put(CANDLES_1M, prices.head(prices.height * 9 // 10), LATE)
        writer.publish()
