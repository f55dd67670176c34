"""Marks by hand, and the same marks as the step's in markets that do what they want."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kwx.exec.ledger.worth import at_risk_micros, marks_half_ticks, worth_micros
from tests.kwx.backtest.made_trace import made_bars
from tests.kwx.exec.made import made_minutes
from tests.kwx.exec.taken import taken
from tests.kwx.exec.wild import wild_minutes


def marks(bids, asks, **said):
    """Return the marks of one bracket."""
    minutes = made_minutes(len(bids), brackets=1, bid_ticks=bids, ask_ticks=asks, **said)
    return marks_half_ticks(minutes)[:, 0, 0, 0].tolist()


@pytest.mark.parametrize(
    ("bids", "asks", "expected"),
    [
        ([4_000, 4_200], [4_400, 4_400], [8_400, 8_600]),
        ([4_000, 0, 0], [4_400, 4_300, 4_100], [8_400, 8_400, 8_200]),
        ([4_000, 4_100, 4_300], [4_400, 10_000, 10_000], [8_400, 8_400, 8_600]),
        ([4_000, 0], [4_400, 10_000], [8_400, 8_400]),
        ([0, 0], [600, 10_000], [600, 600]),
        ([0, 300], [10_000, 10_000], [0, 10_300]),
    ],
)
def test_a_position_is_marked_at_the_last_mid_that_its_quotes_allow(bids, asks, expected):
    """Two sides say it; one side moves it only where it has passed it; none leaves it."""
    assert expected == marks(bids, asks)


def test_a_market_that_pauses_keeps_its_mark():
    """Quotes of a closed minute say nothing."""
    assert [8_400, 8_400, 8_800] == marks([4_000, 1_000, 4_200], [4_400, 1_200, 4_600], open=[True, False, True])


@pytest.mark.parametrize("seed", range(4))
def test_the_marks_of_a_wild_market_are_those_of_the_step(seed):
    """Minute by minute: worth and risk of whatever it held."""
    minutes = wild_minutes(seed, 90)
    trace = taken(minutes)
    done = trace.actions
    bars = replace(made_bars(90, brackets=3, cities=("chicago", "denver"), dates=2), minutes=minutes)
    positions = (done.made_centi + done.took_centi).astype(np.int64).cumsum(axis=0)

    np.testing.assert_array_equal(worth_micros(bars, positions), done.position_micros)
    np.testing.assert_array_equal(at_risk_micros(bars, positions, done.cash_micros), done.at_risk_micros)
    assert (done.position_micros != 0).any()
