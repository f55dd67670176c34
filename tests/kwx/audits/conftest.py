"""Lakes with a defect: the demo lake with some partitions said otherwise in memory, where no contract refuses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kwx.audits.scope import Scope
from warehouse.lake.present import Present
from warehouse.lake.store import Lake
from warehouse.lake.tables import Partition, Table

Change = tuple[Table, Partition, Callable[[pl.DataFrame], pl.DataFrame]]


@pytest.fixture
def planted(demo_lake: Path) -> Iterator[Callable[..., Scope]]:
    """Return the scope of the demo lake, or another one, with changes: table, partition, what becomes of its rows."""
    opened: list[Present] = []

    def plant(*changes: Change, root: Path = demo_lake, **asked: Any) -> Scope:
        present = Present.over(Lake(root).snapshot())
        opened.append(present)
        for table, place, change in changes:
            rows = change(present.read(table, place).select(table.schema.names()))
            present.put(table, place, rows.select(table.schema.names()))
        return Scope(snapshot=present, **asked)

    yield plant
    for one in opened:
        one.close()
