"""`calibrators`: fitted again when what models say has drifted, or when a family has none yet in a city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from kwx.models.calibration.run import CalibrateRun, CalibrateWish, calibrate
from kwx.nightly.night import Night
from kwx.nightly.scores.daily import MODEL
from kwx.nightly.step import Done, Due, Step, due, not_due, require_lack, rows_of
from kwx.nightly.steps.scores import controls_now
from pipelines.publishing import OnProgress
from warehouse.errors import Refused
from warehouse.lake.tables import CALIBRATORS, MODEL_RUNS, PREDICTIONS
from warehouse.lake.tables.research import SETTLEMENT_HORIZON

Pair = tuple[str, str]
"""A city and a family."""
_PAIR = ("city", "family")


def _since(night: Night) -> date:
    return night.event_date - timedelta(days=night.settings.drift.calibrator_days - 1)


def _spoke(night: Night) -> dict[Pair, int]:
    """Return of how many dates that a calibrator would see each family spoke in each city."""
    snapshot = night.snapshot()
    said = snapshot.scan(PREDICTIONS, cities=night.cities, since=_since(night), until=night.event_date)
    days = said.filter(horizon=SETTLEMENT_HORIZON).select("city", "event_date", "run_id").unique()
    runs = snapshot.scan(MODEL_RUNS).select("run_id", "family").unique()
    dates = days.join(runs, on="run_id").group_by("city", "family").agg(pl.col("event_date").n_unique()).sort(*_PAIR)
    return {(city, family): count for city, family, count in dates.collect().iter_rows()}


def _newest(night: Night) -> dict[Pair, date]:
    """Return the last date that the newest calibrator of a settlement saw, of each family and city that has one."""
    rows = night.snapshot().scan(CALIBRATORS, cities=night.cities).filter(horizon=SETTLEMENT_HORIZON)
    newest = rows.group_by("city", pl.col("model_type").alias("family")).agg(pl.col("until_date").max())
    return {(city, family): until for city, family, until in newest.collect().iter_rows()}


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Of which families and cities calibrators are wanted, and why; of none where why says what stands against it."""

    pairs: tuple[Pair, ...] = ()
    why: str


def _found(night: Night) -> _Found:
    fields, spoke, newest = night.settings.drift, _spoke(night), _newest(night)
    enough = [pair for pair, dates in spoke.items() if dates >= fields.least_calibrator_dates]
    if not enough:
        most = max(spoke.values(), default=0)
        return _Found(why=f"models spoke of {most} dates; a calibrator needs {fields.least_calibrator_dates}")
    if bare := tuple(pair for pair in enough if pair not in newest):
        return _Found(pairs=bare, why=f"no calibrator is fitted yet of {_named(bare)}, which spoke of dates enough")
    drifted = [one for one in controls_now(night) if one.source == MODEL and one.has_drifted]
    seen = min(newest[pair] for pair in enough)
    if not drifted:
        return _Found(why=f"what models say has not drifted; the calibrators see days up to {seen} or later")
    began = night.event_date - timedelta(days=fields.recent_dates)
    if old := tuple(pair for pair in enough if newest[pair] <= began):
        return _Found(pairs=old, why=f"{drifted[0]}; {_named(old)} see days up to {seen}")
    return _Found(why=f"{drifted[0]}; but the calibrators see days up to {seen}, which is after it began")


def _named(pairs: Sequence[Pair]) -> str:
    return ", ".join(f"{family} in {city}" for city, family in pairs)


def _due(night: Night) -> Due:
    found = _found(night)
    return due(found.why) if found.pairs else not_due(found.why)


def _do(night: Night, on_progress: OnProgress) -> Done:
    """Calibrate the cities and families that want it: all of those families in all of those cities."""
    pairs = _found(night).pairs
    wish = CalibrateWish(
        cities=tuple(dict.fromkeys(city for city, _ in pairs)), families=tuple(sorted({family for _, family in pairs})),
        horizons=(SETTLEMENT_HORIZON,), since=_since(night), until=night.event_date,
    )  # fmt: skip
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
