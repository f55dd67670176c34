"""What trading came to: live and shadow runs, else the newest backtest, and never two of them in one sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from kwx.backtest.by_date import ByDate
from kwx.backtest.days import EVENT, day_rows, earned
from kwx.backtest.drawdown import Drawdown, equity_curve, intraday_drawdown
from kwx.exec.bars.outcomes import outcomes_of
from kwx.monitor.look import DAYS, Look
from kwx.monitor.recent import Recent
from kwx.scoring.resampling import Estimate
from warehouse.errors import Usage
from warehouse.lake.tables import EQUITY, FILLS, RUNS, Table

LIVED = ("live", "shadow")
BACKTEST = "backtest"
MICROS_PER_DOLLAR = 1_000_000
_ASKED = ("run_id", "kind", "strategy", "fill_model", "cities", "since_date", "until_date", "made_utc")


@dataclass(frozen=True, kw_only=True, eq=False)
class Traded:
    """One strategy's runs of one kind over some event dates.

    days: event_date, net_micros (held to settlement; null where an event of the date is not settled), marked_micros
        (cash and positions at the last mid), fees and fills of makers and takers.
    curve: ts_utc and dollars of settled events. yesterday: the row of the newest date before today, None without one.
    """

    kind: str
    strategy: str
    run_ids: tuple[str, ...]
    days: pl.DataFrame
    curve: pl.DataFrame
    drawdown: Drawdown
    per_date: Estimate | None
    yesterday: dict[str, Any] | None
    yesterday_drawdown: Drawdown | None

    @property
    def name(self) -> str:
        """How the page calls it."""
        return f"{self.kind} {self.strategy}"

    def sum_of(self, column: str) -> int:
        """Return the sum of a column of days."""
        return int(self.days[column].sum())


def traded_of(look: Look) -> list[Traded]:
    """Return what was traded: each strategy that was lived, live before shadow; else the newest backtest."""
    runs = look.whole.scan(RUNS).select(_ASKED).collect().sort("made_utc", descending=True)
    if look.wish.run is not None:
        return [_of_one(look, _named(runs, look.wish.run))]
    if runs.is_empty():
        return []
    in_span = pl.col("until_date").is_between(look.since, look.event_date)
    lived = runs.filter(pl.col("kind").is_in(LIVED) & in_span)
    if lived.is_empty():
        return [_of_one(look, runs.head(1))]
    groups = lived.partition_by("kind", "strategy", as_dict=True, maintain_order=True)
    return [_traded(look, look.recent, groups[key]) for key in sorted(groups, key=_rank)]


def _named(runs: pl.DataFrame, run_id: str) -> pl.DataFrame:
    """Return the run of a name; a name that begins one run alone is enough."""
    found = runs.filter(pl.col("run_id").str.starts_with(run_id))
    found = exact if len(exact := found.filter(pl.col("run_id") == run_id)) else found
    if len(found) != 1:
        raise Usage(
            f"{run_id!r} names {len(found) or 'no'} run{'s' if len(found) > 1 else ''} of this lake",
            hint="kwx backtest --runs lists them",
        )
    return found


def _of_one(look: Look, run: pl.DataFrame) -> Traded:
    """Measure one run over its own last dates, whenever these were."""
    until = run["until_date"][0]
    since = max(run["since_date"][0], until - timedelta(days=DAYS - 1))
    with look.over(since, until) as recent:
        return _traded(look, recent, run)


def _rank(key: Sequence[Any]) -> tuple[int, str]:
    return LIVED.index(str(key[0])), str(key[1])


def _traded(look: Look, recent: Recent, runs: pl.DataFrame) -> Traded:
    """Measure some runs of one kind and strategy; of two that traded a city's date the newer one counts."""
    own = _newest(recent, runs)
    equity, fills = (_rows_of(recent, table, own, until_utc=look.moment) for table in (EQUITY, FILLS))
    cities = equity["city"].unique().to_list() or runs["cities"].explode().unique().to_list()
    known = pl.when(pl.col("event_date") <= look.settled_until).then("settled_yes").alias("settled_yes")
    outcomes = outcomes_of(recent, cities=cities, since=recent.since, until=recent.until).with_columns(known)
    days = day_rows(earned(fills, outcomes), equity, outcomes)
    by_date = _by_date(days, equity)
    settled = days.filter("is_settled")
    whole = [day for day, is_whole in by_date.select("event_date", "is_settled").iter_rows() if is_whole]
    before = by_date.filter(pl.col("event_date") < look.event_date)
    yesterday = before.row(-1, named=True) if before.height else None
    return Traded(
        kind=runs["kind"][0], strategy=runs["strategy"][0],
        run_ids=tuple(own["run_id"].unique().sort().to_list()) or tuple(runs["run_id"]),
        days=by_date,
        curve=equity_curve(equity, days).select("ts_utc", dollars=pl.col("equity_micros") / MICROS_PER_DOLLAR),
        drawdown=intraday_drawdown(equity, days),
        per_date=_per_date(settled) if whole else None,
        yesterday=yesterday,
        yesterday_drawdown=None if yesterday is None else _drawdown_of(yesterday["event_date"], equity, days),
    )  # fmt: skip


