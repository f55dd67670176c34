"""What came in after the minutes that it belongs to were decided: by city and source, for the journal to tell."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from kwx.live.journal.record import BOOKS, PRICES, TRADES, WEATHER
from pipelines.live.arrivals import Arrival
from warehouse.lake import tables
from warehouse.lake.present import Present

SOURCE_OF = {
    tables.CANDLES_1M.name: PRICES, tables.TRADES.name: TRADES, tables.BOOKS.name: BOOKS, tables.OBS.name: WEATHER,
    tables.FORECASTS.name: WEATHER,
}  # fmt: skip


class Late:
    """Gathers lateness until it is told. An answer repeats what is known already: that is not late again."""

    def __init__(self, present: Present) -> None:
        self._present = present
        self._found: set[tuple[str, str]] = set()

    def hear(self, arrivals: Iterable[Arrival], decided_utc: datetime) -> None:
        """Note rows that could have been known at the last decided minute and were not at hand, before they are put."""
        for arrival in arrivals:
            source = SOURCE_OF.get(arrival.table.name)
            if source is None or arrival.received_utc is None or arrival.frame.is_empty():
                continue
            late = arrival.frame.filter(pl.col("known_utc") <= decided_utc)
            if late.is_empty():
                continue
            for place, rows in arrival.table.split(late):
                held = self._present.read(arrival.table, place)
                if rows.join(held, on=list(arrival.table.key), how="anti").height:
                    self._found.add((place.city, source))

    def tell(self) -> dict[str, tuple[str, ...]]:
        """Return it by city, and begin anew."""
        found, self._found = self._found, set()
        return {city: tuple(sorted(of for name, of in found if name == city)) for city, _ in sorted(found)}
