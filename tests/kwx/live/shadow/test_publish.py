"""A lived day in the lake: what a backtest of the same day did, row for row; told again it is the same run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kwx.exec.engine import run_bars
from kwx.exec.ledger.known import Known
from kwx.exec.ledger.ledger import ledger_of
from kwx.exec.runs.kept import run_of, runs_of
from kwx.live.journal.journal import Journal, journal_folder
from kwx.live.shadow.publish import publish_shadow, told_of
from tests.kwx.live.lived_days import DAY, SINCE, live_day, missed, without_opinion
from warehouse.errors import Refused
from warehouse.lake.store import Lake
from warehouse.lake.tables import DECISIONS, MARKETS, SETTLEMENTS, SIGNALS, Partition

pytestmark = pytest.mark.slow

CHICAGO = Partition("chicago", DAY)


@pytest.fixture
def own(lived, tmp_path):
    """A copy of the lake and its journal that may be written."""
    shutil.copytree(lived.lake.paths.root, tmp_path / "lake", symlinks=True)
    lake = Lake(tmp_path / "lake")
    return lake, Journal(journal_folder(lake))


def test_a_lived_day_is_a_run_of_the_lake(lived):
    """Its row says what it is and how it was lived; what names it is what it began with."""
    run = run_of(lived.lake.snapshot(), lived.origin.run_id)
    health = run.summary["health"]

    assert ("shadow", "fused", "queue", ["chicago"]) == tuple(
        run.row[name] for name in ("kind", "strategy", "fill_model", "cities")
    )
    assert lived.origin.config == json.loads(run.row["config_json"])
    minutes = len(lived.bars.minutes.open) - 1
    assert (minutes, minutes, 0) == (health["minutes"], health["decided"], health["missed"])
    assert {"p50": 3.0, "p99": 3.0, "max": 3.0} == health["decided_after_s"]
    assert {"p50": 0.02, "p99": 0.02, "max": 0.02} == health["stages_s"]["think"]
    assert int(lived.bars.minutes.open.any(axis=1).sum()) == health["event_minutes"]


def test_it_did_what_a_backtest_of_the_day_does(lived):
    """Orders, fills, decisions and equity, settlement among them, row for row; with something to compare."""
    run = run_of(lived.lake.snapshot(), lived.origin.run_id)
    trace = run_bars(lived.setup.rules, lived.setup.params, lived.bars)
    known = Known.of(lived.lake.snapshot(), cities=lived.bars.cities, since=DAY, until=DAY)

    ledger = ledger_of(run.run_id, "fused", lived.bars, trace.actions, known=known)

    for (table, theirs), (_, ours) in zip(ledger.tables(), run.ledger.tables(), strict=True):
        assert theirs.sort(table.key).equals(ours.select(theirs.columns).sort(table.key)), table.name
    assert min(len(run.ledger.fills), len(run.ledger.orders)) > 5
    assert run.ledger.equity["ts_utc"].max() == lived.bars.settled_utc[0, 0].astype(datetime).replace(tzinfo=UTC)


def test_signals_stand_for_every_minute_and_features_for_decisions(lived):
    """By name, beside decisions in the view; the outcome is joined, not stored."""
    snapshot = lived.lake.snapshot()
    signals, decisions = snapshot.read(SIGNALS, CHICAGO), snapshot.read(DECISIONS, CHICAGO)

    assert int(lived.bars.minutes.open.sum()) == len(signals)
    kept = signals.filter(pl.col("features").is_not_null())
    assert (
        kept.select("market_ticker", "ts_utc")
        .sort("ts_utc", "market_ticker")
        .equals(decisions.select("market_ticker", "ts_utc").sort("ts_utc", "market_ticker"))
    )
    with snapshot.connect() as con:
        rows = con.sql(
            "select p_wx, p_fused_norm, seen['p_wx'] as seen_wx, seen['ras'] as ras, settled_yes from decision_outcomes"
        ).pl()
    assert rows["p_wx"].equals(rows["seen_wx"], null_equal=True)
    assert [0.25] == rows["ras"].unique().to_list()
    assert {True, False} == set(rows["settled_yes"])
    assert "settled_yes" not in SIGNALS.schema.names()


def test_a_day_told_again_changes_nothing(lived):
    """The same run, the same bytes: no new snapshot."""
    (built,) = publish_shadow(lived.lake, lived.journal, [DAY])

    assert not built.changed


def test_a_day_told_while_it_is_lived_and_again_later_is_one_run(fused_lake, tmp_path):
    """What it did so far, then all of it; first without a settlement."""
    shutil.copytree(fused_lake, tmp_path / "lake", symlinks=True)
    half = live_day(tmp_path / "lake", until=SINCE + 120)
    publish_shadow(half.lake, half.journal, [DAY])
    before = run_of(half.lake.snapshot(), half.origin.run_id)
    half.journal.path(DAY).unlink()
    whole = live_day(tmp_path / "lake")
    publish_shadow(whole.lake, whole.journal, [DAY])
    after = run_of(whole.lake.snapshot(), whole.origin.run_id)

    assert before.run_id == after.run_id
    assert ["shadow"] == runs_of(whole.lake.snapshot())["kind"].to_list()
    early = before.ledger.fills["fill_id"].to_list()
    assert set(early) < set(after.ledger.fills["fill_id"])
    assert 120 == before.summary["health"]["minutes"] < after.summary["health"]["minutes"]


def test_an_event_that_is_not_settled_ends_with_its_last_minute(own):
    """No row of equity pays; once the lake knows, telling it again does."""
    lake, journal = own
    snapshot = lake.snapshot()
    settled = snapshot.read(SETTLEMENTS, CHICAGO).select(SETTLEMENTS.schema.names())
    markets = snapshot.read(MARKETS, CHICAGO).select(MARKETS.schema.names())
    from tests.kwx.conftest import publish

    publish(lake.paths.root, SETTLEMENTS, settled.clear(), CHICAGO)
    publish(lake.paths.root, MARKETS, markets.with_columns(result=pl.lit(None, pl.String)), CHICAGO)

    told = told_of(journal.read(DAY), lake.snapshot())

    assert np.isnat(told.bars.settled_utc).all()
    assert (told.actions.settled_micros == 0).all()
    assert told.ledger.equity["ts_utc"].max() <= journal.read(DAY).minutes_utc[1]


def test_missed_and_stale_minutes_are_counted(fused_lake, tmp_path):
    """And what else was told of minutes is a note."""

    def change(t, utc, minute, causes):
        if t in {30, 31}:
            return without_opinion(minute), missed(replace(causes, told=("the vendor was down",)))
        if t == 40:
            stale = minute._replace(fresh=np.zeros_like(minute.fresh))
            return stale, replace(causes, stale={"chicago": ("prices",)}, decided_utc=utc + timedelta(seconds=30))
        return minute, causes

    lived = live_day(fused_lake, change=change, folder=tmp_path)
    summary = told_of(lived.journal.read(DAY), lived.lake.snapshot()).lived.summary()

    health = summary["health"]
    assert (2, {"prices": 1}, 30.0) == (health["missed"], health["stale"], health["decided_after_s"]["max"])
    usual = told_of(live_day(fused_lake, folder=tmp_path / "b").journal.read(DAY), lived.lake.snapshot())
    assert 2 == health["missed_event_minutes"]
    assert 1 == health["stale_event_minutes"] - usual.lived.summary()["health"]["stale_event_minutes"]
    assert ["the vendor was down"] == summary["notes"]


def test_a_day_that_does_not_step_to_what_was_written_is_not_told(own):
    """Rather none than wrong rows: what was done must be what the code does."""
    lake, journal = own
    recorded = journal.read(DAY)
    kept = recorded.segments[0].kept
    kept[50] = replace(kept[50], actions=kept[50].actions._replace(want_centi=kept[50].actions.want_centi + 100))

    with pytest.raises(Refused, match="does not step to what it says"):
        told_of(recorded, lake.snapshot())
