"""Changes of fees as rows of their table, of the cities whose highs are traded: the exchange tells of every product."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from pipelines.kalshi.fees import FeeChange
from warehouse.lake.tables import FEE_CHANGES
from warehouse.market.cities import city_of_series

_SCHEMA = pl.Schema({**FEE_CHANGES.path_columns, **FEE_CHANGES.schema})


def fee_changes_frame(changes: Iterable[FeeChange]) -> pl.DataFrame:
    """Return the changes of our series and their events, each with its city."""
    placed = ((city_of_series(change.ticker.partition("-")[0]), change) for change in changes)
    rows = [{"city": city.key, **change.row()} for city, change in placed if city is not None]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")
