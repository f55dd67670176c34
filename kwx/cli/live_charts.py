"""The chart of `kwx live status`: how old what each source said last is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from kwx.plots.bars import bars_chart
from kwx.plots.theme import Chart
from warehouse.errors import Usage


def status_chart(health: Mapping[str, Any]) -> Chart:
    """Draw the age of what each source said last when the loop looked last."""
    ages = health.get("stale_s") or {}
    if not ages:
        raise Usage(
            f"there is nothing to draw: the loop is {health.get('state', 'unknown')} and has not looked at any source",
            hint="kwx live status tells the rest",
        )
    rows = pl.DataFrame({"name": list(ages), "value": [float(seconds) for seconds in ages.values()]})
    title = f"{health['state']}, {health['mode']}, last look {str(health.get('tick_utc'))[:16]}Z"
    return bars_chart(rows, value_title="seconds since it said something", title=title)
