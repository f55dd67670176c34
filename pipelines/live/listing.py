"""What is listed: events, their markets and fees, city by city. Tomorrow's event joins here, a settled one ends here.

What a market pays is said by its series and its event, so the answers of a city are read together, the last of each
question.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipelines.calls import Call
from pipelines.kalshi import calls as kalshi
from pipelines.kalshi.filters import MarketFilter
from pipelines.kalshi.markets import parse_market_payloads
from pipelines.live.arrivals import Arrival
from pipelines.live.asking import Asking
from pipelines.live.catalogue import Catalogue
from pipelines.live.feed import FAILURES
from pipelines.live.heard import Heard
from pipelines.live.rhythm import Rhythm, Turn, spread
from pipelines.payload import Payload
from warehouse.errors import Unparsable
from warehouse.lake.tables import MARKETS
from warehouse.market.cities import CITIES

_BEFORE, _AHEAD = timedelta(days=2), timedelta(days=3)
"""How far from now the markets that are listed close: those of yesterday until they are settled."""

_OF_ALL = "all"


class ListingFeed:
    """The listings of some cities; whatever they say of what trades goes into the catalogue too."""

    name = "listing"

    def __init__(
        self,
        cities: Sequence[str],
        *,
        asking: Asking,
        catalogue: Catalogue,
        every_s: float,
        fees_s: float,
        retry_s: float,
    ) -> None:
        self.heard = Heard(self.name, tuple(cities))
        self._asking = asking
        self._catalogue = catalogue
        self._turns = {
            city: Rhythm(every_s, retry_s=retry_s, after_s=spread(place, len(cities), every_s))
            for place, city in enumerate(cities)
        }
        self._fee_turns = {part: Rhythm(fees_s, retry_s=retry_s) for part in (_OF_ALL, *cities)}
        self._answers: dict[str, dict[str, list[Payload]]] = {}

    def poll(self, now_utc: datetime) -> list[Arrival]:
        """Ask the cities whose turn it is."""
        due = [city for city, turns in self._turns.items() if turns.take(now_utc) is not Turn.NONE]
        if due:
            self._catalogue.forget(now_utc)
        return [arrival for city in due for arrival in self._listed(city, now_utc)]

    def delivered(self) -> None:
        """Nothing is promised of rows that came."""

    def _listed(self, city: str, now_utc: datetime) -> list[Arrival]:
        try:
            self._ask_fees(_OF_ALL, [("changes", kalshi.event_fee_changes())], now_utc)
            self._ask_fees(city, _fees_of(city), now_utc)
            self._ask(city, _listing_of(city, now_utc))
            arrivals = self._read(city)
        except FAILURES as error:
            self._turns[city].failed(now_utc)
            self.heard.failed(city, str(error))
            return []
        self.heard.heard(city, now_utc)
        return arrivals

    def _ask_fees(self, part: str, questions: Sequence[tuple[str, Call]], now_utc: datetime) -> None:
        turns = self._fee_turns[part]
        if turns.take(now_utc) is Turn.NONE:
            return
        try:
            self._ask(part, questions)
        except FAILURES:
            turns.failed(now_utc)
            raise

    def _ask(self, part: str, questions: Sequence[tuple[str, Call]]) -> None:
        for name, call in questions:
            self._answers.setdefault(part, {})[name] = self._asking.payloads(call)

    def _read(self, city: str) -> list[Arrival]:
        told = [*self._answers.get(_OF_ALL, {}).values(), *self._answers[city].values()]
        payloads = [payload for pages in told for payload in pages]
        received_utc = max(payload.received_utc for payload in payloads)
        arrivals = [Arrival.of(parsed, received_utc) for parsed in parse_market_payloads(payloads)]
        markets = next(arrival for arrival in arrivals if arrival.table is MARKETS)
        if markets.frame.is_empty() and markets.refused.height:
            raise Unparsable(f"the listing of {city} said nothing that can be read: {markets.refused['rule'][0]}")
        self._catalogue.update(markets.frame)
        return arrivals


def _fees_of(city: str) -> list[tuple[str, Call]]:
    series = CITIES[city].series
    return [("series", kalshi.series(series)), ("fees", kalshi.fee_changes(series))]


def _listing_of(city: str, now_utc: datetime) -> list[tuple[str, Call]]:
    series = CITIES[city].series
    around = MarketFilter(series_ticker=series, min_close_utc=now_utc - _BEFORE, max_close_utc=now_utc + _AHEAD)
    return [("events", kalshi.events(series, status="open")), ("markets", kalshi.markets(around))]
