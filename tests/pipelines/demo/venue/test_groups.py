"""Order groups end their orders once more was matched within fifteen seconds than they allow."""

from __future__ import annotations

import pytest

from pipelines.demo.venue import GroupEvent, Side, Status, TimeInForce, TurnedDown
from pipelines.demo.venue.notices import GroupNotice
from tests.pipelines.demo.venue.made_desk import OTHER, Made


def events(made: Made) -> list[GroupEvent]:
    """What was told of groups."""
    return [notice.about.event for notice in made.desk.notices.since(0) if isinstance(notice.about, GroupNotice)]


def test_a_group_is_triggered_by_more_than_its_limit(made: Made) -> None:
    """Reaching the limit is allowed; the contract beyond it cancels the group in every market, at once."""
    group = made.desk.groups.create(500)
    filled = made.order(Side.BID, 40, 9, group_id=group.group_id)
    others = [
        made.order(Side.BID, 39, 9, group_id=group.group_id),
        made.order(Side.ASK, 60, 9, OTHER, group_id=group.group_id),
    ]
    free = made.order(Side.BID, 10, 1)

    made.taker(Side.ASK, 39, 5)
    at_the_limit = filled.status
    made.taker(Side.ASK, 39, 1)

    assert Status.RESTING is at_the_limit
    assert [Status.CANCELED] * 3 == [order.status for order in (filled, *others)]
    assert (600, Status.RESTING) == (filled.filled_centi, free.status)
    assert [GroupEvent.CREATED, GroupEvent.TRIGGERED] == events(made)


def test_what_is_older_than_fifteen_seconds_does_not_count(made: Made) -> None:
    """The window rolls."""
    group = made.desk.groups.create(500)
    order = made.order(Side.BID, 40, 20, group_id=group.group_id)

    for _ in range(4):
        made.taker(Side.ASK, 40, 5)
        made.wait(15)

    assert (Status.EXECUTED, False) == (order.status, group.is_triggered)


def test_a_triggered_group_lets_nothing_in_until_it_is_reset(made: Made) -> None:
    """By hand as by its limit."""
    group = made.desk.groups.create(500)
    order = made.order(Side.BID, 40, 1, group_id=group.group_id)

    made.desk.groups.trigger(group.group_id)
    with pytest.raises(TurnedDown) as refused:
        made.order(Side.BID, 40, 1, group_id=group.group_id)
    made.desk.groups.reset(group.group_id)
    again = made.order(Side.BID, 40, 1, group_id=group.group_id)

    assert ("order_group_triggered", Status.CANCELED, Status.RESTING) == (
        refused.value.code,
        order.status,
        again.status,
    )


def test_a_taker_stops_where_its_group_is_triggered(made: Made) -> None:
    """Between one level and the next."""
    made.makers(asks=[(40, 6), (41, 6)])
    group = made.desk.groups.create(500)

    order = made.order(Side.BID, 45, 12, group_id=group.group_id, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)

    assert (600, Status.CANCELED) == (order.filled_centi, order.status)


def test_a_limit_below_what_was_matched_triggers(made: Made) -> None:
    """Also when it is set afterwards."""
    group = made.desk.groups.create(500)
    order = made.order(Side.BID, 40, 9, group_id=group.group_id)
    made.taker(Side.ASK, 40, 4)

    made.desk.groups.limit(group.group_id, 300)

    assert (True, Status.CANCELED) == (group.is_triggered, order.status)


def test_deleting_a_group_ends_its_orders(made: Made) -> None:
    """And its name is unknown from then on."""
    group = made.desk.groups.create(500)
    order = made.order(Side.BID, 40, 9, group_id=group.group_id)

    made.desk.groups.delete(group.group_id)

    assert Status.CANCELED is order.status
    with pytest.raises(TurnedDown, match="not_found"):
        made.desk.groups.reset(group.group_id)
    assert GroupEvent.DELETED is events(made)[-1]


@pytest.mark.parametrize("limit_centi", [0, 99, 100_000_100])
def test_limits_have_limits(made: Made, limit_centi: int) -> None:
    """One contract to a million."""
    with pytest.raises(TurnedDown, match="contracts_limit"):
        made.desk.groups.create(limit_centi)
