"""Fees that change in a served world: announced, scheduled, in force, and never told before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pipelines.demo import World
from pipelines.demo.wire import Limits, serve
from pipelines.demo.world import FeeChange
from warehouse.errors import Usage

API = "/trade-api/v2"
EVENT = "KXHIGHCHI-26NOV01"
ANNOUNCED, SCHEDULED = datetime(2026, 10, 31, 15, tzinfo=UTC), datetime(2026, 11, 1, 18, tzinfo=UTC)
CHANGES = (
    FeeChange(
        city="chicago", announced_utc=ANNOUNCED, scheduled_utc=SCHEDULED, fee_type="quadratic_with_maker_fees",
        multiplier_milli=1_500,
    ),
    FeeChange(
        city="chicago", announced_utc=ANNOUNCED, scheduled_utc=SCHEDULED, multiplier_milli=0,
        event_date=date(2026, 11, 1),
    ),
)  # fmt: skip


@pytest.fixture
def fees_at(served_world: World, unlimited: Limits, asking: Callable) -> Callable[[datetime], list]:
    """Return what a server that stands at an instant says of fees, in the order of series, event and their changes."""

    def ask(now: datetime, **query: str) -> list:
        with serve(replace(served_world, fee_changes=CHANGES), limits=unlimited, now=now) as served:
            ask = asking(served)
            series, event = (
                ask(f"{API}/series/KXHIGHCHI").json["series"],
                ask(f"{API}/events/{EVENT}").json["event"],
            )
            changes = [
                ask(f"{API}/series/fee_changes", series_ticker="KXHIGHCHI", **query).json["series_fee_change_arr"],
                ask(f"{API}/events/fee_changes").json["event_fee_changes"],
                ask(f"{API}/events/fee_changes", event_ticker="KXHIGHCHI-26NOV02").json["event_fee_changes"],
            ]
        return [
            (series["fee_type"], series["fee_multiplier"]),
            (event["fee_type_override"], event["fee_multiplier_override"]),
            *changes,
        ]

    return ask


def test_nothing_is_told_before_it_is_announced(fees_at: Callable) -> None:
    """Neither the change nor its values."""
    assert [("quadratic", 1), (None, None), [], [], []] == fees_at(ANNOUNCED - timedelta(seconds=1))


def test_what_is_announced_is_listed_and_not_yet_charged(fees_at: Callable) -> None:
    """Series and event go on as they were."""
    series, event, of_series, of_event, of_other = fees_at(ANNOUNCED)

    assert [("quadratic", 1), (None, None)] == [series, event]
    assert [
        {
            "id": "fee-1", "series_ticker": "KXHIGHCHI", "fee_type": "quadratic_with_maker_fees",
            "fee_multiplier": 1.5, "scheduled_ts": "2026-11-01T18:00:00Z",
        }
    ] == of_series  # fmt: skip
    assert [(EVENT, None, 0)] == [
        (one["event_ticker"], one["fee_type_override"], one["fee_multiplier_override"]) for one in of_event
    ]
    assert [] == of_other


def test_in_force_it_stands_in_series_and_event(fees_at: Callable) -> None:
    """Listed as a change it is only among the past ones."""
    series, event, of_series, *_ = fees_at(SCHEDULED)
    with_past = fees_at(SCHEDULED, show_historical="true")[2]

    assert [("quadratic_with_maker_fees", 1.5), (None, 0)] == [series, event]
    assert ([], ["fee-1"]) == (of_series, [one["id"] for one in with_past])


def test_a_change_cannot_be_announced_after_it_is_in_force() -> None:
    """What is in force is known."""
    with pytest.raises(Usage, match="cannot be announced"):
        replace(CHANGES[0], announced_utc=SCHEDULED + timedelta(seconds=1))
