"""Two sides: differences of the same events, paired by date; words that name a run or a way to trade."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from kwx.backtest.compare import ALL, compared
from kwx.backtest.metrics import measured
from kwx.backtest.run import Wish
from kwx.backtest.sides import Side, sides_of, way_of
from tests.kwx.backtest.made_runs import CITIES, random_run
from warehouse.errors import Refused, Usage

CONFIG = {"chicago": {"trade": {"p_low": 0.05, "lot_contracts": 1}}, "nyc": {"trade": {"p_low": 0.05}}}


def a_side(seed: int, **said: object) -> Side:
    """Return a side of twenty dates of two cities, the last date unsettled."""
    usual = {
        "word": f"w{seed}", "run_id": f"run-{seed}", "made_of": {"strategy": "fused"}, "config": CONFIG,
        "days": measured(*random_run(seed=seed)).days,
    }  # fmt: skip
    return Side(**(usual | said))


def test_differences_are_those_of_net_gains_event_by_event():
    """Cities add up to all, and all is the difference of the two sums."""
    first, second = a_side(1), a_side(2)

    found = compared(first, second)

    net = {line.what: line for line in found.by_city}
    assert (*CITIES, ALL) == tuple(net)
    assert pytest.approx(net[ALL].difference) == sum(net[city].difference for city in CITIES)
    sums = [side.days.filter("is_settled")["net_micros"].sum() / 1e6 for side in (first, second)]
    assert pytest.approx(sums[0] - sums[1]) == net[ALL].difference == found.metrics[0].difference
    assert net[ALL].low < net[ALL].difference < net[ALL].high
    assert (38, 19, (0, 0)) == (found.events, found.dates, found.only)


def test_what_both_sides_gain_drops_out_of_the_interval():
    """A side that gains a dollar more on every date differs by just that, however wild the dates are."""
    first = a_side(3)
    lifted = first.days.with_columns(net_micros=pl.col("net_micros") - 500_000)

    found = compared(first, a_side(3, days=lifted))

    line = found.by_city[-1]
    assert pytest.approx((19.0, 19.0, 19.0)) == (line.difference, line.low, line.high)


def test_a_side_against_itself_differs_in_nothing():
    """No setting, no number, no day."""
    found = compared(a_side(4), a_side(4))

    assert found.differs.is_empty()
    assert all(line.difference == 0 for line in (*found.metrics, *found.by_city))
    assert 0 == found.days["difference_micros"].abs().max()


def test_the_reverse_comparison_is_the_reverse():
    """Differences and bounds change their sign."""
    one, other = compared(a_side(5), a_side(6)), compared(a_side(6), a_side(5))

    for line, back in zip(one.by_city, other.by_city, strict=True):
        assert np.allclose((line.difference, line.low, line.high), (-back.difference, -back.high, -back.low))


def test_settings_that_differ_are_told_by_key_and_by_city_where_cities_differ():
    """A setting that all cities share is one line."""
    other = {
        "chicago": {"trade": {"p_low": 0.1, "lot_contracts": 1}}, "nyc": {"trade": {"p_low": 0.2}},
    }  # fmt: skip
    found = compared(a_side(1), a_side(1, config=other, made_of={"strategy": "accel"}))

    assert {
        ("strategy", "fused", "accel"), ("trade.p_low", "0.05", None), ("chicago trade.p_low", None, "0.1"),
        ("nyc trade.p_low", None, "0.2"),
    } == set(found.differs.iter_rows())  # fmt: skip


def test_sides_are_compared_on_what_they_share_and_refused_where_that_is_nothing():
    """Events of one side alone are counted; days that only one has do not differ."""
    first = a_side(7)
    early = first.days.filter(pl.col("event_date") < first.days["event_date"][10])
    later = first.days.with_columns(pl.col("event_date") + timedelta(days=90))

    found = compared(first, a_side(7, days=early))

    assert (10, 28, 0) == (found.events, *found.only)
    with pytest.raises(Refused, match="share no settled event"):
        compared(first, a_side(7, days=later))


@pytest.mark.parametrize(
    ("word", "strategy", "said"),
    [
        ("fused", "fused", {}),
        ("hybrid", "hybrid", {"signals": {"family": "hybrid"}}),
        ("tod", "hybrid", {"signals": {"family": "tod"}}),
        (
            "market_clock:risk.kelly_alpha=0.1,trade.p_low=0.1", "hybrid",
            {"signals": {"family": "market_clock"}, "risk": {"kelly_alpha": 0.1}, "trade": {"p_low": 0.1}},
        ),
        ("mine.py:trade.p_low=0.2", "mine.py", {"trade": {"p_low": 0.2}}),
    ],
)  # fmt: skip
def test_a_way_is_a_strategy_or_a_family_with_settings(word, strategy, said):
    """Families of models are ways of the strategy that trades them."""
    way = way_of(word)

    assert (strategy, said) == (way.strategy, way.said)


def test_a_word_that_names_neither_is_refused_with_the_nearest(demo_lake):
    """Runs, strategies and families are all looked at."""
    with pytest.raises(Usage, match="'fusd' is no kept run") as told:
        sides_of(("fusd", "accel"), Wish(strategy="fused"), demo_lake)

    assert "did you mean fused" in told.value.hint
