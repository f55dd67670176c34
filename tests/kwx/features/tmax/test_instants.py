"""When a city's days are looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import market_clock, time_of_day, utc_of


def test_the_market_clock_runs_from_the_open_to_2355_of_the_climate_day(chicago: TmaxInputs):
    instants = market_clock(chicago)
    for place, event_date in enumerate(chicago.dates):
        ours = utc_of(instants.ts_us[instants.day == place])
        (opens,) = chicago.trading.filter(chicago.trading["event_date"] == event_date)["open_utc"]
        assert ours[0] == opens
        assert instants.minute[instants.day == place][-1] == 23 * 60 + 55
        assert set(np.diff(instants.ts_us[instants.day == place])) == {300_000_000}


def test_a_market_of_which_nothing_is_told_opens_at_ten_of_the_eve_by_the_wall_clock(chicago: TmaxInputs):
    instants = market_clock(replace(chicago, trading=chicago.trading.clear()))
    first = [utc_of(instants.ts_us[instants.day == place])[0] for place in range(3)]
    # 10:00 is 15:00 UTC in summer time; on the eve of 2 November the clock has gone back.
    assert first == [datetime(2026, 10, 30, 15, tzinfo=UTC), datetime(2026, 10, 31, 15, tzinfo=UTC),
                     datetime(2026, 11, 1, 16, tzinfo=UTC)]  # fmt: skip


def test_an_early_close_ends_the_clock_before_it(chicago: TmaxInputs):
    closes = chicago.trading["close_utc"] - timedelta(minutes=61)
    instants = market_clock(replace(chicago, trading=chicago.trading.with_columns(close_utc=closes)))
    assert instants.minute.max() == 22 * 60 + 55


@pytest.mark.parametrize(("place", "hours_to_utc"), [(0, 5), (1, 6), (2, 6)])
def test_the_time_of_day_follows_the_wall_clock_over_the_change_of_the_clock(
    chicago: TmaxInputs, place: int, hours_to_utc: int
):
    instants = time_of_day(chicago)
    ours = instants.day == place
    civil = [(ts.hour - hours_to_utc) % 24 * 60 + ts.minute for ts in utc_of(instants.ts_us[ours])]
    assert civil == list(range(600, 1426, 15))
    assert instants.civil_minute[ours].tolist() == civil
