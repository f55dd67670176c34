"""What the lake is told of fitted windows: a row of model_runs each, and what each said of its test dates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from kwx.models.registry.card import Card
from kwx.models.registry.published import known_runs, promoted_runs, rows_said, run_id, stage_runs
from kwx.models.registry.store import read_predictions
from pipelines.publishing import Built, publish_built
from warehouse.clock import Clock
from warehouse.lake.staging import Staged
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import PREDICTIONS
from warehouse.lake.writer import Writer, write

_RUN = ("model_id", "horizon", "run_id")


def publish_models(
    lake: Lake, kept: Sequence[tuple[Card, Path]], *, clock: Clock, wait_seconds: float, started: float
) -> Built | None:
    """Tell the lake of those kept windows that it does not know yet; None where it knows all of them."""
    with write(lake, purpose="train", clock=clock, wait_seconds=wait_seconds) as writer:
        snapshot = lake.snapshot()
        new = [(card, folder) for card, folder in kept if run_id(card) not in known_runs(snapshot, card.city)]
        if not new:
            return None
        staged = [*stage_runs(writer, snapshot, [card for card, _ in new]), *_predictions(writer, snapshot, new)]
        config = {"models": sorted({card.family for card, _ in new})}
        return publish_built(writer, staged, before=snapshot.number, started=started, config=config)


def _predictions(writer: Writer, snapshot: Snapshot, kept: Sequence[tuple[Card, Path]]) -> Iterator[Staged]:
    """Stage the partitions that are spoken of: what other models said stays, what these said before goes.

    What a promoted fit of these models said stays too: it goes on to speak until another one is promoted. A degenerate
    model says nothing: its card and its row of model_runs tell that it was fitted.
    """
    said = pl.concat([rows_said(card, read_predictions(folder)) for card, folder in kept])
    silent = [run_id(card) for card, _ in kept if card.degenerate is not None]
    stays = sorted(promoted_runs(snapshot) - {run_id(card) for card, _ in kept})
    for place, rows in PREDICTIONS.split(said):
        held = snapshot.read(PREDICTIONS, place).select(PREDICTIONS.schema.names())
        gone = held.filter(~pl.col("run_id").is_in(stays)).join(
            rows.select("model_id", "horizon").unique(), on=("model_id", "horizon"), how="semi"
        )
        others = held.join(gone.select(_RUN).unique(), on=_RUN, how="anti", maintain_order="left")
        yield writer.staging.stage(
            PREDICTIONS, pl.concat([others, rows.filter(~pl.col("run_id").is_in(silent))]), place
        )
