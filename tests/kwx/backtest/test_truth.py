"""Whether a backtest tells the truth, in many small worlds whose truth is known.

In a market that knows everything nobody earns: over all worlds no strategy's gain before fees, by any model of fills,
lies above zero beyond its interval. Four strategies that trade by four models of fills are sixteen intervals. Each is
made to say "earned" by chance in 0.2 % (one side of 99.6 %); that one of them does, was measured in 1.5 %: they are of
the same dates. Against a market that lags an hour the weather is worth money, and the weather of the day before is not.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from kwx.config.file import load_config
from kwx.config.trading import trading_of
from kwx.exec.bars.plan import BarsRecipe, planned
from kwx.exec.bars.read import Signals, read_bars
from kwx.exec.engine import run_bars
from kwx.exec.ledger.equity import settled
from kwx.exec.rules import MODELS, Fill, Rules
from kwx.exec.settings import params_of
from kwx.scoring.resampling import Draws, Estimate, draw
from kwx.signals.read import signals_of
from tests.kwx.backtest.truth_worlds import CITIES, MARKET_SHARE, SINCE, UNTIL, build, learn
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MARKETS, PMF_DEGREES, PMF_MINUTE
from warehouse.market.ladder import Ladder

pytestmark = pytest.mark.slow

SEEDS, LAGGING_SEEDS = range(8), range(4)
STRATEGIES = ("elasticnet", "fused", "hybrid", "accel", "market")
CONTROL = "market"
KNOWING_LEVEL = 0.996
ALARMS_OF_ONE, ALARMS_OF_ALL = (1 - KNOWING_LEVEL) / 2, 0.015
"""How often one interval, and any of all of them, says that something was earned where nothing is."""


DRAWN_WORLDS, FATTER = 2000, 0.5
"""So many worlds without a gain are drawn; the log of what each date is multiplied by has that deviation."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What a strategy gained by one model of fills: dollars of each date of all worlds, and how often it was filled."""

    net: NDArray[np.float64]
    fees: NDArray[np.float64]
    fills: int

    @property
    def before_fees(self) -> NDArray[np.float64]:
        """What it would have gained had no fee been charged."""
        return self.net + self.fees


RunsOf = Callable[[str], dict[Fill, Run]]


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> list[Snapshot]:
    """Worlds whose market knows everything, and in which models speak that learned from such a market."""
    root = tmp_path_factory.mktemp("knowing")
    school = learn(root / "school", 1.0)
    return [build(root / f"{seed}", seed, 1.0, school=school) for seed in SEEDS]


@pytest.fixture(scope="module")
def runs_of(knowing: list[Snapshot]) -> RunsOf:
    """Return what a shipped strategy gained in these, traded once however often it is asked for."""
    return functools.cache(lambda strategy: traded(knowing, by_strategy(strategy)))


@pytest.fixture(scope="module")
def lagging(tmp_path_factory: pytest.TempPathFactory) -> list[Snapshot]:
    """Worlds whose market is an hour late."""
    root = tmp_path_factory.mktemp("lagging")
    return [build(root / f"{seed}", seed, 0.0) for seed in LAGGING_SEEDS]


def by_strategy(name: str) -> Signals:
    """Return the columns of a strategy that is shipped."""
    return lambda snapshot, city, since, until: signals_of(snapshot, name, city=city, since=since, until=until)


def traded(worlds: list[Snapshot], signals: Signals) -> dict[Fill, Run]:
    """Trade a strategy in all worlds by each model of fills."""
    told: dict[Fill, list[tuple[NDArray[np.float64], NDArray[np.float64], int]]] = {fill: [] for fill in MODELS}
    for snapshot in worlds:
        plan = planned(snapshot, cities=CITIES, since=SINCE, until=UNTIL, recipe=BarsRecipe())
        bars = read_bars(plan, signals)
        assert settled(bars).all()
        params = params_of(trading_of(load_config(), plan.cities), plan.cities)
        for fill in MODELS:
            trace = run_bars(Rules(fill=fill), params, bars)
            net, fees = (money.sum(axis=0) / 1e6 for money in (trace.final.cash_micros, trace.final.fees_micros))
            fills = int((trace.actions.made_centi != 0).sum() + (trace.actions.took_centi != 0).sum())
            told[fill].append((net, fees, fills))
    return {
        fill: Run(
            net=np.concatenate([net for net, _, _ in of_worlds]),
            fees=np.concatenate([fees for _, fees, _ in of_worlds]),
            fills=sum(fills for _, _, fills in of_worlds),
        )
        for fill, of_worlds in told.items()
    }


def draws_of(dates: int, level: float) -> Draws:
    """Return draws of dates of many worlds, each of them a date of its own."""
    days = np.datetime64("2000-01-01") + 100 * np.arange(dates)
    return draw(days, rows=dates, block_days=1, level=level, seed=0)


