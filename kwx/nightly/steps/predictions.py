"""`predictions`: promoted models speak of the night's days, as far as the lake lacks their words."""

from __future__ import annotations

from pathlib import Path

from kwx.models.predicting.run import PredictRun, PredictWish, predict, promoted_groups
from kwx.models.registry.places import TRAINED, stage_folder, window_folders
from kwx.models.registry.states import current_number
from kwx.nightly.night import Night
from kwx.nightly.step import Done, Due, Kind, Line, Step, due, not_due, rows_of
from pipelines.publishing import OnProgress
from warehouse.lake.tables import CANDLES_DENSE, Partition

_SHOWN = 5


def _due(night: Night) -> Due:
    groups = promoted_groups(night.models_root)
    if not groups:
        return not_due(f"no model is promoted in {night.models_root}: kwx models promote puts fitted windows to use")
    since = night.since(STEP)
    if not night.days_with(CANDLES_DENSE.name, since=since):
        return not_due(f"no event of {since} … {night.until} has minutes")
    return due(f"{len(groups)} kinds of model are promoted; what they lack of {since} … {night.until} is said")


def _changed(night: Night) -> frozenset[Partition] | None:
    """Return the days that are owed: more is known of them, or they were not spoken of to the end.

    None where that cannot be told: all of them.
    """
    owed = night.owed(STEP)
    return owed.days if owed.is_all else None


def _do(night: Night, on_progress: OnProgress) -> Done:
    wish = PredictWish(cities=night.cities, since=night.since(STEP), until=night.until, changed=_changed(night))
    run = predict(
        wish, night.lake.paths.root, night.models_root, workers=night.workers, clock=night.fit_clock,
        on_progress=on_progress,
    )  # fmt: skip
    return told_of(run, owed=span_owed(night))


def span_owed(night: Night) -> str:
    """Say from when to when days are owed where the step does only a part: a range, however many they are."""
    spoken = night.days_with(CANDLES_DENSE.name, since=night.since(STEP))
    days = sorted({day for some in spoken.values() for day in some})
    return f"{days[0]} … {days[-1]}, {len(days)} dates," if days else "no date"


def told_of(run: PredictRun, *, owed: str) -> Done:
    """Tell what was said; what models lack that cannot speak is owed, and is said in one go once they are mended."""
    lines = [
        Line(
            kind=Kind.BROKEN_MODEL,
            words=f"a promoted model cannot speak: {one.why}; what it lacks of {owed} is owed until it can",
            hint=one.hint,
        )
        for one in run.broken
    ]
    lines += [
        Line(
            kind=Kind.OLD_MODEL, words=words, hint="train newer windows and promote them: kwx train, kwx models promote"
        )
        for words in run.old[:_SHOWN]
    ]
    more = len(run.old) - _SHOWN
    notes = [f"and {more} more models are out of their dates"] if more > 0 else []
    broken = len(run.broken)
    return Done(
        rows=rows_of(run.built), lines=lines, notes=notes,
        figures={"models": len(run.spoke), "added": run.added, "held": run.held, "broken": broken},
        short=f"{broken} promoted models cannot speak" if broken else "",
        hint="kwx models rollback --to NUMBER of the current state mends what was altered" if broken else "",
    )  # fmt: skip


def _promoted_state(night: Night) -> str:
    """Return which state is promoted, and when its files were written last: an altered model is another input."""
    stage = stage_folder(night.models_root, TRAINED)
    if not stage.exists():
        return ""
    files = [path for folder in window_folders(stage) for path in folder.rglob("*") if path.is_file()]
    written = [at_ns for path in files if (at_ns := _written_ns(path)) is not None]
    return f"{current_number(night.models_root)} {len(written)} {max(written, default=0)}"


def _written_ns(path: Path) -> int | None:
    """Return when a file was written last; None where it was removed since its folder was listed."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


STEP = Step(
    name="predictions",
    meaning="lets promoted models speak of the new dates",
    reads=("candles_dense", "obs", "obs_1m", "obs_5m", "forecasts", "markets", "pmf_minute", "promotions"),
    writes=("predictions", "model_runs"),
    due=_due,
    do=_do,
    beside=_promoted_state,
)
