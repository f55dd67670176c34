"""`kwx hazard …`: fit the law of the air, run days and years, and look at what came out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kwx.cli.forms import Forms, forms_options
from kwx.cli.options import EventDate, city_option, lake_option, range_options, workers_option

if TYPE_CHECKING:
    from kwx.hazard.recipe import Recipe

Command = TypeVar("Command", bound=Callable[..., Any])

_ENGINES = ("lattice", "simulate")
_BASELINES = ("auto", "template", "timeline", "hold_last")


class ClockTime(click.ParamType[time]):
    """A time of day as a person types it: 09:00."""

    name = "HH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> time:
        """Parse a time of day."""
        if isinstance(value, time):
            return value
        try:
            return time.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time of day; write it as 09:00", param, ctx)


def _city_key(_ctx: click.Context, _param: click.Parameter, word: str) -> str:
    from warehouse.market.cities import city

    return city(word).key


def _day_options(command: Command) -> Command:
    """Add --city and --date, one of each."""
    city = click.option("--city", required=True, callback=_city_key, help="City key or alias.")
    day = click.option("--date", "event_date", required=True, type=EventDate(), help="The event date.")
    return city(day(command))


def _recipe_options(command: Command) -> Command:
    """Add --engine, --paths and --baseline."""
    engine = click.option(
        "--engine", type=click.Choice(_ENGINES), default="lattice", show_default=True, help="Exact, or drawn paths."
    )
    paths = click.option(
        "--paths", type=click.IntRange(2, 10_000_000), help="Paths of the simulator (default 4000, an even number)."
    )
    baseline = click.option(
        "--baseline",
        type=click.Choice(_BASELINES),
        default="auto",
        show_default=True,
        help="What to measure from: forecast, typical day, nothing; auto takes the best that was known.",
    )
    return engine(paths(baseline(command)))


def _scheduler_option(command: Command) -> Command:
    return click.option(
        "--scheduler", metavar="ADDRESS", help="Run on a Dask cluster that sees the lake: tcp://host:8786"
    )(command)


def _recipe(engine: str, paths: int | None, baseline: str) -> Recipe:
    from kwx.hazard.law import Baseline
    from kwx.hazard.recipe import DEFAULT_PATHS, Recipe

    if paths is not None and engine != "simulate":
        raise click.UsageError("--paths are of --engine simulate; the lattice draws none")
    chosen = None if baseline == "auto" else Baseline(baseline)
    return Recipe(engine=engine, paths=paths or DEFAULT_PATHS, baseline=chosen)


def _drawn(chart: str, what: Any) -> Callable[[], Any]:
    """Return how to draw something; what draws is imported only where a drawing was asked for."""

    def draw() -> Any:
        from kwx.cli import charts

        return getattr(charts, chart)(what)

    return draw


@click.group(epilog="Example:  kwx hazard fit-params --city chicago --until 2026-10-31")
def hazard() -> None:
    """Turn weather into bracket probabilities: fit, run, look."""


@hazard.command("fit-params", epilog="Example:  kwx hazard fit-params --city miami --every 7 --window 60")
@city_option
@range_options
@click.option("--every", type=click.IntRange(min=1), help="A fit every so many days through the range.")
@click.option("--window", type=click.IntRange(min=1), help="Each fit sees so many days (default: all since --since).")
@click.option("--sigma-by-lead", is_flag=True, help="Let the innovations depend on the lead too.")
@workers_option
@_scheduler_option
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
    """Fit the law of each city's air to past days and add it to mc_params; a day is served by fits before it only.

    Without --every this is one fit of the whole range. With it, a walk: each fit may serve the days after its last one,
    which is how a past year is computed without hindsight.
    """
    from kwx.cli.hazarded import fit_rows, fit_values, tell_fitted
    from kwx.cli.progress import progress_of
    from kwx.hazard.fit.walk import Walk, fit_params

    walk = Walk(
        cities=cities, since=since, until=until, every_days=every, window_days=window, sigma_by_lead=sigma_by_lead
    )
    with progress_of("fitting") as on_progress:
        fitted = fit_params(walk, lake_root, workers=workers, scheduler=scheduler, on_progress=on_progress)
    summary = {"snapshot": fitted.built.snapshot.number, "fits": len(fitted.laws), "refused": fitted.refused}
    forms.give(
        fit_rows(fitted.laws),
        summary,
        tell=lambda: tell_fitted(fitted),
        chart=_drawn("fit_chart", fit_values(fitted.laws)),
    )


@hazard.command("run-day", epilog="Example:  kwx hazard run-day --city chicago --date 2026-11-01")
@_day_options
@_recipe_options
@forms_options
@lake_option
def run_day(
    city: str,
    event_date: date,
    engine: str,
    paths: int | None,
    baseline: str,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Run one day at all of its evaluations, publish it, and show it hour by hour."""
    from kwx.cli.hazarded import tell_ran
    from kwx.hazard.backfill import run_day
    from kwx.hazard.scored.diagnostics import trace_of

    recipe = _recipe(engine, paths, baseline)
    ran = run_day(city, event_date, recipe, lake_root)
    trace = trace_of(ran.run, ran.day, source=recipe.mc_version)
    summary = {
        "city": city,
        "event_date": event_date,
        "mc_version": recipe.mc_version,
        "snapshot": ran.built.snapshot.number,
        "changed": ran.built.changed,
        "notes": ran.day.notes,
    }
    forms.give(trace.rows, summary, tell=lambda: tell_ran(ran, trace), chart=_drawn("trace_chart", trace))


@hazard.command(epilog="Example:  kwx hazard backfill --city chicago --since 2026-10-25 --until 2026-11-04")
@city_option
@range_options
@_recipe_options
@click.option("--again", is_flag=True, help="Run also the days that are held already.")
@workers_option
@_scheduler_option
@forms_options
@lake_option
def backfill(
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    engine: str,
    paths: int | None,
    baseline: str,
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
    from kwx.cli.progress import progress_of
    from kwx.cli.tell import built_as_json
    from kwx.hazard.backfill import Wish
    from kwx.hazard.backfill import backfill as backfilling

    wish = Wish(cities=cities, since=since, until=until, recipe=_recipe(engine, paths, baseline), again=again)
    with progress_of("running") as on_progress:
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
    from kwx.cli.hazarded import tell_sums
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
@click.option("--at", "instants", type=ClockTime(), multiple=True, help="One instant instead of a window; repeatable.")
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
    from kwx.cli.hazarded import evaluation_summary, tell_evaluation
    from kwx.hazard.recipe import Recipe
    from kwx.hazard.scored.evaluation import evaluate_mornings
    from kwx.hazard.scored.mornings import Window
    from warehouse.lake.store import Lake

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
@_day_options
@_recipe_options
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

    trace = trace_day(Lake(lake_root).snapshot(), city, event_date, _recipe(engine, paths, baseline))
    forms.give(trace.rows, trace_summary(trace), tell=lambda: tell_trace(trace), chart=_drawn("trace_chart", trace))
