"""What every day settled on, and when that was known: the outcomes that stored forecasts are held against."""

from __future__ import annotations

from datetime import date

import polars as pl

from warehouse.lake.store import Snapshot

_LABELS = (
    "select city, event_date, label_f, label_known_utc from settlement_label"
    " where event_date between $since and $until order by city, event_date"
)


def labels_of(snapshot: Snapshot, *, since: date | None = None, until: date | None = None) -> pl.DataFrame:
    """Return what every day settled on, and when that was known; of some dates, no other day is read."""
    span = {"since": since or date.min, "until": until or date.max}
    with snapshot.connect() as con:
        return pl.DataFrame(con.sql(_LABELS, params=span).pl())
