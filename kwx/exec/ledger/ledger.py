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

    def without_decisions(self) -> Ledger:
        """Return all but the decisions, by far the most rows."""
        return replace(self, decisions=self.decisions.clear())


def ledger_of(run_id: str, strategy: str, bars: Bars, actions: Actions, *, known: Known) -> Ledger:
    """Tell the trace of some bars as rows."""
    trail = Trail.of(bars, actions)
    return Ledger(
        orders=orders_of(run_id, bars, trail),
        fills=fills_of(run_id, bars, actions, trail, known),
        decisions=decisions_of(run_id, strategy, bars, actions, known),
        equity=equity_of(run_id, bars, actions),
        gates=gate_counts(bars, actions),
    )


def together(ledgers: Sequence[Ledger]) -> Ledger:
    """Return the ledgers of chunks of event dates as one."""
    names = ("orders", "fills", "decisions", "equity", "gates")
    return Ledger(**{name: pl.concat([getattr(ledger, name) for ledger in ledgers]) for name in names})
