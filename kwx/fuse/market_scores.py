"""The ways of reading probabilities off quotes, scored side by side on settled days: which price, which overround."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import product

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.fuse.events import CityDay, Event
from kwx.fuse.market.minutes import MINUTE_US, Floats, Ints
from kwx.fuse.market.recipe import OVERROUNDS, PRICES, MarketRecipe
from kwx.fuse.settled import settled_pieces
from kwx.scoring.brackets import log_loss, rps
from kwx.scoring.implied import implied_mean_f, implied_median_f
from kwx.scoring.paired import compare
from kwx.scoring.resampling import LEAST_BLOCKS
from kwx.scoring.stored.labels import labels_of
from pipelines.publishing import OnProgress, in_pool
from pipelines.runner import executor_of, workers_wanted
from warehouse.errors import Refused
from warehouse.lake.layout import LakePaths
from warehouse.lake.store import Snapshot, opened
from warehouse.lake.tables import BOOKS, CANDLES_DENSE, Partition

_SCORES = ("log_loss", "rps", "implied_mean_f", "implied_median_f")


@dataclass(frozen=True, kw_only=True)
class CompareTask:
    """Settled days of one city, and the recipes to read them by."""

    paths: LakePaths
    snapshot: int
    city: str
    labels: Mapping[date, int]
    recipes: tuple[MarketRecipe, ...]
    every_minutes: int

    @property
    def label(self) -> str:
        """What progress says of it."""
        return f"{self.city} {min(self.labels)} … {max(self.labels)}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """What was found in one snapshot.

    rows: city, event_date, event_ticker, ts_utc, price, overround and the scores of each: only instants at which every
    recipe has a p_mkt. summary: one line for each recipe, the first the one that the others are held against.
    """

    snapshot: int
    rows: pl.DataFrame
    summary: pl.DataFrame
    notes: tuple[str, ...]

    @property
    def events(self) -> int:
        """How many events were scored."""
        return self.rows["event_ticker"].n_unique()

    @property
    def instants(self) -> int:
        """How many instants were scored, each by every recipe."""
        return self.rows.height // self.summary.height

    @property
    def dates(self) -> int:
        """On how many event dates."""
        return self.rows["event_date"].n_unique()


def compare_recipes(
    snapshot: Snapshot,
    *,
    cities: Sequence[str] = (),
    since: date | None = None,
    until: date | None = None,
    every_minutes: int = 60,
    workers: int | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Comparison:
    """Score every recipe at the same instants of settled days; microprices only where books were recorded."""
    prices, notes = (PRICES, ()) if snapshot.files(BOOKS.name) else (PRICES[:1], ("no order books: no microprice",))
    recipes = tuple(MarketRecipe(price=price, overround=overround) for price, overround in product(prices, OVERROUNDS))
    tasks = [
        CompareTask(
            paths=snapshot.paths, snapshot=snapshot.number, city=city, labels=some, recipes=recipes,
            every_minutes=every_minutes,
        )
        for city, some in settled_pieces(
            snapshot, labels_of(snapshot), (CANDLES_DENSE,), cities=cities, since=since, until=until
        )
    ]  # fmt: skip
    with executor_of(max(1, min(workers_wanted(workers), len(tasks)))) as pool:
        parts = in_pool(compare_task, tasks, pool, "comparing", on_progress)
    scored = [part for part in parts if part.height]
    if not scored:
        raise Refused(
            "no settled day has quotes to compare",
            hint="kwx ingest candles and settlements fetch them; kwx lake status shows what there is",
        )
    rows = pl.concat(scored)
    return Comparison(snapshot=snapshot.number, rows=rows, summary=_summary(rows, recipes), notes=notes)


def compare_task(task: CompareTask) -> pl.DataFrame:
    """Score the recipes on some days of a city."""
    snapshot = opened(task.paths, task.snapshot)
    parts = [_ROWS.clear()]
    for event_date, label_f in task.labels.items():
        base = CityDay.read(snapshot, Partition(task.city, event_date), task.recipes[-1], weather=False)
        days = [replace(base, recipe=recipe) for recipe in task.recipes]
        for events in zip(*(day.events([]) for day in days), strict=True):
            parts.append(_scored(events, task, event_date, label_f))
    return pl.concat(parts)


_ROWS = pl.DataFrame(
    schema={
        "city": pl.String, "event_date": pl.Date, "event_ticker": pl.String, "label_f": pl.Int32,
        "ts_utc": pl.Datetime("us", "UTC"), "price": pl.String, "overround": pl.String,
        **dict.fromkeys(_SCORES, pl.Float64),
    }
)  # fmt: skip


def _scored(events: Sequence[Event], task: CompareTask, event_date: date, label_f: int) -> pl.DataFrame:
    """Score one event under every recipe, at the instants at which all of them speak."""
    first = events[0]
    there = np.logical_and.reduce([event.has_market for event in events])
    some = np.flatnonzero(there & (first.minutes.ts_us % (task.every_minutes * MINUTE_US) == 0))
    if not len(some):
        return _ROWS.clear()
    told = {"city": task.city, "event_date": event_date, "event_ticker": first.minutes.event, "label_f": label_f}
    parts = [
        pl.DataFrame(
            told
            | {"ts_utc": first.minutes.ts_utc.gather(some), "price": recipe.price, "overround": recipe.overround}
            | _scores(event, some, label_f),
            schema=_ROWS.schema,
        )
        for event, recipe in zip(events, task.recipes, strict=True)
    ]
    return pl.concat(parts)


def _scores(event: Event, some: Ints, label_f: int) -> dict[str, Floats]:
    """Return the scores of an event's p_mkt at some of its minutes."""
    p, ladder = event.market.p[some], event.ladder
    winner = np.full(len(some), ladder.winner(label_f))
    bounds = [(bracket.low_f, bracket.high_f) for bracket in ladder.brackets]
    return {
        "log_loss": log_loss(p, winner=winner),
        "rps": rps(p, winner=winner),
        "implied_mean_f": implied_mean_f(p, bounds),
        "implied_median_f": implied_median_f(p, bounds),
    }


