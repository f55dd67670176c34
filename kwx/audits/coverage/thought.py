"""How much was thought about each event: evaluations of the weather, probabilities of its markets, predictions."""

from __future__ import annotations

import polars as pl

from kwx.audits.coverage.cells import measured
from kwx.audits.scope import Scope
from kwx.hazard.known.evidence import evaluations_utc
from kwx.hazard.recipe import Recipe
from warehouse.lake.tables import MARKETS, PMF_DEGREES, PMF_MINUTE, PREDICTIONS
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

_DAY = ("city", "event_date")


def evaluations_of(scope: Scope) -> pl.DataFrame:
    """Count the evaluations of each day under the recipe that goes into the panel."""
    ours = scope.scan(PMF_DEGREES).filter(pl.col("mc_version") == Recipe().mc_version)
    rows = ours.group_by(_DAY).agg(pl.col("ts_utc").n_unique().alias("have")).collect()
    due = [evaluations_utc(ClimateDay(CITIES[city], day)).len() for city, day in rows.select(_DAY).iter_rows()]
    return measured(
        rows.with_columns(pl.Series("due", due, dtype=pl.Int64)).lazy(), table=PMF_DEGREES.name, unit="evaluations",
        least_share=1.0, due=pl.col("due"),
    )  # fmt: skip


def minutes_of(scope: Scope) -> pl.DataFrame:
    """Count the markets that have a probability by weather or market at any minute."""
    told = scope.scan(PMF_MINUTE).filter(pl.col("p_wx").is_not_null() | pl.col("p_mkt").is_not_null())
    listed = scope.scan(MARKETS).group_by(_DAY).agg(pl.len().alias("due"))
    joined = _spoken_of(told).join(listed, on=_DAY, how="left")
    return measured(joined, table=PMF_MINUTE.name, unit="markets", least_share=1.0, due=pl.col("due"))


def predictions_of(scope: Scope) -> pl.DataFrame:
    """Count the markets that a model spoke of, against the city's other days: some are of one type of bracket."""
    spoken = _spoken_of(scope.scan(PREDICTIONS)).collect()
    usual = pl.col("have").median().over("city")
    counted = spoken.with_columns(due=usual).lazy()
    return measured(counted, table=PREDICTIONS.name, unit="markets", least_share=1.0, due=pl.col("due"))


def _spoken_of(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by(_DAY).agg(pl.col("market_ticker").n_unique().alias("have"))
