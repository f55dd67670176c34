"""What a night did not do is owed: by a step that failed, of dates and cities outside it, and after a clean-up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from kwx.nightly.ended import note_end
from kwx.nightly.journal import Outcome
from kwx.nightly.owed import End, Ends
from kwx.nightly.plan import Asked
from kwx.nightly.run import run_night
from kwx.nightly.step import State
from kwx.nightly.steps import dense, fusion, shadow
from tests.kwx.live.lived_days import DAY
from tests.kwx.nightly.conftest import DATE, night_of
from warehouse.lake.recovery import collect_garbage
from warehouse.lake.store import Lake
from warehouse.lake.tables import (
    ALL_CITIES,
    CANDLES_1M,
    CANDLES_DENSE,
    MARKETS,
    OBS,
    PMF_MINUTE,
    RUNS,
    Partition,
)

pytestmark = pytest.mark.slow

EVE = Partition("chicago", DATE - timedelta(days=1))
NEAR = {"late_days": 0}
"""The eve lies outside of what a night looks at: it is seen only because it is owed."""
FUSED = Asked(only=("dense", "fusion"))


def halved(root, put, place: Partition) -> None:
    """Let every price of the afternoon of a day read otherwise than it did."""
    rows = Lake(root).snapshot().read(CANDLES_DENSE, place).select(CANDLES_DENSE.schema.names())
    later = pl.col("ts_utc") > rows["ts_utc"].median()
    prices = [name for name in rows.columns if name.endswith("_ticks") and rows[name].dtype.is_integer()]
    put(
        root, CANDLES_DENSE,
        rows.with_columns(pl.when(later).then(pl.col(name) // 2).otherwise(name).alias(name) for name in prices), place,
    )  # fmt: skip


def fused(root, place: Partition) -> pl.DataFrame:
    return Lake(root).snapshot().read(PMF_MINUTE, place).sort("market_ticker", "ts_utc")


def state_of(run, name: str) -> str:
    return {one.name: one.state.value for one in run.outcomes}[name]


def test_a_day_that_came_late_to_a_step_that_failed_is_done_once_that_is_mended(told_lake, copy_of, put, monkeypatch):
    """The failed night is told, and yet the next makes of the day what a night that nothing disturbed makes of it."""
    root, undisturbed = copy_of(told_lake), copy_of(told_lake, "undisturbed")
    before = fused(root, EVE)
    candles = Lake(root).snapshot().read(CANDLES_1M, EVE).select(CANDLES_1M.schema.names()).sort("ts_utc")
    for one in (root, undisturbed):
        put(one, CANDLES_1M, candles.head(candles.height * 3 // 4), EVE)
    fuse_days = fusion.fuse_days
    monkeypatch.setattr(fusion, "fuse_days", lambda *_, **__: 1 / 0)
    failed = run_night(night_of(root, said=NEAR), FUSED)
    assert (state_of(failed, "dense"), state_of(failed, "fusion"), failed.exit_code) == ("done", "failed", 1)
    assert before.equals(fused(root, EVE))

    monkeypatch.setattr(fusion, "fuse_days", fuse_days)
    mended = run_night(night_of(root, said=NEAR), replace(FUSED, skip=("publish",)))

    assert (state_of(mended, "fusion"), mended.exit_code) == ("done", 0)
    assert not before["p_mkt"].equals(fused(root, EVE)["p_mkt"])
    assert not night_of(root).owed(fusion.STEP).days
    run_night(night_of(undisturbed, said=NEAR), replace(FUSED, skip=("publish",)))
    assert fused(undisturbed, EVE).equals(fused(root, EVE))


def outcome(state: State, began: int) -> Outcome:
    return Outcome(name="fusion", state=state, why="", began=began)


def test_what_lies_outside_a_night_stays_owed_and_what_lies_in_it_is_struck(told_lake, copy_of, put):
    """A night of an older date, or of another city, is no reason to forget a day."""
    root = copy_of(told_lake)
    halved(root, put, EVE)
    assert frozenset({EVE}) == night_of(root).owed(fusion.STEP).days
    now = Lake(root).snapshot().number

    older = night_of(root, event_date=DATE - timedelta(days=3))
    note_end(older, fusion.STEP, outcome(State.DONE, now))
    assert frozenset({EVE}) == night_of(root).owed(fusion.STEP).days
    note_end(night_of(root, cities=("nyc",)), fusion.STEP, outcome(State.DONE, now))
    assert frozenset({EVE}) == night_of(root).owed(fusion.STEP).days
    assert night_of(root, said=NEAR).since(fusion.STEP) == EVE.event_date

    note_end(night_of(root, said=NEAR), fusion.STEP, outcome(State.DONE, now))
    assert not night_of(root).owed(fusion.STEP).days
    note_end(night_of(root), fusion.STEP, outcome(State.SKIPPED, now))
    assert EVE in night_of(root).owed(fusion.STEP).days


def test_days_are_owed_beyond_the_snapshot_that_told_of_them(told_lake, copy_of, put):
    """Before old snapshots are removed, what is owed by them is written down day by day."""
    root = copy_of(told_lake)
    halved(root, put, EVE)
    lake = Lake(root)

    night_of(root).ends.move_on(lake.snapshot())
    collect_garbage(lake, keep=1)

    owed = night_of(root).owed(fusion.STEP)
    assert (frozenset({EVE}), True) == (owed.days, owed.is_all)


def test_a_file_of_ends_that_is_torn_is_told_and_nothing_is_owed_by_it(told_lake, copy_of):
    """The night looks at its usual dates, and says why."""
    root = copy_of(told_lake)
    night_of(root).paths.ends.write_text("{")

    run = run_night(night_of(root), Asked(only=("dense",), skip=("publish",)))

    assert any("ends.json cannot be read" in one["words"] for one in run.report["lines"])
    assert state_of(run, "dense") == "not_due"


def test_raw_data_that_change_no_grid_make_it_due_once(told_lake, copy_of, put):
    """A market's result is nothing of its minutes: made again these are as old as before, yet not due every night."""
    root, place, asked = copy_of(told_lake), Partition("chicago", DATE), Asked(only=("dense",), skip=("publish",))
    markets = Lake(root).snapshot().read(MARKETS, place).select(MARKETS.schema.names())
    put(root, MARKETS, markets.with_columns(settled_utc=pl.col("settled_utc") + pl.duration(minutes=1)), place)

    assert dense.STEP.due(night_of(root)).is_due
    assert state_of(run_night(night_of(root), asked), "dense") == "done"
    assert not dense.STEP.due(night_of(root)).is_due

    obs = Lake(root).snapshot().read(OBS, EVE).select(OBS.schema.names())
    put(root, OBS, obs.with_columns(pl.col("temp_f") + 1), EVE)
    assert dense.STEP.due(night_of(root)).is_due
    assert state_of(run_night(night_of(root), asked), "dense") == "done"


