"""`fusion-fit`: the weight between market and weather, tuned again once the newest set is old."""

from __future__ import annotations

from datetime import date, timedelta

from kwx.fuse.fit.split import least_dates
from kwx.fuse.fit.tune import TuneRun, TuneWish, tune
from kwx.fuse.weights import sets_of
from kwx.nightly.night import Night
from kwx.nightly.step import Done, Due, Step, due, not_due, require_lack, rows_of
from pipelines.publishing import OnProgress
from warehouse.errors import Refused
from warehouse.lake.tables import PMF_DEGREES
from warehouse.lake.tables.contract import ALL_CITIES


def _newest(night: Night) -> date | None:
    return max((one.until for one in sets_of(night.snapshot(), ALL_CITIES)), default=None)


def _weathered(night: Night) -> int:
    """Return on how many dates of the window the weather spoke."""
    since = night.event_date - timedelta(days=night.settings.refit.fusion_window_days - 1)
    return len({day for days in night.days_with(PMF_DEGREES.name, since=since).values() for day in days})


def _due(night: Night) -> Due:
    every, newest = night.settings.refit.fusion_days, _newest(night)
    if every is None:
        return not_due("nightly.refit.fusion_days is null")
    if newest is not None and newest > night.event_date - timedelta(days=every):
        return not_due(f"the weights see days up to {newest}; they are tuned again {every} days after that")
    least = least_dates(TuneWish().pools, held_out=TuneWish().held_out)
    if (dates := _weathered(night)) < least:
        return not_due(f"the weather speaks of {dates} dates; {least} are needed")
    return due("there are no weights yet" if newest is None else f"the newest weights end on {newest}")


def _do(night: Night, on_progress: OnProgress) -> Done:
    since = night.event_date - timedelta(days=night.settings.refit.fusion_window_days - 1)
    wish = TuneWish(cities=night.cities, since=since, until=night.event_date)
    try:
        done = tune(
            wish, night.lake.paths.root, workers=night.workers, clock=night.fit_clock, on_progress=on_progress
        )  # fmt: skip
    except Refused as refusal:
        require_lack(refusal)
        return Done(notes=(f"nothing was tuned: {refusal}",))
    return _told(done)


def _told(done: TuneRun) -> Done:
    accepted = sum(one.accepted for tuned in done.tuned for one in tuned.sets)
    notes = list(done.notes)
    if not accepted:
        notes.append("no set is accepted: on the held-out dates the market alone was better")
    return Done(rows=rows_of(done.built), notes=notes, figures={"added": done.added, "accepted": accepted})


STEP = Step(
    name="fusion-fit",
    meaning="tunes the weight between market and weather again",
    reads=("candles_dense", "pmf_minute", "pmf_degrees", "settlements", "fusion_params"),
    writes=("fusion_params",),
    due=_due,
    do=_do,
)
