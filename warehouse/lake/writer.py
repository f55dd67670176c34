"""Writing the lake: one writer at a time stages what partitions shall hold, then publishes all of it at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from warehouse.clock import Clock, utc_now
from warehouse.lake.files import naming_a_full_disk, remove_tree
from warehouse.lake.lock import writer_lock
from warehouse.lake.publication import Changed, Gate, OnStep, Publication, silently, ungated
from warehouse.lake.recovery import recover
from warehouse.lake.staging import Staged, Staging
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import Partition, Table


@contextmanager
def write(lake: Lake, *, purpose: str, clock: Clock = utc_now, wait_seconds: float = 0) -> Iterator[Writer]:
    """Become the lake's only writer, at once or after a wait. What is not published when the block ends is gone."""
    lock = writer_lock(lake.paths.lock, purpose=purpose, wait_seconds=wait_seconds)
    with naming_a_full_disk(lake.paths.root), lock:
        recover(lake)
        words = re.sub(r"[^a-z0-9]+", "-", purpose.lower()).strip("-")
        run_id = f"{clock():%Y%m%dT%H%M%S}-{os.getpid()}-{words}"
        writer = Writer(lake, Staging(lake.paths, run_id), purpose=purpose, clock=clock)
        try:
            yield writer
        finally:
            remove_tree(writer.staging.folder)


@dataclass
class Writer:
    """One run's changes to the lake; nothing of them is seen before `publish`."""

    lake: Lake
    staging: Staging
    purpose: str
    clock: Clock = utc_now
    _staged: dict[tuple[str, Partition], Staged | None] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """The run's name: when it began, its process, its purpose."""
        return self.staging.run_id

    def put(self, contract: Table, frame: pl.DataFrame, partition: Partition, *, sift: bool = False) -> int:
        """Stage what a partition shall hold, as `Staging.stage` does; return how many rows were sifted out."""
        staged = self.staging.stage(contract, frame, partition, sift=sift)
        self.add(staged)
        return staged.refused

    def add(self, staged: Staged) -> None:
        """Take over a partition that another process staged in this run's folder."""
        self._staged[staged.table, staged.partition] = staged

    def drop(self, contract: Table, partition: Partition) -> None:
        """Leave a partition out of the next snapshot."""
        self._staged[contract.name, partition] = None

    def replace_everything(self) -> None:
        """Leave every partition out of the next snapshot that was not staged: the lake becomes what this run wrote."""
        if self.lake.current_number() is None:
            return
        snapshot = self.lake.snapshot()
        for name in snapshot.manifest.tables:
            for partition in snapshot.partitions(name):
                self._staged.setdefault((name, partition), None)

    def publish(
        self,
        *,
        sources: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
        gate: Gate = ungated,
        on_step: OnStep = silently,
    ) -> Snapshot:
        """Make everything staged the next snapshot, in one atomic switch; return it."""
        publication = Publication(
            lake=self.lake,
            run_id=self.run_id,
            purpose=self.purpose,
            staged=self._by_table(),
            clock=self.clock,
            sources=sources or {},
            config=config or {},
            gate=gate,
            on_step=on_step,
        )
        with naming_a_full_disk(self.lake.paths.root):
            return publication.run()

    def _by_table(self) -> Changed:
        by_table: dict[str, dict[Partition, Staged | None]] = {}
        for (name, partition), staged in sorted(self._staged.items(), key=lambda item: item[0]):
            by_table.setdefault(name, {})[partition] = staged
        return by_table
