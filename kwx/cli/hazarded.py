"""What the hazard commands say: fits, days, scores and traces, to people in tables and to machines in plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click
import polars as pl

from kwx.cli.show import ROWS_SHOWN, console, show_frame, table_of
from kwx.cli.tell import tell_built
from kwx.hazard.backfill import Backfilled, RanDay, Told, Wish
from kwx.hazard.fit.walk import Fitted
from kwx.hazard.law import NO_REPORT, Law
from kwx.hazard.scored.diagnostics import TOLERANCE, Sums, Trace
from kwx.hazard.scored.evaluation import Evaluation

_SCORED = ("crps", "log_loss", "rps")
_DAY_COLUMNS = ("city", "event_date", "window", "label_f", "winner", "p_winner", "expected_f", "crps", "log_loss")
_QUARTER = 0.25


def fit_rows(laws: Sequence[Law]) -> pl.DataFrame:
    """Return one row for each law: what was fitted to what."""
    return pl.DataFrame(
        [
            {
                "city": law.city,
                "baseline": law.baseline.value,
                "since": law.since,
                "until": law.until,
                "days": law.days,
                "rho": law.rho,
                "sigma_low_f": min(law.sigma_f.values()),
                "sigma_high_f": max(law.sigma_f.values()),
                **{f"bias_sd_f {label}": bias.sd_f for label, bias in law.biases.items()},
                "half_life_minutes": law.half_life_minutes,
                "tail_dof": law.tail_dof,
                "station_offset_f": law.station_offset_f,
                "fitted_utc": law.fitted_utc,
            }
            for law in laws
        ],
        infer_schema_length=None,
    )


def fit_values(laws: Sequence[Law]) -> pl.DataFrame:
    """Return what a chart shows of the newest law of each city and baseline: innovations and spreads, by bucket."""
    newest = {(law.city, law.baseline): law for law in sorted(laws, key=lambda law: (law.until, law.fitted_utc))}
    rows = [
        {"law": f"{city} {baseline}", "kind": kind, "bucket": bucket, "value_f": value_f}
        for (city, baseline), law in newest.items()
        for kind, values in (("sigma", law.sigma_f), ("bias", {label: bias.sd_f for label, bias in law.biases.items()}))
        for bucket, value_f in values.items()
    ]
    return pl.DataFrame(rows)


def tell_fitted(fitted: Fitted) -> None:
    """Print a line for each law, what could not be fitted, and what to type next."""
    out = console()
    leads = [label for label in fitted.laws[0].biases if label != NO_REPORT] + [NO_REPORT]
    headers = ("city", "baseline", "until", "days", "ρ", "σ °F", *(f"δ {lead}" for lead in leads), "offset °F")
    rows = [
        (
            law.city,
            law.baseline.value,
            law.until,
            law.days,
            round(law.rho, 4),
            f"{min(law.sigma_f.values()):.2f}–{max(law.sigma_f.values()):.2f}",
            *(round(law.biases[lead].sd_f, 2) for lead in leads),
            round(law.station_offset_f, 2),
        )
        for law in fitted.laws
    ]
    out.print(table_of(headers, rows))
    out.print(
        "\nδ: spread of the day bias in °F by lead in minutes; none is before any report of the day", soft_wrap=True
    )
    for said in fitted.refused:
        click.echo(f"not fitted: {said}", err=True)
    out.print(f"snapshot {fitted.built.snapshot.number}; {len(fitted.laws)} laws added to mc_params", soft_wrap=True)
    out.print(f"next: kwx hazard backfill --city {fitted.laws[0].city}", soft_wrap=True)


def tell_ran(ran: RanDay, trace: Trace) -> None:
    """Print one day hour by hour, and whether the lake has changed."""
    tell_trace(trace)
    for note in ran.day.notes:
        click.echo(f"note: {note}", err=True)
    changed = "published as" if ran.built.changed else "nothing differed from"
    console().print(f"{changed} snapshot {ran.built.snapshot.number}", soft_wrap=True)


def tell_trace(trace: Trace) -> None:
    """Print a day hour by hour, and every quarter of an hour around the time of its high."""
    out = console()
    out.print(f"{trace.city} {trace.event_date}: {trace.source}", soft_wrap=True)
    headers = ("LST", "max so far", "expected", *trace.brackets, "5 min", "60 min", "quality")
    shown = _shown(trace).with_columns(
        pl.when(pl.col("quality") == pl.col("quality").shift()).then(pl.lit('"')).otherwise("quality").alias("quality")
    )
    out.print(table_of(headers, [_trace_line(row, trace) for row in shown.iter_rows(named=True)]))
    high = "no report" if trace.high_utc is None else f"{trace.high_f:g} °F at {trace.high_utc:%H:%M}Z"
    label = "not settled yet" if trace.label_f is None else f"settled on {trace.label_f} °F"
    out.print(f"\nhighest report: {high}; {label}", soft_wrap=True)


def _shown(trace: Trace) -> pl.DataFrame:
    """Return the whole hours, and the quarters within an hour of the high."""
    hour = pl.col("hour_lst")
    quarter = (hour / _QUARTER - (hour / _QUARTER).round()).abs() < 1e-6
    near = pl.lit(False)
    if trace.high_utc is not None:
        near = (pl.col("ts_utc") - trace.high_utc).abs() <= pl.duration(hours=1)
    return trace.rows.filter(((hour - hour.round()).abs() < 1e-6) | (near & quarter))


def _trace_line(row: dict[str, Any], trace: Trace) -> tuple[Any, ...]:
    lo_f, hi_f = row["m_run_lo_f"], row["m_run_hi_f"]
    so_far = None if lo_f is None else f"{lo_f}" if lo_f == hi_f else f"{lo_f}–{hi_f}"
    minutes = round(row["hour_lst"] * 60)
    clock = f"{'eve ' if minutes < 0 else ''}{minutes % 1440 // 60:02d}:{minutes % 60:02d}"
    clock = "24:00" if minutes == 1440 else clock
    chances = (round(row[bracket], 3) for bracket in trace.brackets)
    hazards = (None if row[name] is None else round(row[name], 3) for name in ("hazard_next_5m", "hazard_next_60m"))
    return (clock, so_far, round(row["expected_f"], 1), *chances, *hazards, row["quality"])


def trace_summary(trace: Trace) -> dict[str, Any]:
    """Return what a trace says of its day."""
    names = ("city", "event_date", "source", "high_utc", "high_f", "label_f", "brackets")
    return {name: getattr(trace, name) for name in names}


def day_rows(days: Sequence[Told]) -> pl.DataFrame:
    """Return one row for each day of a backfill."""
    schema = {"city": pl.String, "event_date": pl.Date, "state": pl.String, "notes": pl.String}
    return pl.DataFrame(
        [(day.city, day.event_date, day.state, "; ".join(day.notes)) for day in days], schema=schema, orient="row"
    )


def tell_backfilled(done: Backfilled, wish: Wish) -> None:
    """Print what became of the days, city by city, then what was published."""
    out = console()
    counts = Counter((day.city, day.state) for day in done.days)
    states = list(dict.fromkeys(state for _, state in counts))
    cities = list(dict.fromkeys(city for city, _ in counts))
    rows = [(city, *(counts[city, state] or None for state in states)) for city in cities]
    out.print(table_of(("city", *states), rows))
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    for day in [day for day in done.days if day.notes][:ROWS_SHOWN]:
        click.echo(f"note: {day.city} {day.event_date}: {'; '.join(day.notes)}", err=True)
    if done.built is None:
        out.print(f"nothing to do: the lake holds all of it, made by {wish.recipe.mc_version} of what it holds now")
        return
    out.print("")
    tell_built(done.built)


def tell_sums(sums: Sums) -> None:
    """Print how many sums there are, how far the worst is from one, and the worst events."""
    verdict = "every sum is 1" if sums.passed else f"NOT every sum is 1 within {TOLERANCE:g}"
    click.echo(f"{sums.instants:,} sums; the worst is {sums.deviation:.3g} from 1: {verdict}")
    worst = sums.rows.head(10).with_columns(pl.col("deviation").map_elements("{:.3g}".format, return_dtype=pl.String))
    show_frame(worst)


def evaluation_summary(evaluation: Evaluation) -> dict[str, Any]:
    """Return what all days come to."""
    found = evaluation.reliability
    return {
        "mc_version": evaluation.mc_version,
        "summary": evaluation.summary.to_dicts(),
        "reliability": {
            "inside_band": found.inside,
            "level": found.level,
            "p_value": found.p_value,
            "ece": found.ece,
            "rows": found.rows,
            "dates": found.dates,
        },
    }


def tell_evaluation(evaluation: Evaluation) -> None:
    """Print the days, then the means beside those of each reference on the same days."""
    out = console()
    days = evaluation.rows.head(ROWS_SHOWN)
    theirs = [name for name in days.columns if name.startswith(("crps_", "log_loss_"))]
    columns = [*_DAY_COLUMNS, *theirs]
    out.print(table_of([_short(name) for name in columns], _rounded(days, columns)))
    if evaluation.rows.height > days.height:
        click.echo("… and more days: --csv, --json and --parquet give all of them", err=True)
    out.print(f"\nmeans of {evaluation.mc_version}, and of each reference on the same days (the lower the better):")
    names = [name for name in evaluation.summary.columns if not evaluation.summary[name].is_null().all()]
    out.print(table_of([_short(name) for name in names], _rounded(evaluation.summary, names)))
    found = evaluation.reliability
    where = "inside" if found.inside else "outside"
    out.print(
        f"\nreliability of the brackets: {where} its {found.level:.0%} band; miscalibration p {found.p_value:.3f}",
        soft_wrap=True,
    )


def _short(name: str) -> str:
    return name.replace("_", " ")


def _rounded(frame: pl.DataFrame, columns: Sequence[str]) -> list[list[Any]]:
    rows = frame.select(columns).iter_rows()
    return [[round(value, 3) + 0.0 if isinstance(value, float) else value for value in row] for row in rows]
