"""The ledger of a run: its trace as rows of orders, fills, decisions and equity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.ledger.decisions import decisions_of, gate_counts
from kwx.exec.ledger.equity import equity_of
from kwx.exec.ledger.fills import fills_of
from kwx.exec.ledger.known import Known
from kwx.exec.ledger.orders import Trail, orders_of
from kwx.exec.state import Actions
from warehouse.lake.tables import DECISIONS, EQUITY, FILLS, ORDERS, Table


@dataclass(frozen=True, kw_only=True, eq=False)
class Ledger:
    """Frames as their tables want them, each with city and event_date; gates: minutes by city, date and gate."""

    orders: pl.DataFrame
    fills: pl.DataFrame
    decisions: pl.DataFrame
    equity: pl.DataFrame
    gates: pl.DataFrame

    def tables(self) -> Iterator[tuple[Table, pl.DataFrame]]:
        """Yield each table of the lake with its rows."""
        yield ORDERS, self.orders
        yield FILLS, self.fills
        yield DECISIONS, self.decisions
        yield EQUITY, self.equity

    def money(self) -> Ledger:
        """Return what money is reckoned from: all but orders and decisions, which are by far the most rows."""
        return replace(self, orders=self.orders.clear(), decisions=self.decisions.clear())


def ledger_of(
    run_id: str, strategy: str, bars: Bars, actions: Actions, *, known: Known, money_alone: bool = False
) -> Ledger:  # fmt: skip
    """Tell the trace of some bars as rows; of orders and decisions none where money alone is asked for."""
    trail = Trail.of(bars, actions)
    return Ledger(
        orders=_empty(ORDERS) if money_alone else orders_of(run_id, bars, trail),
        fills=fills_of(run_id, bars, actions, trail, known),
        decisions=_empty(DECISIONS) if money_alone else decisions_of(run_id, strategy, bars, actions, known),
        equity=equity_of(run_id, bars, actions),
        gates=gate_counts(bars, actions),
    )


def _empty(table: Table) -> pl.DataFrame:
    return pl.DataFrame(schema={"city": pl.String, "event_date": pl.Date, **table.schema})


def together(ledgers: Sequence[Ledger]) -> Ledger:
    """Return the ledgers of chunks of event dates as one."""
    names = ("orders", "fills", "decisions", "equity", "gates")
    return Ledger(**{name: pl.concat([getattr(ledger, name) for ledger in ledgers]) for name in names})
