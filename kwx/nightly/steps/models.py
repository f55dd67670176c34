"""`models`: the newest window of each family by schedule, on the dates up to the night's; people promote it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from kwx.models.registry.places import PILOTS, stage_folder, window_folders
from kwx.models.training.asked import WalkWish, elasticnet_series, tmax_series
from kwx.models.training.run import FITTED, HELD, REFUSED, TrainRun, train
from kwx.models.training.series import Series
from kwx.models.windows import PURGED_DAYS, Window, window_dates
from kwx.nightly.night import Night
from kwx.nightly.step import Done, Due, Step, due, not_due, require_lack, rows_of
from pipelines.publishing import OnProgress
from warehouse.errors import Refused
from warehouse.lake.tables import CANDLES_DENSE

ELASTICNET = "elasticnet"
LEAST_SHARE = 0.5
"""With less than this share of the training dates in the lake, a window is not worth its fit."""


def window_of(event_date: date, *, train_days: int, serve_days: int) -> Window:
    """Return the newest window that a night can fit: nobody uses its date, of which no label was known in time."""
    train_until = event_date - timedelta(days=PURGED_DAYS)
    return Window(
        train_since=train_until - timedelta(days=train_days - 1), train_until=train_until,
        test_since=event_date + timedelta(days=1), test_until=event_date + timedelta(days=serve_days),
    )  # fmt: skip


def _series(night: Night) -> list[Series]:
    """Return what is to be fitted: of every family the window of tonight."""
    every = night.settings.refit.models_days
    assert every is not None, "a family that is never fitted again is not due"
    found: list[Series] = []
    for family in night.settings.refit.families:
        if family == ELASTICNET:
            found += elasticnet_series(night.configuration, cities=night.cities, brackets=(), profile=None, said={})
        else:
            found += tmax_series(family, cities=night.cities if family == "tod" else (), wish=WalkWish(), recipe={})
    return [
        replace(one, window=window_of(night.event_date, train_days=one.train_days, serve_days=every)) for one in found
    ]


def _newest(night: Night, families: set[str]) -> date | None:
    """Return the first date that the newest window of some families serves; None where there is none."""
    folders = window_folders(stage_folder(night.models_root, PILOTS))
    return max((window_dates(path.name)[0] for path in folders if path.parts[-2] in families), default=None)


def _due(night: Night) -> Due:
    every = night.settings.refit.models_days
    if every is None or not night.settings.refit.families:
        return not_due("nightly.refit names no family, or no schedule")
    series = _series(night)
    newest = _newest(night, {one.family for one in series})
    if newest is not None and newest > night.event_date + timedelta(days=1 - every):
        return not_due(f"the newest windows serve from {newest} on; the next are fitted {every} days after that")
    wanted = min(one.train_days for one in series)
    traded = len(_traded(night, wanted))
    if traded < LEAST_SHARE * wanted:
        return not_due(f"{traded} of the last {wanted} dates trade; {round(LEAST_SHARE * wanted)} are needed")
    return due("no window is fitted yet" if newest is None else f"the newest windows serve from {newest} on")


def _traded(night: Night, train_days: int) -> set[date]:
    since = night.event_date - timedelta(days=train_days)
    days = night.days_with(CANDLES_DENSE.name, since=since)
    return {day for some in days.values() for day in some if day <= night.event_date}


def _do(night: Night, on_progress: OnProgress) -> Done:
    try:
        done = train(
            _series(night), night.lake.paths.root, night.models_root, workers=night.workers, clock=night.fit_clock,
            on_progress=on_progress,
        )  # fmt: skip
    except Refused as refusal:
        require_lack(refusal)
        return Done(notes=(f"nothing was fitted: {refusal}",))
    return _told(done)


def _told(done: TrainRun) -> Done:
    counts = {state: sum(one.state == state for one in done.windows) for state in (FITTED, HELD, REFUSED)}
    notes = [f"{one.city} {one.bracket} {one.window}: {one.why}" for one in done.windows if one.state == REFUSED]
    if counts[FITTED]:
        notes.append("what was fitted lies among the pilots; kwx models accept judges it, kwx models promote uses it")
    return Done(rows=rows_of(done.built), notes=notes, figures=counts)


STEP = Step(
    name="models",
    meaning="fits the newest window of each family by schedule",
    reads=("candles_dense", "obs", "obs_1m", "obs_5m", "forecasts", "markets", "pmf_minute", "settlements"),
    writes=("model_runs", "predictions"),
    due=_due,
    do=_do,
    beside=lambda night: " ".join(path.name for path in window_folders(stage_folder(night.models_root, PILOTS))),
)
