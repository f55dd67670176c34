"""What the lake is told of promotion: which fits of each line of models are in use, and from when on.

The registry is a folder and the lake another. What the lake does not know yet is told as of now, never as of the
promotion, so that no panel of a minute before changes; what it knows already is not told again. A window that was
fitted again is another fit: it speaks only once it is promoted itself. What a fit that is told said of its test dates
is put into the lake where it is lacking, as after going back to a fit that training had replaced.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

import polars as pl

from kwx.models.registry.card import Card, read_card
from kwx.models.registry.places import TRAINED, group_of_folder, models_root, named, stage_folder, window_folders
from kwx.models.registry.published import known_runs, rows_said, run_id, stage_runs
from kwx.models.registry.states import current_number
from kwx.models.registry.store import read_predictions
from pipelines.publishing import Built, publish_built
from warehouse.clock import Clock, utc_now
from warehouse.lake.staging import Staged
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import MARKETS, PREDICTIONS, PROMOTIONS, Partition
from warehouse.lake.writer import Writer, write

_WAIT_SECONDS = 60.0
_WORD = ("market_ticker", "ts_utc", "model_id", "run_id")


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """A promoted window, as it was fitted."""

    folder: Path
    card: Card
    run_id: str


Lines = Mapping[str, Sequence[_Fit]]
"""The promoted fits of each line of a city."""


@dataclass(frozen=True, kw_only=True)
class _News:
    """A line whose promoted fits are others than the lake knows: all of them, and those that are new."""

    line: str
    fits: Sequence[_Fit]
    new: Sequence[_Fit]
    since_utc: datetime

    def row(self, state: int) -> dict[str, object]:
        """Return the line's next row."""
        return {
            "line": self.line, "since_utc": self.since_utc, "windows": [fit.folder.name for fit in self.fits],
            "run_ids": [fit.run_id for fit in self.fits], "state": state,
        }  # fmt: skip


def tell_promotions(
    lake: Lake, root: Path | str | None = None, *, clock: Clock = utc_now, wait_seconds: float = _WAIT_SECONDS
) -> tuple[Built | None, int]:
    """Add a row for each line whose promoted fits are others than the lake knows; return how many these are."""
    started, base = perf_counter(), models_root(root)
    with write(lake, purpose="promotion", clock=clock, wait_seconds=wait_seconds) as writer:
        snapshot, number = lake.snapshot(), current_number(base) or 0
        promoted = _promoted(base)
        staged: list[Staged] = []
        news: list[_News] = []
        for city in sorted({*promoted, *(place.city for place in snapshot.partitions(PROMOTIONS.name))}):
            held = snapshot.read(PROMOTIONS, Partition(city)).select(PROMOTIONS.schema.names())
            ours = list(_news(held, promoted.get(city, {}), now_utc=clock()))
            if ours:
                rows = pl.DataFrame([one.row(number) for one in ours], schema=PROMOTIONS.schema)
                staged.append(writer.staging.stage(PROMOTIONS, pl.concat([held, rows]), Partition(city)))
                news += ours
        if not staged:
            return None, 0
        staged += _put_back(writer, snapshot, [fit for one in news for fit in one.new])
        return publish_built(writer, staged, before=snapshot.number, started=started), len(news)


def _promoted(base: Path) -> dict[str, dict[str, list[_Fit]]]:
    """Return the promoted fits by city and line."""
    found: dict[str, dict[str, list[_Fit]]] = defaultdict(lambda: defaultdict(list))
    for folder in window_folders(stage_folder(base, TRAINED)):
        line, card = named(folder).removesuffix(f"_{folder.name}"), read_card(folder)
        found[group_of_folder(folder).city][line].append(_Fit(folder=folder, card=card, run_id=run_id(card)))
    return found


def _news(held: pl.DataFrame, promoted: Lines, *, now_utc: datetime) -> Iterator[_News]:
    """Yield the lines that differ from what is held, each with what is new in it and from when on."""
    known, since = _last(held)
    for line in sorted({*known, *promoted}):
        fits, before = promoted.get(line, ()), known.get(line, ())
        if tuple(fit.run_id for fit in fits) != before:
            new = [fit for fit in fits if fit.run_id not in before]
            at = max(now_utc, since.get(line, now_utc) + timedelta(microseconds=1))
            yield _News(line=line, fits=fits, new=new, since_utc=at)


def _last(held: pl.DataFrame) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, datetime]]:
    """Return the last fits of each line, and since when."""
    last = held.sort("line", "since_utc").unique("line", keep="last", maintain_order=True)
    runs = {line: tuple(ids) for line, ids in last.select("line", "run_ids").iter_rows()}
    return runs, dict(last.select("line", "since_utc").iter_rows())


def _put_back(writer: Writer, snapshot: Snapshot, fits: Sequence[_Fit]) -> Iterator[Staged]:
    """Stage what these fits said and the lake lacks, on the days of which it knows the markets, and their runs."""
    if not fits:
        return
    listed = set(snapshot.partitions(MARKETS.name))
    spoke: set[str] = set()
    for place, rows in PREDICTIONS.split(
        pl.concat([rows_said(fit.card, read_predictions(fit.folder)) for fit in fits])
    ):
        held = snapshot.read(PREDICTIONS, place).select(PREDICTIONS.schema.names())
        lacking = rows.join(held, on=_WORD, how="anti", maintain_order="left")
        if place in listed and lacking.height:
            spoke.update(lacking["run_id"])
            yield writer.staging.stage(PREDICTIONS, pl.concat([held, lacking]), place)
    cards = [fit.card for fit in fits if fit.run_id in spoke and fit.run_id not in known_runs(snapshot, fit.card.city)]
    yield from stage_runs(writer, snapshot, cards)
