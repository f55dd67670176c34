"""The leaderboard: ranked by the first dates alone, the rest only told."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from kwx.backtest.sweep.asked import asked_of
from kwx.backtest.sweep.board import board_of
from kwx.backtest.sweep.gains import Gains
from kwx.config.yaml_text import parsed
from warehouse.errors import Usage

QUESTION = asked_of(parsed("risk.kelly_alpha: [0.1, 0.2, 0.3]", file="s.yaml"))


def gains_of(net: list[list[int]]) -> Gains:
    """Return what sets gained by date, each with a fee of one and a risk of ten a date."""
    micros = np.array(net, np.int64)
    days = tuple(date(2026, 3, 1) + timedelta(days=number) for number in range(micros.shape[1]))
    one = np.ones_like(micros)
    return Gains(
        days=days, dates=days, places=tuple(range(len(micros))), net_micros=micros, fees_micros=one,
        at_risk_micros=10 * one, maker_fills=one, taker_fills=2 * one,
    )  # fmt: skip


def test_the_last_dates_have_no_say_in_the_order():
    """Whatever the held-out dates are changed to, order and figures are the same; what they came to stands beside."""
    net = [[1, 2, 1, 9], [5, -1, 0, -7], [0, 0, 2, 50]]

    board = board_of(QUESTION, gains_of(net), held_out=0.25)
    other = board_of(QUESTION, gains_of([[*own[:3], -1000] for own in net]), held_out=0.25)

    assert [0, 1, 2] == board.rows["set"].to_list() != [2, 0, 1]
    assert board.rows.drop("held_out_net_micros").equals(other.rows.drop("held_out_net_micros"))
    assert ([4, 4, 2], 3) == (board.rows["net_micros"].to_list(), board.ranked_dates)
    assert [9, -7, 50] == board.rows["held_out_net_micros"].to_list()
    assert (0, 2, 9, 1) == (
        board.held.place_in_question, board.held.place, board.held.median_net_micros, board.held.dates,
    )  # fmt: skip


def test_sums_and_falls_are_those_of_each_set():
    """Net, fees, fills, the return on what was at risk and the deepest fall from date to date."""
    rows = board_of(QUESTION, gains_of([[3, -5, 1, 4], [-2, -2, 9, 0], [0, 0, 0, 0]]), held_out=0).rows

    by_set = rows.sort("set")
    assert [None] * 3 == by_set["held_out_net_micros"].to_list()
    assert [3, 5, 0] == by_set["net_micros"].to_list()
    assert [5, 4, 0] == by_set["drawdown_micros"].to_list()
    assert [4, 4, 8] == [by_set[name][0] for name in ("fees_micros", "maker_fills", "taker_fills")]
    assert pytest.approx(3 / 40) == by_set["return_on_risk"][0]
    assert by_set["sharpe"][2] is None


def test_a_set_that_never_trades_is_a_trial_too():
    """It has no ratio, but luck has had one more go: the bar of the others rises."""
    net = [[3, -5, 1, 4], [-2, -2, 9, 0], [0, 0, 0, 0]]
    question = asked_of(parsed("risk.kelly_alpha: [0.1, 0.2]", file="s.yaml"))

    with_idle = board_of(QUESTION, gains_of(net), held_out=0)
    without = board_of(question, gains_of(net[:2]), held_out=0)

    assert with_idle.expected_best_sharpe > without.expected_best_sharpe > 0
    assert with_idle.rows["deflated"][0] < without.rows["deflated"][0]


def test_a_share_of_all_dates_or_less_than_none_cannot_be_held_out():
    """It is refused as a slip of whoever typed it."""
    with pytest.raises(Usage, match="held out is 1"):
        board_of(QUESTION, gains_of([[1, 2]] * 3), held_out=1)
