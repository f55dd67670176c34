"""The numbers of a run, each against what NumPy or a closed form says of small runs made by hand."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kwx.backtest.by_date import ByDate
from kwx.backtest.days import day_rows, earned
from kwx.backtest.drawdown import Drawdown, daily_drawdown, equity_curve, intraday_drawdown
from kwx.backtest.metrics import measured
from kwx.backtest.sharpe import deflated, expected_best, sharpe_interval, sharpe_of
from kwx.models.registry.plain import plain
from tests.kwx.backtest.made_runs import FIRST, a_fill, equity_frame, fills_frame, outcomes_frame, random_run
from tests.kwx.backtest.three_trades import CASH_MICROS, FEES_MICROS, GAINS_MICROS, three_trades
from warehouse.errors import Refused

NOON = datetime(2026, 3, 1, 18, tzinfo=UTC)
WON = outcomes_frame([("chicago", FIRST, "M", "between", True), ("chicago", FIRST, "N", "less", False)])


@pytest.fixture(scope="module")
def run():
    return measured(*random_run())


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def settled_days(*net: int) -> pl.DataFrame:
    """Return rows of settled days that gained so much."""
    days = [day(number) for number in range(len(net))]
    return pl.DataFrame({"city": "nyc", "event_date": days, "net_micros": net, "is_settled": True})


def test_the_fills_of_the_example_gain_what_was_worked_out():
    """To the micro, and together what the account holds in the end."""
    _, _, ledger = three_trades()
    names = ledger.fills["market_ticker"].unique()
    ended = outcomes_frame([("chicago", ledger.fills["event_date"][0], name, "between", True) for name in names])

    gained = earned(ledger.fills, ended)

    assert list(GAINS_MICROS) == gained["net_micros"].to_list()
    assert [1_680_000, 2_520_000, 2_550_000] == gained["outlay_micros"].to_list()
    assert ledger.equity["cash_micros"][-1] == gained["net_micros"].sum() == CASH_MICROS
    assert FEES_MICROS == day_rows(gained, ledger.equity, ended)["fees_micros"].item()


@pytest.mark.parametrize(
    ("side", "market", "net"),
    [("buy", "M", 598_900), ("buy", "N", -401_100), ("sell", "M", -601_100), ("sell", "N", 398_900)],
)
def test_a_contract_gains_its_payout_less_price_and_fee(side, market, net):
    """One contract at 40 ¢ with a fee of 0.11 ¢, bought and sold, paid and not."""
    fills = fills_frame([a_fill(side=side, market_ticker=market, fee_micros=1_100)])

    assert [net] == earned(fills, WON)["net_micros"].to_list()


def test_a_day_without_a_fill_is_a_day_and_one_without_a_label_has_no_gain():
    """Both have a row; only what is settled has a gain."""
    fills = fills_frame([a_fill(), a_fill(event_date=day(1), market_ticker="U", count_centi=300)])
    equity = equity_frame([("chicago", day(number), NOON, 0, 0, 7) for number in range(3)])
    ended = pl.concat(
        [WON, outcomes_frame([("chicago", day(1), "U", "less", None), ("chicago", day(2), "V", "less", False)])]
    )

    rows = day_rows(earned(fills, ended), equity, ended)

    assert [600_000, None, 0] == rows["net_micros"].to_list()
    assert [1, 1, 0] == rows["maker_fills"].to_list()
    assert [100, 300, 0] == rows["maker_centi"].to_list()
    assert [1, None, 0] == rows["positions_won"].to_list()


def test_a_run_without_a_settled_event_is_refused():
    """Nothing can be said of it, and no number is."""
    fills, equity, ended = random_run(dates=1)

    with pytest.raises(Refused, match="no event of the run is settled"):
        measured(fills, equity, ended)


def test_the_sums_are_those_of_the_fills(run):
    """Net, fees, turnover, contracts and shares are what NumPy makes of the settled fills."""
    fills, metrics = run.gained, run.metrics
    sign = np.where(fills["side"] == "buy", 1, -1)
    pays = 10_000 * fills["settled_yes"].to_numpy().astype(np.int64)
    price, count, fee = (fills[name].to_numpy() for name in ("price_ticks", "count_centi", "fee_micros"))
    net = sign * count * (pays - price) - fee
    positions = fills.with_columns(net=net).group_by("market_ticker").agg(pl.col("net").sum())

    assert net.sum() == metrics.net_micros == metrics.net.value
    assert fills["fee_micros"].sum() == metrics.fees_micros == metrics.maker.fees_micros + metrics.taker.fees_micros
    assert fills.height == metrics.maker.fills + metrics.taker.fills
    assert fills["count_centi"].sum() == metrics.maker.contracts_centi + metrics.taker.contracts_centi
    assert (net > 0).mean() == pytest.approx(metrics.fills_won.value)
    assert (positions["net"] > 0).mean() == pytest.approx(metrics.positions_won.value)
    assert positions.height == metrics.positions
    assert metrics.per_date.value == pytest.approx(metrics.net_micros / 19)
    risk = run.days.filter("is_settled")["at_risk_micros"].sum()
    assert metrics.return_on_risk.value == pytest.approx(metrics.net_micros / risk)


def test_what_is_not_settled_is_listed_and_left_out(run):
    """Both cities' last date; its fills are in none of the numbers."""
    assert (("chicago", day(19)), ("nyc", day(19))) == run.metrics.unsettled
    assert (38, 19) == (run.metrics.events, run.metrics.dates)
    assert day(19) not in run.gained["event_date"]


