"""The predictions that stand: those of the view `prediction_served`, read straight from the table where that is plain.

It is plain where one fit of a model speaks of each market, says one thing at a minute, and all brackets of an event are
spoken of at the same minutes: then nothing has to be chosen, and what was said last stands. That is so for one family
trained for one kind of city and bracket, and read ten times as fast as by the view, which decides everywhere else.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from kwx.models.calibration.stored import calibrator_before, calibrators_of
from kwx.models.served import SHARES_PER_ONE, is_whole, served_predictions
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MARKETS, MODEL_RUNS, PREDICTIONS
from warehouse.lake.tables.research import SETTLEMENT_HORIZON

_KEYS = ("event_date", "market_ticker", "ts_utc")
_COLUMNS = (*_KEYS, "said_utc", "model_id", "family", "wf_window", "p_model", "p_calibrated", "p_served")
_MOMENT = ("event_date", "event_ticker", "ts_utc")


def standing_predictions(
    snapshot: Snapshot, city: str, since: date, until: date, *, family: str | None
) -> pl.DataFrame:
    """Return what `served_predictions` returns of the settlement."""
    if family is not None:
        told = _of_family(snapshot, city, since, until, family)
        if _is_plain(told):
            return _shared(_calibrated(told, snapshot, city, family)).select(_COLUMNS)
    return served_predictions(snapshot, city, since, until, family=family).select(_COLUMNS)


def _of_family(snapshot: Snapshot, city: str, since: date, until: date, family: str) -> pl.DataFrame:
    """Return all that a family said of the settlement, in the order of date, market and minute, with each event's."""
    # One run is of one family, whatever city it is filed under.
    runs = snapshot.scan(MODEL_RUNS).filter(pl.col("family") == family).select("run_id").unique()
    told, markets = (snapshot.scan(one, cities=(city,), since=since, until=until) for one in (PREDICTIONS, MARKETS))
    listed = markets.select("event_date", "market_ticker", "event_ticker", "bracket_order", "low_f", "high_f")
    of_family = told.filter(pl.col("horizon") == SETTLEMENT_HORIZON).join(runs, on="run_id", how="semi")
    columns = of_family.with_columns(said_utc="ts_utc", family=pl.lit(family)).select(*_COLUMNS[:-1], "run_id")
    placed = columns.join(listed, on=("event_date", "market_ticker"), how="left").with_columns(
        pl.col("event_ticker").fill_null(pl.col("market_ticker"))
    )
    return placed.sort(_KEYS).collect(engine="in-memory")


def _is_plain(told: pl.DataFrame) -> bool:
    """Tell whether one fit speaks of each market, never twice at a minute, and of all brackets of an event at once."""
    if told.select(pl.struct("market_ticker", "ts_utc").is_duplicated().any()).item():
        return False
    if told.select("market_ticker", "run_id").unique().height != told["market_ticker"].n_unique():
        return False
    brackets = told.group_by("event_date", "event_ticker").agg(pl.col("market_ticker").n_unique())
    spoken = told.group_by(_MOMENT).len()
    uneven = spoken.join(brackets, on=_MOMENT[:2]).filter(pl.col("len") != pl.col("market_ticker"))
    return uneven.is_empty()


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


def _shared(told: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with p_served: what is said, over its sum on each whole ladder."""
    brackets = told.unique("market_ticker").group_by(_MOMENT[:2]).agg(whole=is_whole().fill_null(value=False))
    said = pl.coalesce("p_calibrated", "p_model")
    shares = (said * SHARES_PER_ONE).floor().cast(pl.Int64).sum().over(_MOMENT).cast(pl.Float64) / SHARES_PER_ONE
    placed = told.join(brackets, on=_MOMENT[:2], how="left", maintain_order="left")
    return placed.with_columns(
        p_served=pl.when(pl.col("whole") & (shares > 0)).then(said / shares).otherwise(said)
    )  # fmt: skip
