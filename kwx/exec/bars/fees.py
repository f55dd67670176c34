"""What an event charges while it trades: the listed fee, the changes that were scheduled, and what makers are to pay.

A minute is charged by the rule that is in force at its end, by which its fills are stamped and its decisions are taken.
A change counts from its instant on and is public by then, so no minute before it knows of it. Bias: an order that rests
and is filled in the minute into which a change falls pays the new fee, though its print may have come just before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

import polars as pl

from warehouse.lake.store import Snapshot
from warehouse.lake.tables import FEE_CHANGES
from warehouse.market.fees import WITHDRAWN, FeeRule, FeeSchedule, FeeTerms, terms_at

PUBLISHED, WITH_MAKER_FEES = "published", "with_maker_fees"
MAKER_FEES = (PUBLISHED, WITH_MAKER_FEES)
"""What makers pay: what the event says, or at least a quarter of the taker's rate, as many other markets charge."""

_MAKERS_PAY = "quadratic_with_maker_fees"


class Fees(NamedTuple):
    """What is charged from an instant on: what is listed, unless makers are to pay more."""

    since_utc: datetime
    listed: FeeRule
    charged: FeeRule


class Changes(NamedTuple):
    """The scheduled changes of a city's series, and of its events by their names; in the order of their instants."""

    series: Sequence[FeeTerms]
    events: Mapping[str, Sequence[FeeTerms]]


def changes_of(snapshot: Snapshot, cities: Sequence[str]) -> dict[str, Changes]:
    """Return the changes of fees of each city that came; of two at one instant the one told last counts."""
    rows = snapshot.scan(FEE_CHANGES, cities=cities).filter(pl.col("scope") != WITHDRAWN).collect()
    last = rows.sort("scheduled_utc", "known_utc", "change_id").unique(
        ["city", "ticker", "scheduled_utc"], keep="last", maintain_order=True
    )
    return {city: _changes(last.filter(pl.col("city") == city)) for city in cities}


def _changes(rows: pl.DataFrame) -> Changes:
    events: dict[str, list[FeeTerms]] = {}
    for row in rows.filter(pl.col("scope") == "event").iter_rows(named=True):
        events.setdefault(row["ticker"], []).append(_terms(row))
    of_series = rows.filter(pl.col("scope") == "series").iter_rows(named=True)
    return Changes(series=[_terms(row) for row in of_series], events=events)


def _terms(row: Mapping[str, Any]) -> FeeTerms:
    return FeeTerms(
        since_utc=row["scheduled_utc"], fee_type=row["fee_type"], multiplier_milli=row["fee_multiplier_milli"]
    )  # fmt: skip


def schedule_of(listed: FeeTerms, changes: Changes, event_ticker: str, *, opens_utc: datetime) -> FeeSchedule:
    """Return all that is said of an event's fees. What it was listed with is its series' word until that changes.

    Unless the event had a word of its own when it opened: then it was listed with that, and its series was not heard.
    """
    event = changes.events.get(event_ticker, ())
    own = terms_at(event, opens_utc)
    of_series = replace(
        listed,
        fee_type=listed.fee_type if own.fee_type is None else None,
        multiplier_milli=listed.multiplier_milli if own.multiplier_milli is None else None,
    )
    return FeeSchedule(series=(of_series, *changes.series), event=event)


def fees_over(
    schedule: FeeSchedule, *, opens_utc: datetime, closes_utc: datetime, maker_fee: str, said: list[str]
) -> tuple[Fees, ...]:
    """Return what is charged from the opening on and from each change on; `said` gathers what is to be known of it."""
    rules = schedule.rules(since_utc=opens_utc, until_utc=closes_utc)
    if any(None in (terms.fee_type, terms.multiplier_milli) for terms in (schedule.terms_at(utc) for utc, _ in rules)):
        said.append("no fee is listed: the usual one is charged")
    said += (
        f"its fees change while it trades, at {utc:%Y-%m-%dT%H:%M}Z: {before} before, {after} then"
        for (_, before), (utc, after) in pairwise(rules)
        if before != after
    )
    return tuple(Fees(utc, listed, _charged(listed, maker_fee)) for utc, listed in rules)


def _charged(listed: FeeRule, maker_fee: str) -> FeeRule:
    """Return what fills are charged: what is listed, or more of makers where they are to pay."""
    asked = replace(listed, fee_type=_MAKERS_PAY)
    return asked if maker_fee == WITH_MAKER_FEES and asked.maker_num > listed.maker_num else listed
