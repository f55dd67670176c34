"""Building a lake: the demo world from nothing, or the derived tables of a lake again.

One task is one city and a few days.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.demo import CityDay, World, simulate
from pipelines.runner import map_tasks, process_pool, workers_wanted
from pipelines.transform.derived import RawDay, derive, grids_of
from warehouse.errors import LakeError, Usage
from warehouse.lake.checks import CheckResult, require_all, run_checks
from warehouse.lake.manifest import Change
from warehouse.lake.staging import Staged, Staging
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import CANDLES_1M, CANDLES_DENSE, MARKETS, OBS, OBS_1M, OBS_5M, TABLES, Partition
from warehouse.lake.writer import Writer, write
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay, event_dates

DAYS_PER_TASK = 7
DEMO_SOURCE = "demo"

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a build made: the snapshot, the rows it wrote by table, the checks it passed, and how long it took."""

    snapshot: Snapshot
    written: dict[str, int]
    checks: list[CheckResult]
    seconds: float
    before: int | None

    @property
    def changed(self) -> bool:
        """Tell whether there is a new snapshot, or the lake held all of it already."""
        return self.snapshot.number != self.before


@dataclass(frozen=True, kw_only=True)
class DemoTask:
    """One city and a few event dates of a demo world."""

    world: World
    city: str
    dates: tuple[date, ...]
    staging: Staging

    @property
    def eve(self) -> date:
        """The day before the first one: its reports are what is known when the first market opens."""
        return self.dates[0] - timedelta(days=1)

    @property
    def until(self) -> date:
        """The last day."""
        return self.dates[-1]

    @property
    def partitions(self) -> set[Partition]:
        """What this task stages: its days, and before the world's first event the eve, which no other task has."""
        first = self.dates[0] == self.world.event_dates[0]
        return {Partition(self.city, day) for day in ((self.eve,) if first else ()) + self.dates}


@dataclass(frozen=True, kw_only=True)
class DeriveTask:
    """One city and a few event dates of a snapshot."""

    lake_root: Path
    snapshot: int
    city: str
    dates: tuple[date, ...]
    staging: Staging


def demo_world(
    *,
    days: int | None = None,
    since: date | None = None,
    until: date | None = None,
    cities: Sequence[str] = (),
    **settings: Any,
) -> World:
    """Return the settings of a demo world, told by its number of days or its first one; what is left out is default."""
    if since is not None:
        if days is not None:
            raise Usage("--days and --since both say where the world begins", hint="say one of them, and --until")
        days = len(list(event_dates(since, until or World().until)))
    said: dict[str, Any] = {"days": days, "until": until, "cities": tuple(cities) or None}
    return World(**settings, **{name: value for name, value in said.items() if value is not None})


