"""What shadow runs must show before orders are sent: each criterion with its value, its interval and its threshold."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from kwx.backtest.metrics import Measured
from kwx.config.live import GoLiveFields
from kwx.exec.ledger.orders import BUY
from kwx.live.health.drift import Drift
from kwx.scoring.resampling import Estimate

_MICROS_PER_DOLLAR = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One thing that must be so; a value that nobody knows is not. by_low: the low end of its interval must be."""

    name: str
    meaning: str
    value: float
    least: float | None = None
    most: float | None = None
    low: float = math.nan
    high: float = math.nan
    why: str = ""
    by_low: bool = False

    @property
    def passed(self) -> bool:
        """Whether it is so."""
        judged = self.low if self.by_low else self.value
        if math.isnan(judged):
            return False
        enough = self.least is None or (judged > self.least if self.by_low else judged >= self.least)
        return enough and (self.most is None or judged <= self.most)


def of_gain(measured: Measured | None, fields: GoLiveFields) -> Iterator[Criterion]:
    """Yield what days and gains must show; without a settled date nothing is known of either."""
    dates = 0 if measured is None else measured.metrics.dates
    yield Criterion(
        name="days", meaning="settled event dates that were lived", value=dates, least=fields.least_days,
        why=f"{dates} of {fields.least_days}",
    )  # fmt: skip
    net = None if measured is None else measured.metrics.net
    value, low, high = (
        [math.nan] * 3 if net is None else [x / _MICROS_PER_DOLLAR for x in (net.value, net.low, net.high)]
    )
    yield Criterion(
        name="gain", meaning=f"what all dates gained after fees, in dollars, and its interval of {fields.level:.0%}",
        value=value, least=fields.least_gain_dollars, low=low, high=high, by_low=True,
        why="no event is settled" if measured is None else f"the low end is {low:,.2f}",
    )  # fmt: skip


def of_drawdown(measured: Measured | None, bankroll_dollars: float, fields: GoLiveFields) -> Criterion:
    """Return what the deepest fall must show, by dates or within them, as a share of the bankroll."""
    falls = [] if measured is None else [measured.metrics.daily_drawdown, measured.metrics.intraday_drawdown]
    deepest = max(falls, key=lambda fall: fall.micros, default=None)
    fell = math.nan if deepest is None else deepest.micros / _MICROS_PER_DOLLAR
    when = "" if deepest is None or deepest.trough is None else f", lowest at {deepest.trough}"
    return Criterion(
        name="drawdown", meaning="the deepest fall, as a share of the bankroll", value=fell / bankroll_dollars,
        most=fields.most_drawdown_share,
        why=f"{fell:,.2f} of {bankroll_dollars:,.0f} dollars{when}" if deepest else "nothing settled",
    )  # fmt: skip


def of_drift(drifts: Sequence[Drift], fields: GoLiveFields) -> Iterator[Criterion]:
    """Yield what predictions must show against the cards of their models; the worst family counts."""
    for name, meaning, most, of in (
        ("brier drift", "Brier score of settled predictions less the cards'", fields.most_brier_drift, "brier_drift"),
        ("ece drift", "calibration error of settled predictions less the cards'", fields.most_ece_drift, "ece_drift"),
    ):
        worst = max(drifts, key=operator.attrgetter(of), default=None)
        if worst is None:
            yield Criterion(name=name, meaning=meaning, value=math.nan, most=most, why="no prediction is settled")
            continue
        low, high, why = _brier_told(worst) if of == "brier_drift" else _ece_told(worst)
        yield Criterion(
            name=name, meaning=meaning, value=getattr(worst, of), most=most, low=low, high=high, why=why
        )  # fmt: skip


