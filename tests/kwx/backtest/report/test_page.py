"""What the page is made of: ladders that add up, curves that keep their extremes, words for every model of fills."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from kwx.backtest.days import day_rows, earned
from kwx.backtest.drawdown import intraday_drawdown
from kwx.backtest.report.assumptions import assumptions, of_all_models
from kwx.backtest.report.equity_chart import earned_chart, earned_dollars
from kwx.backtest.report.figures import gate_shares
from kwx.backtest.report.sections import by_chance
from kwx.backtest.report.stories import extremes, payoffs_micros
from kwx.exec.codes import FIRST_BLOCKED, Gate
from kwx.exec.rules import MODELS, Fill
from kwx.plots.equity import fallen
from kwx.plots.save import svg_of
from tests.kwx.backtest.made_runs import a_fill, fills_frame, random_run


@pytest.fixture(scope="module")
def run():
    """Fills with their gains, equity, and rows of days of a made run."""
    fills, equity, outcomes = random_run()
    gained = earned(fills, outcomes)
    return gained, equity, day_rows(gained, equity, outcomes), outcomes


def test_the_payoff_of_the_bracket_that_won_is_what_the_day_gained(run):
    """To the micro, on every settled city-day."""
    gained, _, days, outcomes = run
    for city, day in days.filter("is_settled").select("city", "event_date").iter_rows():
        own = (pl.col("city") == city) & (pl.col("event_date") == day)
        markets, fills = outcomes.filter(own), gained.filter(own)

        payoffs = payoffs_micros(fills, markets["market_ticker"])

        assert fills["net_micros"].sum() == payoffs.filter(markets["settled_yes"]).item()


def test_a_bought_bracket_pays_when_it_wins_and_costs_when_it_does_not():
    """Two contracts at 40 ¢ with a fee of 1 ¢: $1.19 or 81 ¢ lost, whichever other bracket wins."""
    fills = fills_frame([a_fill(market_ticker="B", count_centi=200, fee_micros=10_000)])

    payoffs = payoffs_micros(fills, pl.Series(["A", "B", "C"]))

    assert [-810_000, 1_190_000, -810_000] == payoffs.to_list()


def test_the_best_and_the_worst_day_are_those_that_traded_and_settled(run):
    """Days without a fill gained nothing and are neither; one day alone is told once."""
    _, _, days, _ = run
    traded = days.filter(pl.col("is_settled") & (pl.col("maker_fills") + pl.col("taker_fills") > 0))

    (best, worst), alone = extremes(days), extremes(traded.head(1))

    net = {(row["city"], row["event_date"]): row["net_micros"] for row in traded.to_dicts()}
    assert (max(net.values()), min(net.values())) == (net[best], net[worst])
    assert 1 == len(alone)
    assert [] == extremes(days.filter(~pl.col("is_settled")))


def test_the_curve_falls_as_far_as_the_figure_says(run):
    """The drawing and the figure beside it are of one curve."""
    _, equity, days, _ = run

    lowest = fallen(earned_dollars(equity, days))["below"].min()

    assert -intraday_drawdown(equity, days).micros / 1e6 == pytest.approx(lowest)


def test_every_model_of_fills_has_its_assumption_and_what_bias_is_known():
    """Read from where the models are; a model without a word fails here."""
    told = assumptions()

    assert set(MODELS) == set(told)
    assert all("Bias:" in told[fill] for fill in (Fill.A, Fill.B, Fill.QUEUE))
    assert of_all_models().startswith("No model fills more than was printed")


def test_gates_are_counted_and_those_that_stopped_a_wish_are_told_apart():
    """Shares sum to one, the most frequent first."""
    days = [date(2026, 3, 1), date(2026, 3, 1), date(2026, 3, 2)]
    gates = pl.DataFrame(
        {"city": "nyc", "event_date": days, "gate": ["spread", "no_edge", "spread"], "minutes": [2, 7, 9]}
    )

    shares = gate_shares(gates)

    assert [("spread", 11), ("no_edge", 7)] == shares.select("gate", "minutes").rows()
    assert shares["share"].sum() == pytest.approx(1)
    assert [Gate.SPREAD >= FIRST_BLOCKED, Gate.NO_EDGE >= FIRST_BLOCKED] == shares["stopped"].to_list()


def test_intervals_that_miss_zero_by_chance_are_counted():
    """Of forty of 95 % two; of none nothing is said."""
    low = [1.0] * 40 + [float("nan")] * 3

    assert " Of these 40 intervals of 95% about 2.0 " in by_chance(pl.DataFrame({"net_low_dollars": low}), level=0.95)
    assert not by_chance(pl.DataFrame({"net_low_dollars": low[40:]}), level=0.95)


def test_drawings_take_the_colour_of_the_page_and_load_nothing(run):
    """Words and lines are in the current colour, so that light and dark suit; there is no address but of the format."""
    _, equity, days, _ = run

    svg = svg_of(earned_chart(equity, days))

    assert svg.startswith("<svg")
    assert 'fill="currentColor"' in svg
    assert "#010203" not in svg
    assert {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"} == {
        word.strip('"') for word in svg.replace(">", " ").split('"') if word.startswith("http")
    }
