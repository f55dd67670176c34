"""What `kwx score` says: scores with their intervals to people in tables, and to machines in plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
import polars as pl

from kwx.cli.show import console, table_of
from kwx.scoring.reliability import Reliability
from kwx.scoring.resampling import LEAST_BLOCKS
from kwx.scoring.stored.card import Card
from kwx.scoring.stored.ladders import MADE_BY

_OVERALL = (("log_loss", "log loss", 3), ("brier", "Brier", 4), ("rps", "RPS", 3), ("crps_f", "CRPS °F", 2))
_PARTS = (
    ("miscalibration", "MCB", 4),
    ("discrimination", "DSC", 3),
    ("uncertainty", "UNC", 3),
    ("ece_mass", "ECE mass", 3),
)
_SHAPE = (
    ("ece_width", "ECE width", 3),
    ("p_largest", "largest p", 2),
    ("entropy_nats", "nats", 2),
    ("pit_mean", "PIT mean", 2),
    ("pit_spread", "PIT spread", 2),
)

_Line = Mapping[str, Any]
_Lines = Mapping[tuple[str, str, str, str], _Line]


def card_summary(card: Card) -> dict[str, Any]:
    """Return what was scored, and the reliability curve of each source with its band."""
    return {
        "snapshot": card.snapshot,
        "sources": card.sources,
        "against": card.against,
        "level": card.level,
        "n": card.rows,
        "events": card.events,
        "dates": card.dates,
        "asked": card.asked,
        "left_out": dict(card.left_out),
        "reliability": {
            source: _curve(found) | {"snapshot": card.snapshot} for source, found in card.reliability.items()
        },
    }


def _curve(found: Reliability) -> dict[str, Any]:
    return {
        "n": found.rows,
        "dates": found.dates,
        "level": found.level,
        "inside_band": found.inside,
        "p_value": found.p_value,
        "forecast": found.forecast.tolist(),
        "observed": found.observed.tolist(),
        "low": found.low.tolist(),
        "high": found.high.tolist(),
    }


def tell_card(card: Card) -> None:
    """Print what was scored, all rows first, then every slice, then what the words mean."""
    out = console()
    lines = {_key(line): line for line in card.lines.iter_rows(named=True)}
    out.print(
        f"snapshot {card.snapshot}: {card.rows:,} rows of {card.events:,} events on {card.dates:,} dates;"
        f" intervals of {card.level:.0%} by whole dates\n",
        soft_wrap=True,
    )
    out.print(_sources(card, lines, _OVERALL))
    for columns in (_PARTS, _SHAPE):
        out.print()
        out.print(_sources(card, lines, columns))
    out.print()
    out.print(_verdicts(card, lines))
    for by in card.lines["by"].unique(maintain_order=True).to_list()[1:]:
        out.print()
        out.print(_slices(card, lines, by))
    _tell_words(card)


def _key(line: _Line) -> tuple[str, str, str, str]:
    return line["by"], line["slice"], line["source"], line["score"]


def _sources(card: Card, lines: _Lines, columns: Sequence[tuple[str, str, int]]) -> Any:
    """Return a line for each source, over all rows."""
    rows = [
        (source, *(_told(lines["source", "all", source, score], digits) for score, _, digits in columns))
        for source in card.sources
    ]
    return table_of(("source", *(title for _, title, _ in columns)), rows)


def _verdicts(card: Card, lines: _Lines) -> Any:
    """Return what each source gains on the reference, and whether it is calibrated."""
    against = f"skill against {card.against}" if card.against else "skill"
    headers = ("source", f"{against}: log loss", "DM", "p", "Brier", "DM", "p", "PIT p", "band", "MCB p")
    rows = []
    for source in card.sources:
        band = card.reliability[source]
        uniform = lines["source", "all", source, "pit_mean"]["p_value"]
        skills = [lines.get(("source", "all", source, f"skill_{score}")) for score in ("log_loss", "brier")]
        gains = [cell for one in skills for cell in _gain(one)]
        rows.append((source, *gains, _p(uniform), "inside" if band.inside else "outside", _p(band.p_value)))
    return table_of(headers, rows)


def _slices(card: Card, lines: _Lines, by: str) -> Any:
    """Return a line for each slice and source."""
    headers = (by, "source", "rows", "dates", "log loss", "Brier", "skill: log loss", "p")
    rows = []
    for name in card.lines.filter(pl.col("by") == by)["slice"].unique(maintain_order=True):
        for source in card.sources:
            loss, brier = (lines[by, name, source, score] for score in ("log_loss", "brier"))
            skill, _, p_value = _gain(lines.get((by, name, source, "skill_log_loss")))
            shown = name if source == card.sources[0] else ""
            rows.append((shown, source, loss["n"], loss["dates"], _told(loss, 3), _told(brier, 4), skill, p_value))
    return table_of(headers, rows)


def _told(line: _Line, digits: int) -> str:
    """Return a number with its interval; alone where there is none."""
    value = f"{line['value']:.{digits}f}"
    if line["low"] is None:
        return value
    return f"{value} ({line['low']:.{digits}f}–{line['high']:.{digits}f})"


def _gain(line: _Line | None) -> tuple[str | None, str | None, str | None]:
    """Return a skill with its interval, the statistic of Diebold and Mariano and its p; nothing of the reference."""
    if line is None or line["value"] is None:
        return None, None, None
    value = f"{line['value']:.1%}"
    if line["low"] is None:
        return value, None, None
    return f"{value} ({line['low']:.0%} … {line['high']:.0%})", f"{line['statistic']:.1f}", _p(line["p_value"])


def _p(value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:.3f}" if value >= 0.0005 else "<0.001"


def _tell_words(card: Card) -> None:
    """Print what the words mean, and on stderr what was left out and what could not be said."""
    console().print(
        "\nlog loss, RPS, Brier (of a contract): of brackets; CRPS, PIT: of the degrees they imply; lower is better\n"
        "MCB − DSC + UNC = Brier; ECE: mean |came − said|, in 15 bins; DM: Diebold and Mariano, below 0 is better",
        soft_wrap=True,
    )
    told = "; ".join(f"{number:,} {why}" for why, number in card.left_out.items())
    click.echo(f"left out of {card.asked:,} instants asked: {told or 'none'}", err=True)
    if card.dates < LEAST_BLOCKS:
        click.echo(f"note: no intervals on {card.dates} dates; {LEAST_BLOCKS} are needed", err=True)
    if card.against is None:
        other = next(source for source in ("p_mkt", "p_wx") if source not in card.sources)
        ways = f"--source {other} adds it, {MADE_BY[other]} makes it"
        click.echo(f"note: no skill, for {other} is not among the sources; {ways}", err=True)