def test_intervals_hold_their_value_and_know_their_dates(run):
    """They are drawn by event date."""
    for estimate in (run.metrics.net, run.metrics.per_date, run.metrics.return_on_risk, run.metrics.sharpe_interval):
        assert estimate.low < estimate.value < estimate.high
        assert 19 == estimate.dates


def test_the_same_run_is_measured_the_same_and_can_be_told(run):
    """Seeded, and JSON has a word for all of it."""
    again = measured(*random_run()).metrics.plain()

    assert json.dumps(run.metrics.plain(), allow_nan=False) == json.dumps(again, allow_nan=False)
    assert run.metrics.net_micros == again["net_micros"]


def test_the_sharpe_ratio_is_mean_over_deviation():
    """Against NumPy and SciPy; the standard error is Lo's where gains are skewed and tailed as a normal law."""
    gains = np.array([3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0])

    found = sharpe_of(gains)
    skewness, kurtosis = stats.skew(gains), stats.kurtosis(gains, fisher=False)

    assert gains.mean() / gains.std(ddof=1) == pytest.approx(found.value)
    assert (skewness, kurtosis) == pytest.approx((found.skewness, found.kurtosis))
    assert found.value * math.sqrt(365) == pytest.approx(found.per_year)
    even = np.array([-1.0, 1.0] * 2 + [0.0] * 2)  # kurtosis 1.5 and no skewness: 1 + 0.125 SR²
    shifted = sharpe_of(even + 1)
    assert math.sqrt((1 + 0.125 * shifted.value**2) / 5) == pytest.approx(shifted.standard_error)


def test_the_standard_error_is_that_of_many_samples():
    """Ratios of 4,000 samples of 250 skewed gains spread as the formula says, within a tenth."""
    samples = np.random.default_rng(3).exponential(size=(4_000, 250)) - 0.8

    ratios = [sharpe_of(sample) for sample in samples]
    told = np.mean([one.standard_error for one in ratios])

    assert np.std([one.value for one in ratios]) == pytest.approx(told, rel=0.1)


@pytest.mark.parametrize("gains", [[], [1.0], [1.0, 2.0], [2.0, 2.0, 2.0]])
def test_too_few_or_equal_gains_have_no_ratio(gains):
    """It is not a number, rather than infinite."""
    assert math.isnan(sharpe_of(np.array(gains)).value)


def test_the_interval_of_the_ratio_draws_dates():
    """Every draw's ratio is that of its dates, whole."""
    by_date = ByDate.of(settled_days(*range(-3, 9)), block_days=1, level=0.9, seed=1)
    gains = np.arange(-3.0, 9.0)

    drawn = [sharpe_of(np.repeat(gains, times.astype(int))).value for times in by_date.draws.times]
    expected = by_date.draws.percentile(sharpe_of(gains).value, np.array(drawn))

    found = sharpe_interval(gains, by_date.draws)
    assert (expected.low, expected.high) == pytest.approx((found.low, found.high))


def test_the_best_of_many_is_what_luck_finds():
    """The mean of the largest of 50 normal ratios is near the formula, and one trial needs no allowance."""
    rng = np.random.default_rng(0)
    best = rng.normal(scale=0.2, size=(4_000, 50)).max(axis=1).mean()
    trials = 0.2 * stats.norm.ppf((np.arange(50) + 0.5) / 50)
    scaled = trials * (0.2 / trials.std(ddof=1))

    assert best == pytest.approx(expected_best(scaled), rel=0.02)
    assert expected_best([0.3]) == expected_best([]) == 0.0


def test_a_deflated_ratio_is_the_chance_of_skill_beyond_luck():
    """Without trials it is that of a ratio above zero; the more were tried, the less is left."""
    found = sharpe_of(np.random.default_rng(1).normal(0.2, 1, size=100))

    alone = deflated(found, [])
    among = deflated(found, np.linspace(-0.2, found.value, 40))

    assert stats.norm.cdf(found.value / found.standard_error) == pytest.approx(alone.probability)
    beyond = found.value - among.expected_best
    assert stats.norm.cdf(beyond / found.standard_error) == pytest.approx(among.probability)
    assert (1, 40) == (alone.trials, among.trials)
    assert among.probability < alone.probability


