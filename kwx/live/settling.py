"""The settlement of an event date: the last row of a backtest's bars, made as soon as an official value is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import jax
import numpy as np

from kwx.exec.bars.bars import Words
from kwx.exec.bars.blank import blank_minutes
from kwx.exec.bars.events import Event, events_of
from kwx.exec.bars.grid import Extent, Grid
from kwx.exec.bars.plan import BarsRecipe
from kwx.exec.minute import NOT_SETTLED, Minute
from warehouse.lake.store import Snapshot


class Settlement(NamedTuple):
    """A minute in which each city that has an official value pays (None where none has), and who cannot be paid."""

    minute: Minute | None
    unpayable: dict[str, str]


def settlement_of(
    snapshot: Snapshot, *, cities: Sequence[str], event_date: date, tickers: Words, recipe: BarsRecipe
) -> Settlement:  # fmt: skip
    """Return the settlement of a date, as far as it is known.

    tickers: [B, C, 1] as the state of the date has them; a city that has none there was never traded, and is not paid.
    Nothing is paid by guess: a city whose brackets lie elsewhere now than they were traded is told, and paid by nobody
    but a person.
    """
    listed = events_of(snapshot, cities=cities, dates=[event_date], maker_fee=recipe.maker_fee, quoted_alone=False)
    held = {city: [str(name) for name in tickers[:, place, 0] if name] for place, city in enumerate(cities)}
    settled = [event for event in listed.traded if event.settled.place != NOT_SETTLED and held[event.city]]
    unpayable = {event.city: why for event in settled if (why := _moved(event, held[event.city]))}
    paid = [event for event in settled if event.city not in unpayable]
    if not paid:
        return Settlement(None, unpayable)
    extent = Extent(first=Extent.of(paid).first, minutes=1, brackets=len(tickers))
    grid = Grid.of(paid, extent, cities=cities, dates=[event_date])
    rows = blank_minutes(grid, guard_minutes=recipe.guard_minutes, fee_rounding=recipe.fee_rounding)
    last: Minute = jax.tree.map(lambda field: field[-1], rows)
    return Settlement(last, unpayable)


def only_new(settlement: Minute, paid: Sequence[str], cities: Sequence[str]) -> Minute | None:
    """Return a settlement of the cities alone that were not paid yet; None where that is nobody."""
    is_paid = np.array([city in paid for city in cities])[:, None]
    winner = np.where(is_paid, NOT_SETTLED, settlement.winner).astype(np.int32)
    return settlement._replace(winner=winner) if (winner != NOT_SETTLED).any() else None


def _moved(event: Event, ours: Sequence[str]) -> str:
    """Say where an event lies elsewhere now than it was traded; nothing where it lies there."""
    theirs = list(event.ladder.names)
    if ours == theirs:
        return ""
    strange = sorted(set(theirs) ^ set(ours))
    return (
        f"{event.city} {event.event_date}: not paid, its brackets were listed anew after they were traded"
        f" ({len(theirs)} for {len(ours)}, {strange[0] if strange else theirs[0]} among them): look at the listing in"
        " the raw archive and settle it by hand"
    )