def build_demo(
    world: World,
    lake_root: Path | str | None = None,
    *,
    workers: int | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Built:
    """Make the lake hold exactly this demo world; a lake with anything else in it is refused."""
    started = time.perf_counter()
    lake = Lake(lake_root)
    _require_demo(lake)
    with write(lake, purpose="demo build") as writer:
        before = lake.current_number()
        tasks = list(_demo_tasks(world, writer.staging))
        staged = _run(_build_city_days, tasks, workers=workers, on_progress=on_progress)
        _take(writer, staged)
        writer.replace_everything()
        snapshot, checks = _publish(writer, staged, sources={DEMO_SOURCE: _described(world)}, config=_config(world))
    return Built(
        snapshot=snapshot, written=_rows(staged), checks=checks, seconds=time.perf_counter() - started, before=before
    )


def rebuild_derived(
    lake_root: Path | str | None = None,
    *,
    cities: Sequence[str] = (),
    since: date | None = None,
    until: date | None = None,
    workers: int | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Built:
    """Make candles_dense, obs_1m and obs_5m again from a snapshot's own candles and observations."""
    started = time.perf_counter()
    if since and until:
        next(event_dates(since, until))
    lake = Lake(lake_root)
    with write(lake, purpose="dense") as writer:
        base = lake.snapshot()
        before = base.number
        tasks = list(_derive_tasks(base, writer.staging, cities, since, until))
        if not tasks:
            raise Usage(
                "no observations or markets of these cities and dates are in the lake",
                hint="kwx lake status shows which days there are",
            )
        staged = _run(_derive_city_days, tasks, workers=workers, on_progress=on_progress)
        _take(writer, staged)
        snapshot, checks = _publish(writer, staged, sources={}, config={})
    return Built(
        snapshot=snapshot, written=_rows(staged), checks=checks, seconds=time.perf_counter() - started, before=before
    )


def _demo_tasks(world: World, staging: Staging) -> Iterator[DemoTask]:
    dates = list(world.event_dates)
    for city in world.cities:
        for place in range(0, len(dates), DAYS_PER_TASK):
            chunk = tuple(dates[place : place + DAYS_PER_TASK])
            yield DemoTask(world=world, city=city, dates=chunk, staging=staging)


def _build_city_days(task: DemoTask) -> list[Staged]:
    """Simulate one city's days and the eve of the first, derive what follows, and stage all that is this task's."""
    staged: list[Staged] = []
    obs_eve, grid_eve = OBS.empty(), OBS_1M.empty()
    for simulated in simulate(task.world, task.city, task.eve, task.until):
        frames = _with_derived(simulated, obs_eve=obs_eve, grid_eve=grid_eve)
        obs_eve, grid_eve = frames["obs"], frames["obs_1m"]
        if simulated.partition in task.partitions:
            staged += [task.staging.stage(TABLES[name], frame, simulated.partition) for name, frame in frames.items()]
    return staged


def _with_derived(simulated: CityDay, *, obs_eve: pl.DataFrame, grid_eve: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return what was simulated and what follows from it; a day without markets has weather only."""
    frames = dict(simulated.frames)
    day = _climate_day(simulated.partition)
    if MARKETS.name not in frames:
        return frames | grids_of(day, obs=frames["obs"], obs_eve=obs_eve)
    raw = RawDay(
        day=day,
        markets=frames["markets"],
        candles=frames["candles_1m"],
        obs=frames["obs"],
        obs_eve=obs_eve,
        grid_eve=grid_eve,
    )
    return frames | derive(raw)


def _derive_tasks(
    base: Snapshot, staging: Staging, cities: Sequence[str], since: date | None, until: date | None
) -> Iterator[DeriveTask]:
    found = {*base.partitions(OBS.name), *base.partitions(MARKETS.name)}
    for city in cities or CITIES:
        days = sorted(p.event_date for p in found if p.city == city and p.event_date is not None)
        wanted = [day for day in days if (since is None or day >= since) and (until is None or day <= until)]
        for place in range(0, len(wanted), DAYS_PER_TASK):
            dates = tuple(wanted[place : place + DAYS_PER_TASK])
            yield DeriveTask(lake_root=base.paths.root, snapshot=base.number, city=city, dates=dates, staging=staging)


def _derive_city_days(task: DeriveTask) -> list[Staged]:
    """Read one city's raw days from a snapshot, derive what follows, and stage it."""
    base = Lake(task.lake_root).snapshot(task.snapshot)
    return [staged for day in task.dates for staged in _derive_day(base, Partition(task.city, day), task.staging)]


def _derive_day(base: Snapshot, partition: Partition, staging: Staging) -> Iterator[Staged]:
    day = _climate_day(partition)
    eve, before_eve = (Partition(partition.city, day.event_date - timedelta(days=back)) for back in (1, 2))
    obs, obs_eve = base.read(OBS, partition), base.read(OBS, eve)
    markets = base.read(MARKETS, partition)
    if markets.is_empty():
        frames = grids_of(day, obs=obs, obs_eve=obs_eve)
    else:
        grid_eve = grids_of(_climate_day(eve), obs=obs_eve, obs_eve=base.read(OBS, before_eve))["obs_1m"]
        candles = base.read(CANDLES_1M, partition)
        frames = derive(RawDay(day=day, markets=markets, candles=candles, obs=obs, obs_eve=obs_eve, grid_eve=grid_eve))
    for contract in (OBS_1M, OBS_5M, CANDLES_DENSE):
        if contract.name in frames:
            yield staging.stage(contract, frames[contract.name], partition)


def _run(
    work: Callable[[Any], list[Staged]], tasks: Sequence[Any], *, workers: int | None, on_progress: OnProgress
) -> list[Staged]:
    """Do the tasks in processes of their own, and tell how many are done."""
    done = 0

    def tell(task: Any) -> None:
        nonlocal done
        done += 1
        on_progress(done, len(tasks), task.city if done < len(tasks) else "publishing and checking")

    on_progress(0, len(tasks), "starting")
    count = min(workers_wanted(workers), len(tasks))
    with process_pool(count) as pool:
        return [staged for result in map_tasks(work, tasks, executor=pool, on_done=tell) for staged in result]


def _take(writer: Writer, staged: Sequence[Staged]) -> None:
    for one in staged:
        writer.add(one)


def _publish(
    writer: Writer, staged: Sequence[Staged], *, sources: dict[str, str], config: dict[str, Any]
) -> tuple[Snapshot, list[CheckResult]]:
    """Publish behind the gate of every check: a snapshot that breaks a promise never becomes the current one."""
    results: list[CheckResult] = []

    def gate(snapshot: Snapshot) -> None:
        results.extend(run_checks(snapshot, changes=snapshot.changes()))
        require_all(results)

    snapshot = writer.publish(sources=sources, config=config, gate=gate)
    if not results:  # nothing differed, so no gate was passed: what is there must hold all the same
        results.extend(run_checks(snapshot, changes=[_as_change(one) for one in staged]))
        require_all(results)
    return snapshot, results


def _as_change(staged: Staged) -> Change:
    return Change(
        table=staged.table, partition=str(staged.partition), rows=staged.entry.rows, sha256=staged.entry.sha256
    )


def _require_demo(lake: Lake) -> None:
    if lake.current_number() is None:
        return
    foreign = sorted(set(lake.snapshot().manifest.sources) - {DEMO_SOURCE})
    if foreign:
        raise LakeError(
            f"the lake {lake.paths.root} holds data from {', '.join(foreign)}; a demo world would replace it",
            hint="build the demo elsewhere: kwx lake build --demo --lake demo-lake",
        )


def _climate_day(partition: Partition) -> ClimateDay:
    assert partition.event_date is not None, "raw tables are cut by day"
    return ClimateDay(CITIES[partition.city], partition.event_date)


def _rows(staged: Sequence[Staged]) -> dict[str, int]:
    totals = dict.fromkeys(sorted({one.table for one in staged}), 0)
    for one in staged:
        totals[one.table] += one.entry.rows
    return totals


def _described(world: World) -> str:
    span = f"{len(world.cities)} cities, {world.days} days to {world.until}"
    return f"simulated, {span}, seed {world.seed}, efficiency {world.efficiency:g}"


def _config(world: World) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else str(value) if isinstance(value, date) else value
        for name, value in asdict(world).items()
    }


__all__ = ["Built", "OnProgress", "build_demo", "demo_world", "rebuild_derived"]
