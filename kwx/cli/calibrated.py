"""What `kwx calibrate` says: every method's scores before and after, in tables for people and plain for machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import polars as pl

from kwx.cli.show import console, table_of, text_of
from kwx.models.calibration.choice import BY_CHANCE, Choice, Gain, Judged
from kwx.models.calibration.rows import first_served
from kwx.models.calibration.run import Calibrated, CalibrateRun
from kwx.scoring.reliability import Reliability
from kwx.scoring.resampling import Estimate

_SCHEMA: dict[str, Any] = {
    "snapshot": pl.Int64, "city": pl.String, "family": pl.String, "horizon": pl.String, "since": pl.Date,
    "until": pl.Date, "method": pl.String, "chosen": pl.Boolean, "n": pl.Int64, "dates": pl.Int64,
    "numbers": pl.Int64, "level": pl.Float64, "brier": pl.Float64, "brier_low": pl.Float64, "brier_high": pl.Float64,
    "ece": pl.Float64, "ece_low": pl.Float64, "ece_high": pl.Float64, "log_loss": pl.Float64,
    "log_loss_low": pl.Float64, "log_loss_high": pl.Float64, "gain": pl.Float64, "gain_low": pl.Float64,
    "gain_high": pl.Float64, "log_gain": pl.Float64, "log_gain_low": pl.Float64, "log_gain_high": pl.Float64,
    "gain_level": pl.Float64, "against": pl.String, "needs_dates": pl.Int64,
}  # fmt: skip


def calibrate_rows(done: CalibrateRun) -> pl.DataFrame:
    """Return one row for each city, family, span and method; `none` is the model as it is."""
    rows = [_row(done, one, judged) for one in done.calibrated for judged in one.choice.judged]
    return pl.DataFrame(rows, schema=_SCHEMA).with_columns(pl.selectors.float().fill_nan(None))


def _row(done: CalibrateRun, one: Calibrated, judged: Judged) -> dict[str, Any]:
    stored, choice = one.stored, one.choice
    row = {
        "snapshot": done.snapshot, "city": stored.city, "family": stored.model_type, "horizon": stored.horizon,
        "since": stored.since, "until": stored.until, "method": judged.method,
        "chosen": judged.method == choice.method, "n": choice.judged_rows, "dates": len(choice.judged_days),
        "numbers": judged.numbers, "level": choice.level, "against": judged.against,
        "needs_dates": judged.needs_dates,
    }  # fmt: skip
    row |= _flat("brier", judged.brier) | _flat("ece", judged.ece) | _flat("log_loss", judged.log_loss)
    for name, gain in (("gain", judged.gain), ("log_gain", judged.log_gain)):
        if gain is not None:
            row |= _flat(name, gain) | {"gain_level": gain.level}
    return row


def _flat(name: str, one: Estimate | Gain) -> dict[str, float]:
    return {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}


def calibrate_summary(done: CalibrateRun) -> dict[str, Any]:
    """Return what was chosen, with its numbers, and the reliability before and after."""
    return {
        "snapshot": done.built.snapshot.number if done.built else done.snapshot,
        "added": done.added,
        "stored": done.built is not None,
        "notes": done.notes,
        "calibrators": [
            {
                "city": one.stored.city, "family": one.stored.model_type, "horizon": one.stored.horizon,
                "since": one.stored.since, "until": one.stored.until, "chosen": one.choice.method,
                "serves_from": first_served(one.stored.until), "parameters": one.stored.calibrator.document(),
                "unjudged": dict(one.choice.unjudged),
                "before": _curve(one.choice.before, one.choice), "after": _curve(one.choice.after, one.choice),
            }
            for one in done.calibrated
        ],
    }  # fmt: skip


def _curve(found: Reliability, choice: Choice) -> dict[str, Any]:
    return {
        "n": found.rows,
        "dates": len(choice.judged_days),
        "level": found.level,
        "inside_band": found.inside,
        "p_value": found.p_value,
        "miscalibration": found.brier.miscalibration,
        "forecast": found.forecast.tolist(),
        "observed": found.observed.tolist(),
        "low": found.low.tolist(),
        "high": found.high.tolist(),
    }


def tell_calibrated(done: CalibrateRun) -> None:
    """Print the methods of each city and family, what was chosen, and what was stored."""
    out = console()
    for one in done.calibrated:
        _tell_choice(one)
        out.print("")
    out.print(
        "Brier, ECE (15 bins of equal mass) and log loss on days that no fit had seen, lower is better; gain and log\n"
        "gain: Brier and log loss minus those of none, at a level shared out among all; intervals are of whole dates",
        soft_wrap=True,
    )
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    if done.built is None:
        out.print("dry run: nothing was stored", soft_wrap=True)
        return
    if not done.added:
        out.print(f"nothing differed from snapshot {done.built.snapshot.number}: these are held", soft_wrap=True)
        return
    out.print(f"snapshot {done.built.snapshot.number}; {done.added} rows added to calibrators", soft_wrap=True)


def _tell_choice(one: Calibrated) -> None:
    out, choice, stored = console(), one.choice, one.stored
    out.print(
        f"{stored.city} {stored.model_type}, {stored.horizon}: judged on {choice.judged_rows:,} rows of"
        f" {len(choice.judged_days)} dates from {choice.judged_days[0]} on; intervals of {choice.level:.0%}",
        soft_wrap=True,
    )
    headers = ("method", "numbers", *_with("Brier", "ECE", "log loss", "gain", "log gain"))
    rows = [
        (
            f"{judged.method} ←" if judged.method == choice.method else judged.method, judged.numbers,
            *_told(judged.brier), *_told(judged.ece), *_told(judged.log_loss), *_gain(judged.gain),
            *_gain(judged.log_gain), judged.against or "",
        )
        for judged in choice.judged
    ]  # fmt: skip
    out.print(table_of((*headers, "why not"), rows))
    for line in _refused(choice):
        out.print(line, soft_wrap=True)
    out.print(f"reliability before: {_verdict(choice.before)}; after: {_verdict(choice.after)}", soft_wrap=True)
    out.print(f"{_numbers(one)}; serves event dates from {first_served(stored.until)} on", soft_wrap=True)


def _refused(choice: Choice) -> Iterator[str]:
    """Yield why each method that was not chosen may not be, and how many dates or rows it needs."""
    dates = len(choice.judged_days)
    for judged in choice.judged:
        if judged.against is None or judged.method == choice.method:
            continue
        needs = "" if judged.against == BY_CHANCE else "; of harm no number of dates can be told"
        if judged.needs_dates is not None:
            needs = f"; such a gain would be beyond chance on about {judged.needs_dates:,} judged dates"
        yield f"{judged.method} refused: {judged.against} on {dates} judged dates{needs}"
    for method, why in choice.unjudged.items():
        yield f"{method} not judged: {why}"


def _with(*scores: str) -> tuple[str, ...]:
    """Return the headers of scores, each with its interval."""
    return tuple(header for score in scores for header in (score, "interval"))


def _told(one: Estimate) -> tuple[str, str]:
    interval = "·" if one.low != one.low else f"{one.low:.4f} … {one.high:.4f}"
    return f"{one.value:.4f}", interval


def _gain(gain: Gain | None) -> tuple[str | None, str | None]:
    if gain is None:
        return None, None
    return f"{gain.value:+.4f}", f"{gain.low:+.4f} … {gain.high:+.4f}"


def _verdict(found: Reliability) -> str:
    where = "inside its band" if found.inside else "leaves its band"
    return f"{where} (MCB {found.brier.miscalibration:.5f}, p {found.p_value:.3f})"


def _numbers(one: Calibrated) -> str:
    """Return what was chosen with its numbers; a curve with many corners is told by how many they are."""
    document = dict(one.stored.calibrator.document())
    if one.choice.method == "none":
        return "nothing is done to the model"
    if isinstance(corners := document.get("x"), list):
        return f"{one.choice.method} of {len(corners)} corners"
    said = ", ".join(f"{name} {text_of(value)}" for name, value in document.items() if name != "method")
    return f"{one.choice.method}: {said}"
