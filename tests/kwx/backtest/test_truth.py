"""Whether a backtest tells the truth, in many small worlds whose truth is known.

In a market that knows everything nobody earns: over all worlds no strategy's gain before fees, by any model of fills,
lies above zero beyond its interval. Three strategies by four models are twelve intervals; each says "earned" by chance
in at most 0.2 % (one side of 99.6 %), all together in at most 2.4 %. Against one that lags an hour the weather is worth
money, and the weather of the day before is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from kwx.config.file import load_config
from kwx.config.trading import trading_of
from kwx.exec.bars.plan import BarsRecipe, planned
from kwx.exec.bars.read import Signals, read_bars
from kwx.exec.engine import run_bars
from kwx.exec.ledger.equity import settled
from kwx.exec.rules import MODELS, Fill, Rules
from kwx.exec.settings import params_of
from kwx.fuse.market.recipe import MarketRecipe
from kwx.fuse.run import FuseWish, fuse_days
from kwx.fuse.weights import said_weight
from kwx.hazard.backfill import backfill
from kwx.hazard.fit.walk import Walk, fit_params
from kwx.hazard.plan import Wish
from kwx.scoring.resampling import Estimate, draw
from kwx.signals.read import signals_of
from pipelines.build import build_demo, demo_world
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import MARKETS, PMF_DEGREES, PMF_MINUTE
from warehouse.market.ladder import Ladder

pytestmark = pytest.mark.slow

SEEDS, LAGGING_SEEDS = range(8), range(4)
CITIES = ("chicago", "miami")
UNTIL = date(2026, 11, 4)
DAYS, FITTED = 20, 12
SINCE = UNTIL - timedelta(days=DAYS - FITTED - 2)
MARKET_SHARE = 0.4
STRATEGIES = ("fused", "accel", "market")
KNOWING_LEVEL = 0.996


def build(root: Path, seed: int, efficiency: float) -> Snapshot:
    """Return a world whose weather is fitted on its first days and fused at a stated share on the others."""
    build_demo(
        demo_world(days=DAYS, until=UNTIL, cities=CITIES, seed=seed, efficiency=efficiency, books=False),
        root,
        workers=1,
    )
    fit_params(Walk(until=UNTIL - timedelta(days=DAYS - FITTED)), root, workers=1)
    backfill(Wish(since=SINCE), root, workers=1)
    stated = said_weight(MARKET_SHARE, pool="log_linear", market=MarketRecipe())
    fuse_days(FuseWish(since=SINCE, weights=stated), root, workers=1)
    return Lake(root).snapshot()


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> list[Snapshot]:
    """Worlds whose market knows everything."""
    root = tmp_path_factory.mktemp("knowing")
    return [build(root / f"{seed}", seed, 1.0) for seed in SEEDS]


@pytest.fixture(scope="module")
def lagging(tmp_path_factory: pytest.TempPathFactory) -> list[Snapshot]:
    """Worlds whose market is an hour late."""
    root = tmp_path_factory.mktemp("lagging")
    return [build(root / f"{seed}", seed, 0.0) for seed in LAGGING_SEEDS]


def by_strategy(name: str) -> Signals:
    """Return the columns of a strategy that is shipped."""
    return lambda snapshot, city, since, until: signals_of(snapshot, name, city=city, since=since, until=until)


def gained(
    worlds: list[Snapshot], signals: Signals, *, level: float = 0.95, fees_back: bool = False
) -> dict[Fill, tuple[Estimate, int]]:
    """Return for each model of fills the net dollars over all worlds, with their interval by date, and its fills.

    fees_back: as if no fee had been charged.
    """
    net: dict[Fill, list[Any]] = {fill: [] for fill in MODELS}
    fills = dict.fromkeys(Fill, 0)
    for snapshot in worlds:
        plan = planned(snapshot, cities=CITIES, since=SINCE, until=UNTIL, recipe=BarsRecipe())
        bars = read_bars(plan, signals)
        assert settled(bars).all()
        params = params_of(trading_of(load_config(), plan.cities), plan.cities)
        for fill in MODELS:
            trace = run_bars(Rules(fill=fill), params, bars)
            micros = trace.final.cash_micros + (trace.final.fees_micros if fees_back else 0)
            net[fill].append(micros.sum(axis=0) / 1e6)
            fills[fill] += int((trace.actions.made_centi != 0).sum() + (trace.actions.took_centi != 0).sum())
    return {fill: (by_date(np.concatenate(net[fill]), level), fills[fill]) for fill in MODELS}


def by_date(dollars: NDArray[np.float64], level: float) -> Estimate:
    """Return a sum over dates of many worlds, each of them a date of its own."""
    days = np.datetime64("2000-01-01") + 100 * np.arange(len(dollars))
    draws = draw(days, rows=len(dollars), block_days=1, level=level, seed=0)
    return draws.percentile(float(dollars.sum()), draws.totals(dollars))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nobody_earns_in_a_market_that_knows_everything(knowing: list[Snapshot], strategy: str) -> None:
    """Not even before fees: the net interval holds minus the fees, or lies below."""
    told = gained(knowing, by_strategy(strategy), level=KNOWING_LEVEL, fees_back=True)
    for fill, (before_fees, fills) in told.items():
        assert (fills > 50) == (strategy != "market")
        assert before_fees.low <= 0, f"{strategy} {fill}: {before_fees}"


def test_weather_earns_against_a_market_that_lags_and_the_weather_of_yesterday_does_not(
    lagging: list[Snapshot],
) -> None:
    on_time, late = (gained(lagging, signals) for signals in (by_strategy("fused"), fused_with_yesterday))
    for fill in (Fill.QUEUE, Fill.TAKER):
        (net, fills), (late_net, late_fills) = on_time[fill], late[fill]
        assert min(fills, late_fills) > 200
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
