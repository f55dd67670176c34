"""`fusion`: market and weather in one distribution, for the night's days."""

from __future__ import annotations

from collections import Counter

from kwx.fuse.run import MARKET_ONLY, FuseRun, FuseWish, fuse_days
from kwx.nightly.night import Night
from kwx.nightly.step import Done, Due, Step, due, not_due, rows_of
from pipelines.publishing import OnProgress
from warehouse.lake.tables import CANDLES_DENSE


def _due(night: Night) -> Due:
    since = night.since(STEP)
    days = night.days_with(CANDLES_DENSE.name, since=since)
    if not days:
        return not_due(f"no event of {since} … {night.until} has minutes")
    return due(f"{sum(map(len, days.values()))} event days have minutes; those made of older data are fused again")


def _do(night: Night, on_progress: OnProgress) -> Done:
    since = night.since(STEP)
    wish = FuseWish(cities=tuple(night.days_with(CANDLES_DENSE.name, since=since)), since=since, until=night.until)
    return _told(
        fuse_days(wish, night.lake.paths.root, workers=night.workers, clock=night.fit_clock, on_progress=on_progress)
    )


def _told(done: FuseRun) -> Done:
    states = Counter(day.state for day in done.days)
    notes = [f"{day.city} {day.event_date}: {'; '.join(day.notes)}" for day in done.days if day.notes]
    if alone := states[MARKET_ONLY]:
        notes.append(f"{alone} days have p_mkt alone: no accepted weights end before their eves")
    return Done(rows=rows_of(done.built), notes=notes, figures=dict(sorted(states.items())))


STEP = Step(
    name="fusion",
    meaning="puts market and weather into one distribution",
    reads=("candles_dense", "markets", "books", "pmf_degrees", "fusion_params"),
    writes=("pmf_minute",),
    due=_due,
    do=_do,
)
