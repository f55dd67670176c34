"""`kwx fuse …`: what the market says, how much it weighs beside the weather, and both in one distribution."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from kwx.cli.forms import Forms, drawn, forms_options
from kwx.cli.fuse_options import horizon_option, kind_options, market_options, market_recipe
from kwx.cli.options import city_option, lake_option, range_options, scheduler_option, workers_option


@click.group(epilog="Example:  kwx fuse tune --every 7 && kwx fuse run")
def fuse() -> None:
    """Put market and weather into one distribution: tune the weight, fuse, compare."""


@fuse.command(epilog="Example:  kwx fuse run --city chicago --since 2026-10-30 --weight 0.7")
@city_option
@range_options
@horizon_option
@click.option("--weight", type=click.FloatRange(0, 1), help="Give the market this weight, whatever was tuned.")
@click.option("--pool", "pool_name", type=click.Choice(("log_linear", "linear")), help="How to pool under --weight.")
@market_options
@click.option("--again", is_flag=True, help="Fuse also the days that are held already.")
@workers_option
@scheduler_option
@forms_options
@lake_option
def run(
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    horizon: str,
    weight: float | None,
    pool_name: str | None,
    price: str,
    overround: str,
    again: bool,
    workers: int | None,
    scheduler: str | None,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Fuse every minute of every event and publish it in pmf_minute.

    Each day is fused under the best accepted weights of the newest data that end before its eve, the city's own where
    it has any. Days without such weights get p_mkt alone, made as --price and --overround say. Days that the lake
    holds, made of what it holds now, are left alone.
    """
    from kwx.cli.fused import day_rows, run_summary, tell_run
    from kwx.cli.progress import progress_of
    from kwx.fuse.run import FuseWish, fuse_days
    from kwx.fuse.weights import said_weight

    if pool_name is not None and weight is None:
        raise click.UsageError("--pool belongs to --weight; accepted weights say their own pool")
    market = market_recipe(price, overround)
    said = None if weight is None else said_weight(weight, pool=pool_name or "log_linear", market=market)
    wish = FuseWish(cities=cities, since=since, until=until, horizon=horizon, weights=said, market=market, again=again)
    with progress_of("fusing") as on_progress:
        done = fuse_days(wish, lake_root, workers=workers, scheduler=scheduler, on_progress=on_progress)
    rows = day_rows(done.days)
    chart = drawn("days_chart", rows, module="hazard_charts")
    forms.give(rows, run_summary(done), tell=lambda: tell_run(done), chart=chart)


@fuse.command(epilog="Example:  kwx fuse tune --city chicago --city nyc --until 2026-10-31")
@city_option
@range_options
@horizon_option
@kind_options
@market_options
@click.option("--held-out", default=1 / 3, show_default="a third", help="Share of the dates to judge by, the last.")
@click.option("--every", type=click.IntRange(min=1), help="A tuning every so many days through the range.")
@click.option("--window", type=click.IntRange(min=1), help="Each tuning sees so many days (default: all before).")
@workers_option
@scheduler_option
@forms_options
@lake_option
def tune(
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    horizon: str,
    pools: tuple[str, ...],
    methods: tuple[str, ...],
    price: str,
    overround: str,
    held_out: float,
    every: int | None,
    window: int | None,
    workers: int | None,
    scheduler: str | None,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Fit the market's weight to past dates by every pool and method, judge on later ones, and print a leaderboard.

    The best kind is accepted if the market alone did not beat it on the held-out dates; everything is stored in
    fusion_params. A set serves events from the second day after its last date on.
    """
    from kwx.cli.fused import board_rows, tell_tuned, tune_summary
    from kwx.cli.progress import progress_of
    from kwx.fuse.fit.tune import TuneWish
    from kwx.fuse.fit.tune import tune as tuning

    wish = TuneWish(
        cities=cities, since=since, until=until, horizon=horizon, market=market_recipe(price, overround),
        held_out=held_out, every_days=every, window_days=window,
        **({"pools": pools} if pools else {}), **({"methods": methods} if methods else {}),
    )  # fmt: skip
    with progress_of("tuning") as on_progress:
        done = tuning(wish, lake_root, workers=workers, scheduler=scheduler, on_progress=on_progress)
    rows = board_rows(done)
    chart = drawn("board_chart", rows, module="fuse_charts")
    forms.give(rows, tune_summary(done), tell=lambda: tell_tuned(done), chart=chart)


@fuse.command(epilog="Example:  kwx fuse market --city chicago --since 2026-10-22")
@city_option
@range_options
@click.option("--every", "every_minutes", type=click.IntRange(min=1), default=60, show_default=True, help="Minutes.")
@workers_option
@forms_options
@lake_option
def market(
    cities: tuple[str, ...],
    since: date | None,
    until: date | None,
    every_minutes: int,
    workers: int | None,
    forms: Forms,
    lake_root: Path | None,
) -> None:
    """Compare the ways of reading probabilities off quotes, on settled days: mid and microprice, three overrounds."""
    from kwx.cli.fused import comparison_summary, tell_comparison
    from kwx.cli.progress import progress_of
    from kwx.fuse.market_scores import compare_recipes
    from warehouse.lake.store import Lake

    with progress_of("comparing") as on_progress:
        found = compare_recipes(
            Lake(lake_root).snapshot(), cities=cities, since=since, until=until, every_minutes=every_minutes,
            workers=workers, on_progress=on_progress,
        )  # fmt: skip
    chart = drawn("recipes_chart", found, module="fuse_charts")
    forms.give(found.rows, comparison_summary(found), tell=lambda: tell_comparison(found), chart=chart)
