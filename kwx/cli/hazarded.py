"""What the hazard commands say: fits, days, scores and traces, to people in tables and to machines in plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import click
import polars as pl

from kwx.cli.show import ROWS_SHOWN, console, table_of
from kwx.cli.tell import tell_built, tell_next
from kwx.hazard.backfill import Backfilled, RanDay
from kwx.hazard.fit.walk import Fitted
from kwx.hazard.law import NO_REPORT, Law
from kwx.hazard.plan import UNKNOWN, Told, Wish
from kwx.hazard.recipe import Recipe
from kwx.hazard.scored.diagnostics import Trace
from warehouse.market.cities import CITIES

_THIN_DAYS = 14
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
        "\nρ: how much of a deviation is left after 5 minutes; σ: its new part each 5 minutes, least to most by hour;\n"
        "δ: spread of the day bias in °F by lead in minutes, none is before any report of the day;\n"
        "offset: official high minus the highest five-minute report",
        soft_wrap=True,
    )
    for said in fitted.refused:
        click.echo(f"not fitted: {said}", err=True)
    thin = sorted({law.city for law in fitted.laws if law.days < _THIN_DAYS})
    thinness = f"{', '.join(thin)}: fewer than {_THIN_DAYS} days, a thin fit: spreads are rough" if thin else ""
    for said in [*fitted.notes, *([thinness] if thinness else [])]:
        click.echo(f"note: {said}", err=True)
    number, cities = fitted.built.snapshot.number, dict.fromkeys(law.city for law in fitted.laws)
    if fitted.added:
        out.print(f"snapshot {number}; {fitted.added} laws added to mc_params", soft_wrap=True)
    else:
        out.print(f"nothing differed from snapshot {number}: mc_params holds these laws already", soft_wrap=True)
    out.print(f"next: kwx hazard backfill{_said(cities)}", soft_wrap=True)


def _said(cities: Iterable[str]) -> str:
    return "".join(f" --city {city}" for city in cities)


def ran_summary(ran: RanDay | None, trace: Trace, *, snapshot: int, recipe: Recipe, panel: bool) -> dict[str, Any]:
    """Return what became of one day; of one that was held already there is nothing to be told."""
    return {
        "city": trace.city,
        "event_date": trace.event_date,
        "mc_version": recipe.mc_version,
        "snapshot": snapshot,
        "changed": ran is not None and ran.built.changed,
        "notes": [*(ran.day.notes if ran else []), *_of_panel(recipe, panel=panel)],
    }


def tell_ran(trace: Trace, summary: Mapping[str, Any]) -> None:
    """Print one day hour by hour, and whether the lake has changed."""
    tell_trace(trace)
    for note in summary["notes"]:
        click.echo(f"note: {note}", err=True)
    changed = "published as" if summary["changed"] else "nothing differed from"
    console().print(f"{changed} snapshot {summary['snapshot']}", soft_wrap=True)
    tell_next(_following([trace.city], trace.event_date))


def _of_panel(recipe: Recipe, *, panel: bool) -> list[str]:
    """Return what is to be said of days that go into pmf_degrees alone."""
    if panel or recipe.is_default:
        return []
    return [f"the panel keeps {Recipe().mc_version}; --panel shows {recipe.mc_version} there"]


def _following(cities: Iterable[str], event_date: date) -> list[tuple[str, str]]:
    """Return what to type after a run."""
    named = list(cities)
    day = f"city = '{named[0]}' and event_date = '{event_date}'"
    return [
        (f"kwx hazard evaluate-morning{_said(named)}", "how good the mornings were, beside past highs"),
        (f"kwx hazard hazard-trace --city {named[0]} --date {event_date}", "how one day went"),
        ("kwx fuse run", "the market beside it; where weather moved, what was fused of it is gone"),
        (f'kwx sql "select ts_utc, market_ticker, p_wx from pmf_minute where {day} limit 5"', "the chances"),
    ]


def tell_trace(trace: Trace) -> None:
    """Print a day hour by hour, and every quarter of an hour around the time of its high."""
    out = console()
    out.print(f"{trace.city} {trace.event_date}: {trace.source}", soft_wrap=True)
    headers = ("LST", "max so far", "expected", *trace.brackets, "5 min", "60 min", "quality")
    shown = _shown(trace).with_columns(
        pl.when(pl.col("quality") == pl.col("quality").shift()).then(pl.lit('"')).otherwise("quality").alias("quality")
    )
    out.print(table_of(headers, [_trace_line(row, trace) for row in shown.iter_rows(named=True)]))
    high = "no report"
    if trace.high_utc is not None:
        high = f"{trace.high_f:g} °F at {trace.high_utc + CITIES[trace.city].standard_offset:%H:%M} LST"
    label = "not settled yet" if trace.label_f is None else f"settled on {trace.label_f} °F"
    out.print("\n5 min, 60 min: the chance of a new maximum within so long", soft_wrap=True)
    out.print(f"highest report: {high}; {label}", soft_wrap=True)


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
    for note in _of_panel(wish.recipe, panel=wish.panel):
        click.echo(f"note: {note}", err=True)
    version = wish.recipe.mc_version
    if done.built is None:
        unknown = sum(day.state == UNKNOWN for day in done.days)
        held = f"the lake holds all {len(done.days) - unknown} days of which something is known"
        more = f"; of {unknown} more nothing is known" if unknown else ""
        out.print(f"nothing to do: {held}, made by {version} of what it holds now{more}", soft_wrap=True)
        return
    following = _following(cities, next(day.event_date for day in done.days if day.state != UNKNOWN))
    if not done.built.changed:
        out.print(f"nothing differed from snapshot {done.built.snapshot.number}", soft_wrap=True)
        tell_next(following)
        return
    out.print("")
    tell_built(done.built, following)
