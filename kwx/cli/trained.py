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
from warehouse.lake.tables.research import SETTLEMENT_HORIZON

_FIGURES = ("log_loss", "market_log_loss", "uncalibrated", "brier", "ece", "auc")


def trained_rows(done: TrainRun) -> pl.DataFrame:
    """Return one row for each window."""
    schema = dict.fromkeys(("family", "city", "bracket", "window", "state"), pl.String)
    numbers = {"n": pl.Int64, "dates": pl.Int64} | dict.fromkeys(_FIGURES, pl.Float64)
    rows = [_row(one) for one in done.windows]
    return pl.DataFrame(rows, schema=schema | numbers | {"snapshot": pl.Int64, "why": pl.String, "replaced": pl.String})


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
        "replaced": one.replaced,
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
        "replaced": sum(bool(one.replaced) for one in done.windows),
        "degenerate": sum(one.card is not None and one.card.degenerate is not None for one in done.windows),
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
    _tell_replaced(rows)
    told = "the lake knew all of them" if done.built is None else f"snapshot {done.built.snapshot.number} holds them"
    summary = train_summary(done)
    states, silent = summary["states"], summary["degenerate"]
    beaten = rows.filter(pl.col("market_log_loss").is_not_null())
    if beaten.height:
        won = beaten.filter(pl.col("log_loss") < pl.col("market_log_loss")).height
        out.print(f"\nbetter than the market in {won} of {beaten.height} windows")
    counts = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    click.echo(f"\n{counts}; models in {done.root}, {told}; {done.seconds:.1f} s")
    if silent:
        click.echo(f"{silent} degenerate: kept for the record, and the lake is told nothing of what they say")
    click.echo("\nnext:\n" + "\n".join(f"  {word:<28} {what}" for word, what in _next(done)))


def _next(done: TrainRun) -> list[tuple[str, str]]:
    """Return the commands that come next, each with what it does; what is degenerate is neither mended nor used."""
    sound = [one.card for one in done.windows if one.card is not None and one.card.degenerate is None]
    every = [("kwx models list", "what is kept")]
    for horizon in dict.fromkeys(card.horizon for card in sound):
        said = "" if horizon == SETTLEMENT_HORIZON else f" --horizon {horizon}"
        every.append((f"kwx calibrate{said}", "mend what they say"))
    return [*every, ("kwx models promote", "put them to use")] if sound else every


def _tell_replaced(rows: pl.DataFrame) -> None:
    """Say on standard error which windows took the place of others, and how those differed."""
    for (why,), lines in rows.filter(pl.col("replaced") != "").group_by("replaced", maintain_order=True):
        names = [f"{row['city']} {row['bracket']} {row['window']}" for row in lines.iter_rows(named=True)]
        more = f" and {len(names) - 1} more" if names[1:] else ""
        click.echo(f"replaced: {names[0]}{more}; the fit before was of {why}", err=True)


def _said(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def write_validation(path: Path, snapshot: Snapshot, series: Sequence[Series], done: TrainRun) -> None:
    """Write the rows on which each window's candidate was chosen, with what the model that is kept says of them."""
    of_city = {one.city: one for one in series}
    kept = [(one.folder, one.card, of_city[one.city]) for one in done.windows if one.card is not None]
    rows = pl.concat([_validation(folder, card, one, snapshot) for folder, card, one in kept], how="diagonal")
    rows.write_csv(path) if path.suffix == ".csv" else rows.write_parquet(path)
    click.echo(f"{rows.height} validation rows written to {path}", err=True)


def _validation(folder: Path, card: Card, one: Series, snapshot: Snapshot) -> pl.DataFrame:
    from kwx.models.direction.fit import validation_rows
    from kwx.models.direction.fitted import DIRECTION
    from kwx.models.registry.folder import read_folder

    _, files = read_folder(folder)
    # A degenerate model is read as well: its rows show why it is.
    fitted = DIRECTION.load({name: files[name] for name in card.model_files})
    return validation_rows(snapshot, one.city, one.bracket, card.window, one.recipe, fitted)  # type: ignore[arg-type]
