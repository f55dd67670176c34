"""`kwx hazard …`: fit the law of the air, run days and years, and look at what came out."""

from __future__ import annotations

from datetime import date, time
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from kwx.cli.forms import Forms, drawn, forms_options
from kwx.cli.hazard_options import (
    ClockTime,
    day_options,
    on_grid,
    panel_option,
    recipe_of,
    recipe_options,
)
from kwx.cli.options import city_option, lake_option, range_options, scheduler_option, workers_option

_drawn = partial(drawn, module="hazard_charts")


@click.group(epilog="Example:  kwx hazard fit-params --city chicago --until 2026-10-31")
def hazard() -> None:
    """Turn weather into bracket probabilities: fit, run, look."""


@hazard.command("fit-params", epilog="Example:  kwx hazard fit-params --city miami --every 3 --window 8")
@city_option
@range_options
@click.option("--every", type=click.IntRange(min=1), help="A fit every so many days through the range.")
@click.option("--window", type=click.IntRange(min=1), help="Each fit sees so many days (default: all since --since).")
@click.option("--sigma-by-lead", is_flag=True, help="Let the innovations depend on the lead too.")
@workers_option
@scheduler_option
@forms_options
@lake_option
def fit_params(
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    every: int | None,
    window: int | None,
    sigma_by_lead: bool,
    workers: int | None,
    scheduler: str | None,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Fit the law of each city's air to past days and add it to mc_params.

    Without --every this is one fit of the whole range. With it, a walk. Each fit needs at least 7 days with a settled
    high and reports in at least 12 hours; a city that has fewer is told at the end, with exit 3, and the others are
    stored. A day is served only by fits that ended before its eve, which is how a past year is computed without
    hindsight.
    """
    from kwx.cli.hazarded import fit_rows, fit_values, tell_fitted
    from kwx.cli.progress import progress_of
    from kwx.hazard.fit.walk import Walk, fit_params

    walk = Walk(
        cities=cities, since=since, until=until, every_days=every, window_days=window, sigma_by_lead=sigma_by_lead
    )
    with progress_of("fitting") as on_progress:
        fitted = fit_params(walk, lake_root, workers=workers, scheduler=scheduler, on_progress=on_progress)
    summary: dict[str, Any] = {
        "snapshot": fitted.built.snapshot.number,
        "fits": len(fitted.laws),
        "added": fitted.added,
    }
    summary |= {"refused": fitted.refused, "notes": fitted.notes, "unfitted": sorted(fitted.unfitted)}
    forms.give(
        fit_rows(fitted.laws),
        summary,
        tell=lambda: tell_fitted(fitted),
        chart=_drawn("fit_chart", fit_values(fitted.laws)),
    )
    fitted.require_every_city()


@hazard.command("run-day", epilog="Example:  kwx hazard run-day --city chicago --date 2026-11-01")
@day_options
@recipe_options
@panel_option
@click.option("--again", is_flag=True, help="Run the day also where it is held already.")
@forms_options
@lake_option
def run_day(
    city: str,
    event_date: date,
    engine: str,
    paths: int | None,
    baseline: str,
    panel: bool,
    again: bool,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Run one day at all of its evaluations, publish it, and show it hour by hour.

    A day that the lake holds, made of what it holds now, is shown as it is held.
    """
    from kwx.cli.hazarded import ran_summary, tell_ran
    from kwx.hazard.backfill import run_day
    from kwx.hazard.scored.diagnostics import trace_day, trace_of
    from warehouse.lake.store import Lake

    recipe = recipe_of(engine, paths, baseline)
    ran = run_day(city, event_date, recipe, lake_root, again=again, panel=panel)
    snapshot = ran.built.snapshot if ran else Lake(lake_root).snapshot()
    trace = (
        trace_of(ran.run, ran.day, source=recipe.mc_version) if ran else trace_day(snapshot, city, event_date, recipe)
    )
    summary = ran_summary(ran, trace, snapshot=snapshot.number, recipe=recipe, panel=panel)
    forms.give(trace.stacked(), summary, tell=lambda: tell_ran(trace, summary), chart=_drawn("trace_chart", trace))


@hazard.command(epilog="Example:  kwx hazard backfill --city chicago --since 2026-10-25 --until 2026-11-04")
@city_option
@range_options
@recipe_options
@panel_option
@click.option("--again", is_flag=True, help="Run also the days that are held already.")
@workers_option
@scheduler_option
@forms_options
@lake_option
def backfill(
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    engine: str,
    paths: int | None,
    baseline: str,
    panel: bool,
    again: bool,
    workers: int | None,
    scheduler: str | None,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Run many days in parallel and publish all of them at once.

    Days that the lake holds, made of what it holds now, are left alone. Stopped or killed, the same command goes on
    where it was.
    """
    import polars as pl

    from kwx.cli.hazarded import day_rows, tell_backfilled
    from kwx.cli.progress import progress_of, told_when_stopped
    from kwx.cli.tell import built_as_json
    from kwx.hazard.backfill import backfill as backfilling
    from kwx.hazard.plan import Wish

    wish = Wish(
        cities=cities, since=since, until=until, recipe=recipe_of(engine, paths, baseline), again=again, panel=panel
    )
    stopping = "stopping; finished days are kept as drafts, the same command goes on"
    with progress_of("running") as on_progress, told_when_stopped(stopping):
        done = backfilling(wish, lake_root, workers=workers, scheduler=scheduler, on_progress=on_progress)
    rows: pl.DataFrame = day_rows(done.days)
    summary = {
        "mc_version": wish.recipe.mc_version,
        "seconds": round(done.seconds, 2),
        "notes": done.notes,
        "built": built_as_json(done.built) if done.built else None,
    }
    forms.give(rows, summary, tell=lambda: tell_backfilled(done, wish), chart=_drawn("days_chart", rows))


@hazard.command("check-pmf-sum", epilog="Example:  kwx hazard check-pmf-sum --city chicago")
@city_option
@range_options
@forms_options
@lake_option
def check_pmf_sum(
    cities: tuple[str, ...], since: date | None, until: date | None, forms: Forms, lake_root: Path | None
) -> None:
    """Sum p_wx over each event, and the degrees of each distribution, at every instant; exit 3 when one is not 1."""
    from kwx.cli.scored import tell_sums
    from kwx.hazard.scored.diagnostics import pmf_sums
    from warehouse.lake.store import Lake

    sums = pmf_sums(Lake(lake_root).snapshot(), cities=cities, since=since, until=until)
    summary = {"instants": sums.instants, "deviation": sums.deviation, "passed": sums.passed}
    forms.give(sums.rows, summary, tell=lambda: tell_sums(sums), chart=_drawn("sums_chart", sums))
    if not sums.passed:
        raise SystemExit(3)


@hazard.command("evaluate-morning", epilog="Example:  kwx hazard evaluate-morning --at 10:00 --at 13:00 --at 16:00")
@city_option
@range_options
@click.option("--from", "first", type=ClockTime(), default="09:00", show_default=True, help="The window's beginning.")
@click.option("--to", "last", type=ClockTime(), default="11:00", show_default=True, help="Its end, included.")
@click.option(
    "--at",
    "instants",
    type=ClockTime(),
    multiple=True,
    callback=on_grid,
    help="One instant instead of a window; repeatable.",
)
@click.option(
    "--clock",
    type=click.Choice(("lst", "local")),
    default="lst",
    show_default=True,
    help="Local standard time, in which the day settles, or the wall clock.",
)
@click.option("--mc-version", help="Which of several stored versions to look at (default: that of the lattice).")
@forms_options
@lake_option
def evaluate_morning(
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    first: time,
    last: time,
    instants: tuple[time, ...],
    clock: str,
    mc_version: str | None,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Average the stored probabilities over a window of each day and hold them against the high that came.

    Beside each day's scores stand those of past highs (known then), of a high that stays as it is, and, in the demo
    world, of the true probabilities.
    """
    from kwx.cli.scored import evaluation_summary, tell_evaluation
    from kwx.hazard.recipe import Recipe
    from kwx.hazard.scored.evaluation import evaluate_mornings
    from kwx.hazard.scored.mornings import Window
    from warehouse.lake.store import Lake

    said = click.get_current_context().get_parameter_source
    if instants and ParameterSource.COMMANDLINE in (said("first"), said("last")):
        raise click.UsageError("--at is one instant, --from and --to are a window: say one of the two")
    spans = [(at, at) for at in instants] or [(first, last)]
    windows = [Window(first=begin, last=end, clock=clock) for begin, end in spans]
    evaluation = evaluate_mornings(
        Lake(lake_root).snapshot(),
        windows,
        Recipe().build(),
        cities=cities,
        since=since,
        until=until,
        mc_version=mc_version,
    )
    forms.give(
        evaluation.rows,
        evaluation_summary(evaluation),
        tell=lambda: tell_evaluation(evaluation),
        chart=_drawn("evaluation_chart", evaluation),
    )


@hazard.command("hazard-trace", epilog="Example:  kwx hazard hazard-trace --city chicago --date 2026-11-01")
@day_options
@recipe_options
@forms_options
@lake_option
def hazard_trace(
    city: str,
    event_date: date,
    engine: str,
    paths: int | None,
    baseline: str,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Show how a day went: hazards, running maximum and each bracket's chance, around the time of the actual high."""
    from kwx.cli.hazarded import tell_trace, trace_summary
    from kwx.hazard.scored.diagnostics import trace_day
    from warehouse.lake.store import Lake

    trace = trace_day(Lake(lake_root).snapshot(), city, event_date, recipe_of(engine, paths, baseline))
    forms.give(
        trace.stacked(), trace_summary(trace), tell=lambda: tell_trace(trace), chart=_drawn("trace_chart", trace)
    )
