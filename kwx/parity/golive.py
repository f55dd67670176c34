"""Whether a strategy may send orders: criteria computed from its shadow runs in the lake, all of which must pass."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from kwx.backtest.metrics import Measured, measured
from kwx.config.live import GoLiveFields
from kwx.exec.bars.outcomes import outcomes_of
from kwx.exec.runs.kept import runs_of
from kwx.live.health.drift import Tally, drifts_of, trained_of
from kwx.live.journal.record import SHADOW
from kwx.parity.criteria import Criterion, of_drawdown, of_drift, of_gain, of_health, of_parity, of_traded
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE, EQUITY, FILLS, Table


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the runs of a strategy show; notes: what was left out."""

    strategy: str
    fill: str
    dates: tuple[date, ...]
    run_ids: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    notes: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Whether orders may be sent."""
        return all(criterion.passed for criterion in self.criteria)

    def require(self) -> None:
        """Refuse a strategy that is not ready."""
        failed = [criterion.name for criterion in self.criteria if not criterion.passed]
        if failed:
            raise Refused(
                f"{self.strategy} is not ready to send orders: {', '.join(failed)}",
                hint="kwx shadow golive tells the numbers; live.golive of the configuration has the thresholds",
            )


def golive(
    snapshot: Snapshot, fields: GoLiveFields, *, strategy: str, fill: str, since: date | None = None, seed: int = 0
) -> Verdict:
    """Hold the shadow runs of a strategy against the thresholds: those with the settings of the newest one."""
    runs, notes = _runs(snapshot, strategy, fill, since)
    summaries = [json.loads(text) for text in runs["summary_json"]]
    dates = tuple(runs["since_date"].to_list())
    found = _measured(snapshot, runs, fields, seed)
    tally = Tally.of_lake(snapshot, strategy=strategy, until=dates[-1], days=(dates[-1] - dates[0]).days + 1)
    models = {model for model, _ in tally.counts}
    drifts = drifts_of(tally, trained_of(snapshot, models), level=fields.level, seed=seed)
    return Verdict(
        strategy=strategy, fill=fill, dates=dates, run_ids=tuple(runs["run_id"].to_list()), notes=notes,
        criteria=(
            *of_gain(found, fields),
            of_drawdown(found, _bankroll_dollars(runs["config_json"][-1]), fields),
            *of_drift(drifts, fields),
            of_traded(found, fields),
            *of_health([summary["health"] for summary in summaries], _due_minutes(snapshot, runs), fields),
            of_parity(summaries, fields),
        ),
    )  # fmt: skip


def _runs(snapshot: Snapshot, strategy: str, fill: str, since: date | None) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return a strategy's shadow runs, one a date in their order, and what is to be said of those left out.

    Of two runs of a date the one that lived more of it stands.
    """
    said = (pl.col("kind") == SHADOW) & (pl.col("strategy") == strategy) & (pl.col("fill_model") == fill)
    runs = runs_of(snapshot).filter(said)
    if since is not None:
        runs = runs.filter(pl.col("since_date") >= since)
    if runs.is_empty():
        raise Refused(
            f"the lake holds no shadow run of {strategy} with fills {fill}",
            hint="kwx shadow run lives a day, kwx shadow publish keeps it",
        )
    minutes = pl.col("summary_json").str.json_path_match("$.health.minutes").cast(pl.Int64)
    newest = runs.sort("since_date", "made_utc")["config_sha256"][-1]
    same = runs.filter(pl.col("config_sha256") == newest).with_columns(minutes=minutes)
    each = same.sort("since_date", "minutes", "made_utc").unique("since_date", keep="last", maintain_order=True)
    left = [
        (runs.height - same.height, "runs with other settings are left out"),
        (same.height - each.height, "runs of a date that another run lived more of are left out"),
        (each["code_sha256"].n_unique() - 1, "times the code changed between the first of these dates and the last"),
    ]
    return each.sort("since_date"), tuple(f"{count} {what}" for count, what in left if count)


def _measured(snapshot: Snapshot, runs: pl.DataFrame, fields: GoLiveFields, seed: int) -> Measured | None:
    """Measure all runs as if they were one; None while no event of them is settled."""
    since, until = runs["since_date"][0], runs["since_date"][-1]
    cities = sorted(set(runs["cities"].explode()))
    outcomes = outcomes_of(snapshot, cities=cities, since=since, until=until)
    fills, equity = (_of_runs(snapshot, table, runs) for table in (FILLS, EQUITY))
    try:
        return measured(fills, equity, outcomes, level=fields.level, seed=seed)
    except Refused:
        return None


def _of_runs(snapshot: Snapshot, table: Table, runs: pl.DataFrame) -> pl.DataFrame:
    rows = snapshot.scan(table, since=runs["since_date"][0], until=runs["since_date"][-1])
    return (
        rows.filter(pl.col("run_id").is_in(runs["run_id"].to_list())).collect().sort("event_date", "city", *table.key)
    )


def _bankroll_dollars(config_json: str) -> float:
    config: dict[str, Any] = json.loads(config_json)
    return float(next(iter(config.values()))["trade"]["bankroll_dollars"])


def _due_minutes(snapshot: Snapshot, runs: pl.DataFrame) -> int:
    """Return in how many minutes the events of these runs traded, as the lake has it."""
    return sum(_due_of(snapshot, row["since_date"], row["cities"]) for row in runs.iter_rows(named=True))


def _due_of(snapshot: Snapshot, day: date, cities: Sequence[str]) -> int:
    rows = snapshot.scan(CANDLES_DENSE, cities=cities, since=day, until=day).filter(pl.col("minutes_to_close") > 0)
    return int(rows.select(pl.struct("city", "ts_utc").n_unique()).collect().item())
