"""What tests of the page share: a lake that was fused, evaluated and lived for a day, and the page of it, made once."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from kwx.monitor.look import Wish
from kwx.monitor.page import Page, page_of

TODAY = date(2026, 11, 3)
"""The day after the newest of the lake, so that the newest is yesterday."""
MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def page(lived) -> Page:
    """The page of the lived lake."""
    return page_of(lived.lake, Wish(event_date=TODAY), moment=MOMENT)
