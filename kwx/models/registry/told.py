"""What the lake is told of promotion: which windows of each line of models are in use, and from when on.

The registry is a folder and the lake another. What the lake does not know yet is told as of now, never as of the
promotion, so that no panel of a minute before changes; what it knows already is not told again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

import polars as pl

from kwx.models.registry.places import TRAINED, group_of_folder, models_root, named, stage_folder, window_folders
from kwx.models.registry.states import current_number
from pipelines.publishing import Built, publish_built
from warehouse.clock import Clock, utc_now
from warehouse.lake.store import Lake
from warehouse.lake.tables import PROMOTIONS, Partition
from warehouse.lake.writer import write

Lines = Mapping[str, tuple[str, ...]]
"""The promoted windows of each line of a city."""

_WAIT_SECONDS = 60.0


def tell_promotions(
    lake: Lake, root: Path | str | None = None, *, clock: Clock = utc_now, wait_seconds: float = _WAIT_SECONDS
) -> tuple[Built | None, int]:
    """Add a row for each line whose promoted windows are others than the lake knows; return how many these are."""
    started, base = perf_counter(), models_root(root)
    with write(lake, purpose="promotion", clock=clock, wait_seconds=wait_seconds) as writer:
        snapshot, number = lake.snapshot(), current_number(base) or 0
        promoted = _promoted(base)
        staged, told = [], 0
        for city in sorted({*promoted, *(place.city for place in snapshot.partitions(PROMOTIONS.name))}):
            held = snapshot.read(PROMOTIONS, Partition(city)).select(PROMOTIONS.schema.names())
            rows = [
                {"line": line, "since_utc": since, "windows": list(windows), "state": number}
                for line, windows, since in _news(held, promoted.get(city, {}), now_utc=clock())
            ]
            if rows:
                both = pl.concat([held, pl.DataFrame(rows, schema=PROMOTIONS.schema)])
                staged.append(writer.staging.stage(PROMOTIONS, both, Partition(city)))
                told += len(rows)
        if not staged:
            return None, 0
        return publish_built(writer, staged, before=snapshot.number, started=started), told


def _promoted(base: Path) -> dict[str, Lines]:
    """Return the promoted windows by city and line."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for folder in window_folders(stage_folder(base, TRAINED)):
        line = named(folder).removesuffix(f"_{folder.name}")
        found[group_of_folder(folder).city][line].append(folder.name)
    return {city: {line: tuple(windows) for line, windows in lines.items()} for city, lines in found.items()}


def _news(held: pl.DataFrame, promoted: Lines, *, now_utc: datetime) -> Iterator[tuple[str, tuple[str, ...], datetime]]:
    """Yield the lines that differ from what is held, each with its windows and from when on."""
    known, since = _last(held)
    for line in sorted({*known, *promoted}):
        windows = promoted.get(line, ())
        if windows != known.get(line, ()):
            yield line, windows, max(now_utc, since.get(line, now_utc) + timedelta(microseconds=1))


def _last(held: pl.DataFrame) -> tuple[Lines, Mapping[str, datetime]]:
    """Return the last windows of each line, and since when."""
    last = held.sort("line", "since_utc").unique("line", keep="last", maintain_order=True)
    windows = {line: tuple(names) for line, names in last.select("line", "windows").iter_rows()}
    return windows, dict(last.select("line", "since_utc").iter_rows())
