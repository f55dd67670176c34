"""What counts as a move of the mid, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from kwx.models.direction.moves import moves, went_up

START = datetime(2026, 1, 5, 15, tzinfo=UTC)


def candles(mids, sources=None, *, name="A", minutes=None) -> pl.DataFrame:
    """Return dense candles of one market, a cent wide; mids in cents."""
    minutes = range(len(mids)) if minutes is None else minutes
    return pl.DataFrame(
        {
            "market_ticker": [name] * len(mids),
            "ts_utc": [START + timedelta(minutes=minute) for minute in minutes],
            "mid_half_ticks": pl.Series([None if mid is None else round(200 * mid) for mid in mids], dtype=pl.Int32),
            "yes_bid_ticks": pl.Series(
                [None if mid is None else round(100 * mid) - 50 for mid in mids], dtype=pl.Int32
            ),
            "yes_ask_ticks": pl.Series(
                [None if mid is None else round(100 * mid) + 50 for mid in mids], dtype=pl.Int32
            ),
            "price_source": sources or [None if mid is None else "mid" for mid in mids],
        }
    )


def moved(frame: pl.DataFrame, minutes: int) -> list[float | None]:
    return moves(frame, horizon_minutes=minutes)["move_half_ticks"].to_list()


@pytest.mark.parametrize(("minutes", "wanted"), [(1, [400, -600, 0, None]), (2, [-200, -600, None, None])])
def test_a_move_is_what_came_within_the_horizon(minutes, wanted):
    """The last minutes have none: what comes is not known."""
    assert moved(candles([40, 42, 39, 39]), minutes) == wanted


def test_from_a_mid_to_a_trade_is_no_move():
    """Nor is what crosses such a change and comes back."""
    frame = candles([40, 45, 40, 41], ["mid", "last", "mid", "mid"])
    assert moved(frame, 1) == [None, None, 200, None]
    assert moved(frame, 2) == [None, None, None, None]


def test_crossing_costs_half_the_spread_where_there_are_two_sides():
    """Of a last trade nobody knows what crossing would cost."""
    frame = moves(candles([40, 45], ["mid", "last"]), horizon_minutes=1)
    assert frame["half_spread_half_ticks"].to_list() == [100, None]


def test_a_minute_without_a_mid_has_no_row_and_breaks_what_crosses_it():
    frame = candles([40, None, 41, 42])
    assert moves(frame, horizon_minutes=2)["ts_utc"].to_list() == [START + timedelta(minutes=m) for m in (0, 2, 3)]
    assert moved(frame, 2) == [None, None, None]


def test_a_missing_minute_is_no_shorter_way():
    assert moved(candles([40, 41, 42], minutes=[0, 2, 3]), 1) == [None, 200, None]


def test_markets_do_not_run_into_each_other():
    frame = pl.concat([candles([40, 41]), candles([70, 71], name="B")])
    assert moved(frame, 1) == [200, None, 200, None]
    assert moved(frame.sample(fraction=1.0, shuffle=True, seed=3), 1) == [200, None, 200, None]


@pytest.mark.parametrize("cents", [0.5, 1.5, 3.5, 7.0])
def test_a_move_of_just_epsilon_counts_and_a_smaller_one_does_not(cents):
    """Half ticks decide, not the last bits of a quotient."""
    frame = moves(candles([40, 40 + cents, 40.005, 40.005 - cents, 40, 40]), horizon_minutes=1)
    smaller = moves(candles([40, 40 + cents - 0.005, 40, 40]), horizon_minutes=1)
    up = went_up(cents / 100).alias("up")
    assert frame.select(up)["up"].to_list() == [True, None, False, None, None, None]
    assert smaller.select(up)["up"].to_list() == [None, None, None, None]
