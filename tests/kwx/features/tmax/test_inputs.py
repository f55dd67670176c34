"""Inputs of single days put together say of each day what it says alone."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import Clock
from kwx.features.tmax.snapshots import snapshots_of
from kwx.models.tmax import market_clock, tod
from tests.kwx.features.tmax.conftest import SINCE, UNTIL
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import FORECASTS, MARKETS, OBS, OBS_5M, SETTLEMENTS, Partition

DAYS = [("nyc", UNTIL), ("chicago", SINCE + timedelta(days=1)), ("chicago", UNTIL)]


def _alone(demo: Snapshot) -> list[TmaxInputs]:
    return [TmaxInputs.read(demo, city, since=day, until=day) for city, day in DAYS]


@pytest.mark.parametrize("clock", [market_clock.CLOCK, tod.CLOCK])
def test_snapshots_of_days_together_are_those_of_each_alone(demo: Snapshot, clock: Clock):
    """Of several cities, in any order of days; how they ended is left out."""
    alone = _alone(demo)
    together = TmaxInputs.together(alone)

    assert [(day.city.key, day.event_date) for day in together.days] == DAYS
    rows = snapshots_of(together, clock)
    parts = [snapshots_of(one, clock) for one in alone]
    names = [name for name in rows.columns if not name.startswith("label")]
    assert rows.height > 100
    assert_frame_equal(pl.concat(parts).select(names), rows.select(names), check_exact=True)


def test_what_was_forecast_is_laid_out_before_anything_was_heard(demo: Snapshot):
    """The same day read at once and in two steps is the same."""
    whole = TmaxInputs.read(demo, "chicago", since=UNTIL, until=UNTIL)
    place = Partition("chicago", UNTIL)
    grid, obs, settlements, forecasts, markets = (
        demo.read(table, place).lazy() for table in (OBS_5M, OBS, SETTLEMENTS, FORECASTS, MARKETS)
    )
    unheard = TmaxInputs.of(whole.city, (UNTIL,), forecasts, markets, labels=whole.labels)

    assert unheard.grid.is_empty()
    assert unheard.words.is_empty()
    for name in ("grid", "words", "highs", "curves", "trading"):
        frame = getattr(unheard.heard(grid, obs, settlements), name)
        assert_frame_equal(getattr(whole, name), frame, check_row_order=False)
