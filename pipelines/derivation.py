"""Derived tables of a lake, made again from its own candles and observations: candles_dense, obs_1m, obs_5m."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import polars as pl

from pipelines.publishing import Built, OnProgress, in_chunks, publish_built, stage_all
from pipelines.transform.derived import RawDay, derive, grids_of
from warehouse.errors import Usage
from warehouse.lake.layout import LakePaths
from warehouse.lake.staging import Staged, Staging
from warehouse.lake.store import Lake, Snapshot, with_path
from warehouse.lake.tables import CANDLES_1M, CANDLES_DENSE, MARKETS, OBS, OBS_1M, OBS_5M, Partition, Table
from warehouse.lake.writer import write
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay, event_dates

logger = logging.getLogger(__name__)

GRIDS = (OBS_1M.name, OBS_5M.name)
"""What every day with observations or markets has."""


class Reader(Protocol):
    """Whatever partitions can be read from: a snapshot, or one with a run's changes over it."""

    def read(self, contract: Table, partition: Partition) -> pl.DataFrame:
        """Return one partition; no rows when there is none."""


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """A snapshot with the partitions over it that a run has staged: the lake as it will be when the run is published.

    It travels to other processes. `number` is None over an empty lake.
    """

    paths: LakePaths
    number: int | None
    staged: Mapping[tuple[str, Partition], Path] = field(default_factory=dict)

    def read(self, contract: Table, partition: Partition) -> pl.DataFrame:
        """Return one partition as it will be."""
        draft = self.staged.get((contract.name, partition))
        if draft is not None:
            return with_path(pl.read_parquet(draft, hive_partitioning=False), contract, partition)
        if self.number is None:
            return with_path(contract.empty(), contract, partition)
        return _snapshot(self.paths, self.number).read(contract, partition)

    def only(self, cities: Iterable[str]) -> Overlay:
        """Return the same for some cities, which is all that a task of theirs needs to carry."""
        wanted = set(cities)
        staged = {key: path for key, path in self.staged.items() if key[1].city in wanted}
        return Overlay(paths=self.paths, number=self.number, staged=staged)


@lru_cache(maxsize=4)
def _snapshot(paths: LakePaths, number: int) -> Snapshot:
    """Return a snapshot whose lists of files are read once in a process."""
    return Snapshot(paths, number)


@dataclass(frozen=True, kw_only=True)
class DeriveTask:
    """One city and a few event dates of a lake as it is, or as it will be."""

    reader: Overlay
    city: str
    dates: tuple[date, ...]
    staging: Staging


