"""The tables of a running day: what is lived minute by minute is what an ingest makes of it afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwx.live.tables import LiveTables
from pipelines.build import demo_world
from pipelines.demo.wire import serve
from pipelines.demo.wire.told import Told
from pipelines.ingest.merge import Arrived, merged
from pipelines.ingest.questions import Wish
from pipelines.ingest.run import fetch_and_fold, replay_folder
from pipelines.kalshi.markets import parse_market_payloads
from pipelines.live.arrivals import Arrival
from pipelines.payload import refusal, refused_frame
from pipelines.transform.dense import dense_candles
from pipelines.transform.grids import observation_grid
from tests.pipelines.kalshi.test_fee_rolls import NOTHING, TO_COME, at, of_series
from tests.pipelines.kalshi.test_listing import change
from tests.pipelines.live.lived import FAST, HOUR, MINUTE, NO_HISTORY, OPENING, SECOND, Day, day_of
from warehouse.lake.present import Present
from warehouse.lake.quarantine import refusals
from warehouse.lake.store import Lake
from warehouse.lake.tables import (
    BOOKS,
    CANDLES_1M,
    FEE_CHANGES,
    FORECASTS,
    MARKETS,
    OBS,
    SETTLEMENTS,
    TRADES,
    Partition,
    Table,
)
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay

CHICAGO = CITIES["chicago"]
EVENT_DATE = date(2026, 11, 1)
TOMORROW = Partition("chicago", EVENT_DATE)
WORLD = demo_world(days=2, until=EVENT_DATE, cities=("chicago",), seed=11, books=False)
ALL_SETTLED = datetime(2026, 11, 2, 18, tzinfo=UTC)


@contextmanager
def living(folder, world=WORLD, *, now=OPENING - 5 * MINUTE) -> Iterator[tuple[Day, LiveTables, Present]]:
    """Serve a world that is led, and stand over the snapshot of a lake that knows only how an older day ended."""
    with serve(world, now=now, led=True, limits=FAST, cutoff=NO_HISTORY) as served:
        day = day_of(served, Lake(folder))
        before = world.event_dates[0] - timedelta(days=1)
        wish = Wish.of(kinds=("settlements",), cities=world.cities, since=before, until=before)
        fetch_and_fold(wish, folder, entry=day.entry, workers=1, clock=served.hands)
        present = Present.over(day.lake.snapshot(), since=before)
        yield day, LiveTables(present), present


def live(day, tables, feeds, instants):
    """Poll at some instants and take in what came."""
    for instant in instants:
        tables.add(day.at(feeds, instant).arrivals)


def every(step, since, until):
    """Return instants a few seconds after each step."""
    return [since + count * step + 3 * SECOND for count in range((until - since) // step + 1)]


def rows_of(snapshot, table: Table, partition=TOMORROW):
    """Return what a partition holds of what feeds and an ingest both ask for."""
    rows = snapshot.read(table, partition)
    if table is OBS:
        return rows.filter(pl.col("source").is_in(["vc", "metar"]))
    if table is FORECASTS:  # a nowcast is issued when it is asked for, and nobody can ask for it afterwards
        return rows.filter(
            (pl.col("source") != "vc") | (pl.col("issued_utc").dt.truncate("1d") == pl.col("issued_utc"))
        )
    return rows.filter(pl.col("source") != "ghcn") if table is SETTLEMENTS else rows


@pytest.mark.slow
@pytest.mark.parametrize("step", [2 * HOUR], ids=["every two hours"])
def test_a_day_that_was_lived_is_the_day_that_is_ingested(tmp_path, step):
    """From the opening of an event to its end, through vendors' formats: the same rows, known since the same instants.

    A replay of what the live run archived gives them once more.
    """
    with living(tmp_path / "lake") as (day, tables, present):
        with day.feeds(nowcast_s=7_200) as feeds:
            live(day, tables, feeds, every(step, OPENING, ALL_SETTLED))
        kinds = ("markets", "candles", "trades", "obs", "forecasts", "settlements")
        wish = Wish.of(kinds=kinds, cities=("chicago",), since=date(2026, 10, 31), until=EVENT_DATE)
        fetch_and_fold(wish, tmp_path / "ingested", entry=day.entry, workers=1, clock=day.served.hands)
        replay_folder(tmp_path / "lake" / "raw", tmp_path / "replayed", workers=1)

    for table in (MARKETS, CANDLES_1M, TRADES, OBS, FORECASTS, SETTLEMENTS):
        lived = rows_of(present, table)
        assert lived.height > 0, table.name
        for again in ("ingested", "replayed"):
            found = rows_of(Lake(tmp_path / again).snapshot(), table)
            assert lived.sort(table.order).equals(found.sort(table.order)), f"{table.name} {again}"
    nowcasts = present.read(FORECASTS, TOMORROW)
    assert nowcasts.height > rows_of(present, FORECASTS).height
    assert nowcasts.equals(Lake(tmp_path / "replayed").snapshot().read(FORECASTS, TOMORROW))


def test_what_comes_later_changes_nothing_that_was_read(tmp_path):
    """The grids of each minute are the same hours later, and whatever becomes known after it is poisoned."""
    minute = OPENING + 5 * HOUR
    with living(tmp_path / "lake") as (day, tables, present), day.feeds() as feeds:
        live(day, tables, feeds, [OPENING, minute + 3 * SECOND])
        then = grids(present, minute, poisoned=False)
        live(day, tables, feeds, every(HOUR, minute + HOUR, minute + 4 * HOUR))

    for poisoned in (False, True):
        later = grids(present, minute, poisoned=poisoned)
        assert all(before.height > 0 and before.equals(after) for before, after in zip(then, later, strict=True))


def grids(present, minute, *, poisoned):
    """Return the minutes up to one of the dense candles and of the weather; what is known later may be nonsense."""
    markets = present.read(MARKETS, TOMORROW).select(MARKETS.schema.names())
    candles = present.read(CANDLES_1M, TOMORROW).select(CANDLES_1M.schema.names())
    today = Partition("chicago", date(2026, 10, 31))
    obs = present.read(OBS, today).select(OBS.schema.names())
    if poisoned:
        late = pl.col("known_utc") > minute
        prices = [name for name in candles.columns if name.endswith("_ticks")]
        candles = candles.with_columns(pl.when(late).then(9_999).otherwise(pl.col(name)).alias(name) for name in prices)
        obs = obs.with_columns(pl.when(late).then(120.0).otherwise(pl.col(n)).alias(n) for n in ("temp_f", "temp_hi_f"))
    weather = observation_grid(obs, day=ClimateDay(CHICAGO, date(2026, 10, 31)), step_minutes=1)
    dense = dense_candles(candles, markets, weather=weather, city=CHICAGO)
    return [frame.filter(pl.col("ts_utc") <= minute) for frame in (dense, weather)]


def test_refused_rows_go_to_quarantine_once_and_the_rest_is_taken(tmp_path):
    """A price beyond a dollar is set aside with its rule; what the parser refused too, however often it is told."""
    rows = whole(CANDLES_1M).head(50)
    wrong = rows.with_columns(
        pl.when(pl.int_range(pl.len()) == 7).then(20_000).otherwise(pl.col(name)).alias(name)
        for name in rows.columns if name.startswith("yes_ask")
    )  # fmt: skip
    told = refused_frame([refusal("a market", "end_period_ts is no whole minute", {"end_period_ts": 61})])
    arrival = Arrival(table=CANDLES_1M, frame=placed(CANDLES_1M, wrong), received_utc=ALL_SETTLED, refused=told)

    with living(tmp_path / "lake") as (day, tables, present):
        first, again = tables.add([arrival]), tables.add([arrival])

    assert [2, 0] == [first.refused, again.refused]
    assert [TOMORROW] == first.of(CANDLES_1M)
    assert 49 == present.read(CANDLES_1M, TOMORROW).height
    assert {"end_period_ts is no whole minute": 1, "yes_ask_open_ticks is above 10000": 1} == {
        one.rule: one.rows for one in refusals(day.lake.paths, run_id="live")
    }


@pytest.mark.slow
def test_several_days_hold_no_more_than_two(tmp_path):
    """What is over is forgotten: tables, catalogue and what feeds remember stay as large as a day needs."""
    world = demo_world(days=6, until=EVENT_DATE, cities=("chicago",), seed=3, books=False)
    first = datetime(2026, 10, 26, 15, tzinfo=UTC)
    sizes = []
    with living(tmp_path / "lake", world, now=first) as (day, tables, present), day.feeds() as feeds:
        for step in range(0, 6 * 24, 6):
            now = first + step * HOUR
            live(day, tables, feeds, [now + 3 * SECOND])
            tables.forget(now.date() - timedelta(days=1))
            if now.hour == 9:
                sizes.append(sizes_of(present, tables, feeds))

    assert len(sizes) == 6
    assert all(size["dates"] <= 4 for size in sizes)
    for name in sizes[0]:
        assert max(size[name] for size in sizes[3:]) <= 1.5 * max(size[name] for size in sizes[1:3]), name


def sizes_of(present, tables, feeds):
    """Return how much is remembered."""
    asked = {feed.name: feed for feed in feeds._asked}
    put = present._put
    return {
        "dates": len({place.event_date for places in put.values() for place in places if place.event_date}),
        "rows": sum(frame.height for places in put.values() for frame in places.values()),
        "newest": sum(newest._rows.height for newest in tables._newest.values()),
        "events": len(asked["listing"]._catalogue.events()),
        "had": len(asked["candles"]._had),
        "since": len(asked["trades"]._since),
    }


@cache
def told():
    """Return the world with all of its days."""
    return Told(world=WORLD, clock=lambda: ALL_SETTLED, cutoff_utc=NO_HISTORY)


def whole(table: Table):
    """Return the rows of one event of the world."""
    return told().books(CHICAGO, EVENT_DATE) if table is BOOKS else told().whole(table.name, CHICAGO, EVENT_DATE)


def placed(table: Table, rows):
    """Return rows with the columns of their path."""
    path = {"city": pl.lit("chicago"), "event_date": pl.lit(EVENT_DATE)}
    return rows.with_columns(**path).select(*table.path_columns, *table.schema)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A snapshot that holds nothing of the event."""
    with living(tmp_path_factory.mktemp("base") / "lake") as (day, _, _):
        return day.lake.snapshot()