def _brier_told(worst: Drift) -> tuple[float, float, str]:
    rows = f"{worst.family}: {worst.brier.value:.4f} over {worst.rows:,} predictions of {worst.dates} dates"
    if worst.trained_brier is None:
        return worst.excess.low, worst.excess.high, f"{rows}; no card, so against what they claim themselves"
    low, high = (bound - worst.trained_brier for bound in (worst.brier.low, worst.brier.high))
    return low, high, f"{rows}, {worst.trained_brier:.4f} on the test dates"


def _ece_told(worst: Drift) -> tuple[float, float, str]:
    rows = f"{worst.family}: {worst.ece.value:.4f} over {worst.dates} dates"
    if worst.trained_ece is None:
        return worst.ece.low, worst.ece.high, f"{rows}; no card, so what chance leaves of it"
    low, high = (bound - worst.trained_ece for bound in (worst.ece.low, worst.ece.high))
    return low, high, f"{rows}, {worst.trained_ece:.4f} on the test dates"


def of_traded(measured: Measured | None, fields: GoLiveFields) -> Criterion:
    """Return what the probabilities that were traded on must show: as many came true as they claimed.

    A strategy trades where it differs from the market most, so these are the probabilities that are wrong first. Fills
    are few: what counts is whether so many fewer came true that chance does not explain it.
    """
    short = _short_of_claim(measured)
    return Criterion(
        name="traded probabilities", meaning="by how much fewer fills came true than was claimed, as a share of them",
        value=math.nan if short is None else short.value, most=fields.most_ece_drift, by_low=True,
        low=math.nan if short is None else short.low, high=math.nan if short is None else short.high,
        why="no fill is settled" if short is None else f"over {short.dates} dates; its low end counts",
    )  # fmt: skip


def _short_of_claim(measured: Measured | None) -> Estimate | None:
    """Return the mean of what the side taken was held to be worth less what it paid, each fill alike."""
    if measured is None:
        return None
    told = measured.gained.filter(pl.col("p_fair").is_not_null())
    if told.is_empty():
        return None
    sign = pl.when(pl.col("side") == BUY).then(1.0).otherwise(-1.0)
    short = told.select(sign * (pl.col("p_fair") - pl.col("settled_yes").cast(pl.Float64))).to_series()
    dates = measured.by_date
    return dates.ratio(dates.sums(told, short), dates.sums(told, np.ones(len(told))))


def of_health(health: Sequence[Mapping[str, Any]], due_minutes: int, fields: GoLiveFields) -> Iterator[Criterion]:
    """Yield what the data must show: minutes of events that were decided in time, and those on stale input."""
    lived, missed, stale = (
        sum(int(one[name]) for one in health)
        for name in ("event_minutes", "missed_event_minutes", "stale_event_minutes")
    )
    due = max(due_minutes, lived)
    yield Criterion(
        name="decided", meaning="minutes of events decided in time, of all in which they traded",
        value=(lived - missed) / due if due else math.nan, least=fields.least_decided_share,
        why=f"{lived - missed:,} of {due:,}; {missed:,} were missed",
    )  # fmt: skip
    yield Criterion(
        name="stale", meaning="minutes of events decided on stale input, of those decided",
        value=stale / (lived - missed) if lived > missed else math.nan, most=fields.most_stale_share,
        why=f"{stale:,} of {lived - missed:,}",
    )  # fmt: skip


def of_parity(summaries: Sequence[Mapping[str, Any]], fields: GoLiveFields) -> Criterion:
    """Return what the replays must show: every date replayed, and no more without a cause than is allowed."""
    found = [summary.get("parity") for summary in summaries]
    missing = sum(one is None for one in found)
    unexplained = sum(int(one["unexplained"]) for one in found if one is not None)
    return Criterion(
        name="parity", meaning="decisions that differ from a replay without a named cause",
        value=math.nan if missing or not found else unexplained, most=fields.most_unexplained,
        why=f"{missing} of {len(found)} dates were not replayed" if missing or not found else f"{unexplained:,} of "
        f"{sum(int(one['decisions']) for one in found if one is not None):,} decisions",
    )  # fmt: skip
