"""Minutes made by hand have the shapes and types that the step is given."""

from __future__ import annotations

import numpy as np
import pytest

from kwx.exec.minute import PRINT_LEVELS, Prints
from kwx.exec.params import Params
from tests.kwx.exec.made import made_minutes, made_params, minute_at


def test_minutes_have_the_shapes_of_the_step() -> None:
    """Brackets are [T, B, C, D], events [T, C, D], prints [T, K, B, C, D]; one minute lacks the leading axis."""
    minutes = made_minutes(4, brackets=3, cities=2, dates=5)

    assert minutes.bid_ticks.shape == (4, 3, 2, 5)
    assert minutes.winner.shape == (4, 2, 5)
    assert minutes.sells.ticks.shape == (4, PRINT_LEVELS, 3, 2, 5)
    assert minute_at(minutes, 1).buys.centi.shape == (PRINT_LEVELS, 3, 2, 5)


def test_what_is_said_is_read_from_the_left() -> None:
    """A list is by minute; a matrix by minute and bracket; a number is the same everywhere."""
    minutes = made_minutes(2, brackets=2, bid_ticks=[10, 20], p_fair=[[0.1, 0.2]], winner=[-1, 1], urgent=True)

    assert minutes.bid_ticks[:, :, 0, 0].tolist() == [[10, 10], [20, 20]]
    assert np.allclose(minutes.p_fair[:, :, 0, 0], [[0.1, 0.2]] * 2)
    assert minutes.winner.ravel().tolist() == [-1, 1]
    assert minutes.urgent.all()


def test_prints_lie_worst_first_for_the_taker() -> None:
    """Sellers' prices ascend and buyers' descend, whatever the order in which they are said."""
    said = {(1, 0): [(5_000, 100), (4_900, 200)]}
    minutes = made_minutes(2, brackets=2, sells=said, buys=said)

    assert minutes.sells.ticks[1, :, 0, 0, 0].tolist() == [4_900, 5_000, 0]
    assert minutes.buys.centi[1, :, 0, 0, 0].tolist() == [100, 200, 0]
    assert not minutes.sells.centi[0].any()
    assert not minutes.sells.centi[1, :, 1].any()
    assert isinstance(minutes.sells, Prints)


def test_unknown_words_are_refused() -> None:
    """A misspelt field or parameter is no silent default."""
    with pytest.raises(TypeError, match="bid_tick"):
        made_minutes(1, bid_tick=3)
    with pytest.raises(TypeError, match="kelly"):
        made_params(kelly=3)


def test_parameters_are_all_there_and_typed() -> None:
    """Money is int64, counts and prices int32, shares float32."""
    params = made_params(kelly_alpha=0.5)

    assert set(params._fields) == set(Params._fields)
    assert params.bankroll_micros.dtype == np.int64
    assert params.lot_centi.dtype == np.int32
    assert params.kelly_alpha.dtype == np.float32
    assert params.kelly_alpha == np.float32(0.5)
