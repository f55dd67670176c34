"""Of what the minutes of an event date are made, as the journal keeps it: strategy, rules, settings, fees, markets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from kwx.exec.bars.bars import Words
from kwx.exec.bars.events import running_events
from kwx.exec.bars.plan import BarsRecipe
from kwx.exec.params import Params
from kwx.exec.rules import Rules
from kwx.live.journal.record import Origin
from warehouse.lake.store import Snapshot
from warehouse.market.fees import QUADRATIC, USUAL_MULTIPLIER_MILLI, FeeRule

_USUAL = FeeRule(fee_type=QUADRATIC, multiplier_milli=USUAL_MULTIPLIER_MILLI)


@dataclass(frozen=True, kw_only=True)
class Origins:
    """Makes the origin of each event date; all but its markets and fees is the same for every date.

    config: every setting as a kept run has it. kind: shadow or live.
    """

    kind: str
    strategy: str
    rules: Rules
    params: Params
    config: Mapping[str, Any]
    recipe: BarsRecipe
    cities: tuple[str, ...]

    def of(
        self, snapshot: Snapshot, event_date: date, tickers: Words, minute_utc: datetime, *,
        before: Origin | None = None,
    ) -> Origin:  # fmt: skip
        """Return the origin of a date's minutes from one on; a city that is not listed now charges as before."""
        listed = running_events(snapshot, cities=self.cities, dates=[event_date], maker_fee=self.recipe.maker_fee)
        fees = {event.city: event.fees for event in listed.traded}
        in_force = [_in_force(fees.get(city, ()), minute_utc) for city in self.cities]
        charged = [
            by_rule if city in fees or before is None else before.fees[place]
            for place, (city, (_, by_rule)) in enumerate(zip(self.cities, in_force, strict=True))
        ]
        makers = [
            by_listing.maker_num if city in fees or before is None else before.listed_maker_fee_num[place]
            for place, (city, (by_listing, _)) in enumerate(zip(self.cities, in_force, strict=True))
        ]
        return Origin(
            event_date=event_date, kind=self.kind, strategy=self.strategy, rules=self.rules, params=self.params,
            config=self.config, snapshot=snapshot.number, began_utc=minute_utc, cities=self.cities, tickers=tickers,
            fees=tuple(charged), listed_maker_fee_num=tuple(makers),
        )  # fmt: skip


def _in_force(fees: Sequence[tuple[datetime, FeeRule, FeeRule]], minute_utc: datetime) -> tuple[FeeRule, FeeRule]:
    """Return what is listed and what is charged at a minute; the usual fee of an event that does not trade."""
    now = [(listed, charged) for since_utc, listed, charged in fees if since_utc <= minute_utc]
    first = [(listed, charged) for _, listed, charged in fees[:1]]
    return (now[-1:] or first or [(_USUAL, _USUAL)])[0]
