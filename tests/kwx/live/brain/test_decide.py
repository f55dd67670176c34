"""What a minute leads to is what a backtest does in it: the same step over the same minute, from the state before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import jax
import numpy as np
import polars as pl
import pytest

from kwx.exec.bars.bars import Bars
from kwx.exec.engine import run_bars
from kwx.exec.state import State
from kwx.live.brain import Brain, Decided, Thought
from pipelines.live.arrivals import Top
from tests.kwx.live.brain.known import MINUTE, bars_of, brain_of, differences, known_at, minute_of, move_on, row_of
from tests.kwx.live.learned_lake import TODAY, TOMORROW, Learned
from warehouse.market.money import TICKS_PER_CENT

pytestmark = pytest.mark.slow

DAYS = (TODAY, TOMORROW)
OPENS = datetime(2026, 11, 2, 14, 1, tzinfo=UTC)
BOTH_OPEN = datetime(2026, 11, 3, 14, 41, tzinfo=UTC)
LAST = datetime(2026, 11, 4, 5, 0, tzinfo=UTC)
SOME_MINUTES = 40
UNKNOWN_CENTI = -1


@dataclass(frozen=True, kw_only=True)
class Lived:
    """One minute of a life."""

    thought: Thought
    before: dict[date, State]
    decided: Decided


def lived(learned: Learned, strategy: str, since_utc: datetime, minutes: int) -> Iterator[Lived]:
    """Live some minutes by one brain, as the loop does; states begin empty."""
    at_utc, states = since_utc, {}
    present = known_at(learned.snapshot, at_utc)
    brain = brain_of(learned, present, strategy)
    for _ in range(minutes):
        thought = brain.think(at_utc)
        decided = brain.decide(thought, states, {})
        yield Lived(thought=thought, before=dict(states), decided=decided)
        states = dict(decided.states)
        brain.prepare(at_utc + MINUTE)
        move_on(present, learned.snapshot, at_utc + MINUTE, at_utc)
        at_utc += MINUTE


def cut(bars: Bars, since_utc: datetime, minutes: int) -> Bars:
    """Return some minutes of bars."""
    first = row_of(bars, since_utc)
    return replace(bars, minutes=jax.tree.map(lambda field: field[first : first + minutes], bars.minutes))


def assert_lived_as_run(learned: Learned, strategy: str, since_utc: datetime, minutes: int, days: tuple[date, ...]):
    """Hold every minute, action and state of a life against those of a backtest of the same minutes."""
    brain = brain_of(learned, known_at(learned.snapshot, since_utc), strategy)
    bars = {day: bars_of(learned, strategy, day) for day in days}
    runs = {day: run_bars(brain.rules, brain.params, cut(bars[day], since_utc, minutes)) for day in days}
    states: dict[date, State] = {}
    for number, one in enumerate(lived(learned, strategy, since_utc, minutes)):
        for day in days:
            theirs = minute_of(bars[day], one.thought.minute_utc)
            assert differences(theirs, one.decided.minutes[day]) == [], (day, one.thought.minute_utc)
            for name, done in one.decided.actions[day]._asdict().items():
                run = getattr(runs[day].actions, name)[number]
                assert np.array_equal(done, run, equal_nan=done.dtype.kind == "f"), (name, day, one.thought.minute_utc)
        states = dict(one.decided.states)
    for day in days:
        assert jax.tree.all(jax.tree.map(np.array_equal, states[day], runs[day].final))
        assert (runs[day].actions.took_centi != 0).any()


def test_step_by_step_is_the_run_of_a_backtest(learned):
    """Two event dates at once, with orders that rest, are filled and taken out."""
    assert_lived_as_run(learned, "accel", BOTH_OPEN, SOME_MINUTES, DAYS)


@pytest.mark.parametrize("strategy", ["accel"])
def test_a_whole_day_step_by_step_is_the_run_of_a_backtest(learned, strategy):
    """From the first open to the last close, every minute, action and state."""
    minutes = int((LAST - OPENS) / MINUTE) + 1
    assert_lived_as_run(learned, strategy, OPENS, minutes, (TODAY,))


@pytest.fixture(scope="module")
def afternoon(learned: Learned) -> tuple[Brain, Lived]:
    """A brain, and the last of some minutes in which orders came to rest."""
    *_, last = lived(learned, "accel", BOTH_OPEN, 8)
    at_utc = last.thought.minute_utc
    return brain_of(learned, known_at(learned.snapshot, at_utc), "accel"), last


def test_a_minute_that_is_made_up_for_has_no_opinion_and_takes_orders_out(afternoon):
    """Nothing rests after it, nothing is bought, and what is held stays."""
    brain, one = afternoon
    states = one.decided.states
    assert any((state.orders.side != 0).any() for state in states.values())

    decided = brain.decide(one.thought, states, {}, speak=False)

    for day in one.thought.dates:
        assert not decided.states[day].orders.side.any()
        assert not decided.actions[day].took_centi.any()
        assert np.isnan(decided.minutes[day].p_fair).all()
        assert not decided.minutes[day].fresh.any()
        held = states[day].position_centi + decided.actions[day].made_centi
        assert np.array_equal(decided.states[day].position_centi, held)


def test_sizes_are_those_of_the_books_where_these_stand_at_the_quote(afternoon):
    """A book that moved since tells nothing of what stood at the minute's end; one that nobody saw tells nothing."""
    brain, one = afternoon
    tickers, minute = one.thought.tickers[TODAY], one.thought.minutes[TODAY]
    (first, moved), at_utc = [str(name) for name in tickers[1:3, 0, 0]], one.thought.minute_utc
    bid, ask = (int(side[1, 0, 0]) for side in (minute.bid_ticks, minute.ask_ticks))
    tops = {first: Top(bid, 700, ask, 900, at_utc), moved: Top(1, 700, 9_999, 900, at_utc)}

    decided = brain.decide(one.thought, {}, tops).minutes[TODAY]

    assert (decided.bid_size_centi[1, 0, 0], decided.ask_size_centi[1, 0, 0]) == (700, 900)
    seen = np.zeros(tickers.shape, bool)
    seen[1, 0, 0] = True
    assert (decided.bid_size_centi[~seen] == UNKNOWN_CENTI).all()
    assert (decided.ask_size_centi[~seen] == UNKNOWN_CENTI).all()
    assert (minute.bid_size_centi == UNKNOWN_CENTI).all()


