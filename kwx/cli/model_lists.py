"""What `kwx models list` says: a line for each window of a stage, or for each state that was ever promoted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import polars as pl

from kwx.cli.show import console, table_of
from kwx.models.registry.judged import losses_of
from kwx.models.registry.shelf import Held
from kwx.models.registry.states import Promotion

HELD = {
    "model": pl.String(),
    "family": pl.String(),
    "city": pl.String(),
    "bracket": pl.String(),
    "horizon": pl.String(),
    "window": pl.String(),
    "state": pl.String(),
    "train_since": pl.Date(),
    "train_until": pl.Date(),
    "test_since": pl.Date(),
    "test_until": pl.Date(),
    "rows": pl.Int64(),
    "log_loss": pl.Float64(),
    "market_log_loss": pl.Float64(),
    "snapshot": pl.Int64(),
    "seed": pl.Int64(),
    "created_utc": pl.Datetime("us", "UTC"),
    "features_sha256": pl.String(),
    "code_sha256": pl.String(),
    "config_sha256": pl.String(),
    "problem": pl.String(),
    "folder": pl.String(),
}
"""The columns of a list of windows; of one that is not whole only its place is known, and what is wrong."""

_OF_CARD = (
    "train_since", "train_until", "test_since", "test_until", "snapshot", "seed", "created_utc", "features_sha256",
    "code_sha256", "config_sha256",
)  # fmt: skip


def held_rows(held: Sequence[Held]) -> pl.DataFrame:
    """Return one row for each window."""
    return pl.DataFrame([_held_row(one) for one in held], schema=HELD)


def _held_row(one: Held) -> dict[str, Any]:
    group = one.group
    known: dict[str, Any] = {
        "model": one.name, "family": group.family, "city": group.city, "bracket": group.bracket,
        "horizon": group.horizon, "window": one.window, "state": one.state, "problem": one.problem or None,
        "folder": str(one.folder),
    }  # fmt: skip
    if one.card is None:
        return known
    losses = losses_of(one.card.metrics)
    scores = {"rows": losses.rows, "log_loss": losses.model, "market_log_loss": losses.market}
    return known | scores | {name: getattr(one.card, name) for name in _OF_CARD}


def tell_held(held: Sequence[Held], stage: str) -> None:
    """Print a line for each window, then what is not whole."""
    if not held:
        following = "kwx models promote promotes pilots" if stage == "trained" else "kwx train makes some"
        click.echo(f"no model in {stage}; {following}")
        return
    headers = ("model", "fitted", "rows", "log loss", "market", "state")
    rows = [
        (
            row["model"], f"{row['train_since']} … {row['train_until']}" if row["train_since"] else None,
            row["rows"] or None, row["log_loss"], row["market_log_loss"], row["state"],
        )
        for row in held_rows(held).iter_rows(named=True)
    ]  # fmt: skip
    console().print(table_of(headers, rows))
    for one in held:
        if one.problem:
            click.echo(f"note: {one.problem}", err=True)


STATES = {
    "number": pl.Int64(),
    "current": pl.Boolean(),
    "before": pl.Int64(),
    "at_utc": pl.Datetime("us", "UTC"),
    "action": pl.String(),
    "windows": pl.Int64(),
    "changed": pl.Int64(),
    "mended": pl.Int64(),
    "objections": pl.String(),
    "reason": pl.String(),
}
"""The columns of a list of states; changed and mended are counts of windows."""


def state_rows(states: Sequence[Promotion]) -> pl.DataFrame:
    """Return one row for each state."""
    rows = [
        {
            "number": one.number, "current": one.current, "before": one.before, "at_utc": one.at_utc,
            "action": one.action, "windows": one.windows, "changed": len(one.changed), "mended": len(one.mended),
            "objections": "; ".join(one.objections) or None, "reason": one.reason or None,
        }
        for one in states
    ]  # fmt: skip
    told = pl.DataFrame(rows, schema=STATES | {"at_utc": pl.String()})
    return told.with_columns(pl.col("at_utc").str.to_datetime(time_unit="us", time_zone="UTC"))


def tell_states(states: Sequence[Promotion]) -> None:
    """Print a line for each state that was ever promoted."""
    if not states:
        click.echo("nothing was ever promoted; kwx models promote")
        return
    headers = ("state", "", "at", "by", "windows", "changed", "reason")
    rows = [
        (
            one.number, "current" if one.current else "", one.at_utc, one.action, one.windows, len(one.changed),
            one.reason,
        )
        for one in states
    ]  # fmt: skip
    console().print(table_of(headers, rows))
