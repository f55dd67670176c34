"""The event dates that run: of what each is made, the state that it is in, how far it was decided, and who was paid."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from kwx.exec.bars.bars import Words
from kwx.exec.minute import NOT_SETTLED, Array, Minute
from kwx.exec.state import State
from kwx.live.journal.record import Origin
from kwx.live.traders import Running
from warehouse.errors import Unbalanced
from warehouse.lake.present import Present
from warehouse.lake.tables import MARKETS


@dataclass(kw_only=True, eq=False)
class Day:
    """One event date. run_id: the name of its run, that of its first minute, whatever changed since.

    last_utc: its last minute; None before the first. fee_nums: what its minutes charged last, [2, C].
    """

    origin: Origin
    run_id: str
    state: State
    last_utc: datetime | None = None
    minute: Minute | None = None
    paid: set[str] = field(default_factory=set)
    fee_nums: Array | None = None

    @property
    def running(self) -> Running:
        """Its run and its axes."""
        return Running(event_date=self.origin.event_date, run_id=self.run_id, tickers=self.origin.tickers)

    @property
    def cities(self) -> list[str]:
        """The cities that have a market on the date."""
        return [city for place, city in enumerate(self.origin.cities) if (self.origin.tickers[:, place] != "").any()]

    @property
    def market_tickers(self) -> Set[str]:
        """Its markets."""
        return {str(name) for name in self.origin.tickers.ravel() if name}

    @property
    def is_paid(self) -> bool:
        """Whether all of its cities were."""
        return set(self.cities) <= self.paid

    def is_made_of(self, tickers: Words, fee_nums: Array) -> bool:
        """Tell whether its minutes are of these markets at these fees still."""
        return (
            self.fee_nums is not None
            and np.array_equal(tickers, self.origin.tickers)
            and np.array_equal(fee_nums, self.fee_nums)
        )

    def pay(self, minute: Minute) -> None:
        """Note the cities that a settlement paid."""
        winners = zip(self.origin.cities, minute.winner[:, 0], strict=True)
        self.paid |= {city for city, place in winners if place != NOT_SETTLED}


def merged_tickers(held: Words | None, now: Words) -> Words:
    """Return the markets of a date: a city that has closed keeps its own, one that was listed later joins.

    Brackets that were listed anew at another place are refused.
    """
    if held is None:
        return now
    moved = (held != "") & (now != "") & (held != now)
    if moved.any():
        raise Unbalanced(
            f"{now[moved][0]} stands where {held[moved][0]} was traded",
            hint="its event was listed anew while it traded: close what is held by hand, nothing is decided by guess",
        )
    return np.where(held != "", held, now)


def charged_fees(minute: Minute, held: Array | None) -> Array:
    """Return [2, C] what takers and makers are charged; a city that trades no more keeps what it was charged last."""
    now = np.stack([minute.taker_fee_num[:, 0], minute.maker_fee_num[:, 0]])
    trades = minute.exists.any(axis=0)[:, 0]
    return now if held is None else np.where(trades, now, held)


def closes_utc(present: Present, event_date: date) -> datetime | None:
    """Return when the last market of a date closes, None while none is listed."""
    found = [
        present.read(MARKETS, place, columns=("close_utc",))["close_utc"].max()
        for place in present.partitions(MARKETS.name)
        if place.event_date == event_date
    ]
    instants = [instant for instant in found if isinstance(instant, datetime)]
    return max(instants, default=None)
