"""`scores`: how good every source was on the dates that are settled, kept date by date, and whether any drifted."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta

from kwx.nightly.night import Night
from kwx.nightly.scores.control import Control, controls_of
from kwx.nightly.scores.daily import MODEL, OF_WEATHER, scores_of
from kwx.nightly.scores.kept import drop_scores, is_kept, keep_scores, kept_scores, made_of, torn_scores
from kwx.nightly.step import Done, Due, Kind, Line, Step, due, not_due
from pipelines.publishing import OnProgress
from warehouse.lake.tables import PMF_MINUTE, PREDICTIONS

TABLE = "scores"
_MENDED_BY = {
    MODEL: "its calibrators are fitted again: step calibrators; else newer windows: kwx train, kwx models promote",
    OF_WEATHER: "fit the law of the air again: kwx hazard fit-params",
    "p_fused_norm": "tune the weights again: kwx fuse tune",
}
"""What to do about a source that has drifted; nothing about a market."""


def _stale(night: Night) -> dict[date, str]:
    """Return the dates whose scores are missing or made of older data, each with what they would be made of."""
    snapshot, folder = night.snapshot(), night.paths.scores
    near = min(night.since(STEP), night.event_date - timedelta(days=night.settings.settlement_days))
    torn = torn_scores(folder, _judged(night))
    spoken = night.days_with(PMF_MINUTE.name, PREDICTIONS.name, since=min([near, *torn]))
    dates = {
        day for days in spoken.values() for day in days if day <= night.event_date and (day >= near or day in torn)
    }
    made, begun = made_of(snapshot, sorted(dates), night.cities), night.journal.started.get(STEP.name)
    asked = set() if begun is None else set(begun.owes)
    return {day: sha for day, sha in made.items() if str(day) in asked or not is_kept(folder, day, sha)}


def _due(night: Night) -> Due:
    stale = _stale(night)
    if stale:
        return due(f"the scores of {len(stale)} dates are missing or made of older data, {min(stale)} the first")
    return not_due("the scores of every date are made of what the lake holds of it")


def _do(night: Night, on_progress: OnProgress) -> Done:
    stale, snapshot, rows, empty = _stale(night), night.snapshot(), 0, 0
    for place, (day, made) in enumerate(stale.items(), start=1):
        told = scores_of(snapshot, day, night.cities, made_of=made)
        if told.height:
            keep_scores(night.paths.scores, day, told)
        else:
            drop_scores(night.paths.scores, day)
        rows, empty = rows + told.height, empty + (told.height == 0)
        on_progress(place, len(stale), f"scoring {day}")
    controls = controls_now(night)
    lines = [
        Line(kind=Kind.DRIFT, words=str(one), hint=_MENDED_BY.get(one.source, ""))
        for one in controls
        if one.has_drifted
    ]
    notes = [f"{empty} dates have nothing to be scored: nobody spoke, or nothing is settled"] if empty else []
    return Done(
        rows={TABLE: rows}, lines=lines, notes=notes,
        figures={"dates": len(stale) - empty, "controls": [asdict(one) for one in controls]},
    )  # fmt: skip


def controls_now(night: Night) -> list[Control]:
    """Return every source's kept scores up to the night's date against their limits."""
    return controls_of(kept_scores(night.paths.scores, _judged(night)), night.settings.drift)


def _judged(night: Night) -> list[date]:
    """Return the dates by which drift is judged."""
    days = night.settings.drift.recent_dates + night.settings.drift.limit_dates
    return [night.event_date - timedelta(days=back) for back in range(days)]


STEP = Step(
    name="scores",
    meaning="scores every source on the dates that are settled",
    reads=("pmf_minute", "pmf_degrees", "predictions", "promotions", "calibrators", "model_runs", "markets",
           "settlements"),
    writes=(TABLE,),
    due=_due,
    do=_do,
    owes=lambda night: [str(day) for day in _stale(night)],
    # Scores lie beside the lake, where a file can be torn.
    beside=lambda night: " ".join(str(day) for day in sorted(torn_scores(night.paths.scores, _judged(night)))),
    writes_beside=True,
)  # fmt: skip
