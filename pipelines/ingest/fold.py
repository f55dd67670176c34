"""Folding: payloads become shards, shards are merged into partitions, derived tables follow, all is one publish.

Every phase is a pure function of its task, mapped over processes; memory is that of the tasks at hand.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from pipelines.derivation import Overlay, derive_city_days, derive_tasks
from pipelines.ingest.hot import keep_folded
from pipelines.ingest.merge import Arrived, merged
from pipelines.ingest.shards import Days, Load, Shard, hot_shards, parse_tasks, parse_to_shards
from pipelines.publishing import Built, OnProgress, in_chunks, in_pool, publish_built
from pipelines.runner import process_pool, workers_wanted
from pipelines.transform.tape import tape_candles
from warehouse.lake.quarantine import Refusals, put_in_quarantine, refusals
from warehouse.lake.staging import Staged, Staging
from warehouse.lake.store import Lake
from warehouse.lake.tables import BOOKS, CANDLES_1M, MARKETS, OBS, TABLES, TRADES, Partition
from warehouse.lake.writer import Writer

LOADS_PER_TASK = 48

OF_VENDORS = ("settlement_sources_agree",)
"""Checks that vendors can break: where two of them contradict each other both are kept, and that is told."""

UNLISTED = "its event is listed, this market is not"

_TAPE = (TRADES.name, CANDLES_1M.name, BOOKS.name)
_RAW_OF_DERIVED = (OBS.name, MARKETS.name, CANDLES_1M.name)


@dataclass(frozen=True, kw_only=True)
class Folded:
    """What a fold made: what was built, what went to quarantine by table and rule, and the loads that gave no row."""

    built: Built
    refused: list[Refusals]
    empty: list[Load]


@dataclass(frozen=True, kw_only=True)
class MergeTask:
    """The shards of one city and a few days."""

    base: Overlay
    city: str
    shards: tuple[Shard, ...]
    staging: Staging
    held_since_utc: datetime | None


def fold(
    writer: Writer,
    loads: Sequence[Load],
    *,
    sources: dict[str, str],
    only: Container[str] | None = None,
    days: Days | None = None,
    only_days: bool = False,
    workers: int | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Folded:
    """Publish what the loads say, over what the lake holds, with the derived tables of every day that changed.

    What was recorded live is folded in as well, and leaves the hot area. `only` names the tables to take of the loads,
    `days` the cities and dates to take of listings, and with `only_days` of everything, where not all is wanted.
    """
    started = time.perf_counter()
    base = Overlay(paths=writer.lake.paths, number=writer.lake.current_number())
    staging = writer.staging
    hot, hot_files = hot_shards(staging)
    with process_pool(workers_wanted(workers)) as pool:
        parsed = in_pool(
            parse_to_shards,
            parse_tasks(loads, staging=staging, loads_per_task=LOADS_PER_TASK, days=days),
            pool,
            "parsing",
            on_progress,
        )
        told = [shard for one in parsed for shard in one.shards if only is None or shard.table in only]
        if days is not None and only_days:
            told = [shard for shard in told if shard.partition in days]
        shards = [*hot, *told]
        staged = _flat(in_pool(_merge_days, list(_merge_tasks(shards, base, writer)), pool, "merging", on_progress))
        over = replace(base, staged={(one.table, one.partition): one.draft for one in staged})
        tasks = list(derive_tasks(_days_to_derive(writer.lake, staged), reader=over, staging=staging))
        staged += _flat(in_pool(derive_city_days, tasks, pool, "deriving", on_progress))
    on_progress(1, 1, "publishing and checking")
    built = publish_built(writer, staged, before=base.number, started=started, sources=sources, only_told=OF_VENDORS)
    keep_folded(writer.lake.paths, hot_files)
    empty = [load for one in parsed for load in one.empty]
    return Folded(built=built, refused=refusals(staging.paths, run_id=staging.run_id), empty=empty)


def _merge_tasks(shards: Sequence[Shard], base: Overlay, writer: Writer) -> Iterator[MergeTask]:
    held_since_utc = _written_utc(writer.lake)
    for city in sorted({shard.partition.city for shard in shards}):
        ours = [shard for shard in shards if shard.partition.city == city]
        if dateless := tuple(shard for shard in ours if shard.partition.event_date is None):
            yield MergeTask(
                base=base, city=city, shards=dateless, staging=writer.staging, held_since_utc=held_since_utc
            )  # fmt: skip
        dates = sorted({shard.partition.event_date for shard in ours if shard.partition.event_date is not None})
        for chunk in in_chunks(dates):
            some = tuple(shard for shard in ours if shard.partition.event_date in chunk)
            yield MergeTask(base=base, city=city, shards=some, staging=writer.staging, held_since_utc=held_since_utc)


def _written_utc(lake: Lake) -> datetime | None:
    """Return when the lake's present state was written; None while it has none."""
    if lake.current_number() is None:
        return None
    return datetime.fromisoformat(lake.snapshot().manifest.created_utc)


