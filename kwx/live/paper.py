"""Nobody fills but the model inside the step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime

from kwx.exec.state import Actions
from kwx.exec.venue.told import Outcome, VenueFill
from kwx.exec.venue.turn import Turn
from kwx.live.trader import Reported, Running, States


@dataclass
class Paper:
    """Nothing is sent: the model of fills inside the step has filled already."""

    halted: str = ""
    waiting: Sequence[VenueFill] = ()
    turn: Turn = field(default_factory=Turn)

    def look(self) -> None:
        """There is no account."""

    def halt(self, why: str) -> None:
        """Trade nothing any more."""
        self.halted = why

    def noted(self, fills: Sequence[VenueFill]) -> None:
        """There are none."""

    def before(self, running: Mapping[date, Running], states: States) -> Reported:
        """Return the states as they are."""
        return Reported(states, {})

    def sending(self) -> None:
        """Nothing is sent."""

    def after(
        self, running: Mapping[date, Running], states: States, actions: Mapping[date, Actions], minute_utc: datetime,
        *, unless: Set[str],
    ) -> Sequence[Outcome]:  # fmt: skip
        """Do nothing."""
        return ()

    def at_stake(self, running: Mapping[date, Running], states: States) -> Set[str]:
        """Nothing rests anywhere: a model fills an order by all that a minute trades, or it is taken out at its end."""
        return frozenset()

    def withdraw(self, market_tickers: Collection[str], why: str) -> Sequence[Outcome]:
        """There is nothing to take out."""
        return ()

    def retreat(self) -> None:
        """Nothing rests anywhere; what a model would fill is taken out by the next step."""

    def close(self) -> None:
        """Nothing rests anywhere."""
