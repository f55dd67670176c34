"""`calibrators`: fitted again when what models say has drifted, or when a family has none yet."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from kwx.models.calibration.run import CalibrateRun, CalibrateWish, calibrate
from kwx.nightly.night import Night
from kwx.nightly.scores.daily import MODEL
from kwx.nightly.step import Done, Due, Step, due, not_due, require_lack, rows_of
from kwx.nightly.steps.scores import controls_now
from pipelines.publishing import OnProgress
from warehouse.errors import Refused
from warehouse.lake.tables import CALIBRATORS, PREDICTIONS
from warehouse.lake.tables.research import SETTLEMENT_HORIZON


def _since(night: Night) -> date:
    return night.event_date - timedelta(days=night.settings.drift.calibrator_days - 1)


def _newest(night: Night) -> date | None:
    """Return the last date that the newest calibrator of a settlement saw; None where there is none."""
    rows = night.snapshot().scan(CALIBRATORS, cities=night.cities).filter(pl.col("horizon") == SETTLEMENT_HORIZON)
    newest: date | None = rows.select(pl.col("until_date").max()).collect().item()
    return newest


def _due(night: Night) -> Due:
    fields, spoken = night.settings.drift, night.days_with(PREDICTIONS.name, since=_since(night))
    dates = {day for days in spoken.values() for day in days if day <= night.event_date}
    if len(dates) < fields.least_calibrator_dates:
        return not_due(f"models spoke of {len(dates)} dates; a calibrator needs {fields.least_calibrator_dates}")
    newest = _newest(night)
    if newest is None:
        return due(f"models spoke of {len(dates)} dates, and no calibrator is fitted yet")
    drifted = [one for one in controls_now(night) if one.source == MODEL and one.has_drifted]
    if not drifted:
        return not_due(f"what models say has not drifted; the calibrators see days up to {newest}")
    if newest > night.event_date - timedelta(days=fields.recent_dates):
        return not_due(f"{drifted[0]}; but the calibrators see days up to {newest}, which is after it began")
    return due(str(drifted[0]))


def _do(night: Night, on_progress: OnProgress) -> Done:
    wish = CalibrateWish(
        cities=night.cities, horizons=(SETTLEMENT_HORIZON,), since=_since(night), until=night.event_date
    )
    try:
        done = calibrate(
            wish, night.lake.paths.root, workers=night.workers, clock=night.fit_clock, on_progress=on_progress
        )  # fmt: skip
    except Refused as refusal:
        require_lack(refusal)
        return Done(notes=(f"nothing was calibrated: {refusal}",))
    return _told(done)


def _told(done: CalibrateRun) -> Done:
    figures = {"calibrated": len(done.calibrated), "added": done.added}
    return Done(rows=rows_of(done.built), notes=done.notes, figures=figures)


STEP = Step(
    name="calibrators",
    meaning="fits the calibrators of models again when they have drifted",
    reads=("predictions", "settlements", "markets", "model_runs", "calibrators", "scores"),
    writes=("calibrators",),
    due=_due,
    do=_do,
    # Scores are no table: they are what these are made of.
    beside=lambda night: " ".join(str(one) for one in controls_now(night)),
)
