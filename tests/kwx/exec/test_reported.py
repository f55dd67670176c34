"""Reported fills and orders: an exchange that fills as a model does leads to the model's state, to the tick."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np
import pytest

from kwx.exec.engine import one_step
from kwx.exec.minute import Minute
from kwx.exec.reported import Fill as Reported
from kwx.exec.reported import Resting, with_fills, with_orders
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.state import Actions, State
from kwx.exec.step import empty_state
from tests.kwx.exec.made import made_params
from tests.kwx.exec.wild import wild_minutes

MINUTES = 60
LIVELY = made_params(taker_thresh_ticks=300, max_hold_minutes=9, flat_minutes=5, no_new_minutes=8, fill_share=0.5)
AS_A = Rules(fill=Fill.A, sizing=Sizing.SINGLE)
EXCHANGE = Rules(fill=Fill.EXCHANGE, sizing=Sizing.SINGLE)


def _minutes(seed: int) -> Iterator[Minute]:
    laid = wild_minutes(seed, MINUTES)
    for t in range(MINUTES):
        yield jax.tree.map(lambda field, t=t: field[t], laid)


def _made(actions: Actions) -> Iterator[Reported]:
    """Yield what a model filled of resting orders in a minute."""
    for place in zip(*np.nonzero(actions.made_centi), strict=True):
        yield Reported(
            place=place, centi=int(actions.made_centi[place]), ticks=int(actions.made_ticks[place]),
            fee_micros=int(actions.made_fee_micros[place]), rested=True,
        )  # fmt: skip


def _took(actions: Actions) -> Iterator[Reported]:
    for place in zip(*np.nonzero(actions.took_centi), strict=True):
        yield Reported(
            place=place, centi=int(actions.took_centi[place]), ticks=int(actions.took_ticks[place]),
            fee_micros=int(actions.took_fee_micros[place]), rested=False,
        )  # fmt: skip


@pytest.mark.parametrize("seed", [5, 7, 8])
def test_an_exchange_that_fills_as_a_model_does_leads_to_its_state(seed: int) -> None:
    """What the model fills in a minute is reported before the step of that minute, what it takes right after."""
    simulated = reported = empty_state(3, 2, 2)
    fills = 0
    for minute in _minutes(seed):
        if (minute.winner >= 0).any():
            break  # a settlement drops orders before they could be filled
        simulated, did = one_step(AS_A, LIVELY, simulated, minute)
        reported, asked = one_step(EXCHANGE, LIVELY, with_fills(reported, _made(did)), minute)
        np.testing.assert_array_equal(asked.took_centi, did.took_centi)
        reported = with_fills(reported, _took(asked))
        fills += int((did.made_centi != 0).sum() + (did.took_centi != 0).sum())
        jax.tree.map(np.testing.assert_array_equal, _money(simulated), _money(reported))
    assert fills > 10


def _money(state: State) -> tuple[object, ...]:
    return state.position_centi, state.cash_micros, state.fees_micros, state.mode


def test_a_step_under_the_exchange_pays_nothing_by_itself() -> None:
    state = empty_state(3, 2, 2)
    asked = 0
    for minute in _minutes(6):
        state, actions = one_step(EXCHANGE, LIVELY, state, minute)
        asked += int((actions.took_centi != 0).sum() + (state.orders.side != 0).sum())
        assert not state.position_centi.any()
        assert not state.cash_micros.any()
    assert asked > 10


def test_what_the_exchange_does_not_have_rests_no_more_and_what_it_has_keeps_its_age() -> None:
    state = empty_state(2, 1, 1)
    orders = state.orders._replace(
        side=_each(1, -1), ticks=_each(4_000, 6_000), left_centi=_each(500, 700), age_minutes=_each(3, 4)
    )
    state = state._replace(orders=orders)
    told = with_orders(state, {(0, 0, 0): Resting(1, 4_000, 200)})
    assert told.orders.side.ravel().tolist() == [1, 0]
    assert told.orders.left_centi.ravel().tolist() == [200, 0]
    assert told.orders.age_minutes.ravel()[0] == 3
    moved = with_orders(state, {(0, 0, 0): Resting(1, 4_100, 500), (1, 0, 0): Resting(-1, 6_000, 700)})
    assert moved.orders.age_minutes.ravel().tolist() == [0, 4]
    assert state.orders.left_centi.ravel().tolist() == [500, 700], "the state before is left as it was"


def test_a_fill_through_zero_opens_the_other_side_at_its_own_price() -> None:
    state = with_fills(empty_state(1, 1, 1), [Reported((0, 0, 0), 1_000, 4_000, 0, rested=False)])
    turned = with_fills(state, [Reported((0, 0, 0), -1_500, 4_500, 70, rested=False)])
    assert int(turned.position_centi[0, 0, 0]) == -500
    assert float(turned.entry_ticks[0, 0, 0]) == 4_500
    assert int(turned.cash_micros[0, 0]) == -1_000 * 4_000 + 1_500 * 4_500 - 70


def _each(*values: int) -> np.ndarray:
    return np.array(values, np.int32).reshape(-1, 1, 1)
