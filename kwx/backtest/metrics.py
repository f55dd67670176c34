"""What a run is worth, after fees: gains with intervals, the Sharpe ratio and what luck takes off it, falls, hits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import polars as pl

from kwx.backtest.by_date import ByDate
from kwx.backtest.days import EVENT, day_rows, earned
from kwx.backtest.decay import Decay, edge_decay
from kwx.backtest.drawdown import Drawdown, daily_drawdown, intraday_drawdown
from kwx.backtest.sharpe import Deflated, Sharpe, deflated, sharpe_interval, sharpe_of
from kwx.models.registry.plain import plain
from kwx.scoring.reliability import Reliability, reliability
from kwx.scoring.resampling import LEAST_BLOCKS, Estimate


@dataclass(frozen=True, kw_only=True)
class Volume:
    """What one style did on settled events."""

    fills: int
    contracts_centi: int
    fees_micros: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Metrics:
    """The numbers of a run, over its settled events.

    net: what all of it gained after fees, in micros. per_date: the mean of an event date. return_on_risk: net over the
    sum of the most that was at risk on each city's event date. outlay_micros: what the sides taken cost, the turnover.
    fills_won, positions_won: shares that gained something. calibration: of the probabilities acted on, at fills, None
    on too few dates to judge. unsettled: events left out, since nobody knows yet what they pay.
    """

    events: int
    dates: int
    unsettled: tuple[tuple[str, date], ...]
    net_micros: int
    net: Estimate
    per_date: Estimate
    return_on_risk: Estimate
    sharpe: Sharpe
    sharpe_interval: Estimate
    deflated: Deflated
    daily_drawdown: Drawdown
    intraday_drawdown: Drawdown
    fills_won: Estimate
    positions: int
    positions_won: Estimate
    outlay_micros: int
    fees_micros: int
    maker: Volume
    taker: Volume
    decay: tuple[Decay, ...]
    calibration: Reliability | None

    def plain(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        told: dict[str, Any] = plain(asdict(self))
        return told


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """A run measured: its metrics, rows of its city-days, its settled fills with their gains, draws of its dates."""

    metrics: Metrics
    days: pl.DataFrame
    gained: pl.DataFrame
    by_date: ByDate


def measured(
    fills: pl.DataFrame,
    equity: pl.DataFrame,
    outcomes: pl.DataFrame,
    *,
    block_days: int = 1,
    level: float = 0.95,
    seed: int = 0,
) -> Measured:
    """Measure a run from its fills, its equity and how its events ended."""
    gained = earned(fills, outcomes)
    days = day_rows(gained, equity, outcomes)
    by_date = ByDate.of(days, block_days=block_days, level=level, seed=seed)
    settled = gained.filter(pl.col("net_micros").is_not_null())
    metrics = _metrics(days, settled, equity, by_date, seed=seed)
    return Measured(metrics=metrics, days=days, gained=settled, by_date=by_date)


def _metrics(
    days: pl.DataFrame, gained: pl.DataFrame, equity: pl.DataFrame, by_date: ByDate, *, seed: int
) -> Metrics:  # fmt: skip
    settled = days.filter("is_settled")
    counted = [name for name, dtype in settled.schema.items() if dtype == pl.Int64]
    per_date = {name: by_date.sums(settled, settled[name]) for name in counted}
    net, fills = per_date["net_micros"], per_date["maker_fills"] + per_date["taker_fills"]
    sharpe = sharpe_of(net)
    return Metrics(
        events=len(settled),
        dates=len(by_date.dates),
        unsettled=tuple(days.filter(~pl.col("is_settled")).select(EVENT).iter_rows()),
        net_micros=int(settled["net_micros"].sum()),
        net=by_date.total(net),
        per_date=by_date.mean(net),
        return_on_risk=by_date.ratio(net, per_date["at_risk_micros"]),
        sharpe=sharpe,
        sharpe_interval=sharpe_interval(net, by_date.draws),
        deflated=deflated(sharpe, ()),
        daily_drawdown=daily_drawdown(days),
        intraday_drawdown=intraday_drawdown(equity, days),
        fills_won=by_date.ratio(per_date["fills_won"], fills),
        positions=int(settled["positions"].sum()),
        positions_won=by_date.ratio(per_date["positions_won"], per_date["positions"]),
        outlay_micros=int(settled["outlay_micros"].sum()),
        fees_micros=int(settled["fees_micros"].sum()),
        maker=_volume(settled, "maker"),
        taker=_volume(settled, "taker"),
        decay=edge_decay(gained, by_date),
        calibration=_calibration(gained, seed=seed),
    )


def _volume(days: pl.DataFrame, style: str) -> Volume:
    fills, contracts, fees = (int(days[f"{style}_{name}"].sum()) for name in ("fills", "centi", "fees_micros"))
    return Volume(fills=fills, contracts_centi=contracts, fees_micros=fees)


def _calibration(gained: pl.DataFrame, *, seed: int) -> Reliability | None:
    """Hold the probabilities at fills against what came; fills of one date are one piece of evidence."""
    told = gained.filter(pl.col("p_fair").is_not_null())
    if told["event_date"].n_unique() < LEAST_BLOCKS:
        return None
    return reliability(
        told["p_fair"].to_numpy(), hit=told["settled_yes"].to_numpy(), dates=told["event_date"].to_numpy(), seed=seed
    )
