"""What `kwx models serve` says: the promoted model of a date, what mends it, and each bracket beside the market."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click
import polars as pl

from kwx.cli.show import console, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kwx.models.calibration.stored import StoredCalibrator
    from kwx.models.registry.serving import Served

_BLENDED = (
    "market_ticker", "strike_type", "ts_utc", "model_id", "p_model", "p_calibrated", "p_served", "p_mkt", "p_blend",
)  # fmt: skip


def served_as_json(
    served: Served, event_date: date, stored: StoredCalibrator | None, rows: pl.DataFrame, weights: Mapping[str, float]
) -> dict[str, Any]:
    """Return which model speaks of a date, what mends it, and what the lake holds of each bracket."""
    loaded = served.loaded
    own = None if loaded.calibrator is None else loaded.calibrator.method
    return {
        "event_date": event_date,
        "model_id": loaded.card.model_id,
        "folder": str(served.folder),
        "trained": [loaded.card.train_since, loaded.card.train_until],
        "tested": [loaded.card.test_since, loaded.card.test_until],
        "days_past": served.age_days,
        "warning": served.warning,
        "own_calibration": own,
        "stored_calibration": None
        if stored is None
        else {"method": stored.calibrator.method, "since": stored.since, "until": stored.until},
        "blend_weights": dict(weights),
        "brackets": rows.to_dicts(),
    }


def last_rows(blended: pl.DataFrame, *, bracket: str, every_bracket: str, at_utc: datetime | None) -> pl.DataFrame:
    """Return each bracket's newest row at an instant (the last one if none is said), in the order of the ladder."""
    asked = blended if bracket == every_bracket else blended.filter(pl.col("strike_type") == bracket)
    known = asked if at_utc is None else asked.filter(pl.col("ts_utc") <= at_utc)
    newest = known.sort("ts_utc").unique("market_ticker", keep="last", maintain_order=True)
    return newest.sort("bracket_order").select(_BLENDED)


def tell_served(said: dict[str, Any]) -> None:
    """Print it."""
    stored = said["stored_calibration"]
    mended = said["own_calibration"] or "nothing"
    if stored is not None:
        mended = f"{stored['method']} of {stored['since']} … {stored['until']}, stored by kwx calibrate"
    click.echo(f"{said['event_date']}: {said['model_id']}")
    click.echo(f"  fitted on {said['trained'][0]} … {said['trained'][1]}, mended by {mended}")
    click.echo(f"  {said['folder']}")
    if said["warning"]:
        click.echo(f"warning: {said['warning']}", err=True)
    if said["brackets"]:
        _tell_brackets(said["brackets"], said["blend_weights"])
    else:
        click.echo("note: the lake holds no predictions of that date; kwx train makes and stores them", err=True)


def _tell_brackets(rows: list[dict[str, Any]], weights: Mapping[str, float]) -> None:
    headers = ("market", "type", "as of", "model", "calibrated", "served", "market says", "blend")
    names = ("market_ticker", "strike_type", "ts_utc", "p_model", "p_calibrated", "p_served", "p_mkt", "p_blend")
    console().print(table_of(headers, [[row[name] for name in names] for row in rows]))
    shares = ", ".join(f"{kind} {weight:.2f}" for kind, weight in weights.items())
    click.echo(f"blend: the model's share beside the market is {shares}; whole ladders sum to one, served and blended")
    if others := sorted({row["model_id"] for row in rows}):
        click.echo(f"said by {', '.join(others)}")
