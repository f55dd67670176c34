"""What every step keeps: nothing of the future, money to the micro, limits, one answer however it is called."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwx.exec.engine import room_for, run_bars, step_by_step, tally_bars
from kwx.exec.minute import Minute
from kwx.exec.params import Params
from kwx.exec.rules import MODELS, Fill, Rules, Sizing
from kwx.exec.state import Actions
from tests.kwx.exec.made import made_params
from tests.kwx.exec.taken import made_bars
from tests.kwx.exec.wild import wild_minutes

MINUTES = 40
EVERY_RULE = [Rules(), *(Rules(fill=fill, sizing=Sizing.SINGLE) for fill in MODELS)]
LIVELY = made_params(taker_thresh_ticks=300, max_hold_minutes=9, flat_minutes=5, no_new_minutes=8, fill_share=0.5)


def _named(rules: Rules) -> str:
    return f"{rules.fill}-{rules.sizing}"


def _trades(actions: Actions) -> int:
    return int((actions.made_centi != 0).sum() + (actions.took_centi != 0).sum())


@pytest.mark.parametrize("rules", EVERY_RULE, ids=_named)
def test_a_scan_is_the_steps_one_by_one_to_the_last_tick(rules: Rules) -> None:
    bars = made_bars(wild_minutes(1, MINUTES))
    scanned, stepped = run_bars(rules, LIVELY, bars), step_by_step(rules, LIVELY, bars)
    assert _trades(scanned.actions) > 5
    jax.tree.map(np.testing.assert_array_equal, scanned, stepped)


@pytest.mark.parametrize("cities", [2, 7])
def test_a_date_does_the_same_alone_and_beside_others(cities: int) -> None:
    """Of six brackets, as a backtest takes many dates at once and a replay takes one; rich, so that a digit shows."""
    minutes, rich = wild_minutes(7, 150, brackets=6, cities=cities, dates=9), made_params(bankroll_micros=10**12)
    beside = run_bars(Rules(), rich, made_bars(minutes))
    assert _trades(beside.actions) > 50
    for place in (0, 8):
        date = slice(place, place + 1)
        bars = made_bars(jax.tree.map(lambda field, date=date: field[..., date], minutes))
        alone, stepped = run_bars(Rules(), rich, bars), step_by_step(Rules(), rich, bars)
        assert room_for(9) > room_for(1)
        jax.tree.map(lambda a, b, date=date: np.testing.assert_array_equal(a[..., date], b), beside, alone)
        jax.tree.map(np.testing.assert_array_equal, alone, stepped)


@pytest.mark.parametrize("rules", EVERY_RULE, ids=_named)
def test_nothing_after_a_minute_changes_what_was_done_up_to_it(rules: Rules) -> None:
    """Poison: the rest of the day is another day, and NaN, and nothing at all."""
    t = MINUTES // 2
    true, other = wild_minutes(2, MINUTES), wild_minutes(3, MINUTES)
    poisoned: Minute = jax.tree.map(lambda a, b: np.concatenate([a[:t], b[t:]]), true, other)
    poisoned.p_fair[t:] = np.nan
    whole, garbled = (run_bars(rules, LIVELY, made_bars(one)).actions for one in (true, poisoned))
    assert _trades(jax.tree.map(lambda field: field[:t], whole)) > 2
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[:t], b[:t]), whole, garbled)


def test_the_order_of_cities_and_dates_means_nothing() -> None:
    minutes = wild_minutes(4, MINUTES)
    turned: Minute = jax.tree.map(lambda field: field[..., ::-1, ::-1], minutes)
    rules = Rules(fill=Fill.QUEUE)
    one, other = (run_bars(rules, LIVELY, made_bars(each)).actions for each in (minutes, turned))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b[..., ::-1, ::-1]), one, other)


def test_a_step_is_compiled_for_a_few_numbers_of_dates_and_tells_of_those_that_there_are() -> None:
    assert [8, 8, 16, 16, 17, 25] == [room_for(dates) for dates in (1, 8, 9, 16, 17, 25)]

    bars = made_bars(wild_minutes(3, MINUTES))
    trace = run_bars(Rules(fill=Fill.A, sizing=Sizing.SINGLE), LIVELY, bars)

    assert bars.minutes.open.shape == trace.actions.verb.shape
    assert bars.tickers.shape == trace.final.position_centi.shape
    assert bars.settled_utc.shape == trace.final.cash_micros.shape


def test_many_sets_at_once_are_each_set_alone() -> None:
    bars = made_bars(wild_minutes(5, MINUTES))
    sets = [made_params(taker_thresh_ticks=x, kelly_alpha=y) for x, y in ((150, 0.1), (300, 0.25), (900, 0.5))]
    together = tally_bars(Rules(), Params(*(np.stack(each) for each in zip(*sets, strict=True))), bars)
    assert len({int(cash.sum()) for cash in together.cash_micros}) == len(sets)
    for place, own in enumerate(sets):
        alone = run_bars(Rules(), own, bars)
        np.testing.assert_array_equal(together.cash_micros[place], alone.final.cash_micros)
        np.testing.assert_array_equal(together.fees_micros[place], alone.final.fees_micros)
        made = (alone.actions.made_centi != 0).sum(axis=(0, 1))
        np.testing.assert_array_equal(together.made_fills[place], made)


@given(seed=st.integers(0, 2**31), rules=st.sampled_from(EVERY_RULE))
@settings(max_examples=25)
def test_money_and_contracts_are_conserved_to_the_micro(seed: int, rules: Rules) -> None:
    minutes = wild_minutes(seed, MINUTES)
    trace = run_bars(rules, LIVELY, made_bars(minutes))
    did = trace.actions
    paid = _paid(did.made_centi, did.made_ticks, did.made_fee_micros) + _paid(
        did.took_centi, did.took_ticks, did.took_fee_micros
    )
    held = np.cumsum(did.made_centi + did.took_centi, axis=0)
    wins = np.take_along_axis(held[-1], minutes.winner[-1][None], axis=0)[0]
    np.testing.assert_array_equal(trace.final.cash_micros, 10_000 * wins.astype(np.int64) - paid.sum(axis=0))
    np.testing.assert_array_equal(did.cash_micros[:-1], -np.cumsum(paid, axis=0)[:-1])
    assert not trace.final.position_centi.any()


@given(seed=st.integers(0, 2**31), rules=st.sampled_from(EVERY_RULE))
@settings(max_examples=25)
def test_an_order_that_rested_is_filled_only_by_what_was_there(seed: int, rules: Rules) -> None:
    """Never more than was printed, never at a price that nobody came to."""
    minutes = wild_minutes(seed, MINUTES)
    did = run_bars(rules, LIVELY, made_bars(minutes)).actions
    size, buys, limit = np.abs(did.made_centi), did.made_centi > 0, did.made_ticks
    assert (size <= minutes.volume_centi).all()
    reached = np.where(buys, minutes.low_ticks <= limit, minutes.high_ticks >= limit)
    assert reached[size > 0].all()
    rested = np.concatenate([np.zeros_like(limit[:1]), did.order_ticks[:-1]])
    assert (limit[size > 0] == rested[size > 0]).all()
    assert (size[1:] <= did.order_left_centi[:-1]).all()


@given(seed=st.integers(0, 2**31), rules=st.sampled_from(EVERY_RULE))
@settings(max_examples=25)
def test_taking_pays_the_quote_and_the_slippage_up_to_what_is_shown(seed: int, rules: Rules) -> None:
    minutes = wild_minutes(seed, MINUTES)
    did = run_bars(rules, LIVELY, made_bars(minutes)).actions
    took = did.took_centi != 0
    buys = did.took_centi > 0
    slip = int(LIVELY.slip_ticks)
    price = np.clip(np.where(buys, minutes.ask_ticks + slip, minutes.bid_ticks - slip), 100, 9_900)
    shown = np.where(buys, minutes.ask_size_centi, minutes.bid_size_centi)
    most = np.where(shown >= 0, shown, int(LIVELY.max_take_centi))
    assert (did.took_ticks[took] == price[took]).all()
    assert (np.abs(did.took_centi)[took] <= most[took]).all()
    assert minutes.open[took].all()


@given(seed=st.integers(0, 2**31))
@settings(max_examples=15)
def test_what_is_bought_stays_within_its_limits(seed: int) -> None:
    """Only bought and never left: closing one leg of a hedge may make the rest riskier, which no limit forbids."""
    minutes = wild_minutes(seed, MINUTES)
    dear = minutes._replace(p_fair=np.full_like(minutes.p_fair, 0.98))
    tight = made_params(taker_thresh_ticks=300, max_position_centi=4_000, gross_share=0.004, fill_share=0.5)
    did = run_bars(Rules(sizing=Sizing.SINGLE), tight, made_bars(dear)).actions
    held = np.cumsum(did.made_centi + did.took_centi, axis=0)
    assert 0 < np.abs(held).max() <= 4_000
    beside_fees = did.at_risk_micros[:-1].sum(axis=1) - did.fees_micros[:-1].sum(axis=1)
    assert beside_fees.max() <= 40_000_000


def test_a_day_on_which_nothing_is_known_does_nothing() -> None:
    minutes = wild_minutes(6, MINUTES)
    empty = minutes._replace(p_fair=np.full_like(minutes.p_fair, np.nan))
    for rules in EVERY_RULE[:2]:
        assert _trades(run_bars(rules, LIVELY, made_bars(empty)).actions) == 0


def _paid(centi: Any, ticks: Any, fee: Any) -> Any:
    """Return [T, C, D] what was paid."""
    return (centi.astype(np.int64) * ticks + fee).sum(axis=1)
