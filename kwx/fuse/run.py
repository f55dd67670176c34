"""Fusing days: which are to be fused, each as a pure function of its city-day, all of them published at once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from kwx.fuse.events import CityDay
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.rows import minute_rows, weather_alone
from kwx.fuse.weights import WeightSet, set_before, sets_of
from pipelines.publishing import Built, OnProgress, in_pool, publish_built
from pipelines.runner import executor_of, workers_wanted
from warehouse.clock import Clock, utc_now
from warehouse.errors import Refused
from warehouse.lake.layout import LakePaths
from warehouse.lake.staging import Staged, Staging
from warehouse.lake.store import Lake, Snapshot, opened
from warehouse.lake.tables import BOOKS, CANDLES_DENSE, MARKETS, PMF_DEGREES, PMF_MINUTE, Partition
from warehouse.lake.tables.research import SETTLEMENT_HORIZON
from warehouse.lake.writer import Writer, write
from warehouse.market.climate_day import event_dates

VERSION = "fusion_v1"
"""Part of the hash of every fused day: a change of the rules makes every day anew."""

FUSED, HELD = "fused", "held"
MARKET_ONLY, NO_WEATHER = "market only", "no weather"
NO_EVENT = "no event"
LEFT_OUT = "the event is left out"
_DAYS_PER_TASK = 10
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class FuseWish:
    """Which days of which cities, and under which weights.

    weights: one set for every day, instead of the accepted ones of the lake. market: how p_mkt is made where no set
    says so. again: also the days that are held made of what there is.
    """

    cities: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    horizon: str = SETTLEMENT_HORIZON
    weights: WeightSet | None = None
    market: MarketRecipe = field(default_factory=MarketRecipe)
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class FuseDay:
    """One day to be fused, under which weights, and the hash of all that it is made of.

    was_fused: it holds a p_fused already, which goes where there are no weights now.
    """

    event_date: date
    weights: WeightSet | None
    sha256: str
    was_fused: bool = False


@dataclass(frozen=True, kw_only=True)
class FuseTask:
    """Days of one city."""

    paths: LakePaths
    snapshot: int
    staging: Staging
    city: str
    days: tuple[FuseDay, ...]
    market: MarketRecipe

    @property
    def label(self) -> str:
        """What progress says of it."""
        return f"{self.city} {self.days[0].event_date} … {self.days[-1].event_date}"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What became of one day: fused, market only (no accepted weights), no weather, no event, held as it is."""

    city: str
    event_date: date
    state: str
    weights: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FuseRun:
    """What a run did, day by day; `built` is None where there was nothing to do."""

    built: Built | None
    days: list[Told]
    seconds: float


def fuse_days(
    wish: FuseWish,
    lake_root: Path | str | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
    clock: Clock = utc_now,
    wait_seconds: float = _WAIT_SECONDS,
) -> FuseRun:
    """Fuse every day wished for that the lake does not hold made of what it holds now; publish all of them at once."""
    started = time.perf_counter()
    lake = Lake(lake_root)
    with write(lake, purpose="fuse run", clock=clock, wait_seconds=wait_seconds) as writer:
        snapshot = lake.snapshot()
        wanted, told = planned_days(snapshot, wish)
        tasks = list(_tasks(writer, snapshot, wanted, wish, workers=workers_wanted(workers)))
        if not tasks:
            return FuseRun(built=None, days=told, seconds=time.perf_counter() - started)
        with executor_of(max(1, min(workers_wanted(workers), len(tasks))), scheduler=scheduler) as pool:
            results = in_pool(fuse_task, tasks, pool, "fusing", on_progress, weigh=lambda task: len(task.days))
        told += [day for days, _ in results for day in days]
        built = _published(writer, [one for _, staged in results for one in staged], snapshot, wish, started=started)
    told.sort(key=lambda day: (day.city, day.event_date))
    return FuseRun(built=built, days=told, seconds=time.perf_counter() - started)


