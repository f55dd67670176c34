"""The settlement of an event date: the last row of a backtest's bars, made as soon as an official value is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import jax
import numpy as np

from kwx.exec.bars.bars import Words
from kwx.exec.bars.blank import blank_minutes
from kwx.exec.bars.events import Event, events_of
from kwx.exec.bars.grid import Extent, Grid
from kwx.exec.bars.plan import BarsRecipe
from kwx.exec.minute import NOT_SETTLED, Minute
from warehouse.errors import Unbalanced
from warehouse.lake.store import Snapshot


def settlement_of(
    snapshot: Snapshot, *, cities: Sequence[str], event_date: date, tickers: Words, recipe: BarsRecipe
) -> Minute | None:  # fmt: skip
    """Return a minute in which nothing is open and each city that has an official value pays; None where none has.

    tickers: [B, C, 1] as the state of the date has them; brackets that lie elsewhere now are refused.
    """
    listed = events_of(snapshot, cities=cities, dates=[event_date], maker_fee=recipe.maker_fee, quoted_alone=False)
    if all(event.settled.place == NOT_SETTLED for event in listed.traded):
        return None
    extent = Extent(first=Extent.of(listed.traded).first, minutes=1, brackets=len(tickers))
    grid = Grid.of(listed.traded, extent, cities=cities, dates=[event_date])
    _require_same(grid.tickers, tickers, listed.traded)
    rows = blank_minutes(grid, guard_minutes=recipe.guard_minutes, fee_rounding=recipe.fee_rounding)
    last: Minute = jax.tree.map(lambda field: field[-1], rows)
    return last


def only_new(settlement: Minute, paid: Sequence[str], cities: Sequence[str]) -> Minute | None:
    """Return a settlement of the cities alone that were not paid yet; None where that is nobody."""
    is_paid = np.array([city in paid for city in cities])[:, None]
    winner = np.where(is_paid, NOT_SETTLED, settlement.winner).astype(np.int32)
    return settlement._replace(winner=winner) if (winner != NOT_SETTLED).any() else None


def _require_same(ours: Words, held: Words, events: Sequence[Event]) -> None:
    """Refuse to pay where a bracket's place is another one than when it was traded."""
    moved = (ours != "") & (held != "") & (ours != held)
    if moved.any():
        named = ", ".join(sorted(event.ladder.names[0].rpartition("-")[0] for event in events))
        raise Unbalanced(
            f"brackets of {named} were listed anew while they traded: {ours[moved][0]} stands for {held[moved][0]}",
            hint="nothing is paid by guess: look at the listing in the raw archive, then publish the day by hand",
        )
