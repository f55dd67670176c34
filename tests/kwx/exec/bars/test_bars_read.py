"""Bars of a small lake, held against the tables that they are read from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kwx.exec.bars import read as read_module
from kwx.exec.bars.bars import Bars
from kwx.exec.bars.notes import told
from kwx.exec.bars.plan import BarsRecipe, planned
from kwx.exec.bars.prints import THIN_TAPE
from kwx.exec.bars.read import read_bars, stream_bars
from kwx.exec.minute import NOT_SETTLED, Minute, Prints
from kwx.exec.releases import release_minutes
from tests.kwx.exec.made import made_minutes
from warehouse.errors import BadDateRange, Refused, Usage
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import (
    BOOKS,
    CANDLES_DENSE,
    FEE_CHANGES,
    MARKETS,
    SETTLEMENTS,
    TRADES,
    TRUTH_PROBABILITIES,
    Partition,
)
from warehouse.market.fees import FeeRule

CITIES = ("chicago", "nyc")
DAYS = (date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 2))
ALL = BarsRecipe(with_sizes=True)


def truth(snapshot: Snapshot, city: str, since: date, until: date) -> pl.DataFrame:
    """A strategy that knows the true probability of each minute; its gate passes, and one minute in ten is urgent."""
    rows = snapshot.scan(TRUTH_PROBABILITIES, cities=(city,), since=since, until=until).collect()
    return rows.select(
        "market_ticker", "ts_utc", p_fair="p_true", p_gate=pl.lit(None, pl.Float64), score=pl.col("p_true") - 0.5,
        urgent=pl.col("ts_utc").dt.minute() % 10 == 0,
    )  # fmt: skip


def bars_of(root: Path, recipe: BarsRecipe = ALL, **said: object) -> Bars:
    """Return the bars of a lake."""
    return read_bars(planned(Lake(root).snapshot(), cities=CITIES, recipe=recipe, **said), truth)


@pytest.fixture(scope="module")
def bars(demo_lake: Path) -> Bars:
    """The whole demo lake as bars."""
    return bars_of(demo_lake)


def leaves(minutes: Minute) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every array of some minutes by its name."""
    for name, field in zip(Minute._fields, minutes, strict=True):
        if isinstance(field, Prints):
            yield from ((f"{name}.{side}", values) for side, values in zip(Prints._fields, field, strict=True))
        else:
            yield name, field


def test_bars_have_the_shapes_and_types_of_the_step(bars: Bars) -> None:
    """They are those of minutes made by hand; the longest event needs 40 hours, from when the first city opens."""
    made = made_minutes(40 * 60 + 1, brackets=6, cities=2, dates=3)

    for (name, ours), (_, theirs) in zip(leaves(bars.minutes), leaves(made), strict=True):
        assert (name, ours.shape, ours.dtype) == (name, theirs.shape, theirs.dtype)
    assert (bars.cities, bars.dates, bars.notes) == (CITIES, DAYS, ())
    assert bars.tickers.shape == (6, 2, 3)
    assert bars.starts_utc.tolist() == [datetime(day.year, day.month, day.day, 14) - timedelta(days=1) for day in DAYS]
    assert [FeeRule()] == [bars.fee_rules[place] for place in np.unique(bars.fee_rule)]


