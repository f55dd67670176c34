"""City-days that were made of something else than what the lake holds now: grids, minutes, evaluations, fusions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl

from kwx.audits.coverage.cells import State
from kwx.audits.scope import Scope
from kwx.fuse.run import FuseWish, planned_days
from kwx.hazard.fits import fit_before, fits_of
from kwx.hazard.inputs import Inputs, hashes_held
from kwx.hazard.recipe import Recipe
from warehouse.lake.tables import (
    CANDLES_1M,
    CANDLES_DENSE,
    MARKETS,
    OBS,
    OBS_1M,
    OBS_5M,
    PMF_DEGREES,
    PMF_MINUTE,
    Table,
)

_DAY = ("city", "event_date")
Stale = tuple[str, date, str, str]
"""City, event date, table, and why."""


def stale_days(scope: Scope) -> pl.DataFrame:
    """Return the city-days of derived tables that are not made of what the lake holds now, with the reason."""
    found = [*_grids(scope), *_minutes(scope), *_evaluations(scope), *_fused(scope)]
    schema = {"city": pl.String, "event_date": pl.Date, "table": pl.String, "why": pl.String}
    return pl.DataFrame(found, schema=schema, orient="row").with_columns(stale=pl.lit(str(State.STALE)))


def _grids(scope: Scope) -> Iterator[Stale]:
    """Yield grids whose last running maximum is not the highest of the day's reports known by then."""
    for table in (OBS_1M, OBS_5M):
        for city, day, shown, due in _last_maxima(scope, table):
            if shown != due:
                yield city, day, table.name, f"its highest report is {shown} °F, the day's {due} °F"


def _last_maxima(scope: Scope, table: Table) -> Iterator[tuple[str, date, float | None, float | None]]:
    last = scope.scan(table).group_by(_DAY).agg(
        pl.col("ts_utc").max(), pl.col("run_max_f").sort_by("ts_utc").last().alias("shown"),
    )  # fmt: skip
    heard = scope.scan(OBS).filter(~pl.col("is_filled")).join(last, on=_DAY, how="inner", suffix="_last")
    known = heard.filter(pl.col("known_utc") <= pl.col("ts_utc_last"))
    highest = known.group_by(_DAY).agg(pl.col("temp_f").max().alias("due"))
    both = last.join(highest, on=_DAY, how="left").sort(_DAY)
    yield from both.select(*_DAY, "shown", "due").collect().iter_rows()


def _minutes(scope: Scope) -> Iterator[Stale]:
    """Yield minutes of trading whose volume is not that of the candles known by the last of them."""
    keys = (*_DAY, "market_ticker")
    listed = scope.scan(MARKETS).select(*keys, "open_utc")
    shown = scope.scan(CANDLES_DENSE).group_by(keys).agg(
        pl.col("ts_utc").max().alias("last_utc"), pl.col("volume_centi").sum().alias("shown")
    )  # fmt: skip
    told = scope.scan(CANDLES_1M).join(listed, on=keys, how="inner").join(shown, on=keys, how="inner")
    inside = (pl.col("ts_utc") > pl.col("open_utc")) & (pl.col("known_utc") <= pl.col("last_utc"))
    due = (
        told.filter(inside & (pl.col("ts_utc") <= pl.col("last_utc"))).group_by(keys).agg(pl.col("volume_centi").sum())
    )
    both = shown.join(due, on=keys, how="left").with_columns(pl.col("volume_centi").fill_null(0))
    days = both.group_by(_DAY).agg((pl.col("shown") != pl.col("volume_centi")).sum().alias("markets")).sort(_DAY)
    for city, day, markets in days.collect().iter_rows():
        if markets:
            yield city, day, CANDLES_DENSE.name, f"{markets} markets show another volume than their candles"


def _evaluations(scope: Scope) -> Iterator[Stale]:
    """Yield evaluated days whose reports, forecasts, markets or fit are others by now."""
    inputs, recipe = Inputs.of(scope.snapshot), Recipe()
    for city, days in scope.days.items():
        held = hashes_held(
            scope.snapshot, city, since=days[0], until=days[-1], recipe=recipe, to_panel=False, inputs=inputs
        )  # fmt: skip
        fits = fits_of(scope.snapshot, city)
        for day in sorted(held):
            fit = fit_before(fits, day)
            if fit is not None and held[day] != inputs.sha256(city, day, fit, recipe):
                yield city, day, PMF_DEGREES.name, "its reports, forecasts, markets or fit are others now"


def _fused(scope: Scope) -> Iterator[Stale]:
    """Yield fused days whose quotes, weather or weights are others by now.

    A day that was fused under a weight that somebody said, and not under those of the lake, is left alone.
    """
    asked = pl.col("p_fused").is_not_null() & pl.col("fusion_fitted_utc").is_null()
    of_lake = pl.col("fusion_sha256").is_not_null().any() & ~asked.any()
    fused = scope.scan(PMF_MINUTE).group_by(_DAY).agg(of_lake.alias("of_lake")).filter("of_lake").select(_DAY).collect()
    if fused.is_empty():
        return
    was = set(fused.iter_rows())
    wish = FuseWish(cities=tuple(fused["city"].unique().sort()), since=scope.since, until=scope.until)
    wanted, _ = planned_days(scope.snapshot, wish)
    for city, days in sorted(wanted.items()):
        for day in days:
            if (city, day.event_date) in was:
                yield city, day.event_date, PMF_MINUTE.name, "its quotes, weather or weights are others now"
