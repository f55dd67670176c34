"""What came in after the minutes that it belongs to were decided: by city and source, for the journal to tell."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from kwx.live.journal.record import BOOKS, LISTING, PRICES, TRADES, WEATHER
from pipelines.kalshi.fee_changes import LISTED
from pipelines.live.arrivals import Arrival
from warehouse.lake import tables
from warehouse.lake.present import Present
from warehouse.lake.tables import Table, utc_expr

SOURCE_OF = {
    tables.CANDLES_1M.name: PRICES, tables.TRADES.name: TRADES, tables.BOOKS.name: BOOKS, tables.OBS.name: WEATHER,
    tables.FORECASTS.name: WEATHER, tables.MARKETS.name: LISTING, tables.FEE_CHANGES.name: LISTING,
}  # fmt: skip
_TRADED_BY = {
    tables.MARKETS.name: (
        "event_ticker", "low_f", "high_f", "open_utc", "close_utc", "price_step_ticks", "fee_type",
        "fee_multiplier_milli",
    ),
    tables.FEE_CHANGES.name: ("scheduled_utc", "fee_type", "fee_multiplier_milli"),
}  # fmt: skip
"""What of a listing minutes are laid from: where it says something else than before, it is news though its key is held.

Of a market's price nobody tells once its series changed it: what is not said is as it was.
"""
_SINCE = {tables.MARKETS.name: "open_utc", tables.FEE_CHANGES.name: "scheduled_utc"}
"""From when on a listing counts: what opens later belongs to no minute that was decided."""


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
            since = _SINCE.get(arrival.table.name, "known_utc")
            late = _changes_only(arrival).filter(pl.max_horizontal("known_utc", since) <= utc_expr(decided_utc))
            if late.is_empty():
                continue
            self._found |= {(city, source) for city in self._unheld(arrival.table, late)}

    def _unheld(self, table: Table, rows: pl.DataFrame) -> list[str]:
        """Return the cities of which some rows are not held yet, or not as they are said now."""
        places, said = list(table.path_columns), _TRADED_BY.get(table.name, ())
        keys = list(dict.fromkeys([*table.path_columns, *table.key]))
        names = [*keys, *(name for name in said if name not in keys)]
        held = [
            self._present.read(table, place, columns=names) for place, _ in table.split(rows.select(places).unique())
        ]
        before = pl.concat(held).with_columns(is_held=True)
        found = rows.join(before, on=keys, how="left", suffix="_before")
        changed = [pl.col(name).is_not_null() & pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in said]
        return found.filter(pl.any_horizontal(pl.col("is_held").is_null(), *changed))["city"].unique().to_list()

    def tell(self) -> dict[str, tuple[str, ...]]:
        """Return it by city, and begin anew."""
        found, self._found = self._found, set()
        return {city: tuple(sorted(of for name, of in found if name == city)) for city, _ in sorted(found)}


def _changes_only(arrival: Arrival) -> pl.DataFrame:
    """Return the rows of an arrival without what only says that a list was whole."""
    return arrival.frame.filter(pl.col("scope") != LISTED) if arrival.table is tables.FEE_CHANGES else arrival.frame
