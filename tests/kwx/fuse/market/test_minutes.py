"""Laying an event's minutes out as arrays, from rows of candles_dense."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from kwx.fuse.market.minutes import event_minutes
from warehouse.errors import Refused
from warehouse.lake.store import Lake
from warehouse.lake.tables import CANDLES_DENSE, MARKETS, Partition
from warehouse.market.ladder import Ladder

DAY = Partition("chicago", date(2026, 11, 1))


@pytest.fixture(scope="module")
def dense(demo_lake):
    """The dense candles of one event."""
    return Lake(demo_lake).snapshot().read(CANDLES_DENSE, DAY)


@pytest.fixture(scope="module")
def ladder(demo_lake):
    """Its brackets, coldest first."""
    return Ladder.of_event(Lake(demo_lake).snapshot().read(MARKETS, DAY))


def test_arrays_hold_what_the_rows_say(dense, ladder):
    """Each column of an array is a bracket in the order of the ladder, each row a minute."""
    minutes = event_minutes(dense, ladder, event="E")

    for place, name in enumerate(ladder.names):
        rows = dense.filter(pl.col("market_ticker") == name).sort("ts_utc")
        assert rows["yes_bid_ticks"].fill_null(-1).to_list() == minutes.bid_ticks[:, place].tolist()
        assert rows["ts_utc"].equals(minutes.ts_utc)


def test_only_minutes_that_all_brackets_share_count(dense, ladder):
    """A market that opens ten minutes late has no price before."""
    late = ladder.names[2]
    some = dense.filter((pl.col("market_ticker") != late) | (pl.col("minutes_since_open") > 10))

    minutes = event_minutes(some, ladder, event="E")

    whole = event_minutes(dense, ladder, event="E")
    assert (len(whole) - 10, whole.ts_us[10]) == (len(minutes), minutes.ts_us[0])
    assert (whole.bid_ticks[10:] == minutes.bid_ticks).all()


def test_an_event_with_a_bracket_that_never_traded_has_no_minutes(dense, ladder):
    """A ladder with a hole cannot sum to one."""
    assert 0 == len(event_minutes(dense.filter(pl.col("market_ticker") != ladder.names[0]), ladder, event="E"))


@pytest.mark.parametrize("spoil", ["twice", "missing"])
def test_minutes_that_are_there_twice_or_missing_are_refused(dense, ladder, spoil):
    """They would shift one bracket against another; the error names the market and the minute before."""
    at = 700
    rows = dense[: at + 1], dense[at if spoil == "twice" else at + 2 :]

    with pytest.raises(Refused, match="there twice, or not at all, after 20") as refusal:
        event_minutes(pl.concat(rows), ladder, event="E")

    assert "kwx lake dense" in refusal.value.hint
