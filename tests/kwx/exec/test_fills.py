"""Each model of fills by hand: one order to buy at 0.49, ten contracts left, and what a minute does to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kwx.exec.fills import Filled, ahead_at_placing, resting_fills
from kwx.exec.rules import Fill
from kwx.exec.state import Orders
from tests.kwx.exec.made import made_minutes, made_params, minute_at

SHARE = made_params(fill_share=0.25, queue_ahead_centi=7_000)


def order(side: int = 1, *, ticks: int = 4_900, left: int = 1_000, ahead: int = 0) -> Orders:
    """Return one order in the book."""
    values = (side, ticks, left, 3, ahead, 0, 1)
    return Orders(*(np.full((1, 1, 1), value, np.int32) for value in values))


def filled(model: Fill, orders: Orders, **said: Any) -> tuple[int, int]:
    """Return how much of it is filled in a minute, and what is ahead of the rest."""
    found: Filled = resting_fills(model, SHARE, orders, minute_at(made_minutes(1, **said), 0))
    return int(np.asarray(found.centi).item()), int(np.asarray(found.ahead_centi).item())


TRADED = {"volume_centi": 2_000, "low_ticks": 4_900, "high_ticks": 5_100, "close_ticks": 4_900}


def test_a_has_a_share_of_the_volume_once_the_range_reaches_the_limit() -> None:
    assert filled(Fill.A, order(), **TRADED)[0] == 500
    assert filled(Fill.A, order(), **TRADED | {"low_ticks": 4_901})[0] == 0
    assert filled(Fill.A, order(left=300), **TRADED)[0] == 300
    assert filled(Fill.A, order(-1, ticks=5_100), **TRADED)[0] == 500
    assert filled(Fill.A, order(-1, ticks=5_101), **TRADED)[0] == 0
    assert filled(Fill.A, order())[0] == 0


def test_b_counts_prints_against_the_order_in_minutes_that_closed_its_way() -> None:
    prints = {"sells": {0: [(4_800, 400), (4_900, 800), (5_000, 4_000)]}, "buys": {0: [(5_100, 9_000)]}}
    assert filled(Fill.B, order(), **TRADED, **prints)[0] == 300
    assert filled(Fill.B, order(), **TRADED | {"close_ticks": 5_100}, **prints)[0] == 0
    assert filled(Fill.B, order(-1, ticks=5_100), **TRADED | {"close_ticks": 5_100}, **prints)[0] == 1_000
    assert filled(Fill.B, order(-1, ticks=5_200), **TRADED | {"close_ticks": 5_100}, **prints)[0] == 0


@pytest.mark.parametrize(
    ("ahead", "sells", "expected"),
    [
        (0, [(4_900, 600)], (600, 0)),
        (500, [(4_900, 600)], (100, 0)),
        (900, [(4_900, 600)], (0, 300)),
        (900, [(4_800, 50), (4_900, 600)], (50, 0)),
        (900, [(4_800, 5_000)], (1_000, 0)),
        (900, [(5_000, 5_000)], (0, 900)),
    ],
    ids=["first", "second", "behind", "through", "far through", "not reached"],
)
def test_in_the_queue_those_ahead_are_filled_first(ahead: int, sells: Any, expected: tuple[int, int]) -> None:
    assert filled(Fill.QUEUE, order(ahead=ahead), sells={0: sells}, bid_size_centi=-1) == expected


def test_in_the_queue_nothing_is_ahead_that_the_book_does_not_show() -> None:
    assert filled(Fill.QUEUE, order(ahead=9_000), bid_size_centi=4_000) == (0, 4_000)
    assert filled(Fill.QUEUE, order(ahead=9_000), bid_size_centi=20_000) == (0, 9_000)
    assert filled(Fill.QUEUE, order(ahead=9_000), bid_ticks=4_800) == (0, 0)
    assert filled(Fill.QUEUE, order(ahead=9_000), bid_ticks=5_000, ask_ticks=5_200) == (0, 9_000)


def test_in_the_queue_a_market_that_passes_the_limit_gives_us_what_it_printed_there() -> None:
    passed = {"bid_ticks": 4_700, "ask_ticks": 4_900}
    assert filled(Fill.QUEUE, order(ahead=9_000), **passed, sells={0: [(4_900, 300)]})[0] == 300
    assert filled(Fill.QUEUE, order(ahead=9_000), **passed, sells={0: [(5_000, 300)]})[0] == 0
    assert filled(Fill.QUEUE, order(ahead=9_000), **passed)[0] == 0


def test_where_everything_takes_nothing_that_rests_is_filled() -> None:
    assert filled(Fill.TAKER, order(), **TRADED, sells={0: [(4_800, 9_000)]})[0] == 0


def test_a_new_order_is_behind_what_its_price_shows_and_first_where_it_betters_it() -> None:
    def ahead(ticks: int, **said: Any) -> int:
        minute = minute_at(made_minutes(1, **said), 0)
        one = np.ones((1, 1, 1), np.int32)
        return int(np.asarray(ahead_at_placing(SHARE, minute, one, ticks * one)).item())

    assert ahead(4_900, bid_size_centi=1_234) == 1_234
    assert ahead(4_900, bid_size_centi=-1) == 7_000
    assert ahead(5_000) == 0