def test_a_drawdown_goes_from_the_peak_to_the_lowest_after_it():
    """5, 2, 8, 1, 3: the deepest fall is the 7 from the third date to the fourth."""
    assert Drawdown(micros=7, peak=day(2), trough=day(3)) == daily_drawdown(settled_days(5, -3, 6, -7, 2))


def test_a_fall_from_the_start_has_no_peak():
    """The curve begins at zero."""
    assert Drawdown(micros=4, peak=None, trough=day(1)) == daily_drawdown(settled_days(-1, -3, 2))
    assert Drawdown(micros=0, peak=None, trough=None) == daily_drawdown(settled_days(1, 2, 0))


@given(st.lists(st.integers(-1_000, 1_000), min_size=1, max_size=30))
def test_a_drawdown_is_the_largest_difference_of_two_points(net):
    """Of all pairs in time order, zero first."""
    curve = np.concatenate([[0], np.cumsum(net)])
    deepest = max(int(curve[i] - curve[j]) for i in range(len(curve)) for j in range(i, len(curve)))

    assert deepest == daily_drawdown(settled_days(*net)).micros


def test_the_intraday_curve_adds_events_as_they_move():
    """Two events at once: each counts from its first row on with its last word."""
    equity = equity_frame(
        [
            ("chicago", FIRST, NOON, -50, 60, 0),
            ("chicago", FIRST, NOON + timedelta(minutes=2), -50, 20, 0),
            ("nyc", FIRST, NOON + timedelta(minutes=1), -5, 0, 0),
            ("nyc", FIRST, NOON + timedelta(minutes=2), -5, 15, 0),
            ("nyc", FIRST, NOON + timedelta(minutes=9), 3, 0, 0),
        ]
    )
    days = pl.DataFrame({"city": ["chicago", "nyc"], "event_date": FIRST, "is_settled": True})

    assert [10, 5, -20, -27] == equity_curve(equity, days)["equity_micros"].to_list()
    fall = intraday_drawdown(equity, days)
    assert Drawdown(micros=37, peak=NOON, trough=NOON + timedelta(minutes=9)) == fall
    assert [10, -30] == equity_curve(equity, days.with_columns(is_settled=pl.col("city") == "chicago"))[
        "equity_micros"
    ].to_list()


def test_an_edge_is_followed_by_side_and_weight():
    """Bought 1 at 40 with the mid at 43 then, sold 3 at 50 with it at 49 then: (1 · 3 + 3 · 1) / 4 = 1.5 cents."""
    fills = fills_frame(
        [
            a_fill(mid_5m_half_ticks=8_600),
            a_fill(side="sell", price_ticks=5_000, count_centi=300, mid_5m_half_ticks=9_800),
            a_fill(count_centi=900),
            a_fill(style="taker", mid_5m_half_ticks=7_000),
        ]
    )

    decay = measured(fills, equity_frame([("chicago", FIRST, NOON, 0, 0, 0)]), WON).metrics.decay
    found = {(one.style, one.minutes): (one.fills, one.gained_cents.value) for one in decay}

    assert (2, 1.5) == found["maker", 5]
    assert (1, -5.0) == found["taker", 5]
    assert 0 == found["maker", 60][0]
    assert math.isnan(found["maker", 60][1])


@pytest.mark.parametrize("times", [(2, 3), (1, 2), (1, 99), (30, 335)])
def test_two_values_whose_error_vanishes_never_crash(times):
    """(1 − skewness · SR + (kurtosis − 1)/4 · SR²) is nothing where they lie right; rounding may make it less."""
    rare, usual = times
    share = rare / (rare + usual)
    skewness = (1 - 2 * share) / math.sqrt(share * (1 - share))
    deviation = math.sqrt(share * (1 - share)) * 1e6
    # kurtosis − 1 is skewness² for two values, so the error vanishes at a ratio of 2 / skewness.
    mean = 2 / skewness * deviation * math.sqrt((rare + usual) / (rare + usual - 1))
    gains = np.array([1e6 * (1 - share)] * rare + [-1e6 * share] * usual) + mean

    found = sharpe_of(gains)

    assert found.value == pytest.approx(2 / skewness)
    assert math.isnan(found.standard_error)
    assert math.isnan(deflated(found, ()).probability)


def test_the_probabilities_acted_on_are_held_against_what_came(run):
    """All settled fills with a probability count; without one, or on a single date, there is nothing to hold."""
    assert run.gained.height == run.metrics.calibration.rows
    brier = np.mean((run.gained["p_fair"].to_numpy() - run.gained["settled_yes"].to_numpy()) ** 2)
    assert brier == pytest.approx(run.metrics.calibration.brier.score)

    equity = equity_frame([("chicago", FIRST, NOON, 0, 0, 0)])
    blind = measured(fills_frame([a_fill()]), equity, WON)
    assert blind.metrics.calibration is None
    few = measured(fills_frame([a_fill(p_fair=0.4), a_fill(p_fair=0.6)]), equity, WON)
    assert few.metrics.calibration is None
    assert plain(blind.metrics.plain())["sharpe"]["value"] is None