def by_date(dollars: NDArray[np.float64], draws: Draws) -> Estimate:
    """Return a sum over dates with its interval."""
    return draws.percentile(float(dollars.sum()), draws.totals(dollars))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nobody_earns_in_a_market_that_knows_everything(runs_of: RunsOf, strategy: str) -> None:
    """Not even before fees: the net interval holds minus the fees, or lies below."""
    for fill, run in runs_of(strategy).items():
        before_fees = by_date(run.before_fees, draws_of(len(run.net), KNOWING_LEVEL))
        assert (run.fills > 50) == (strategy != CONTROL)
        assert before_fees.low <= 0, f"{strategy} {fill}: {before_fees}"


def test_an_alarm_is_as_rare_as_is_said(runs_of: RunsOf) -> None:
    """Where nothing is to be earned, an interval lies above zero no more often than that, and any of all as often.

    Such worlds are made of the runs' own dates, their mean taken away: drawn anew, all runs of a date together, and
    each date made smaller or larger, so that tails are fatter than those of the runs.
    """
    gains = np.stack([run.before_fees for name in STRATEGIES for run in runs_of(name).values() if run.fills])
    nothing, dates = gains - gains.mean(axis=1, keepdims=True), gains.shape[1]
    rng, draws = np.random.default_rng(0), draws_of(dates, KNOWING_LEVEL)
    alarms = np.zeros((DRAWN_WORLDS, len(gains)), bool)
    for told in alarms:
        drawn = nothing[:, rng.integers(dates, size=dates)] * rng.lognormal(-(FATTER**2) / 2, FATTER, dates)
        told[:] = [by_date(dollars, draws).low > 0 for dollars in drawn]
    of_one, of_all = alarms.sum(axis=0), alarms.any(axis=1).sum()
    sys.stdout.write(f"alarms: {alarms.mean():.2%} of intervals, {of_all / DRAWN_WORLDS:.2%} of worlds\n")
    assert len(gains) == 16
    assert of_one.max() <= binom.ppf(0.9999, DRAWN_WORLDS, ALARMS_OF_ONE)
    assert binom.ppf(0.0001, DRAWN_WORLDS, ALARMS_OF_ALL) <= of_all <= binom.ppf(0.9999, DRAWN_WORLDS, ALARMS_OF_ALL)


def test_weather_earns_against_a_market_that_lags_and_the_weather_of_yesterday_does_not(
    lagging: list[Snapshot],
) -> None:
    on_time, late = (traded(lagging, signals) for signals in (by_strategy("fused"), fused_with_yesterday))
    for fill in (Fill.QUEUE, Fill.TAKER):
        own, delayed = on_time[fill], late[fill]
        net, late_net = (by_date(run.net, draws_of(len(run.net), 0.95)) for run in (own, delayed))
        assert min(own.fills, delayed.fills) > 200
        assert net.low > 0, f"fused by {fill}: {net}"
        assert late_net.low <= 0, f"with the weather of the day before by {fill}: {late_net}"
        assert late_net.high < net.value


def fused_with_yesterday(snapshot: Snapshot, city: str, since: date, until: date) -> pl.DataFrame:
    """Return the columns of `fused` had the weather's word of each minute been that of the day before."""
    own = signals_of(snapshot, "fused", city=city, since=since, until=until)
    told = pl.concat(_pooled(snapshot, city, since, until), how="vertical").sort("market_ticker", "ts_utc")
    rows = own.select("city", "event_date", "market_ticker", "ts_utc").sort("market_ticker", "ts_utc")
    fair = rows.join_asof(told, on="ts_utc", by="market_ticker", strategy="backward", check_sortedness=False)
    return fair.with_columns(p_gate="p_fair", score=0.0, urgent=False)


def _pooled(snapshot: Snapshot, city: str, since: date, until: date) -> Iterator[pl.DataFrame]:
    span = {"cities": (city,), "since": since, "until": until}
    markets = snapshot.scan(MARKETS, **span).collect().sort("event_date", "bracket_order")
    degrees = snapshot.scan(PMF_DEGREES, cities=(city,)).collect()
    quoted = snapshot.scan(PMF_MINUTE, **span).select("market_ticker", "ts_utc", "p_mkt").collect()
    for (day,), listed in markets.group_by("event_date", maintain_order=True):
        yesterday = degrees.filter(pl.col("event_date") == day - timedelta(days=1)).sort("ts_utc")
        if yesterday.is_empty():
            continue
        ladder = Ladder.of_event(listed)
        masses = [
            pl.DataFrame({"market_ticker": ladder.names, "p_wx": ladder.masses(np.array(p), first_f)}).with_columns(
                ts_utc=pl.lit(at + timedelta(days=1)).cast(quoted["ts_utc"].dtype)
            )
            for at, first_f, p in yesterday.select("ts_utc", "first_f", "p").iter_rows()
        ]
        both = pl.concat(masses).join(quoted, on=["market_ticker", "ts_utc"])
        mixed = MARKET_SHARE * pl.col("p_mkt").log() + (1 - MARKET_SHARE) * pl.col("p_wx").clip(1e-4, 1).log()
        pooled = both.with_columns(mixed.exp().alias("raw"))
        yield pooled.select("market_ticker", "ts_utc", p_fair=pl.col("raw") / pl.col("raw").sum().over("ts_utc"))
