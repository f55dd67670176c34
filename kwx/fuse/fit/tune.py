"""Tuning: fit every kind on earlier dates, judge it on later ones, accept the best, store all of it in one publish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.fuse.fit.judged import Judged, judge
from kwx.fuse.fit.kinds import METHODS, CityFit, Kind, fit_cities
from kwx.fuse.fit.sample import AHEAD_MINUTES, Sample, joined, sample_of_days, usable_labels
from kwx.fuse.fit.split import Split, require_dates, split_dates
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.pools import POOLS
from kwx.fuse.settled import settled_pieces
from kwx.fuse.weights import WeightSet
from kwx.scoring.stored.labels import labels_of
from pipelines.publishing import Built, OnProgress, in_pool, publish_built
from pipelines.runner import executor_of, workers_wanted
from warehouse.clock import Clock, utc_now
from warehouse.errors import Refused, Usage
from warehouse.lake.layout import LakePaths
from warehouse.lake.store import Lake, Snapshot, opened
from warehouse.lake.tables import CANDLES_DENSE, FUSION_PARAMS, PMF_MINUTE, Partition
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.lake.tables.research import SETTLEMENT_HORIZON
from warehouse.lake.writer import Writer, write
from warehouse.market.climate_day import opens_utc, walk_spans

_WAIT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class TuneWish:
    """What is tuned, on which dates.

    Without `every_days` it is one tuning on all dates; with it there is one every so many days, each on the
    `window_days` that end there (None: all since the first). held_out is the share of the dates, the last ones, on
    which the fits are judged.
    """

    cities: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    horizon: str = SETTLEMENT_HORIZON
    market: MarketRecipe = field(default_factory=MarketRecipe)
    pools: tuple[str, ...] = POOLS
    methods: tuple[str, ...] = METHODS
    held_out: float = 1 / 3
    every_days: int | None = None
    window_days: int | None = None

    def __post_init__(self) -> None:
        if self.horizon not in AHEAD_MINUTES:
            raise Usage(f"there is no horizon {self.horizon!r}", hint=f"horizons: {' '.join(AHEAD_MINUTES)}")
        if not 0 < self.held_out < 1:
            raise Usage(f"--held-out {self.held_out:g} is no share of the dates", hint="say a number between 0 and 1")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Every pool found by every method."""
        return tuple(Kind(pool=pool, method=method) for pool, method in product(self.pools, self.methods))


@dataclass(frozen=True, kw_only=True)
class SampleTask:
    """Labelled days of one city, to be read as a sample."""

    paths: LakePaths
    snapshot: int
    city: str
    labels: Mapping[date, int]
    market: MarketRecipe
    horizon: str

    @property
    def label(self) -> str:
        """What progress says of it."""
        return f"{self.city} {min(self.labels)} … {max(self.labels)}"


@dataclass(frozen=True, kw_only=True, eq=False)
class FitTask:
    """One kind, fitted on the earlier dates of a span and judged on its later ones."""

    kind: Kind
    sample: Sample
    split: Split

    @property
    def label(self) -> str:
        """What progress says of it."""
        return f"{self.kind} to {self.split.until}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranked:
    """A kind that was judged, with its fits on the earlier dates."""

    task: FitTask
    judged: Judged
    fits: Mapping[str, CityFit]

    @property
    def label(self) -> str:
        """What progress says of it."""
        return self.task.label


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """One span: the leaderboard, the best kind first, and the sets that are stored of it."""

    split: Split
    board: tuple[Judged, ...]
    sets: tuple[WeightSet, ...]

    @property
    def best(self) -> Judged:
        """The kind with the least loss on the held-out dates."""
        return self.board[0]


@dataclass(frozen=True, kw_only=True)
class TuneRun:
    """What was tuned: a leaderboard for each span, how many sets were not there yet, and notes."""

    built: Built
    tuned: list[Tuned]
    added: int
    notes: list[str]


def tune(
    wish: TuneWish,
    lake_root: Path | str | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
    clock: Clock = utc_now,
    wait_seconds: float = _WAIT_SECONDS,
) -> TuneRun:
    """Fit and judge every kind on every span, and add what came of it to fusion_params."""
    started = perf_counter()
    lake, notes = Lake(lake_root), list[str]()
    with executor_of(workers_wanted(workers), scheduler=scheduler) as pool:
        tuned = tunings(lake.snapshot(), wish, pool, fitted_utc=clock(), notes=notes, on_progress=on_progress)
    with write(lake, purpose="fuse tune", clock=clock, wait_seconds=wait_seconds) as writer:
        built, added = publish_sets(writer, [one for span in tuned for one in span.sets], started=started)
    return TuneRun(built=built, tuned=tuned, added=added, notes=notes)


