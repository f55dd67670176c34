"""What the lake is told of fitted windows: a row of model_runs each, and what each said of its test dates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from kwx.models.registry.card import Card
from kwx.models.registry.plain import json_bytes, sha256
from kwx.models.registry.store import read_predictions
from pipelines.publishing import Built, publish_built
from warehouse.clock import Clock
from warehouse.lake.staging import Staged
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import MODEL_RUNS, PREDICTIONS, Partition
from warehouse.lake.writer import Writer, write

_RUN_LETTERS = 12


def run_id(card: Card) -> str:
    """Return the name of a training run: the model, and the hash of all that it is, whenever it was made."""
    said = card.model_dump(mode="json", exclude={"created_utc"})
    return f"{card.model_id}-{sha256(json_bytes(said))[:_RUN_LETTERS]}"


def publish_models(
    lake: Lake, kept: Sequence[tuple[Card, Path]], *, clock: Clock, wait_seconds: float, started: float
) -> Built | None:
    """Tell the lake of those kept windows that it does not know yet; None where it knows all of them."""
    with write(lake, purpose="train", clock=clock, wait_seconds=wait_seconds) as writer:
        snapshot = lake.snapshot()
        new = [(card, folder) for card, folder in kept if run_id(card) not in _known(snapshot, card.city)]
        if not new:
            return None
        staged = [*_runs(writer, snapshot, [card for card, _ in new]), *_predictions(writer, snapshot, new)]
        config = {"models": sorted({card.family for card, _ in new})}
        return publish_built(writer, staged, before=snapshot.number, started=started, config=config)


def _known(snapshot: Snapshot, city: str) -> set[str]:
    return set(snapshot.read(MODEL_RUNS, Partition(city), columns=("run_id",))["run_id"])


def _runs(writer: Writer, snapshot: Snapshot, cards: Sequence[Card]) -> Iterator[Staged]:
    """Stage the rows of model_runs, beside those that the lake holds."""
    for city in sorted({card.city for card in cards}):
        held = snapshot.read(MODEL_RUNS, Partition(city)).select(MODEL_RUNS.schema.names())
        rows = [_run_row(card) for card in cards if card.city == city]
        yield writer.staging.stage(
            MODEL_RUNS, pl.concat([held, pl.DataFrame(rows, schema=MODEL_RUNS.schema)]), Partition(city)
        )  # fmt: skip


def _run_row(card: Card) -> dict[str, object]:
    return {
        "run_id": run_id(card),
        "family": card.family,
        "model_id": card.model_id,
        "horizon": card.horizon,
        "fitted_utc": card.created_utc,
        "since_date": card.train_since,
        "until_date": card.train_until,
        "snapshot": card.snapshot,
        "config_sha256": card.config_sha256,
        "seed": card.seed,
        "parameters_json": json.dumps(card.params, sort_keys=True),
        "metrics_json": json.dumps(card.metrics, sort_keys=True),
    }


def _predictions(writer: Writer, snapshot: Snapshot, kept: Sequence[tuple[Card, Path]]) -> Iterator[Staged]:
    """Stage the partitions that are spoken of: what other models said stays, what these said before goes."""
    said = pl.concat([_rows_said(card, read_predictions(folder)) for card, folder in kept])
    for place, rows in PREDICTIONS.split(said):
        held = snapshot.read(PREDICTIONS, place).select(PREDICTIONS.schema.names())
        others = held.join(rows.select("model_id", "horizon").unique(), on=("model_id", "horizon"), how="anti")
        yield writer.staging.stage(PREDICTIONS, pl.concat([others, rows]), place)


def _rows_said(card: Card, predictions: pl.DataFrame) -> pl.DataFrame:
    return predictions.select(
        "city",
        "event_date",
        *(_column(card, name, predictions).alias(name) for name in PREDICTIONS.schema),
    )


def _column(card: Card, name: str, predictions: pl.DataFrame) -> pl.Expr:
    if name in predictions.columns:
        return pl.col(name)
    said = {"model_id": card.model_id, "run_id": run_id(card), "horizon": card.horizon, "wf_window": card.window.name}
    return pl.lit(said[name])
