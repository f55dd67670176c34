"""What a step wants, told beside what it does."""

from __future__ import annotations

import numpy as np

from kwx.exec.engine import one_step, one_wish
from kwx.exec.rules import Fill, Rules, Sizing
from kwx.exec.step import empty_state
from tests.kwx.exec.made import made_minutes, made_params, minute_at

TAKER = Rules(fill=Fill.TAKER, sizing=Sizing.SINGLE)
QUEUE = Rules(fill=Fill.QUEUE, sizing=Sizing.LADDER)


def test_money_of_a_wish_by_hand():
    """A bracket bought at 52 cents, one sold at 48, which costs 52, and one without an opinion.

    A quarter of Kelly of ten thousand dollars wants more than the hundred contracts that are shown: 52 dollars each.
    """
    minute = minute_at(made_minutes(1, brackets=3, p_fair=[[0.65, 0.35, np.nan]]), 0)
    wish = one_wish(TAKER, made_params(), empty_state(3, 1, 1), minute)
    _, did = one_step(TAKER, made_params(), empty_state(3, 1, 1), minute)

    assert wish.size_micros[:, 0, 0].tolist() == [52_000_000, -52_000_000, 0]
    assert (did.took_centi * 5_200 == wish.size_micros).all()
    assert wish.kelly_micros[0, 0, 0] > wish.size_micros[0, 0, 0]
    assert wish.kelly_micros[1, 0, 0] < wish.size_micros[1, 0, 0]
    # 13 cents, less a fee of 7 % of 0.52 · 0.48.
    assert np.allclose(wish.edge_ticks[:2, 0, 0], 1_300 - 174.72, atol=0.01)
    assert np.isnan(wish.edge_ticks[2, 0, 0])


def test_a_quote_with_one_side_has_no_edge():
    """It would be the edge of a price that nobody offers."""
    minute = minute_at(made_minutes(1, p_fair=0.65, ask_ticks=10_000), 0)

    wish = one_wish(TAKER, made_params(), empty_state(1, 1, 1), minute)

    assert np.isnan(wish.edge_ticks).all()
    assert not wish.size_micros.any()


def test_a_stopped_wish_has_an_edge_and_no_size():
    """What a gate stops is worth something all the same."""
    minute = minute_at(made_minutes(1, p_fair=0.65, fresh=False), 0)

    wish = one_wish(QUEUE, made_params(), empty_state(1, 1, 1), minute)

    assert wish.edge_ticks[0, 0, 0] > 0
    assert not wish.kelly_micros.any()
    assert not wish.size_micros.any()


def test_wishes_after_a_fill_are_those_of_the_step_that_made_it():
    """What rested and is filled in the minute is held when the step decides, and when it is asked what it wants."""
    minutes = made_minutes(2, p_fair=0.56, volume_centi=[0, 60_000], low_ticks=[20_000, 4_700], high_ticks=[-1, 4_900])
    params = made_params(taker_thresh_ticks=2_000, max_position_centi=15_000)
    rules = Rules(fill=Fill.A, sizing=Sizing.SINGLE)
    state, _ = one_step(rules, params, empty_state(1, 1, 1), minute_at(minutes, 0))

    wish = one_wish(rules, params, state, minute_at(minutes, 1))
    _, did = one_step(rules, params, state, minute_at(minutes, 1))

    assert did.made_centi[0, 0, 0] > 0
    assert wish.kelly_micros[0, 0, 0] == did.want_centi[0, 0, 0] * 4_900
    assert wish.size_micros[0, 0, 0] <= (15_000 - did.made_centi[0, 0, 0]) * 4_900
