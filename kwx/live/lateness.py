"""What came in after the minutes that it belongs to were decided: by city and source, for the journal to tell."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from kwx.live.journal.record import BOOKS, PRICES, TRADES, WEATHER
from pipelines.live.arrivals import Arrival
from warehouse.lake import tables
from warehouse.lake.present import Present
from warehouse.lake.tables import Table

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
            self._found |= {(city, source) for city in self._unheld(arrival.table, late)}

    def _unheld(self, table: Table, rows: pl.DataFrame) -> list[str]:
        """Return the cities of which some rows are not held yet."""
        places, names = list(table.path_columns), [*table.path_columns, *table.key]
        held = [
            self._present.read(table, place, columns=names) for place, _ in table.split(rows.select(places).unique())
        ]
        return rows.join(pl.concat(held), on=names, how="anti")["city"].unique().to_list()

    def tell(self) -> dict[str, tuple[str, ...]]:
        """Return it by city, and begin anew."""
        found, self._found = self._found, set()
        return {city: tuple(sorted(of for name, of in found if name == city)) for city, _ in sorted(found)}