@pytest.mark.parametrize("table", [CANDLES_1M, TRADES, BOOKS], ids=lambda table: table.name)
@given(data=st.data())
@settings(max_examples=15)
def test_piece_by_piece_is_the_same_as_all_at_once(base, table, data):
    """However rows are cut, repeated, shuffled or corrected once: the partition is what one merge makes of them."""
    rows = whole(table).sort("known_utc").head(400)
    cuts = sorted(data.draw(st.lists(st.integers(0, rows.height), max_size=6)))
    pieces = [rows[first:beyond] for first, beyond in zip([0, *cuts], [*cuts, rows.height], strict=True)]
    repeats = data.draw(st.lists(st.integers(0, len(pieces) - 1), max_size=3))
    pieces += [pieces[place].sample(fraction=1.0, shuffle=True, seed=1) for place in repeats]
    if table is CANDLES_1M and data.draw(st.booleans()):
        pieces.append(rows[3:9].with_columns(volume_centi=pl.col("volume_centi") + 100, **_traded(rows[3:9])))
    arrivals = [
        Arrival(table=table, frame=placed(table, piece), received_utc=ALL_SETTLED + count * SECOND)
        for count, piece in enumerate(pieces)
    ]

    present = Present.over(base, since=date(2026, 10, 30))
    tables = LiveTables(present)
    batch = data.draw(st.integers(1, 3))
    for place in range(0, len(arrivals), batch):
        tables.add(arrivals[place : place + batch])

    at_once = merged(table, table.empty(), [Arrived(one.frame, one.received_utc) for one in arrivals])
    assert table.sift(at_once, TOMORROW).kept.equals(present.read(table, TOMORROW).select(table.schema.names()))


def _traded(rows):
    """Return a price for minutes to which a correction gives volume."""
    return {
        f"price_{moment}_ticks": pl.col(f"price_{moment}_ticks").fill_null(pl.col("yes_bid_close_ticks"))
        for moment in ("open", "high", "low", "close")
    }


def test_a_change_of_fees_that_was_taken_back_is_withdrawn_in_the_running_day(demo_lake):
    """By the answer that lists all changes without it; the answer that is said again changes nothing."""
    present = Present.over(Lake(demo_lake).snapshot())
    tables, place = LiveTables(present), Partition("chicago")
    told, taken_back = (
        [*parse_market_payloads([of_series(answer, hour)])][-1]
        for hour, answer in ((1, {"series_fee_change_arr": [change(TO_COME, 2, id="c")]}), (5, NOTHING))
    )

    found = []
    for parsed, hour in ((told, 1), (taken_back, 5), (taken_back, 5)):
        changed = tables.add([Arrival.of(parsed, at(hour))])
        found.append((len(changed.of(FEE_CHANGES)), present.read(FEE_CHANGES, place)["scope"].to_list()))

    assert [(1, ["series"]), (1, ["withdrawn"]), (0, ["withdrawn"])] == found
