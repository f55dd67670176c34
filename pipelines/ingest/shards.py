"""The first half of a fold: payloads are parsed, and their rows laid down by table and partition.

A shard is scratch: it lies in the run's staging folder, is read once and goes with it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import polars as pl

from pipelines.ingest.hot import fold_hot
from pipelines.ingest.parsers import TOGETHER, parser_of
from pipelines.payload import Parsed, Payload
from warehouse.lake.quarantine import put_in_quarantine
from warehouse.lake.staging import Staging
from warehouse.lake.tables import Partition

logger = logging.getLogger(__name__)

_BEFORE_ALL = -1


class Load(Protocol):
    """Where payloads of one kind come from: a place in the archive, or a file. It travels to other processes."""

    @property
    def kind(self) -> str:
        """The name of the parser."""

    def payloads(self) -> Sequence[Payload]:
        """Read them."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Rows of one partition that one task brought; `place` orders shards as their payloads came."""

    table: str
    partition: Partition
    path: Path
    place: int


@dataclass(frozen=True, kw_only=True)
class ParseTask:
    """Loads of one kind, in the order of their arrival."""

    place: int
    loads: tuple[Load, ...]
    staging: Staging

    @property
    def city(self) -> str:
        """What is told while it is done."""
        return self.loads[0].kind


def parse_tasks(loads: Sequence[Load], *, staging: Staging, loads_per_task: int) -> list[ParseTask]:
    """Cut loads into tasks: those that only make sense together stay together."""
    by_kind: dict[str, list[Load]] = {}
    for load in loads:
        by_kind.setdefault(TOGETHER.get(load.kind, load.kind), []).append(load)
    chunks = [
        some[place : place + (len(some) if kind in TOGETHER.values() else loads_per_task)]
        for kind, some in by_kind.items()
        for place in range(0, len(some), len(some) if kind in TOGETHER.values() else loads_per_task)
    ]
    return [ParseTask(place=place, loads=tuple(chunk), staging=staging) for place, chunk in enumerate(chunks)]


def parse_to_shards(task: ParseTask) -> list[Shard]:
    """Parse, put what is refused into quarantine, and lay the rest down."""
    made: list[Shard] = []
    for number, parsed in enumerate(_parsed(task.loads)):
        if parsed.refused.height:
            paths, run_id = task.staging.paths, task.staging.run_id
            put_in_quarantine(paths, table=parsed.table.name, run_id=run_id, refused=parsed.refused)
        for partition, rows in parsed.table.split(parsed.frame):
            path = _shard_path(task, number, parsed.table.name, partition)
            path.parent.mkdir(parents=True, exist_ok=True)
            rows.write_ipc(path)
            made.append(Shard(table=parsed.table.name, partition=partition, path=path, place=task.place))
    return made


def hot_shards(staging: Staging) -> tuple[list[Shard], list[Path]]:
    """Lay down what was recorded live; return the shards, and the files that may go once they are published."""
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
            shards.append(Shard(table=table.name, partition=partition, path=path, place=_BEFORE_ALL))
        files += folded.files
    return shards, files


def _parsed(loads: Sequence[Load]) -> Iterator[Parsed]:
    """Parse market listings as a whole, everything else answer by answer, and keep the days that were asked for.

    A question reaches over the edges of its days, so that each of them is whole. What lies beyond is only part of a
    day, and another question's.
    """
    if loads[0].kind in TOGETHER:
        payloads = [payload for load in loads for payload in load.payloads()]
        yield from parser_of(loads[0].kind)(payloads)
        return
    for load in loads:
        payloads = list(load.payloads())
        for parsed in parser_of(load.kind)(payloads):
            yield _within(parsed, payloads)


def _within(parsed: Parsed, payloads: Sequence[Payload]) -> Parsed:
    asked = payloads[0].asked if payloads else {}
    if "since" not in asked or "until" not in asked:
        return parsed
    days = pl.col("event_date").is_between(date.fromisoformat(asked["since"]), date.fromisoformat(asked["until"]))
    return Parsed(table=parsed.table, frame=parsed.frame.filter(days), refused=parsed.refused)


def _shard_path(task: ParseTask, number: int, table: str, partition: Partition) -> Path:
    folder = task.staging.folder / "shards" / table / partition.path.replace("/", "__")
    return folder / f"{task.place:06d}-{number:04d}.arrow"
