"""What a live run heard reaches the lake with the next ingest: once, wholly, and known since it was heard."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl

from pipelines.build import demo_world
from pipelines.demo.wire import serve
from pipelines.ingest.lived import lived
from pipelines.ingest.questions import Wish
from pipelines.ingest.run import fetch_and_fold
from tests.pipelines.live.lived import FAST, HOUR, MINUTE, NO_HISTORY, SECOND, day_of
from warehouse.lake.fetched import FetchLedger
from warehouse.lake.recovery import rollback
from warehouse.lake.store import Lake
from warehouse.lake.tables import FORECASTS, Partition

WORLD = demo_world(days=1, until=date(2026, 11, 1), cities=("chicago",), seed=11, books=False)
NOON = datetime(2026, 11, 1, 18, tzinfo=UTC)
TODAY = Partition("chicago", date(2026, 11, 1))


def nowcasts(lake):
    """Return when the forecasts of the moment were issued that the lake holds."""
    rows = lake.snapshot().read(FORECASTS, TODAY).filter(pl.col("source") == "vc")
    return sorted(rows.filter(pl.col("issued_utc").dt.truncate("1d") != pl.col("issued_utc"))["issued_utc"].unique())


def test_what_nobody_can_ask_for_again_is_folded_in_once(tmp_path):
    """Each nowcast of the afternoon is in the lake after the next ingest of anything; another ingest finds no more."""
    lake = Lake(tmp_path / "lake")
    wish = Wish.of(kinds=("settlements",), cities=("chicago",), since=date(2026, 11, 1), until=date(2026, 11, 1))
    with serve(WORLD, now=NOON, led=True, limits=FAST, cutoff=NO_HISTORY) as served:
        day = day_of(served, lake)

        def ingest():
            return fetch_and_fold(wish, lake.paths.root, entry=day.entry, workers=1, clock=served.hands)

        with day.feeds(nowcast_s=3_600) as feeds:
            for step in range(4):
                day.at(feeds, NOON + step * HOUR + 3 * SECOND)
            ingest()
            first = nowcasts(lake)
            day.at(feeds, NOON + 4 * HOUR + 3 * SECOND)
        ingest()
        second = nowcasts(lake)
        waiting = lived(lake.paths.raw, FetchLedger(lake.paths.fetched), clock=served.hands)

    assert [NOON + step * HOUR + 3 * SECOND for step in range(4)] == first
    assert [*first, NOON + 4 * HOUR + 3 * SECOND] == second
    assert () == waiting.lines == waiting.loads


def test_an_answer_that_repeats_the_last_one_is_no_load(tmp_path):
    """A station that says nothing new for hours is read once, and candles are left to the ingest's own question."""
    lake = Lake(tmp_path / "lake")
    with serve(WORLD, now=NOON, led=True, limits=FAST, cutoff=NO_HISTORY) as served:
        day = day_of(served, lake)
        with day.feeds() as feeds:
            for minute in range(6):
                day.at(feeds, NOON + minute * MINUTE + 3 * SECOND)
        waiting = lived(lake.paths.raw, FetchLedger(lake.paths.fetched), clock=served.hands)

    kinds = [load.kind for load in waiting.loads]
    assert 6 == len(day.asked("iem_asos"))
    assert 1 <= kinds.count("iem_asos") < 6
    assert {"kalshi_candles", "kalshi_trades"}.isdisjoint(kinds)


def test_after_a_rollback_it_waits_again(tmp_path):
    """What only a snapshot that is gone held is folded in anew."""
    lake = Lake(tmp_path / "lake")
    wish = Wish.of(kinds=("settlements",), cities=("chicago",), since=date(2026, 11, 1), until=date(2026, 11, 1))
    with serve(WORLD, now=NOON, led=True, limits=FAST, cutoff=NO_HISTORY) as served:
        day = day_of(served, lake)
        fetch_and_fold(wish, lake.paths.root, entry=day.entry, workers=1, clock=served.hands)
        with day.feeds() as feeds:
            day.at(feeds, NOON + timedelta(minutes=1))
        fetch_and_fold(wish, lake.paths.root, entry=day.entry, workers=1, clock=served.hands)
        held = nowcasts(lake)
        rollback(lake, number=1)
        gone = nowcasts(lake)
        fetch_and_fold(wish, lake.paths.root, entry=day.entry, workers=1, clock=served.hands)

    assert ([], held) == (gone, nowcasts(lake))
    assert held
