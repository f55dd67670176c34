"""What a training did: a line for each window, and how the model did beside the market."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import polars as pl

from kwx.cli.show import console, table_of
from kwx.models.registry.card import Card
from kwx.models.registry.judged import figure, losses_of
from kwx.models.training.run import FITTED, REFUSED, Told, TrainRun
from kwx.models.training.series import Series
from warehouse.lake.store import Snapshot

_FIGURES = ("log_loss", "market_log_loss", "uncalibrated", "brier", "ece", "auc")


def trained_rows(done: TrainRun) -> pl.DataFrame:
    """Return one row for each window."""
    schema = dict.fromkeys(("family", "city", "bracket", "window", "state"), pl.String)
    numbers = {"n": pl.Int64, "dates": pl.Int64} | dict.fromkeys(_FIGURES, pl.Float64)
    rows = [_row(one) for one in done.windows]
    return pl.DataFrame(rows, schema=schema | numbers | {"snapshot": pl.Int64, "why": pl.String})


def _row(one: Told) -> dict[str, Any]:
    card = one.card
    metrics = {} if card is None else card.metrics
    losses = losses_of(metrics)
    return {
        "family": None if card is None else card.family, "city": one.city, "bracket": one.bracket,
        "window": one.window, "state": one.state, "n": losses.rows, "dates": metrics.get("dates"),
        "log_loss": losses.model, "market_log_loss": losses.market,
        "uncalibrated": figure(metrics, "model_log_loss"),
        **{name: figure(metrics, name) for name in _FIGURES[3:]},
        "snapshot": None if card is None else card.snapshot, "why": one.why or _doubt(card),
    }  # fmt: skip


def _doubt(card: Card | None) -> str:
    """Say what is to be known of a fitted model before it is used."""
    if card is None:
        return ""
    return "; ".join([*([f"degenerate: {card.degenerate}"] if card.degenerate else []), *card.notes])


def train_summary(done: TrainRun) -> dict[str, Any]:
    """Return what a run did, for machines."""
    return {
        "models": str(done.root),
        "snapshot": None if done.built is None else done.built.snapshot.number,
        "states": {state: sum(one.state == state for one in done.windows) for state in (FITTED, "held", REFUSED)},
        "seconds": round(done.seconds, 3),
    }


def tell_trained(done: TrainRun) -> None:
    """Print a line for each window, what is to be known, and what comes next."""
    out, rows = console(), trained_rows(done)
    shown = ["city", "bracket", "window", "state", "n", *(name for name in _FIGURES if rows[name].count())]
    table = [[_said(row[name]) for name in shown] for row in rows.iter_rows(named=True)]
    out.print(table_of([name.replace("_", " ") for name in shown], table))
    for row in rows.filter(pl.col("why") != "").iter_rows(named=True):
        out.print(f"{row['city']} {row['bracket']} {row['window']}: {row['why']}")
    told = "the lake knew all of them" if done.built is None else f"snapshot {done.built.snapshot.number} holds them"
    states = train_summary(done)["states"]
    beaten = rows.filter(pl.col("market_log_loss").is_not_null())
    if beaten.height:
        won = beaten.filter(pl.col("log_loss") < pl.col("market_log_loss")).height
        out.print(f"\nbetter than the market in {won} of {beaten.height} windows")
    counts = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    click.echo(f"\n{counts}; models in {done.root}, {told}; {done.seconds:.1f} s")
    mend = "" if set(rows["family"].drop_nulls()) == {"direction"} else "  kwx calibrate        mend what they say\n"
    click.echo(f"\nnext:\n  kwx models list      what is kept\n{mend}  kwx models promote   put them to use")


def _said(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def write_validation(path: Path, snapshot: Snapshot, series: Sequence[Series], done: TrainRun) -> None:
    """Write the rows on which each window's candidate was chosen, with what the model says of them."""
    from kwx.models.direction.fit import fitted_window

    refused = {(one.city, one.window) for one in done.windows if one.state == REFUSED}
    frames = [
        fitted_window(snapshot, one.city, one.bracket, window, one.recipe).validation  # type: ignore[arg-type]
        for one in series
        for window in one.windows(snapshot)
        if (one.city, window.name) not in refused
    ]
    rows = pl.concat(frames, how="diagonal")
    rows.write_csv(path) if path.suffix == ".csv" else rows.write_parquet(path)
    click.echo(f"{rows.height} validation rows written to {path}", err=True)