def _newest(recent: Recent, runs: pl.DataFrame) -> pl.DataFrame:
    """Return run_id of each city and event date that any of the runs traded."""
    order = {run_id: place for place, run_id in enumerate(runs["run_id"])}
    held = recent.scan(EQUITY).select(*EVENT, "run_id").filter(pl.col("run_id").is_in(list(order))).unique().collect()
    rank = pl.col("run_id").replace_strict(order, return_dtype=pl.Int64)
    return held.group_by(EVENT).agg(pl.col("run_id").sort_by(rank).first())


def _rows_of(recent: Recent, table: Table, own: pl.DataFrame, *, until_utc: datetime) -> pl.DataFrame:
    ours = pl.col("run_id").is_in(own["run_id"].unique().to_list()) & (pl.col("ts_utc") <= until_utc)
    rows = recent.scan(table).filter(ours).collect()
    return rows.join(own, on=(*EVENT, "run_id"), how="semi").sort("event_date", "city", *table.key)


def _by_date(days: pl.DataFrame, equity: pl.DataFrame) -> pl.DataFrame:
    """Return the sums of each event date; what it gained is known when all of its events are settled."""
    worth = pl.col("cash_micros") + pl.col("position_micros")
    marked = equity.sort("ts_utc").group_by(EVENT).agg(marked_micros=worth.last())
    sums = [
        name for name in days.columns
        if name.startswith(("maker_", "taker_")) or name in ("fees_micros", "outlay_micros", "at_risk_micros")
    ]  # fmt: skip
    is_settled = pl.col("is_settled").all()
    return (
        days.join(marked, on=EVENT, how="left")
        .group_by("event_date")
        .agg(
            pl.len().alias("events"), is_settled.alias("is_settled"),
            pl.when(is_settled).then(pl.col("net_micros").sum()).alias("net_micros"),
            pl.col("marked_micros").sum(), pl.col(sums).sum(),
        )
        .sort("event_date")
    )  # fmt: skip


def _per_date(settled: pl.DataFrame) -> Estimate:
    """Return the mean gain of an event date with its interval, which is open where dates are too few."""
    by_date = ByDate.of(settled, block_days=1, level=0.95, seed=0)
    return by_date.mean(by_date.sums(settled, settled["net_micros"]))


def _drawdown_of(day: date, equity: pl.DataFrame, days: pl.DataFrame) -> Drawdown | None:
    own = days.filter(pl.col("event_date") == day)
    return intraday_drawdown(equity.filter(pl.col("event_date") == day), own) if own["is_settled"].all() else None


def is_known(estimate: Estimate | None) -> bool:
    """Tell whether a figure has an interval."""
    return estimate is not None and not math.isnan(estimate.low)
