"""How events ended: of each market its type, and whether it was paid, by the one rule of the view market_paid."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from kwx.exec.bars.bars import Bars
from kwx.exec.ledger.equity import settled
from warehouse.errors import Unbalanced
from warehouse.lake.store import Snapshot

_SELECT = """
    select city, event_date, market_ticker, strike_type, settled_yes
    from market_paid
    where list_contains($cities, city) and event_date between $since and $until
    order by all
"""


def outcomes_of(snapshot: Snapshot, *, cities: Sequence[str], since: date, until: date) -> pl.DataFrame:
    """Return city, event_date, market_ticker, strike_type and settled_yes of each market, null while none knows."""
    with snapshot.connect() as con:
        rows: pl.DataFrame = con.sql(_SELECT, params={"cities": list(cities), "since": since, "until": until}).pl()
    return rows


def require_same_outcomes(bars: Bars, outcomes: pl.DataFrame) -> None:
    """Refuse bars that pay another bracket of an event than its outcome says."""
    paid = {
        bars.tickers[bars.minutes.winner[-1, city, day], city, day]
        for city, day in zip(*settled(bars).nonzero(), strict=True)
    }
    won = outcomes.filter(pl.col("settled_yes") & pl.col("market_ticker").is_in(bars.tickers.ravel()))["market_ticker"]
    if differing := paid.symmetric_difference(won):
        raise Unbalanced(
            f"{min(differing)} is paid by the bars or by the outcomes, not by both",
            hint="read the bars and the outcomes of one snapshot",
        )
