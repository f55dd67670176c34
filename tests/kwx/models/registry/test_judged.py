"""How kinds are judged for promotion: each horizon by itself, and what was compared stands in the record."""

from __future__ import annotations

import json
import sys

import pytest

from kwx.models.registry.promotion import Choice, demote, promote
from kwx.models.registry.shelf import shelf
from kwx.models.registry.states import history
from kwx.models.registry.store import store
from warehouse.errors import Refused

tiny = sys.modules["tiny_family"]
CHICAGO = {"cities": ("chicago",)}


def clock():
    return tiny.NOW


def estimate(value):
    """Return a number as a fit of moves has it."""
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "level": 0.95, "resamples": 100}


@pytest.fixture
def moving(shelf_root):
    """The pilots, and fits of the next move of Chicago's mids: over five minutes better than one half, over one not."""
    for horizon, loss, crossed in (("1m", 0.7, -0.02), ("5m", 0.6, 0.01)):
        for number, window in enumerate(tiny.WINDOWS[:2], start=1):
            metrics = {
                "rows": 100 * number, "log_loss": estimate(loss), "market_log_loss": estimate(0.6931),
                "crossed_tenth": estimate(crossed * number), "crossed_rows": 100 * number,
            }  # fmt: skip
            fitted = tiny.fit_window("chicago", "between", window, horizon=horizon, metrics=metrics)
            store(fitted, shelf_root, clock=clock)
    return shelf_root


def test_a_horizon_is_promoted_without_the_others(moving):
    """What one of them lost to a market that says nothing holds back no other."""
    done = promote(Choice(**CHICAGO, horizons=("5m",)), moving, clock=clock)

    assert (done.windows, done.objections) == (2, ())
    assert all("tiny-5m" in one.name for one in shelf(moving, "trained"))
    with pytest.raises(Refused, match=r"tiny-1m: log loss 0\.7000, the market's 0\.6931"):
        promote(Choice(**CHICAGO, horizons=("1m",)), moving, clock=clock)
    with pytest.raises(Refused, match="tiny-1m"):
        promote(Choice(**CHICAGO), moving, clock=clock)
    assert demote(Choice(horizons=("5m",)), moving, clock=clock).windows == 0


def test_the_record_says_what_was_compared_of_each_kind(moving):
    """The settlement on the market's prices, a move on one half; what crossing the spread earned is told beside it."""
    promote(Choice(**CHICAGO), moving, reason="a demo", clock=clock)

    (state,) = history(moving)
    judged = {one.kind.rsplit("/", 1)[1]: one for one in state.judged}
    assert {"tiny", "tiny-1m", "tiny-5m"} == set(judged)
    assert "the market's" in judged["tiny"].compared
    assert (None, True) == (judged["tiny"].crossed_tenth, judged["tiny"].model < judged["tiny"].market)
    one, five = judged["tiny-1m"], judged["tiny-5m"]
    assert "one half" in five.compared
    assert (0.6, 0.6931, 300, None) == (pytest.approx(five.model), five.market, five.rows, five.objection)
    assert five.crossed_tenth == pytest.approx((0.01 * 100 + 0.02 * 200) / 300)
    assert state.objections == (f"{one.kind}: {one.objection}",)


def test_the_command_promotes_by_horizon_and_says_what_was_compared(command, moving, tmp_path):
    """On stderr for people; in the state for machines."""
    asked = ("models", "promote", "--city", "chicago", "--models", moving, "--lake", tmp_path / "nowhere")

    code, out, err = command(*asked, "--horizon", "5m")
    assert (code, "2 windows are in use" in out) == (0, True), err
    assert "judged chicago/between/tiny-5m by log loss on one half" in err
    assert "its surest tenth earned +0.0167 a contract" in err
    code, out, _ = command(*asked, "--horizon", "day", "--json")
    assert [one["kind"] for one in json.loads(out)["judged"]] == ["chicago/between/tiny"]
    code, out, err = command(*asked, "--horizon", "1m")
    assert (code, "--horizon" in err) == (3, True)
