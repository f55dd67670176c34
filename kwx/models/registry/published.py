"""What the lake holds of a fit: its row of model_runs, and what it said of its test dates, each under its run_id."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import polars as pl

from kwx.models.registry.card import Card
from kwx.models.registry.plain import json_bytes, sha256
from warehouse.lake.staging import Staged
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MODEL_RUNS, PREDICTIONS, PROMOTIONS, Partition
from warehouse.lake.writer import Writer

_RUN_LETTERS = 12


def run_id(card: Card) -> str:
    """Return the name of a training run: the model, and the hash of all that it is, whenever it was made."""
    said = card.model_dump(mode="json", exclude={"created_utc"})
    return f"{card.model_id}-{sha256(json_bytes(said))[:_RUN_LETTERS]}"


def known_runs(snapshot: Snapshot, city: str) -> set[str]:
    """Return the runs that a snapshot knows of those filed under a city."""
    return set(snapshot.read(MODEL_RUNS, Partition(city), columns=("run_id",))["run_id"])


def promoted_runs(snapshot: Snapshot) -> set[str]:
    """Return the runs that a snapshot ever knew as promoted: what they said stays, for the minutes that they spoke."""
    told = snapshot.scan(PROMOTIONS).select(pl.col("run_ids").explode()).collect()
    return set(told["run_ids"].drop_nulls())


def stage_runs(writer: Writer, snapshot: Snapshot, cards: Sequence[Card]) -> Iterator[Staged]:
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


def rows_said(card: Card, predictions: pl.DataFrame) -> pl.DataFrame:
    """Return the predictions of a fit as the lake holds them."""
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
