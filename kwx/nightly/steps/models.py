"""`models`: the newest window of each family by schedule, on the dates up to the night's; people promote it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby

from kwx.models.registry.places import PILOTS, group_of_folder, stage_folder, window_folders
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


def _newest(night: Night) -> dict[str, date]:
    """Return by family the first date that its newest window of the settlement serves."""
    newest: dict[str, date] = {}
    for folder in window_folders(stage_folder(night.models_root, PILOTS)):
        family, serves = group_of_folder(folder).kind, window_dates(folder.name)[0]
        newest[family] = max(newest.get(family, serves), serves)
    return newest


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What is to be fitted tonight, and why; nothing where why says what stands against it."""

    series: tuple[Series, ...] = ()
    why: str


def _found(night: Night) -> _Found:
    """Judge each family for itself: whether its windows are old, and whether enough dates trade for it."""
    every = night.settings.refit.models_days
    if every is None or not night.settings.refit.families:
        return _Found(why="nightly.refit names no family, or no schedule")
    newest, whys, against, chosen = _newest(night), list[str](), list[str](), list[Series]()
    cut_off = night.journal.started.get(STEP.name)
    for family, series in groupby(_series(night), key=lambda one: one.family):
        ours = tuple(series)
        serves, wanted = newest.get(family), min(one.train_days for one in ours)
        if cut_off is not None and family in cut_off.owes:
            whys.append(f"{family}: it was cut off while it was fitted")
            chosen += ours
        elif serves is not None and serves > night.event_date + timedelta(days=1 - every):
            against.append(f"{family} serves from {serves} on, the next is fitted {every} days after that")
        elif (traded := len(_traded(night, wanted))) < LEAST_SHARE * wanted:
            against.append(
                f"{family}: {traded} of the last {wanted} dates trade; {round(LEAST_SHARE * wanted)} are needed"
            )
        else:
            whys.append(
                f"{family}: " + ("no window is fitted yet" if serves is None else f"it serves from {serves} on")
            )
            chosen += ours
    return _Found(series=tuple(chosen), why="; ".join(whys or against))


def _due(night: Night) -> Due:
    found = _found(night)
    return due(found.why) if found.series else not_due(found.why)


def _traded(night: Night, train_days: int) -> set[date]:
    since = night.event_date - timedelta(days=train_days)
    days = night.days_with(CANDLES_DENSE.name, since=since)
    return {day for some in days.values() for day in some if day <= night.event_date}


def _do(night: Night, on_progress: OnProgress) -> Done:
    try:
        done = train(
            _found(night).series, night.lake.paths.root, night.models_root, workers=night.workers,
            clock=night.fit_clock, on_progress=on_progress,
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
    writes_beside=True,
    # A window that was kept before the night was cut off looks like all of tonight's.
    owes=lambda night: sorted({one.family for one in _found(night).series}),
    beside=lambda night: " ".join(path.name for path in window_folders(stage_folder(night.models_root, PILOTS))),
)
