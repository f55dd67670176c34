"""Whose number settles an event: the weather service's climate report, or its relay by The Weather Company."""

from __future__ import annotations

from datetime import date

TWC_SINCE = date(2026, 8, 14)
"""The first climate day that is settled by The Weather Company; the number is still that of the weather service."""


def settlement_source(event_date: date) -> str:
    """Return the source on which the rules of an event date settle."""
    return "twc" if event_date >= TWC_SINCE else "nws_cli"
