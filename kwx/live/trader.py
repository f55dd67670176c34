"""Who fills: what stands between a decision and its fills, whoever it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol

import numpy as np

from kwx.exec.bars.bars import Words
from kwx.exec.reported import Place
from kwx.exec.state import Actions, State
from kwx.exec.venue.told import Outcome, VenueFill
from kwx.exec.venue.turn import Turn

States = Mapping[date, State]


@dataclass(frozen=True, kw_only=True, eq=False)
class Running:
    """One event date that is traded: its run, and where each market lies in its arrays."""

    event_date: date
    run_id: str
    tickers: Words

    def place_of(self, market_ticker: str) -> Place | None:
        """Return where a market lies, None where it is none of this date."""
        found = np.argwhere(self.tickers == market_ticker)
        return None if not len(found) else (int(found[0][0]), int(found[0][1]), int(found[0][2]))


class Reported(NamedTuple):
    """States with what an exchange had reported, and that as rows for the journal, by event date."""

    states: States
    fills: Mapping[date, Sequence[VenueFill]]


class Trader(Protocol):
    """What stands between a decision and its fills.

    Looks alone call it, but for `at_stake`, `before` and `withdraw`, which another thread may as well.
    """

    @property
    def turn(self) -> Turn:
        """Whose turn it is with all that is known of orders and fills; nobody holds it who waits for an exchange."""
        ...

    @property
    def halted(self) -> str:
        """Why nothing is traded any more; empty while it may be."""
        ...

    @property
    def waiting(self) -> Sequence[VenueFill]:
        """Fills that stand in no journal yet, in the order in which they were told."""
        ...

    def look(self) -> None:
        """Read the account; stand down where it is not as it should be."""
        ...

    def halt(self, why: str) -> None:
        """Trade nothing any more: something is not as it should be."""
        ...

    def before(self, running: Mapping[date, Running], states: States) -> Reported:
        """Return the states as the next minute is to find them, with fills that no journal has noted yet."""
        ...

    def noted(self, fills: Sequence[VenueFill]) -> None:
        """Hear that these fills stand in a journal: they are not told again."""
        ...

    def sending(self) -> None:
        """Hear that a minute was decided: until `after` has sent it, what it wants counts as what rests."""
        ...

    def after(
        self, running: Mapping[date, Running], states: States, actions: Mapping[date, Actions], minute_utc: datetime,
        *, unless: Set[str],
    ) -> Sequence[Outcome]:  # fmt: skip
        """Do what was decided, and tell what became of each order.

        unless: markets in which no order is wanted any more; it may grow while an exchange is waited for.
        """
        ...

    def at_stake(self, running: Mapping[date, Running], states: States) -> Set[str]:
        """Return the markets in which an order rests that can be taken out, or is about to be sent."""
        ...

    def withdraw(self, market_tickers: Collection[str], why: str) -> Sequence[Outcome]:
        """Take out what rests in some markets, and tell what became of each order."""
        ...

    def retreat(self) -> None:
        """Take out whatever rests."""
        ...

    def close(self) -> None:
        """Leave nothing behind that rests."""
        ...