@pytest.mark.parametrize(("city", "day", "bracket"), [(0, 1, 2), (1, 2, 5), (0, 0, 0)])
def test_a_market_is_what_the_tables_hold_of_it(demo_lake: Path, bars: Bars, city: int, day: int, bracket: int) -> None:
    """Quotes, volume, freshness, time left and the strategy's columns, row by row."""
    snapshot, partition = Lake(demo_lake).snapshot(), Partition(CITIES[city], DAYS[day])
    name = str(bars.tickers[bracket, city, day])
    rows = snapshot.read(CANDLES_DENSE, partition).filter(pl.col("market_ticker") == name).sort("ts_utc")
    strategy = truth(snapshot, CITIES[city], DAYS[day], DAYS[day]).filter(pl.col("market_ticker") == name)
    begins = bars.starts_utc[day]
    t = ((rows["ts_utc"].dt.replace_time_zone(None).to_numpy() - begins) // np.timedelta64(1, "m")) - 1
    at, event, minutes = (t, bracket, city, day), (t, city, day), bars.minutes

    assert rows["bracket_order"].unique().to_list() == [bracket + 1]
    assert minutes.bid_ticks[at].tolist() == rows["yes_bid_ticks"].to_list()
    assert minutes.ask_ticks[at].tolist() == rows["yes_ask_ticks"].to_list()
    assert minutes.volume_20m_centi[at].tolist() == rows["volume_20m_centi"].to_list()
    assert minutes.fresh[at].tolist() == rows["complete"].to_list()
    assert minutes.open[at].tolist() == [True] * (len(t) - 1) + [False]
    assert minutes.minutes_to_close[event].tolist() == rows["minutes_to_close"].to_list()
    np.testing.assert_array_equal(minutes.p_fair[at], strategy["p_fair"].to_numpy().astype(np.float32))
    np.testing.assert_array_equal(minutes.urgent[at], strategy["urgent"].to_numpy())
    assert np.isnan(minutes.p_gate).all()
    assert not np.delete(minutes.open[:, bracket, city, day], t).any()


def test_all_trades_are_there(demo_lake: Path, bars: Bars) -> None:
    """The volume of the minutes is that of the tape, and it lies on the two sides by who took."""
    tape = Lake(demo_lake).snapshot().scan(TRADES).collect()
    sides = tape.group_by("taker_side").agg(pl.col("count_centi").sum()).sort("taker_side")["count_centi"].to_list()
    in_time = tape.join(
        Lake(demo_lake).snapshot().scan(MARKETS).select("market_ticker", "close_utc").collect(), on="market_ticker"
    ).filter(pl.col("ts_utc") <= pl.col("close_utc"))

    assert in_time.height == tape.height
    assert bars.minutes.volume_centi.sum() == sum(sides)
    assert [bars.minutes.sells.centi.sum(), bars.minutes.buys.centi.sum()] == sides


def test_what_is_true_of_an_event_is_said_in_every_minute(bars: Bars) -> None:
    """Fees and steps in all of them, releases as the calendar has them, the winner in the last row alone."""
    minutes = bars.minutes
    releases = release_minutes("chicago", planned_start(bars, 1), len(minutes.release), 2)

    assert np.unique(minutes.taker_fee_num).tolist() == [28_000]
    assert np.unique(minutes.maker_fee_num).tolist() == [0]
    assert np.unique(minutes.fee_step_micros).tolist() == [100]
    assert np.unique(minutes.price_step_ticks).tolist() == [100]
    assert minutes.release[:, 0, 1].tolist() == releases.tolist()
    assert releases.any()
    assert (minutes.winner[:-1] == NOT_SETTLED).all()
    assert (minutes.winner[-1] >= 0).all()
    assert not minutes.open[-1].any()
    assert not np.isnat(bars.settled_utc).any()


def planned_start(bars: Bars, day: int) -> datetime:
    """Return when a date begins, with its zone."""
    return pl.Series(bars.starts_utc).dt.replace_time_zone("UTC")[day]


def test_sizes_are_read_where_they_are_asked_for(demo_lake: Path, bars: Bars) -> None:
    """The demo records every book: all sizes are known while a market trades; unasked, none is."""
    assert (bars.minutes.bid_size_centi[bars.minutes.open] >= 0).all()
    without = bars_of(demo_lake, BarsRecipe())

    assert (without.minutes.bid_size_centi == -1).all()
    assert (without.minutes.ask_size_centi == -1).all()


def test_pieces_are_the_whole(demo_lake: Path, bars: Bars) -> None:
    """Read in pieces, ahead of their use, the arrays are those that are read at once; all have the same minutes."""
    plan = planned(Lake(demo_lake).snapshot(), cities=CITIES, recipe=ALL)
    pieces = list(stream_bars(plan, truth, dates_at_once=2))

    assert [piece.dates for piece in pieces] == [DAYS[:2], DAYS[2:]]
    for number, (name, whole) in enumerate(leaves(bars.minutes)):
        parts = [list(leaves(piece.minutes))[number][1] for piece in pieces]
        np.testing.assert_array_equal(np.concatenate(parts, axis=-1), whole, err_msg=name)
    for field in ("tickers", "starts_utc", "settled_utc", "settled_f", "fee_rule", "listed_maker_fee_num"):
        assert field in {known.name for known in fields(Bars)}
        np.testing.assert_array_equal(
            np.concatenate([getattr(piece, field) for piece in pieces], axis=-1), getattr(bars, field)
        )


def test_a_minute_knows_nothing_of_later_ones(copied: Path, put: Callable[..., None], bars: Bars) -> None:
    """Poison: all that became known after an instant is garbled, in every table; no minute up to then changes."""
    t = 1_900
    day = DAYS[1]
    partition = Partition("chicago", day)
    instant = planned_start(bars, 1) + timedelta(minutes=t + 1)
    snapshot, later = Lake(copied).snapshot(), pl.col("known_utc") > instant

    def garble(table, when: pl.Expr, **values: pl.Expr) -> None:
        rows = snapshot.read(table, partition).with_columns(
            pl.when(when).then(value).otherwise(name).cast(table.schema[name]).alias(name)
            for name, value in values.items()
        )
        put(copied, table, rows.select(table.schema.names()), partition)

    minute = pl.col("ts_utc") > instant
    quotes = {"yes_bid_ticks": pl.lit(1), "yes_ask_ticks": pl.lit(3), "volume_20m_centi": pl.lit(77)}
    garble(CANDLES_DENSE, minute, **quotes, complete=pl.lit(value=False))
    garble(TRADES, later, yes_price_ticks=pl.lit(1), count_centi=pl.col("count_centi") * 3)
    garble(BOOKS, later & (pl.col("kind") == "delta"), delta_centi=pl.lit(999))
    garble(SETTLEMENTS, later, high_f=pl.lit(1))
    garble(MARKETS, pl.col("settled_utc") > instant, result=pl.lit(None))
    garble(TRUTH_PROBABILITIES, minute, p_true=pl.lit(0.5))
    dearer = {
        "scope": "event", "ticker": "KXHIGHCHI-26NOV01", "change_id": "1", "known_utc": instant - timedelta(hours=9),
        "scheduled_utc": instant + timedelta(seconds=1), "fee_type": "quadratic_with_maker_fees",
        "fee_multiplier_milli": 3_000,
    }  # fmt: skip
    put(copied, FEE_CHANGES, pl.DataFrame([dearer], schema=FEE_CHANGES.schema), Partition("chicago"))
    garbled = bars_of(copied).minutes

    changed = set()
    for (name, poisoned), (_, clean) in zip(leaves(garbled), leaves(bars.minutes), strict=True):
        np.testing.assert_array_equal(poisoned[: t + 1], clean[: t + 1], err_msg=name)
        if not np.array_equal(poisoned[t + 1 :], clean[t + 1 :], equal_nan=poisoned.dtype.kind == "f"):
            changed.add(name)
    poisons = {
        "bid_ticks", "ask_ticks", "volume_20m_centi", "fresh", "p_fair", "volume_centi", "low_ticks", "winner",
        "taker_fee_num", "maker_fee_num",
    }  # fmt: skip
    assert poisons <= changed
    assert {"bid_size_centi", "sells.centi", "buys.ticks"} <= changed


def test_a_minute_without_a_row_is_closed(copied: Path, put: Callable[..., None], bars: Bars) -> None:
    """A market that was halted is not open, and its minutes before and after are where they were."""
    partition, name = Partition("nyc", DAYS[0]), str(bars.tickers[2, 1, 0])
    begins = planned_start(bars, 0)
    halted = (pl.col("market_ticker") == name) & pl.col("ts_utc").is_between(
        begins + timedelta(minutes=101), begins + timedelta(minutes=200)
    )
    rows = Lake(copied).snapshot().read(CANDLES_DENSE, partition).filter(~halted)
    put(copied, CANDLES_DENSE, rows.select(CANDLES_DENSE.schema.names()), partition)

    found, clean = bars_of(copied).minutes, bars.minutes

    hole = np.zeros_like(clean.open)
    hole[100:200, 2, 1, 0] = True
    assert clean.open[hole].all()
    assert not found.open[hole].any()
    assert (found.bid_ticks[hole] == 0).all()
    assert (found.bid_size_centi[hole] == -1).all()
    np.testing.assert_array_equal(found.open[~hole], clean.open[~hole])
    np.testing.assert_array_equal(found.bid_ticks[~hole], clean.bid_ticks[~hole])


def test_an_event_without_a_tape_falls_back_to_its_candles(copied: Path, put: Callable[..., None], bars: Bars) -> None:
    """Ranges and volume are the candles', there are no prints, and a note says so; other events keep their tape."""
    partition = Partition("chicago", DAYS[2])
    put(copied, TRADES, TRADES.empty(), partition)

    found = bars_of(copied)

    rows = Lake(copied).snapshot().read(CANDLES_DENSE, partition)
    assert found.minutes.volume_centi[:, :, 0, 2].sum() == rows["volume_centi"].sum() > 0
    assert not found.minutes.sells.centi[..., 0, 2].any()
    assert [note.split(":")[0] for note in told(found.notes)] == ["chicago 2026-11-02"]
    np.testing.assert_array_equal(found.minutes.volume_centi[..., :2], bars.minutes.volume_centi[..., :2])


def test_a_tape_that_was_recorded_in_part_is_named(copied: Path, put: Callable[..., None]) -> None:
    """Less than half of the candles' volume is said, of its city and date alone; of all of it nothing is."""
    snapshot, partition = Lake(copied).snapshot(), Partition("nyc", DAYS[1])
    trades = snapshot.read(TRADES, partition).select(TRADES.schema.names())
    put(copied, TRADES, trades.head(len(trades) // 4), partition)

    assert [("nyc", DAYS[1], THIN_TAPE)] == list(bars_of(copied).notes)


def test_the_order_of_rows_within_a_minute_changes_nothing(
    copied: Path, put: Callable[..., None], bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Candles and trades in any order give the same bars; so do trades that all happened at one instant."""
    snapshot, partition = Lake(copied).snapshot(), Partition("chicago", DAYS[1])
    trades = snapshot.read(TRADES, partition).select(TRADES.schema.names())
    put(copied, TRADES, trades.with_columns(pl.col("ts_utc").dt.truncate("1m")), partition)
    at_once = bars_of(copied)
    read, seeds = read_module._read, iter(range(100))

    def shuffled(*asked: object) -> pl.DataFrame:
        rows = read(*asked)  # order books are messages, whose order is what they say
        return rows if asked[1] is BOOKS else rows.sample(fraction=1, shuffle=True, seed=next(seeds))

    monkeypatch.setattr(read_module, "_read", shuffled)
    again = bars_of(copied)

    for (name, ours), (_, theirs) in zip(leaves(at_once.minutes), leaves(again.minutes), strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    assert (at_once.minutes.close_ticks[..., 0, 1] != bars.minutes.close_ticks[..., 0, 1]).any()


def test_cities_and_dates_without_an_event_are_left_out_and_named(demo_lake: Path) -> None:
    """A city of which nothing is held is no axis; a date neither; notes say so."""
    snapshot = Lake(demo_lake).snapshot()
    plan = planned(snapshot, cities=(*CITIES, "denver"), since=DAYS[1], until=DAYS[2] + timedelta(days=2))
    found = read_bars(plan, truth)

    assert (found.cities, found.dates) == (CITIES, DAYS[1:])
    assert [note.split(":")[0] for note in told(found.notes)] == [
        "chicago 2026-11-03 … 2026-11-04 (2 dates)",
        "denver 2026-11-01 … 2026-11-04 (4 dates)",
        "nyc 2026-11-03 … 2026-11-04 (2 dates)",
    ]
    assert sum(len(piece.notes) for piece in plan.pieces(1)) == 8


def test_nothing_to_trade_is_refused(demo_lake: Path) -> None:
    """With the reasons and a way on; a range that runs backwards is a slip of the asker."""
    snapshot = Lake(demo_lake).snapshot()

    with pytest.raises(Refused, match=r"denver .*no quotes are held") as refusal:
        planned(snapshot, cities=("denver",), since=DAYS[0], until=DAYS[0])
    assert "kwx lake" in refusal.value.hint
    with pytest.raises(Refused, match="holds no quotes"):
        planned(snapshot, cities=("denver",))
    with pytest.raises(BadDateRange):
        planned(snapshot, cities=CITIES, since=DAYS[1], until=DAYS[0])
    with pytest.raises(Usage, match="rouble"):
        BarsRecipe(fee_rounding="rouble")


def test_pieces_are_of_one_length_and_a_rest(demo_lake: Path) -> None:
    """Three dates in pieces of at most two are two and one; every event is in one of them."""
    plan = planned(Lake(demo_lake).snapshot(), cities=CITIES)

    assert [len(piece.dates) for piece in plan.pieces(2)] == [2, 1]
    assert [len(piece.dates) for piece in plan.pieces(30)] == [3]
    assert sum(len(piece.events) for piece in plan.pieces(1)) == len(plan.events) == 6
    assert {piece.extent for piece in plan.pieces(1)} == {plan.extent}


def test_a_strategy_that_fails_fails_the_reading(demo_lake: Path) -> None:
    """An error of a strategy reaches the caller, also from a piece that is read ahead."""

    def broken(snapshot: Snapshot, city: str, since: date, until: date) -> pl.DataFrame:
        if since > DAYS[0]:
            raise Refused("this strategy has no data")
        return truth(snapshot, city, since, until)

    stream = stream_bars(planned(Lake(demo_lake).snapshot(), cities=CITIES), broken, dates_at_once=1)

    assert next(stream).dates == DAYS[:1]
    with pytest.raises(Refused, match="no data"):
        next(stream)