def rebuild_derived(
    lake_root: Path | str | None = None,
    *,
    cities: Sequence[str] = (),
    since: date | None = None,
    until: date | None = None,
    only: Collection[Partition] = (),
    workers: int | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Built:
    """Make candles_dense, obs_1m and obs_5m again from a snapshot's own candles and observations.

    only: of the days of the range these, all of them where none is said.
    """
    started = time.perf_counter()
    if since and until:
        next(event_dates(since, until))
    lake = Lake(lake_root)
    with write(lake, purpose="dense") as writer:
        base = lake.snapshot()
        days = [day for day in _days_of(base, cities, since, until) if not only or day in only]
        reader = Overlay(paths=lake.paths, number=base.number)
        tasks = list(derive_tasks(days, reader=reader, staging=writer.staging))
        if not tasks:
            raise Usage(
                "no observations or markets of these cities and dates are in the lake",
                hint="kwx lake status shows which days there are",
            )
        staged = stage_all(derive_city_days, tasks, workers=workers, on_progress=on_progress)
        return publish_built(writer, staged, before=base.number, started=started)


def derive_tasks(days: Iterable[Partition], *, reader: Overlay, staging: Staging) -> Iterator[DeriveTask]:
    """Cut the days to derive into tasks of one city."""
    wanted = sorted(set(days))
    for city in sorted({day.city for day in wanted}):
        dates = [day.event_date for day in wanted if day.city == city and day.event_date is not None]
        for chunk in in_chunks(dates):
            yield DeriveTask(reader=reader.only([city]), city=city, dates=chunk, staging=staging)


def derive_city_days(task: DeriveTask) -> list[Staged]:
    """Read one city's raw days, derive what follows, and stage it."""
    return [
        staged for day in task.dates for staged in _derive_day(task.reader, Partition(task.city, day), task.staging)
    ]


def stale_days(lake: Lake, *, since: date, until: date, cities: Collection[str]) -> list[Partition]:
    """Return the days whose grids are missing, or older than what they are made of, as the ledger has it."""
    snapshot, ledger = lake.snapshot(), lake.ledger
    raw = {name: ledger.last_written(name) for name in (OBS.name, MARKETS.name, CANDLES_1M.name)}
    made = {name: ledger.last_written(name) for name in (OBS_1M.name, OBS_5M.name, CANDLES_DENSE.name)}
    has_candles = set(snapshot.partitions(CANDLES_1M.name)) & set(snapshot.partitions(MARKETS.name))
    return sorted(
        day
        for day in _days_of(snapshot, tuple(cities), since, until)
        if _is_stale(day, raw, made, grids=(*GRIDS, *([CANDLES_DENSE.name] if day in has_candles else [])))
    )


def _is_stale(
    day: Partition, raw: Mapping[str, Mapping[str, int]], made: Mapping[str, Mapping[str, int]], *, grids: Sequence[str]
) -> bool:
    assert day.event_date is not None, "grids are cut by day"
    eve = Partition(day.city, day.event_date - timedelta(days=1))
    newest = max([written.get(str(day), 0) for written in raw.values()] + [raw[OBS.name].get(str(eve), 0)])
    return any(made[name].get(str(day), -1) < newest for name in grids)


def climate_day(partition: Partition) -> ClimateDay:
    """Return the climate day of a partition."""
    assert partition.event_date is not None, "raw tables are cut by day"
    return ClimateDay(CITIES[partition.city], partition.event_date)


def _days_of(base: Snapshot, cities: Sequence[str], since: date | None, until: date | None) -> list[Partition]:
    found = {*base.partitions(OBS.name), *base.partitions(MARKETS.name)}
    return [
        day
        for day in found
        if day.event_date is not None
        and (not cities or day.city in cities)
        and (since is None or day.event_date >= since)
        and (until is None or day.event_date <= until)
    ]


def derived_frames(reader: Reader, partition: Partition) -> dict[str, pl.DataFrame]:
    """Return obs_1m, obs_5m and, where candles are at hand, candles_dense of a city-day, made of its raw tables."""
    day = climate_day(partition)
    eve, before_eve = (Partition(partition.city, day.event_date - timedelta(days=back)) for back in (1, 2))
    obs, obs_eve = reader.read(OBS, partition), reader.read(OBS, eve)
    markets = reader.read(MARKETS, partition)
    candles = _of_listed(reader.read(CANDLES_1M, partition), markets, partition)
    if candles.is_empty():  # not fetched yet: minutes without quotes would say that nobody quoted
        return grids_of(day, obs=obs, obs_eve=obs_eve)
    grid_eve = grids_of(climate_day(eve), obs=obs_eve, obs_eve=reader.read(OBS, before_eve))["obs_1m"]
    return derive(RawDay(day=day, markets=markets, candles=candles, obs=obs, obs_eve=obs_eve, grid_eve=grid_eve))


def _derive_day(reader: Reader, partition: Partition, staging: Staging) -> Iterator[Staged]:
    frames = derived_frames(reader, partition)
    for contract in (OBS_1M, OBS_5M, CANDLES_DENSE):
        if contract.name in frames:
            yield staging.stage(contract, frames[contract.name], partition)


def _of_listed(candles: pl.DataFrame, markets: pl.DataFrame, partition: Partition) -> pl.DataFrame:
    """Keep the candles of listed markets; of another one nobody knows what it pays for."""
    if markets.is_empty():
        return candles.clear()
    is_listed = candles["market_ticker"].is_in(markets["market_ticker"].implode())
    if not is_listed.all():
        strangers = candles.filter(~is_listed)["market_ticker"].unique().sort()
        logger.warning("%s: nothing is derived from markets that are not listed: %s", partition, ", ".join(strangers))
    return candles.filter(is_listed)
