"""The first half of a fold: payloads are parsed, and their rows laid down by table and partition.

A shard is scratch: it lies in the run's staging folder, is read once and goes with it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from pipelines.ingest.hot import fold_hot
from pipelines.ingest.parsers import TOGETHER, parser_of
from pipelines.kalshi.recordings import close_abandoned
from pipelines.payload import Parsed, Payload
from warehouse.lake.quarantine import put_in_quarantine
from warehouse.lake.staging import Staging
from warehouse.lake.tables import Partition
from warehouse.market.cities import CITIES

logger = logging.getLogger(__name__)

_NEVER = datetime.min.replace(tzinfo=UTC)


class Load(Protocol):
    """Where payloads of one kind come from: a place in the archive, or a file. It travels to other processes."""

    @property
    def kind(self) -> str:
        """The name of the parser."""

    def payloads(self) -> Sequence[Payload]:
        """Read them."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Rows of one partition that one answer brought, and when it was received; None is what was recorded live."""

    table: str
    partition: Partition
    path: Path
    received_utc: datetime | None


@dataclass(frozen=True, kw_only=True)
class Days:
    """The cities and event dates that are wished for: a listing tells of others too. What has no date is of all."""

    cities: tuple[str, ...]
    since: date
    until: date

    @classmethod
    def of(cls, *, cities: Sequence[str], since: date | None, until: date | None) -> Days | None:
        """Return the days that were said; None where nothing was said, which is all of them."""
        if not cities and since is None and until is None:
            return None
        return cls(cities=tuple(cities or CITIES), since=since or date.min, until=until or date.max)

    def __contains__(self, partition: Partition) -> bool:
        day = partition.event_date
        return partition.city in self.cities and (day is None or self.since <= day <= self.until)


@dataclass(frozen=True, kw_only=True)
class ParseTask:
    """Loads of one kind, in the order of their arrival."""

    place: int
    loads: tuple[Load, ...]
    staging: Staging
    days: Days | None = None

    @property
    def label(self) -> str:
        """What is told while it is done."""
        return self.loads[0].kind


def parse_tasks(
    loads: Sequence[Load], *, staging: Staging, loads_per_task: int, days: Days | None = None
) -> list[ParseTask]:
    """Cut loads into tasks: those that only make sense together stay together."""
    by_kind: dict[str, list[Load]] = {}
    for load in loads:
        by_kind.setdefault(TOGETHER.get(load.kind, load.kind), []).append(load)
    chunks = [
        some[place : place + (len(some) if kind in TOGETHER.values() else loads_per_task)]
        for kind, some in by_kind.items()
        for place in range(0, len(some), len(some) if kind in TOGETHER.values() else loads_per_task)
    ]
    return [
        ParseTask(place=place, loads=tuple(chunk), staging=staging, days=days) for place, chunk in enumerate(chunks)
    ]


@dataclass(kw_only=True)
class Sharded:
    """What a task made: its shards, and the loads out of which not one row came."""

    shards: list[Shard] = field(default_factory=list)
    empty: list[Load] = field(default_factory=list)


def parse_to_shards(task: ParseTask) -> Sharded:
    """Parse, put what is refused into quarantine, and lay the rest down."""
    made = Sharded()
    for number, (loads, parsed, received_utc) in enumerate(_parsed(task)):
        made.empty += loads if parsed is None else ()
        if parsed is None:
            continue
        if parsed.refused.height:
            paths, run_id = task.staging.paths, task.staging.run_id
            put_in_quarantine(paths, table=parsed.table.name, run_id=run_id, refused=parsed.refused)
        for partition, rows in parsed.table.split(parsed.frame):
            path = _shard_path(task, number, parsed.table.name, partition)
            path.parent.mkdir(parents=True, exist_ok=True)
            rows.write_ipc(path)
            made.shards.append(
                Shard(table=parsed.table.name, partition=partition, path=path, received_utc=received_utc)
            )
    return made


def hot_shards(staging: Staging) -> tuple[list[Shard], list[Path]]:
    """Lay down what was recorded live; return the shards, and the files that may go once they are published.

    Behind a recorder that died the mark of the gap comes first: without it its books would seem to be known for ever.
    """
    close_abandoned(staging.paths)
    shards: list[Shard] = []
    files: list[Path] = []
    for number, folded in enumerate(fold_hot(staging.paths, run_id=staging.run_id)):
        table = folded.parsed.table
        for partition, rows in table.split(folded.parsed.frame):
            path = (
                staging.folder / "shards" / table.name / partition.path.replace("/", "__") / f"hot-{number:06d}.arrow"
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            rows.write_ipc(path)
            shards.append(Shard(table=table.name, partition=partition, path=path, received_utc=None))
        files += folded.files
    return shards, files


def _parsed(task: ParseTask) -> Iterator[tuple[Sequence[Load], Parsed | None, datetime]]:
    """Parse market listings as a whole, everything else answer by answer, and keep the days that were asked for.

    A question reaches over the edges of its days, so that each of them is whole. What lies beyond is only part of a
    day, and another question's. Loads that gave no row at all are told with no parse.
    """
    if task.loads[0].kind in TOGETHER:
        payloads = [payload for load in task.loads for payload in load.payloads()]
        for parsed in parser_of(task.loads[0].kind)(payloads):
            yield task.loads, _of_days(parsed, task.days), _received(payloads)
        return
    for load in task.loads:
        payloads = list(load.payloads())
        rows = 0
        for parsed in parser_of(load.kind)(payloads):
            rows += parsed.frame.height
            yield [load], within_asked(parsed, payloads), _received(payloads)
        if not rows:
            yield [load], None, _NEVER


def _received(payloads: Sequence[Payload]) -> datetime:
    return max((payload.received_utc for payload in payloads), default=_NEVER)


def _of_days(parsed: Parsed, days: Days | None) -> Parsed:
    if days is None:
        return parsed
    wanted = pl.col("city").is_in(days.cities)
    if "event_date" in parsed.table.path_columns:
        wanted &= pl.col("event_date").is_between(days.since, days.until)
    return Parsed(table=parsed.table, frame=parsed.frame.filter(wanted), refused=parsed.refused)


def within_asked(parsed: Parsed, payloads: Sequence[Payload]) -> Parsed:
    """Keep the days that an answer was asked for; one that was asked for no days is kept whole."""
    asked = payloads[0].asked if payloads else {}
    if "since" not in asked or "until" not in asked:
        return parsed
    days = pl.col("event_date").is_between(date.fromisoformat(asked["since"]), date.fromisoformat(asked["until"]))
    return Parsed(table=parsed.table, frame=parsed.frame.filter(days), refused=parsed.refused)


def _shard_path(task: ParseTask, number: int, table: str, partition: Partition) -> Path:
    folder = task.staging.folder / "shards" / table / partition.path.replace("/", "__")
    return folder / f"{task.place:06d}-{number:04d}.arrow"