def _published(
    writer: Writer, staged: Sequence[Staged], snapshot: Snapshot, wish: FuseWish, *, started: float
) -> Built | None:
    if not staged:
        return None
    config = {"fusion": VERSION, "horizon": wish.horizon, "market": str(wish.market)}
    return publish_built(writer, staged, before=snapshot.number, started=started, config=config)


def fuse_task(task: FuseTask) -> tuple[list[Told], list[Staged]]:
    """Fuse some days of a city and stage their minutes."""
    snapshot = opened(task.paths, task.snapshot)
    told, staged = [], []
    for day in task.days:
        partition = Partition(task.city, day.event_date)
        rows, notes = fused_day(snapshot, partition, day, task.market)
        if rows.height or snapshot.read(PMF_MINUTE, partition, columns=("ts_utc",)).height:
            staged.append(task.staging.stage(PMF_MINUTE, rows, partition))
        told.append(_told(task.city, day, rows, notes))
    return told, staged


def _told(city: str, day: FuseDay, rows: pl.DataFrame, notes: Sequence[str]) -> Told:
    lost = ["its p_fused, made under other weights, is gone"] if day.was_fused and day.weights is None else []
    weights = "" if day.weights is None else day.weights.name
    return Told(
        city=city, event_date=day.event_date, state=_state(day, rows), weights=weights, notes=(*notes, *lost)
    )  # fmt: skip


def _state(day: FuseDay, rows: pl.DataFrame) -> str:
    if not (rows["mkt_quality"] != LEFT_OUT).any():
        return NO_EVENT
    if day.weights is None:
        return MARKET_ONLY
    return FUSED if rows["wx_utc"].count() else NO_WEATHER


def fused_day(
    snapshot: Snapshot, partition: Partition, day: FuseDay, market: MarketRecipe
) -> tuple[pl.DataFrame, list[str]]:
    """Return all rows that pmf_minute shall hold of a city-day, and why events were left out.

    Evaluations of events that cannot be fused stay, without what was fused of them before.
    """
    recipe = market if day.weights is None else day.weights.market
    city_day = CityDay.read(snapshot, partition, recipe)
    notes = ["no order books: mids, not microprices"] if city_day.lacks_books else []
    events = list(city_day.events(notes))
    frames = [minute_rows(event, day.weights, sha256=day.sha256) for event in events]
    done = [name for event in events for name in event.ladder.names]
    left_out = city_day.evaluated.filter(~pl.col("market_ticker").is_in(done))
    return pl.concat([*frames, weather_alone(left_out, why=LEFT_OUT, sha256=day.sha256)]), notes


