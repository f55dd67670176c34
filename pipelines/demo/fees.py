"""What a demo world charges: the usual fee, and the changes that it was given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl

from pipelines.demo.world import FeeChange, World
from warehouse.lake.tables import FEE_CHANGES
from warehouse.market.cities import CITIES
from warehouse.market.fees import QUADRATIC, USUAL_MULTIPLIER_MILLI, WITHDRAWN, FeeSchedule, FeeTerms
from warehouse.market.tickers import EventTicker


def schedule_of(world: World, city_key: str, event_date: date) -> FeeSchedule:
    """Return what an event pays over time: the usual fee, and the changes of its series and of its own."""
    usual = FeeTerms(fee_type=QUADRATIC, multiplier_milli=USUAL_MULTIPLIER_MILLI)
    ours = [change for change in world.fee_changes if change.city == city_key and change.withdrawn_utc is None]
    return FeeSchedule(
        series=(usual, *(_terms(change) for change in ours if change.event_date is None)),
        event=tuple(_terms(change) for change in ours if change.event_date == event_date),
    )


def named_changes(world: World, city_key: str) -> Iterator[tuple[str, str, FeeChange]]:
    """Yield each change of a city's fees with the exchange's name of it, and that of the series or event it is of."""
    for place, change in enumerate(world.fee_changes, start=1):
        if change.city == city_key:
            series = CITIES[city_key].series
            ticker = series if change.event_date is None else str(EventTicker(series, change.event_date))
            yield f"fee-{place}", ticker, change


def fee_changes_frame(world: World, city_key: str) -> pl.DataFrame:
    """Return the rows of the table fee_changes of one city, without it."""
    rows = [
        {
            "scope": _scope(change),
            "ticker": ticker,
            "change_id": name,
            "scheduled_utc": change.scheduled_utc,
            "fee_type": change.fee_type,
            "fee_multiplier_milli": change.multiplier_milli,
            "known_utc": change.withdrawn_utc or change.announced_utc,
        }
        for name, ticker, change in named_changes(world, city_key)
    ]
    return pl.DataFrame(rows, schema=FEE_CHANGES.schema, orient="row")


def _scope(change: FeeChange) -> str:
    if change.withdrawn_utc is not None:
        return WITHDRAWN
    return "series" if change.event_date is None else "event"


def _terms(change: FeeChange) -> FeeTerms:
    return FeeTerms(
        since_utc=change.scheduled_utc, fee_type=change.fee_type, multiplier_milli=change.multiplier_milli
    )  # fmt: skip