def test_a_lived_date_that_is_not_kept_as_a_run_is_replayed(lived, tmp_path, put):
    """Its step failed, or was left out, on its own night: the next ones make up for it."""
    import shutil

    root = tmp_path / "lake"
    shutil.copytree(lived.lake.paths.root, root, symlinks=True)
    later = night_of(root, event_date=DAY + timedelta(days=1))
    later.ends.note({"shadow": End(snapshot=Lake(root).snapshot().number, tables=shadow.STEP.reads)})
    assert not shadow.STEP.due(later).is_due

    runs = Lake(root).snapshot().read(RUNS, Partition(ALL_CITIES)).select(RUNS.schema.names())
    put(root, RUNS, runs.clear(), Partition(ALL_CITIES))

    assert f"1 lived dates are replayed and kept, {DAY} the first" == shadow.STEP.due(later).why


def test_ends_are_read_back_as_they_were_noted(demo_lake, tmp_path):
    """City by city, date by date."""
    end = End(snapshot=3, tables=("obs",), days=frozenset({EVE, Partition("nyc", date(2026, 10, 1))}))
    path = tmp_path / "nightly" / "ends.json"

    Ends(path, Lake(demo_lake)).note({"hazard": end})

    assert Ends(path, Lake(demo_lake)).knows("hazard", 3)
    assert not Ends(path, Lake(demo_lake)).knows("hazard", 4)
    assert end.days <= Ends(path, Lake(demo_lake)).owed("hazard", ("obs",), Lake(demo_lake).snapshot()).days