def test_an_event_date_without_a_state_begins(afternoon):
    """Its state after the minute is that of a first minute, whatever the others are in."""
    brain, one = afternoon
    alone = brain.decide(one.thought, {TODAY: one.decided.states[TODAY]}, {})
    fresh = brain.decide(one.thought, {}, {})

    same = jax.tree.map(np.array_equal, alone.states[TOMORROW], fresh.states[TOMORROW])
    assert jax.tree.all(same)
    assert alone.actions.keys() == one.thought.minutes.keys()


def test_signals_say_what_was_decided(afternoon):
    """Edges are those of the step; sizes are shares of the bankroll, within the limits no larger than Kelly's."""
    brain, one = afternoon
    decided = brain.decide(one.thought, {}, {})
    signals = decided.signals

    assert signals.height == len(one.thought.features)
    assert signals.select(pl.col("edge_cents").is_null().sum()).item() < signals.height
    for day in DAYS:
        there = decided.minutes[day].exists & (one.thought.tickers[day] != "")
        edge = dict(zip(one.thought.tickers[day][there], decided.actions[day].edge_ticks[there], strict=True))
        for ticker, cents in signals.filter(pl.col("event_date") == day).select("market_ticker", "edge_cents").rows():
            if cents is not None and edge[ticker] != 0:
                assert cents * TICKS_PER_CENT == pytest.approx(float(edge[ticker]), abs=0.5)
    sized = signals.filter(pl.col("size_fraction") != 0)
    assert sized.height
    assert sized.select((pl.col("size_fraction").abs() <= pl.col("kelly_fraction").abs() + 1e-12).all()).item()
    assert sized.select((pl.col("size_fraction") * pl.col("kelly_fraction") > 0).all()).item()
    assert signals["size_fraction"].is_between(-1, 1).all()
    buys = sum(int((one.took_centi > 0).sum()) for one in decided.actions.values())
    assert buys == 0 or sized.select((pl.col("size_fraction") > 0).any()).item()


def test_signals_of_a_market_without_an_opinion_are_null(afternoon):
    """It is not an edge of nothing."""
    brain, one = afternoon
    signals = brain.decide(one.thought, {}, {}, speak=False).signals

    assert signals.select(pl.col("edge_cents", "kelly_fraction", "size_fraction").is_null().all()).row(0) == (True,) * 3
    assert signals["p_market"].is_not_null().all()


@pytest.mark.parametrize("strategy", ["fused", "accel"])
def test_a_minute_that_is_made_up_for_is_the_same_whether_it_was_thought_or_not(learned, strategy):
    """Stepped without an opinion: every array of it, and all that the step does."""
    present = known_at(learned.snapshot, BOTH_OPEN)
    thought = brain_of(learned, present, strategy).think(BOTH_OPEN)
    glanced = brain_of(learned, present, strategy).glance(BOTH_OPEN)

    ours, theirs = (brain_of(learned, present, strategy).decide(one, {}, {}, speak=False) for one in (glanced, thought))

    assert glanced.signals.is_empty() or strategy == "accel"
    for day in DAYS:
        assert np.array_equal(glanced.tickers[day], thought.tickers[day])
        assert differences(ours.minutes[day], theirs.minutes[day]) == []
        assert all(np.array_equal(x, y) for x, y in zip(ours.actions[day], theirs.actions[day], strict=True))
