"""What every day settled on, and when that was known: the outcomes that stored forecasts are held against."""

from __future__ import annotations

import polars as pl

from warehouse.lake.store import Snapshot

_LABELS = "select city, event_date, label_f, label_known_utc from settlement_label order by city, event_date"


def labels_of(snapshot: Snapshot) -> pl.DataFrame:
    """Return what every day settled on, and when that was known."""
    with snapshot.connect() as con:
        return pl.DataFrame(con.sql(_LABELS).pl())