def _tasks(
    writer: Writer, snapshot: Snapshot, wanted: Mapping[str, Sequence[FuseDay]], wish: FuseWish, *, workers: int
) -> Iterator[FuseTask]:
    """Cut each city's days into tasks: enough of them that no process waits long for the last one."""
    every = sum(map(len, wanted.values()))
    each = max(1, min(_DAYS_PER_TASK, -(-every // workers)))
    for city, days in wanted.items():
        for place in range(0, len(days), each):
            yield FuseTask(
                paths=snapshot.paths, snapshot=snapshot.number, staging=writer.staging, city=city,
                days=tuple(days[place : place + each]), market=wish.market,
            )  # fmt: skip


def planned_days(snapshot: Snapshot, wish: FuseWish) -> tuple[dict[str, list[FuseDay]], list[Told]]:
    """Return the days to be fused, by city, and what became of the others."""
    if wish.since and wish.until:
        next(event_dates(wish.since, wish.until))  # refuses a range that runs backwards
    traded = [day for day in snapshot.partitions(CANDLES_DENSE.name) if _is_wished(day, wish)]
    if not traded:
        raise Refused(
            f"no event of {', '.join(wish.cities) or 'any city'} trades in this lake{_range_said(wish)}",
            hint="kwx lake status shows what there is; kwx ingest all fetches quotes, kwx lake dense lays them out",
        )
    files, held = _Files.of(snapshot, wish), _held(snapshot, wish)
    wanted: dict[str, list[FuseDay]] = {}
    told: list[Told] = []
    for city in dict.fromkeys(day.city for day in traded):
        sets = [wish.weights] if wish.weights else sets_of(snapshot, city, horizon=wish.horizon)
        for event_date in (day.event_date for day in traded if day.city == city and day.event_date):
            weights = wish.weights or set_before(sets, event_date)
            sha256 = files.sha256(Partition(city, event_date), weights, wish.market)
            made_of, was_fused = held.get((city, event_date), (set(), False))
            day = FuseDay(event_date=event_date, weights=weights, sha256=sha256, was_fused=was_fused)
            if made_of == {sha256} and not wish.again:
                told.append(Told(city=city, event_date=event_date, state=HELD))
            else:
                wanted.setdefault(city, []).append(day)
    return wanted, told


def _is_wished(day: Partition, wish: FuseWish) -> bool:
    event_date = day.event_date
    return (
        event_date is not None
        and (not wish.cities or day.city in wish.cities)
        and (wish.since is None or event_date >= wish.since)
        and (wish.until is None or event_date <= wish.until)
    )


def _range_said(wish: FuseWish) -> str:
    return f" from {wish.since or '…'} to {wish.until or '…'}" if wish.since or wish.until else ""


def _held(snapshot: Snapshot, wish: FuseWish) -> dict[tuple[str, date], tuple[set[str], bool]]:
    """Return of which inputs the rows of each day were made ("" of none), and whether any of them has a p_fused."""
    rows = snapshot.scan(PMF_MINUTE, cities=wish.cities, since=wish.since, until=wish.until)
    days = rows.group_by("city", "event_date").agg(
        pl.col("fusion_sha256").fill_null("").unique(), pl.col("p_fused").is_not_null().any().alias("was_fused")
    )
    return {(city, day): (set(made_of), was) for city, day, made_of, was in days.collect().iter_rows()}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Files:
    """The hashes of what days are fused from: files of the exchange, and what the weather was made of."""

    files: Mapping[str, Mapping[Partition, str]]
    weather: Mapping[tuple[str, date], str]

    @classmethod
    def of(cls, snapshot: Snapshot, wish: FuseWish) -> _Files:
        read = (CANDLES_DENSE.name, MARKETS.name, BOOKS.name)
        return cls(
            files={name: {entry.partition: entry.sha256 for entry in snapshot.files(name)} for name in read},
            weather=_weather_hashes(snapshot, wish),
        )

    def sha256(self, day: Partition, weights: WeightSet | None, market: MarketRecipe) -> str:
        """Return the hash of all that a day would be made of now."""
        recipe = market if weights is None else weights.market
        read = [CANDLES_DENSE.name, MARKETS.name, *([BOOKS.name] if recipe.price == "micro" else [])]
        said = [VERSION, str(recipe), "" if weights is None else weights.sha256]
        said += [self.files[name].get(day, "") for name in read]
        said.append(self.weather.get((day.city, day.event_date or date.min), ""))
        return hashlib.sha256(" ".join([str(day), *said]).encode()).hexdigest()


def _weather_hashes(snapshot: Snapshot, wish: FuseWish) -> dict[tuple[str, date], str]:
    """Return what each day's evaluations in pmf_minute were made of, as pmf_degrees tells it of the same version."""
    span = {"cities": wish.cities, "since": wish.since, "until": wish.until}
    shown = snapshot.scan(PMF_MINUTE, **span).filter(pl.col("wx_utc") == pl.col("ts_utc"))  # type: ignore[arg-type]
    degrees = snapshot.scan(PMF_DEGREES, **span)  # type: ignore[arg-type]
    keys = ["city", "event_date", "mc_version"]
    made = degrees.select(*keys, "inputs_sha256").unique()
    rows = shown.select(keys).unique().join(made, on=keys, how="left").collect().sort(*keys, "inputs_sha256")
    hashes: dict[tuple[str, date], str] = {}
    for city, day, version, sha256 in rows.iter_rows():
        hashes[city, day] = f"{hashes.get((city, day), '')} {version} {sha256}"
    return hashes