def tunings(
    snapshot: Snapshot,
    wish: TuneWish,
    pool: Executor,
    *,
    fitted_utc: datetime,
    notes: list[str],
    on_progress: OnProgress = lambda done, total, what: None,
) -> list[Tuned]:
    """Return what every span of a snapshot comes to, without storing it; spans with too few dates are noted."""
    labels = labels_of(snapshot, since=wish.since, until=wish.until)
    tasks = _sample_tasks(snapshot, wish, labels)
    parts = [one for one in in_pool(sample_task, tasks, pool, "reading", on_progress) if one is not None]
    if not parts:
        raise _nothing_to_tune(wish)
    sample = joined(parts)
    spans = [_usable(sample, span, labels, fitted_utc) for span in _spans(sample, wish)]
    fits = [
        FitTask(kind=kind, sample=ours, split=split)
        for ours, split in _splits(spans, wish, notes)
        for kind in wish.kinds
    ]
    boards = _boards(in_pool(fit_task, fits, pool, "fitting", on_progress))
    whole = in_pool(refit_task, [board[0] for board in boards], pool, "fitting the best on all dates", on_progress)
    return _chosen(boards, whole, wish, snapshot=snapshot.number, fitted_utc=fitted_utc)


def _nothing_to_tune(wish: TuneWish) -> Refused:
    return Refused(
        f"market and weather never stand side by side on a settled day of {', '.join(wish.cities) or 'any city'}",
        hint="kwx hazard backfill makes p_wx; kwx ingest settlements fetches what settled",
    )


def _sample_tasks(snapshot: Snapshot, wish: TuneWish, labels: pl.DataFrame) -> list[SampleTask]:
    """Return the labelled days that have quotes and weather, in tasks of a few days of one city."""
    span = {"cities": wish.cities, "since": wish.since, "until": wish.until}
    tasks = [
        SampleTask(
            paths=snapshot.paths, snapshot=snapshot.number, city=city, labels=some, market=wish.market,
            horizon=wish.horizon,
        )
        for city, some in settled_pieces(snapshot, labels, (CANDLES_DENSE, PMF_MINUTE), **span)  # type: ignore[arg-type]
    ]  # fmt: skip
    if not tasks:
        raise _nothing_to_tune(wish)
    return tasks


def sample_task(task: SampleTask) -> Sample | None:
    """Read some days as a sample."""
    snapshot = opened(task.paths, task.snapshot)
    return sample_of_days(snapshot, task.city, task.labels, task.market, horizon=task.horizon)


def fit_task(task: FitTask) -> Ranked:
    """Fit a kind on the earlier dates, and judge it on the held-out ones."""
    earlier, later = task.split.parts(task.sample)
    fits = fit_cities(task.kind, earlier)
    return Ranked(task=task, judged=judge(task.kind, fits, later), fits=fits)


def refit_task(ranked: Ranked) -> dict[str, CityFit]:
    """Fit a kind again, on all dates of its span."""
    return fit_cities(ranked.task.kind, ranked.task.split.whole(ranked.task.sample))


def _spans(sample: Sample, wish: TuneWish) -> Iterator[tuple[date, date]]:
    """Return the first and last date of each tuning."""
    first, last = (one.astype(date) for one in sample.days[[0, -1]])
    since, until = wish.since or first, min(wish.until or last, last)
    return walk_spans(since, until, every_days=wish.every_days, window_days=wish.window_days)


def _usable(
    sample: Sample, span: tuple[date, date], labels: pl.DataFrame, fitted_utc: datetime
) -> tuple[Sample, tuple[date, date]]:
    """Return the minutes of a span whose label was known when the set could first be used.

    Where the last day's label came too late the set ends earlier, may be used earlier, and so must know less again.
    """
    since, until = span
    while True:
        known = sample.where(_known(sample, since, until, labels, fitted_utc))
        last = known.days[-1].astype(date) if len(known) else until
        if last == until:
            return known, (since, until)
        until = last


def _known(sample: Sample, since: date, until: date, labels: pl.DataFrame, fitted_utc: datetime) -> NDArray[np.bool_]:
    """Tell which minutes of a span are of days whose label was known before a set that ends there is used.

    The first event that it may serve is that of the second day after its end, which opens on the day before.
    """
    by_utc = min(fitted_utc, opens_utc(until + timedelta(days=2)))
    known = np.zeros(len(sample), dtype=np.bool_)
    for number, city in enumerate(sample.cities):
        usable = np.array(list(usable_labels(labels, city=city, until=until, by_utc=by_utc)), dtype="datetime64[D]")
        known |= (sample.city == number) & np.isin(sample.day, usable) & (sample.day >= np.datetime64(since))
    return known


