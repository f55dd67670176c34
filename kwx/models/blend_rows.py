"""What model and market said of settled markets: the rows that a share of the model is judged and fitted on."""

from __future__ import annotations

from datetime import date

import polars as pl

from kwx.features.panel import read_panel
from kwx.models.blend import BlendRows
from kwx.models.calibration.rows import settled_predictions
from kwx.models.served import served_predictions
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot

_SPOKEN = ("market_ticker", "ts_utc")


def read_blend_rows(
    snapshot: Snapshot,
    city: str,
    family: str,
    *,
    since: date | None = None,
    until: date | None = None,
    every_minutes: int = 15,
    whole_ladders: bool = False,
) -> BlendRows:
    """Return what a family and the market said of a city's settled markets, minute by minute.

    The family speaks as it is served: calibrated, and a ladder that it speaks of as a whole sums to one. The market is
    p_mkt where that is made, else the mid of the quotes. Minutes without either are left out; with whole ladders also
    those on which a bracket is missing.
    """
    said, _ = settled_predictions(snapshot, city, since=since, until=until, every_minutes=every_minutes)
    ours = said.filter(pl.col("family") == family)
    if ours.is_empty():
        raise Refused(f"{city}: {family} has no settled predictions", hint="kwx train makes and stores them")
    first, last = ours.select(first=pl.col("event_date").min(), last=pl.col("event_date").max()).row(0)
    panel = read_panel(
        snapshot, city, since=first, until=last, every_minutes=every_minutes, columns=("p_mkt", "mid_prob")
    )  # fmt: skip
    served = served_predictions(snapshot, city, first, last, family=family)
    ours = ours.join(served.select(*_SPOKEN, "p_served"), on=_SPOKEN, how="inner")
    market = panel.select(
        "event_date", "event_ticker", "market_ticker", "ts_utc", p_market=pl.coalesce("p_mkt", "mid_prob")
    )
    moment = ["event_ticker", "ts_utc"]
    both = market.join(ours.select(*_SPOKEN, "hit", "p_served"), on=_SPOKEN, how="left", maintain_order="left")
    whole = pl.col("p_served").is_not_null() & pl.col("p_market").is_not_null()
    kept = both.filter(whole.all().over(moment) if whole_ladders else whole)
    ladder = kept.select(pl.struct(moment).rank("dense").cast(pl.Int64)).to_series()
    return BlendRows(
        p_model=kept["p_served"].to_numpy(),
        p_market=kept["p_market"].to_numpy(),
        hit=kept["hit"].to_numpy(),
        day=kept["event_date"].to_numpy().astype("datetime64[D]"),
        ladder=ladder.to_numpy() if whole_ladders else None,
    )
