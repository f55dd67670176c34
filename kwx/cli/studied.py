"""What a study of pooled and per-city fits says: a line for each family and city, and which way generalises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import polars as pl

from kwx.cli.show import console, table_of
from kwx.models.study import Paired, Study

_SCORES = ("log_loss", "brier")


def study_rows(studies: Sequence[Study]) -> pl.DataFrame:
    """Return one row for each family, bracket and city; `all` is all cities together."""
    rows = [
        {
            "snapshot": found.snapshot, "family": found.family, "bracket": found.bracket, "city": line.city,
            "windows": len(found.windows), "n": line.rows, "dates": line.dates, "level": found.level,
            **{key: value for score in _SCORES for key, value in _flat(score, getattr(line, score)).items()},
            "generalises": line.generalises,
        }
        for found in studies
        for line in found.lines
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.selectors.float().fill_nan(None))


def _flat(name: str, one: Paired) -> dict[str, float]:
    return {
        f"{name}_pooled": one.pooled, f"{name}_per_city": one.per_city, f"{name}_difference": one.difference,
        f"{name}_low": one.low, f"{name}_high": one.high, f"{name}_p_value": one.p_value,
    }  # fmt: skip


def study_summary(studies: Sequence[Study]) -> dict[str, Any]:
    """Return the windows that were fitted and what could not be."""
    return {
        "windows": sorted({window.name for found in studies for window in found.windows}),
        "notes": [note for found in studies for note in found.notes],
    }


def tell_study(studies: Sequence[Study]) -> None:
    """Print for each family which way generalises, city by city."""
    out = console()
    headers = ("city", "rows", "dates", "log loss pooled", "per city", "difference", "interval", "p")
    for found in studies:
        out.print(
            f"snapshot {found.snapshot}: {found.family} {found.bracket}, {len(found.windows)} windows from"
            f" {found.windows[0].test_since} to {found.windows[-1].test_until}; intervals of {found.level:.0%}",
            soft_wrap=True,
        )
        rows = [
            (line.city, line.rows, line.dates, *_told(line.log_loss), *_told(line.brier)[2:4], line.generalises)
            for line in found.lines
        ]
        out.print(table_of((*headers, "Brier difference", "interval", "generalises"), rows))
        out.print("")
        for note in found.notes:
            click.echo(f"note: {found.family} {found.bracket} {note}", err=True)
    out.print(
        "difference: pooled minus per city on the same rows, below 0 pooled is better; intervals are of whole dates,\n"
        "and do not know that several cities are looked at",
        soft_wrap=True,
    )


def _told(one: Paired) -> tuple[str, str, str, str, str]:
    known = one.low == one.low
    interval = f"{one.low:+.4f} … {one.high:+.4f}" if known else "·"
    p_value = f"{one.p_value:.3f}" if known else "·"
    return f"{one.pooled:.4f}", f"{one.per_city:.4f}", f"{one.difference:+.4f}", interval, p_value
