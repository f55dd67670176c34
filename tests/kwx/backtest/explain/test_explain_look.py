"""A look into the step: it says what the step did, gate by gate, and knows nothing of later minutes."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from kwx.backtest.explain.gates import STOPPING, At, gate_lines
from kwx.backtest.explain.look import look_at
from kwx.backtest.explain.told import done_in_words, fills_in_words, order_in_words, sizes_of
from kwx.exec.bars.bars import Bars
from kwx.exec.codes import Gate, Verb
from kwx.exec.engine import run_bars
from kwx.exec.rules import Fill, Rules, Sizing
from tests.kwx.backtest.made_trace import made_bars
from tests.kwx.exec.made import made_params
from tests.kwx.exec.wild import wild_minutes

MINUTES, CITIES = 90, ("chicago", "denver")
PARAMS = made_params(
    max_age_minutes=7, city_loss_micros=40_000_000, day_loss_micros=60_000_000, min_score=0.3, p_low=0.1, p_high=0.9,
    min_volume_20m_centi=0, max_position_centi=3_000, bankroll_micros=200_000_000,
)  # fmt: skip
RULES = Rules(fill=Fill.QUEUE, sizing=Sizing.SINGLE)


@pytest.fixture(scope="module")
def wild() -> Bars:
    bars = made_bars(MINUTES, brackets=3, cities=CITIES, dates=2)
    return replace(bars, minutes=wild_minutes(8, MINUTES))


@pytest.mark.parametrize("fill", [Fill.QUEUE, pytest.param(Fill.TAKER, marks=pytest.mark.slow)])
def test_the_first_gate_that_stops_is_the_one_that_the_step_told(wild, fill):
    """In every market of every looked-at minute, but where a position is left, which opens nothing."""
    rules, seen = replace(RULES, fill=fill), set()
    trace = run_bars(rules, PARAMS, wild)
    for row in (40, 41):
        look = look_at(rules, PARAMS, wild, row)
        for place in np.ndindex(wild.tickers.shape):
            at = At(look, place)
            told = Gate(at.market(trace.actions.gate[row]))
            if not at.market(look.leave.leaves):
                assert told.word == _first_stop(at), place
            seen.add(told)
    assert len(seen) > 2


def _first_stop(at: At) -> str:
    return next((line.gate for line in gate_lines(at) if line.verdict == STOPPING), Gate.NONE.word)


def test_a_look_is_the_step_of_the_whole_run(wild):
    """What it found before, did and left is what the scan over all minutes had in that row."""
    row = 40
    whole, look = run_bars(RULES, PARAMS, wild).actions, look_at(RULES, PARAMS, wild, row)

    for name in whole._fields:
        assert np.array_equal(getattr(whole, name)[row], getattr(look.actions, name)), name
    assert np.array_equal(whole.cash_micros[row - 1], look.before.cash_micros)
    assert np.array_equal(whole.order_left_centi[row], look.after.orders.left_centi)
    told = [At(look, place) for place in np.ndindex(wild.tickers.shape)]
    opened = [sizes_of(at)["opened"] for at in told]
    assert [100 * size for size in opened] == look.sizes.open_centi.ravel().tolist()


def test_nothing_after_the_minute_is_looked_at(wild):
    """Garbled later minutes change no number of the look."""
    row = 40
    rng = np.random.default_rng(1)

    def garbled(field):
        later = rng.permutation(field[row + 1 :].reshape(-1)).reshape(field[row + 1 :].shape)
        return np.concatenate([field[: row + 1], later])

    poisoned = replace(wild, minutes=jax.tree.map(garbled, wild.minutes))

    clean, other = look_at(RULES, PARAMS, wild, row), look_at(RULES, PARAMS, poisoned, row)
    assert all(
        np.array_equal(one, two, equal_nan=True)
        for one, two in zip(jax.tree.leaves(clean), jax.tree.leaves(other), strict=True)
    )


def test_words_say_what_the_numbers_say(wild):
    """Deeds, fills and orders of a minute in which several things were done."""
    look = look_at(RULES, PARAMS, wild, 40)
    for place in np.ndindex(wild.tickers.shape):
        at, actions = At(look, place), look.actions
        verb, words = Verb(at.market(actions.verb)), done_in_words(at)
        starts = {
            Verb.TAKE: "it took", Verb.PLACE: "it placed", Verb.EXIT: "it placed", Verb.AMEND: "it amended",
            Verb.CANCEL: "it canceled", Verb.NONE: "it did nothing",
        }  # fmt: skip
        assert words.startswith(starts[verb])
        filled = (at.market(actions.made_centi) != 0) + (at.market(actions.took_centi) != 0)
        assert filled == len(list(fills_in_words(at)))
        assert ("none" == order_in_words(at, look.after.orders)) == (at.market(look.after.orders.side) == 0)


def test_the_first_minute_begins_with_nothing(wild):
    """Before it there is no state but the empty one."""
    look = look_at(RULES, PARAMS, wild, 0)

    assert 0 == np.abs(look.before.position_centi).max() == look.before.cash_micros.max()
    assert all(line.verdict != STOPPING or line.threshold for line in gate_lines(At(look, (0, 0, 0))))
