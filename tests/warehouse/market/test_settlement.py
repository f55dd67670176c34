"""Whose number settles an event changes on one climate day."""

from __future__ import annotations

from datetime import timedelta

from warehouse.market.settlement import TWC_SINCE, settlement_source


def test_the_source_changes_on_its_first_day():
    """The day before still settles on the climate report, the day itself on its relay."""
    days = [TWC_SINCE - timedelta(days=1), TWC_SINCE, TWC_SINCE + timedelta(days=1)]

    assert ["nws_cli", "twc", "twc"] == [settlement_source(day) for day in days]
