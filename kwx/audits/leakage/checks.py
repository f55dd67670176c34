"""The SQL checks that a leak breaks, over the city-days that are asked for, each with the command that mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from kwx.audits.finding import Finding
from kwx.audits.repair import OF_CODE, Repairs
from kwx.audits.scope import Scope, spans
from warehouse.lake.statements import Statement, statements
from warehouse.lake.tables import CANDLES_DENSE, FORECASTS, MARKETS, OBS_1M, PMF_MINUTE, PREDICTIONS, SETTLEMENTS
from warehouse.lake.tables.contract import Partition
from warehouse.lake.window import Window

PART = "checks"

_MENDED_BY = {
    "quotes_known_in_time": CANDLES_DENSE.name,
    "trades_known_in_time": CANDLES_DENSE.name,
    "minutes_follow_each_other": CANDLES_DENSE.name,
    "complete_is_earned": CANDLES_DENSE.name,
    "dense_grid_complete": CANDLES_DENSE.name,
    "minutes_carry_their_listing": CANDLES_DENSE.name,
    "wall_clock_is_the_citys": CANDLES_DENSE.name,
    "weather_known_in_time": OBS_1M.name,
    "weather_is_the_newest_known": OBS_1M.name,
    "weather_grid_complete": OBS_1M.name,
    "running_max_known_in_time": OBS_1M.name,
    "forecasts_known_in_time": FORECASTS.name,
    "finals_follow_their_day": SETTLEMENTS.name,
    "markets_agree_with_the_label": MARKETS.name,
    "fitted_on_earlier_days": PMF_MINUTE.name,
    "one_place_per_market": MARKETS.name,
    "nyc_gate": "",
}
"""The checks that a leak would break, and the table that is to be made again; none where the view itself is wrong."""

LEAKAGE_CHECKS = tuple(_MENDED_BY)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One check over all cities: what a row of it is, and how many there are."""

    name: str
    meaning: str
    found: int


def run_leakage_checks(
    scope: Scope, repairs: Repairs, *, on_check: Callable[[str], None] = lambda what: None
) -> tuple[list[Checked], list[Finding]]:
    """Run every such check city by city; a check that cannot run has not passed."""
    known = statements("checks")
    found: dict[str, int] = dict.fromkeys(LEAKAGE_CHECKS, 0)
    findings: list[Finding] = []
    for city, days in scope.days.items():
        window = Window(scope.snapshot, frozenset(Partition(city, day) for day in days))
        with window.connect() as con:
            for name in LEAKAGE_CHECKS:
                on_check(f"{city} {name}")
                rows = _rows(con, window, known[name])
                found[name] += rows.height
                findings += _findings(known[name], city, rows, repairs)
    return [Checked(name=name, meaning=known[name].meaning, found=found[name]) for name in LEAKAGE_CHECKS], findings


def _rows(con: duckdb.DuckDBPyConnection, window: Window, statement: Statement) -> pl.DataFrame:
    try:
        return window.judge(con.sql(statement.select).pl())
    except duckdb.Error as error:
        return pl.DataFrame({"error": [str(error).splitlines()[0]]})


def _findings(statement: Statement, city: str, rows: pl.DataFrame, repairs: Repairs) -> Iterator[Finding]:
    if rows.is_empty():
        return
    stretches: list[tuple[date | None, date | None]] = [(None, None)]
    if "event_date" in rows.columns:
        stretches = list(spans(rows["event_date"]))
    for since, until in stretches:
        ours = rows if since is None else rows.filter(pl.col("event_date").is_between(since, until))
        first = {name: value for name, value in ours.row(0, named=True).items() if name not in {"city", "event_date"}}
        yield Finding(
            part=PART, city=city, since=since, until=until, what=statement.name, found=ours.height,
            example=", ".join(f"{name} {value}" for name, value in first.items() if value is not None),
            repair=_repair(statement.name, ours, city, (since, until), repairs),
        )  # fmt: skip


def _repair(
    name: str, rows: pl.DataFrame, city: str, span: tuple[date | None, date | None], repairs: Repairs
) -> str:  # fmt: skip
    table = _MENDED_BY[name]
    if not table:
        return OF_CODE
    if name == "fitted_on_earlier_days":
        tables = rows["table_name"].unique().sort().to_list() if "table_name" in rows.columns else []
        return "; ".join(dict.fromkeys(_made_anew(one, city, span, repairs) for one in tables or [PMF_MINUTE.name]))
    return repairs.of_table(table, city, *span)


def _made_anew(table: str, city: str, span: tuple[date | None, date | None], repairs: Repairs) -> str:
    """Return how what a fit said of days that it had seen is said again by one that has not."""
    if table == PREDICTIONS.name:
        return repairs.of_model("elasticnet", city, span[1])
    return repairs.fused(city, *span, again=True) if "fused" in table else repairs.evaluated(city, *span)
