"""Fees as the exchange tells them at an instant: of series, of events, and what was announced of both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from pipelines.demo.fees import named_changes, schedule_of
from pipelines.demo.wire.answers import stamp
from pipelines.demo.wire.told import Told
from pipelines.demo.world import FeeChange
from warehouse.market.cities import City
from warehouse.market.fees import terms_at


def fees_of_series(told: Told, city: City) -> dict[str, Any]:
    """Return what a series says of its fees now."""
    terms = terms_at(schedule_of(told.world, city.key, told.world.until).series, told.clock())
    return {"fee_type": terms.fee_type, "fee_multiplier": _multiplier(terms.multiplier_milli)}


def fees_of_event(told: Told, city: City, day: date) -> dict[str, Any]:
    """Return what an event says instead of its series now; null is nothing."""
    terms = terms_at(schedule_of(told.world, city.key, day).event, told.clock())
    return {"fee_type_override": terms.fee_type, "fee_multiplier_override": _multiplier(terms.multiplier_milli)}


def series_fee_changes(told: Told, *, series: str, with_past: bool) -> list[dict[str, Any]]:
    """Return the changes of series that are announced by now, of one series or all; those in force only if asked."""
    return [
        {
            "id": name,
            "series_ticker": ticker,
            "fee_type": change.fee_type,
            "fee_multiplier": _multiplier(change.multiplier_milli),
            "scheduled_ts": stamp(change.scheduled_utc),
        }
        for name, ticker, change in _announced(told)
        if change.event_date is None and series in ("", ticker) and (with_past or change.scheduled_utc > told.clock())
    ]


def event_fee_changes(told: Told, *, event: str) -> list[dict[str, Any]]:
    """Return the changes of events that are announced by now, of one event or all."""
    return [
        {
            "id": name,
            "event_ticker": ticker,
            "series_ticker": ticker.partition("-")[0],
            "fee_type_override": change.fee_type,
            "fee_multiplier_override": _multiplier(change.multiplier_milli),
            "scheduled_ts": stamp(change.scheduled_utc),
        }
        for name, ticker, change in _announced(told)
        if change.event_date is not None and event in ("", ticker)
    ]


def _announced(told: Told) -> Iterator[tuple[str, str, FeeChange]]:
    now_utc = told.clock()
    for city in told.cities:
        for name, ticker, change in named_changes(told.world, city.key):
            is_withdrawn = change.withdrawn_utc is not None and change.withdrawn_utc <= now_utc
            if change.announced_utc <= now_utc and not is_withdrawn:
                yield name, ticker, change


def _multiplier(milli: int | None) -> float | int | None:
    """Return a multiplier as JSON has it."""
    return None if milli is None else milli // 1_000 if milli % 1_000 == 0 else milli / 1_000
