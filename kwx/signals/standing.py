"""The predictions that stand: those of the view `prediction_served`, read straight from the table where that is plain.

It is plain where one fit of a model speaks of each market, and says one thing at a minute: then nothing has to be
chosen, and what was said last stands. That is so for one family trained for one kind of city and bracket, and read ten
times as fast as by the view, which decides everywhere else.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from kwx.models.artifact import SETTLEMENT_HORIZON
from kwx.models.calibration.stored import calibrator_before, calibrators_of
from kwx.models.served import served_predictions
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MODEL_RUNS, PREDICTIONS

_KEYS = ("event_date", "market_ticker", "ts_utc")
_COLUMNS = (*_KEYS, "said_utc", "model_id", "family", "wf_window", "p_model", "p_calibrated")


def standing_predictions(
    snapshot: Snapshot, city: str, since: date, until: date, *, family: str | None
) -> pl.DataFrame:
    """Return what `served_predictions` returns of the settlement."""
    if family is not None:
        told = _of_family(snapshot, city, since, until, family)
        if _is_plain(told):
            return _calibrated(told, snapshot, city, family).select(_COLUMNS)
    return served_predictions(snapshot, city, since, until, family=family).select(_COLUMNS)


def _of_family(snapshot: Snapshot, city: str, since: date, until: date, family: str) -> pl.DataFrame:
    """Return all that a family said of the settlement, in the order of date, market and minute."""
    # One run is of one family, whatever city it is filed under.
    runs = snapshot.scan(MODEL_RUNS).filter(pl.col("family") == family).select("run_id").unique()
    told = snapshot.scan(PREDICTIONS, cities=(city,), since=since, until=until)
    of_family = told.filter(pl.col("horizon") == SETTLEMENT_HORIZON).join(runs, on="run_id", how="semi")
    columns = of_family.with_columns(said_utc="ts_utc", family=pl.lit(family)).select(*_COLUMNS, "run_id")
    return columns.sort(_KEYS).collect(engine="in-memory")


def _is_plain(told: pl.DataFrame) -> bool:
    """Tell whether one fit speaks of each market, and never twice at a minute."""
    if told.select(pl.struct("market_ticker", "ts_utc").is_duplicated().any()).item():
        return False
    return told.select("market_ticker", "run_id").unique().height == told["market_ticker"].n_unique()


def _calibrated(told: pl.DataFrame, snapshot: Snapshot, city: str, family: str) -> pl.DataFrame:
    """Return the rows with p_calibrated by the stored calibrator that may serve the event date, else as they are."""
    stored = calibrators_of(snapshot, city, model_type=family, horizon=SETTLEMENT_HORIZON)
    if not stored or told.is_empty():
        return told
    days = []
    for day in told.partition_by("event_date", maintain_order=True):
        may_serve = calibrator_before(stored, day["event_date"][0])
        mended = None if may_serve is None else pl.Series(may_serve.calibrator.apply(day["p_model"].to_numpy()))
        days.append(day if mended is None else day.with_columns(p_calibrated=mended))
    return pl.concat(days)