def _summary(rows: pl.DataFrame, recipes: Sequence[MarketRecipe]) -> pl.DataFrame:
    """Return one line for each recipe: its scores, and its log loss against that of the first one."""
    by_recipe = rows.partition_by("price", "overround", as_dict=True)
    first = by_recipe[recipes[0].price, recipes[0].overround]
    return pl.DataFrame([_line(by_recipe[one.price, one.overround], first, one) for one in recipes])


def _line(ours: pl.DataFrame, first: pl.DataFrame, recipe: MarketRecipe) -> dict[str, object]:
    loss, label_f = ours["log_loss"].to_numpy(), ours["label_f"].to_numpy()
    dates = ours["event_date"].to_numpy()
    squares = (ours["implied_mean_f"].to_numpy() - label_f) ** 2
    return {
        "price": recipe.price,
        "overround": recipe.overround,
        "rows": ours.height,
        "dates": ours["event_date"].n_unique(),
        **_mean(loss, dates, "log_loss"),
        **_mean(loss - first["log_loss"].to_numpy(), dates, "difference"),
        **_mean(ours["rps"].to_numpy(), dates, "rps"),
        **{name: None if value is None else value**0.5 for name, value in _mean(squares, dates, "mean_rmse_f").items()},
        **_mean(np.abs(ours["implied_median_f"].to_numpy() - label_f), dates, "median_mae_f"),
    }


def _mean(values: Floats, dates: NDArray[np.datetime64], name: str) -> dict[str, float | None]:
    """Return a mean, each date counting once, with an interval where there are dates enough."""
    if len(np.unique(dates)) < LEAST_BLOCKS:
        return {name: float(values.mean()), f"{name}_low": None, f"{name}_high": None}
    found = compare(values, reference=np.zeros(len(values)), dates=dates)
    return {name: found.difference, f"{name}_low": found.low, f"{name}_high": found.high}
