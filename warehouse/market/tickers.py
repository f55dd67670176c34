"""Ticker grammar: `KXHIGHCHI-26OCT04-B72.5` is a series, an event date and a strike; the direction it does not say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from warehouse.errors import Unparsable
from warehouse.market.cities import City, city_of_series

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAY = rf"([0-9]{{2}})({'|'.join(_MONTHS)})([0-9]{{2}})"
_EVENT = re.compile(rf"([A-Z0-9]+)-{_DAY}")
# No leading zeros, so that what is parsed prints as it was.
_MARKET = re.compile(rf"([A-Z0-9]+-{_DAY})-(B|T)(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)")

StrikeLetter = Literal["B", "T"]


@dataclass(frozen=True)
class EventTicker:
    """One city and one climate day, as the exchange names it."""

    series: str
    event_date: date

    def __str__(self) -> str:
        day = self.event_date
        return f"{self.series}-{day:%y}{_MONTHS[day.month - 1]}{day:%d}"

    @property
    def city(self) -> City | None:
        """The city of the series; None when the series is another product."""
        return city_of_series(self.series)


@dataclass(frozen=True)
class MarketTicker:
    """One bracket of an event: `B` is a middle bracket, `T` is either tail (which one, only `strike_type` says)."""

    event: EventTicker
    letter: StrikeLetter
    strike: Decimal

    def __str__(self) -> str:
        return f"{self.event}-{self.letter}{self.strike:f}"


def parse_event_ticker(text: str) -> EventTicker:
    """Parse `KXHIGHCHI-26OCT04` or the older `HIGHCHI-24OCT04`."""
    match = _EVENT.fullmatch(text)
    if match is None:
        raise Unparsable(f"{text!r} is not an event ticker", hint="expected SERIES-YYMONDD, e.g. KXHIGHCHI-26OCT04")
    series, year, month, day = match.groups()
    try:
        event_date = date(2000 + int(year), _MONTHS.index(month) + 1, int(day))
    except ValueError as error:
        raise Unparsable(f"{text!r} names a date that does not exist") from error
    return EventTicker(series, event_date)


def parse_market_ticker(text: str) -> MarketTicker:
    """Parse `KXHIGHCHI-26OCT04-B72.5`, with whole, fractional and negative strikes."""
    match = _MARKET.fullmatch(text)
    if match is None:
        raise Unparsable(
            f"{text!r} is not a market ticker", hint="expected EVENT-Bx.5 or EVENT-Tx, e.g. KXHIGHCHI-26OCT04-T70"
        )
    letter: StrikeLetter = "B" if match[5] == "B" else "T"
    return MarketTicker(parse_event_ticker(match[1]), letter, Decimal(match[6]))