def _splits(
    spans: Sequence[tuple[Sample, tuple[date, date]]], wish: TuneWish, notes: list[str]
) -> Iterator[tuple[Sample, Split]]:
    """Yield the spans that have dates enough; the others are told, and refused where none has."""
    refusals, seen = [], set[Split]()
    for sample, span in spans:
        try:
            require_dates(sample, wish.pools, held_out=wish.held_out, span=span)
        except Refused as refusal:
            refusals.append(refusal)
            notes.append(str(refusal))
            continue
        split = split_dates(sample, held_out=wish.held_out, span=span)
        if split not in seen:  # days without quotes or weather make two spans of a walk one
            seen.add(split)
            yield sample, split
    if len(refusals) == len(spans):
        raise refusals[-1] if refusals else _nothing_to_tune(wish)


def _boards(judged: Sequence[Ranked]) -> list[list[Ranked]]:
    """Return the kinds of each span, the one with the least loss on the held-out dates first."""
    spans = dict.fromkeys(one.task.split for one in judged)
    return [
        sorted((one for one in judged if one.task.split == split), key=lambda one: one.judged.overall.loss.value)
        for split in spans
    ]


def _chosen(
    boards: Sequence[list[Ranked]],
    whole: Sequence[Mapping[str, CityFit]],
    wish: TuneWish,
    *,
    snapshot: int,
    fitted_utc: datetime,
) -> list[Tuned]:
    """Return what is stored of each span: the best kind as fitted on all dates, of the others that of all cities."""
    tuned: list[Tuned] = []
    stamp = fitted_utc
    for board, best_fits in zip(boards, whole, strict=True):
        sets: list[WeightSet] = []
        for one in board:
            best = one is board[0]
            fits = best_fits if best else {ALL_CITIES: one.fits[ALL_CITIES]}
            sets += [
                _as_set(city, fit, one, wish, best=best, snapshot=snapshot, fitted_utc=stamp)
                for city, fit in fits.items()
            ]
            stamp += timedelta(microseconds=1)  # the grain tells fits apart by when they were made
        split, judged = board[0].task.split, tuple(one.judged for one in board)
        tuned.append(Tuned(split=split, board=judged, sets=tuple(sets)))
    return tuned


def _as_set(
    city: str, fit: CityFit, ranked: Ranked, wish: TuneWish, *, best: bool, snapshot: int, fitted_utc: datetime
) -> WeightSet:
    """Return what is stored of a fit: accepted if the best, no worse than the market and not beaten where it serves."""
    judged, split = ranked.judged, ranked.task.split
    here = judged.of(city)
    accepted = best and judged.overall.is_no_worse and here.is_not_beaten
    told = {"own_share": fit.own_share, "fitted_on": split.fitted_on(whole=best)}
    return WeightSet(
        city=city, horizon=wish.horizon, fitted_utc=fitted_utc, pool=judged.kind.pool, method=judged.kind.method,
        alphas=fit.candidate.alphas, beta_a=fit.candidate.beta_a, beta_b=fit.candidate.beta_b, market=wish.market,
        accepted=accepted, since=split.since, until=split.until, days=fit.days, snapshot=snapshot,
        metrics=here.metrics() | told,
    )  # fmt: skip


def publish_sets(writer: Writer, sets: Sequence[WeightSet], *, started: float) -> tuple[Built, int]:
    """Add the sets that are not there yet, and publish; return how many were added too."""
    base = writer.lake.snapshot()
    staged, added = [], 0
    for city in dict.fromkeys(one.city for one in sets):
        held = base.read(FUSION_PARAMS, Partition(city)).select(FUSION_PARAMS.schema.names())
        rows = held
        for one in (one for one in sets if one.city == city):
            if not _is_there(one, held):
                rows = pl.concat([rows, one.row()])
        added += rows.height - held.height
        staged.append(writer.staging.stage(FUSION_PARAMS, rows, Partition(city)))
    return publish_built(writer, staged, before=base.number, started=started), added


def _is_there(one: WeightSet, held: pl.DataFrame) -> bool:
    """Tell whether the newest set of the same end, horizon, pool, method and recipe says the same."""
    row = one.row()
    told = ["fitted_utc", "snapshot"]
    keys = ["horizon", "pool", "method", "price", "overround", "until_date"]
    same = held.join(row.select(keys), on=keys, how="semi")
    newest = same.filter(pl.col("fitted_utc") == pl.col("fitted_utc").max())
    return row.drop(told).equals(newest.drop(told))