def _merge_days(task: MergeTask) -> list[Staged]:
    """Merge the shards of each partition into what it holds; where no candles were told, the tape makes them."""
    arrived: dict[tuple[str, Partition], list[Shard]] = {}
    for shard in task.shards:
        arrived.setdefault((shard.table, shard.partition), []).append(shard)
    changed = {key: rows for key, some in arrived.items() if (rows := _changed(task, *key, some)) is not None}
    for partition in sorted({partition for table, partition in changed if table in (MARKETS.name, *_TAPE)}):
        _set_unlisted_aside(task, partition, changed)
    for (table, partition), trades in list(changed.items()):
        if table == TRADES.name and (made := _made_from_tape(task, partition, trades, changed)) is not None:
            changed[CANDLES_1M.name, partition] = made
    return [
        task.staging.stage(TABLES[table], rows, partition, sift=True) for (table, partition), rows in changed.items()
    ]


def _changed(task: MergeTask, table: str, partition: Partition, shards: Sequence[Shard]) -> pl.DataFrame | None:
    contract = TABLES[table]
    held = task.base.read(contract, partition).select(*contract.schema)
    arrived = [Arrived(pl.read_ipc(shard.path), shard.received_utc) for shard in shards]
    rows = merged(contract, held, arrived, held_since_utc=task.held_since_utc)
    return None if rows.sort(contract.order).equals(held) else rows


def _set_unlisted_aside(
    task: MergeTask, partition: Partition, changed: dict[tuple[str, Partition], pl.DataFrame]
) -> None:
    """Put rows of the tape into quarantine whose event is listed and whose market is not: nobody knows what it pays.

    A tape may be older than any listing of its event. When that comes, it judges what is held as well.
    """
    listed = changed.get((MARKETS.name, partition), task.base.read(MARKETS, partition))["market_ticker"]
    for table in _TAPE if listed.len() else ():
        held = task.base.read(TABLES[table], partition).select(*TABLES[table].schema)
        rows = changed.get((table, partition), held)
        is_listed = rows["market_ticker"].is_in(listed.implode())
        if is_listed.all():
            continue
        refused = rows.filter(~is_listed).with_columns(rule=pl.lit(UNLISTED))
        put_in_quarantine(task.staging.paths, table=table, run_id=task.staging.run_id, refused=refused)
        changed[table, partition] = rows.filter(is_listed)
        if changed[table, partition].sort(TABLES[table].order).equals(held):
            del changed[table, partition]


def _made_from_tape(
    task: MergeTask, partition: Partition, trades: pl.DataFrame, changed: Mapping[tuple[str, Partition], pl.DataFrame]
) -> pl.DataFrame | None:
    """Return the candles of a day with those of the tape for markets without any of their own."""
    held = task.base.read(CANDLES_1M, partition).select(*CANDLES_1M.schema)
    told = changed.get((CANDLES_1M.name, partition), held)
    told = told.filter(pl.col("yes_bid_close_ticks").is_not_null())  # older candles of the tape know fewer trades
    rows = merged(CANDLES_1M, tape_candles(trades), [Arrived(told)])
    return None if rows.sort(CANDLES_1M.order).equals(held) else rows


def _days_to_derive(lake: Lake, staged: Sequence[Staged]) -> list[Partition]:
    """Return the days whose derived tables can differ: those that changed, and after new weather the next one."""
    changed = {one.partition for one in staged if one.table in _RAW_OF_DERIVED}
    days = {one.partition for one in staged if one.table in (OBS.name, MARKETS.name)}
    if lake.current_number() is not None:
        snapshot = lake.snapshot()
        days |= {*snapshot.partitions(OBS.name), *snapshot.partitions(MARKETS.name)}
    weather = {one.partition for one in staged if one.table == OBS.name}
    return sorted(days & (changed | {_next_day(day) for day in weather}))


def _next_day(day: Partition) -> Partition:
    assert day.event_date is not None, "observations are cut by day"
    return Partition(day.city, day.event_date + timedelta(days=1))


def _flat(results: Sequence[list[Staged]]) -> list[Staged]:
    return [staged for result in results for staged in result]
