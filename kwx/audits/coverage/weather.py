"""How much of each climate day there is: reports by source, grids, forecasts by source, official reports by source."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from kwx.audits.coverage.cells import measured
from kwx.audits.scope import Scope
from warehouse.lake.tables import FORECASTS, OBS, OBS_1M, OBS_5M, SETTLEMENTS
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import FIVE_MINUTE_STEPS, MINUTES_PER_DAY

CADENCE = {"metar": 24, "hfmetar": FIVE_MINUTE_STEPS, "vc": FIVE_MINUTE_STEPS, "asos1min": MINUTES_PER_DAY}
"""How many reports a day a source has when nothing is lost."""

_DAY = ("city", "event_date")
_BY_SOURCE = (*_DAY, "source")
_REPORTS_SHARE, _FORECASTS_SHARE = 0.8, 0.5
_FIRST_REPORT_AFTER = timedelta(hours=2)
"""So long into the day the first report of a lake is known, of a station that reports once an hour."""


def reports_of(scope: Scope) -> pl.DataFrame:
    """Count the reports that say something new; of a city behind the gate the excluded vendor owes none."""
    said = scope.scan(OBS).group_by(_BY_SOURCE).agg((~pl.col("is_filled")).sum().alias("have"))
    excluded = [key for key, one in CITIES.items() if one.vc_excluded]
    owed = ~(pl.col("city").is_in(excluded) & (pl.col("source") == "vc"))
    due = pl.col("source").replace_strict(CADENCE, default=None, return_dtype=pl.Float64)
    return measured(said.filter(owed), table=OBS.name, unit="reports", least_share=_REPORTS_SHARE, due=due)


def grids_of(scope: Scope) -> pl.DataFrame:
    """Count the steps of the grids of each day that hold a temperature; of a day without a report of its own none does.

    What a grid carries over from the eve is no report of the day. In its first hours a step may wait for the first one.
    """
    waits = pl.col("ts_utc") - pl.col("ts_utc").min() < _FIRST_REPORT_AFTER
    told = (pl.col("temp_f").is_not_null() | waits).sum()
    have = pl.when(pl.col("run_max_f").is_not_null().any()).then(told).otherwise(0)
    parts = []
    for table, steps in ((OBS_1M, MINUTES_PER_DAY), (OBS_5M, FIVE_MINUTE_STEPS)):
        rows = scope.scan(table).group_by(_DAY).agg(have.alias("have"))
        parts.append(measured(rows, table=table.name, unit="steps", least_share=1.0, due=pl.lit(steps)))
    return pl.concat(parts)


def forecasts_of(scope: Scope) -> pl.DataFrame:
    """Count the runs of each source that were known before the day was over, against those of the city's other days."""
    in_time = scope.scan(FORECASTS).filter(pl.col("known_utc") <= pl.col("valid_utc"))
    rows = in_time.group_by(_BY_SOURCE).agg(pl.col("issued_utc").n_unique().alias("have")).collect()
    usual = pl.col("have").median().over("city", "source")
    return measured(
        rows.with_columns(due=usual).lazy(), table=FORECASTS.name, unit="runs", least_share=_FORECASTS_SHARE,
        due=pl.col("due"),
    )  # fmt: skip


def settlements_of(scope: Scope) -> pl.DataFrame:
    """Count the sources' final reports that name a high: one at least."""
    named = pl.col("is_final") & pl.col("high_f").is_not_null()
    rows = scope.scan(SETTLEMENTS).group_by(_BY_SOURCE).agg(named.any().cast(pl.Int64).alias("have"))
    return measured(rows, table=SETTLEMENTS.name, unit="final reports", least_share=1.0, due=pl.lit(1))
