"""Building a lake from nothing: the demo world. One task is one city and a few days."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.demo import CityDay, World, simulate
from pipelines.demo.fees import fee_changes_frame
from pipelines.demo.world import described
from pipelines.derivation import climate_day
from pipelines.publishing import Built, OnProgress, in_chunks, publish_built, stage_all, take
from pipelines.transform.derived import RawDay, derive, grids_of
from warehouse.errors import LakeError, Usage
from warehouse.lake.staging import Staged, Staging
from warehouse.lake.store import Lake
from warehouse.lake.tables import FEE_CHANGES, MARKETS, OBS, OBS_1M, TABLES, Partition
from warehouse.lake.writer import write
from warehouse.market.climate_day import event_dates

DEMO_SOURCE = "demo"


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
        staged = stage_all(_build_city_days, tasks, workers=workers, on_progress=on_progress)
        staged += _fee_changes(world, writer.staging)
        take(writer, staged)  # what is not taken over by then is left out of the next snapshot
        writer.replace_everything()
        sources = {DEMO_SOURCE: _described(world)}
        return publish_built(writer, staged, before=before, started=started, sources=sources, config=described(world))


def _demo_tasks(world: World, staging: Staging) -> Iterator[DemoTask]:
    dates = list(world.event_dates)
    for city in world.cities:
        for chunk in in_chunks(dates):
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


def _fee_changes(world: World, staging: Staging) -> list[Staged]:
    frames = {city: fee_changes_frame(world, city) for city in world.cities}
    return [staging.stage(FEE_CHANGES, frame, Partition(city)) for city, frame in frames.items() if len(frame)]


def _with_derived(simulated: CityDay, *, obs_eve: pl.DataFrame, grid_eve: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return what was simulated and what follows from it; a day without markets has weather only."""
    frames = dict(simulated.frames)
    day = climate_day(simulated.partition)
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


def _require_demo(lake: Lake) -> None:
    if lake.current_number() is None:
        return
    foreign = sorted(set(lake.snapshot().manifest.sources) - {DEMO_SOURCE})
    if foreign:
        raise LakeError(
            f"the lake {lake.paths.root} holds data from {', '.join(foreign)}; a demo world would replace it",
            hint="build the demo elsewhere: kwx lake build --demo --lake demo-lake",
        )


def _described(world: World) -> str:
    span = f"{len(world.cities)} cities, {world.days} days to {world.until}"
    return f"simulated, {span}, seed {world.seed}, efficiency {world.efficiency:g}"


__all__ = ["build_demo", "demo_world"]
