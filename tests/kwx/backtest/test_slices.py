"""Slices of a run: every cut sums to the whole, and each fill lies where it should."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from kwx.backtest.metrics import measured
from kwx.backtest.slices import CUTS, slices_of
from tests.kwx.backtest.made_runs import FIRST, a_fill, equity_frame, fills_frame, outcomes_frame, random_run

NOON = datetime(2026, 3, 1, 18, tzinfo=UTC)


@pytest.fixture(scope="module")
def run():
    return measured(*random_run())


def values(cut: str, *rows: dict[str, object]) -> list[tuple[str, int]]:
    """Return the values of one cut of some fills of Chicago's first date, with how many fills each has."""
    fills = fills_frame(list(rows))
    days = fills["event_date"].unique()
    ended = outcomes_frame([("chicago", day, "M", "between", True) for day in days]).unique("market_ticker")
    equity = equity_frame([("chicago", day, NOON, 0, 0, 0) for day in days])
    ended = pl.concat([ended, outcomes_frame([("chicago", day, str(day), "less", True) for day in days])])
    return slices_of(measured(fills, equity, ended)).filter(pl.col("cut") == cut).select("value", "fills").rows()


@pytest.mark.parametrize("cut", CUTS)
def test_a_cut_sums_to_the_whole(run, cut):
    """Fills, contracts, fees and the net gain, in whole micros."""
    rows = slices_of(run).filter(pl.col("cut") == cut)

    assert run.gained.height == rows["fills"].sum()
    assert run.gained["count_centi"].sum() == rows["contracts_centi"].sum()
    assert run.metrics.fees_micros == rows["fees_micros"].sum()
    assert run.metrics.net_micros == rows["net_micros"].sum()


def test_a_slice_has_its_interval_by_date(run):
    """A slice that holds every fill has the interval of the run."""
    cities = slices_of(run).filter(pl.col("cut") == "city")
    one_side = measured(*(frame.filter(pl.col("city") == "nyc") for frame in random_run()))
    only = slices_of(one_side).filter(pl.col("cut") == "city")

    assert (cities["net_low_dollars"] < cities["net_micros"] / 1e6).all()
    assert (only["net_low_dollars"][0], only["net_high_dollars"][0]) == pytest.approx(
        (one_side.metrics.net.low / 1e6, one_side.metrics.net.high / 1e6)
    )


def test_hazard_is_low_middle_high_or_not_told():
    """The bounds are 5 % and 50 %."""
    found = values("hazard", *(a_fill(hazard_next_60m=p) for p in (0.0, 0.049, 0.05, 0.499, 0.5, 1.0, None)))

    assert [("high, from 50%", 2), ("low, below 5%", 2), ("middle", 2), ("not told", 1)] == found


def test_the_hour_is_that_of_standard_time():
    """18:30 UTC is half past noon in Chicago, in summer too."""
    summer = datetime(2026, 7, 1, 18, 30, tzinfo=UTC)

    assert [("12 h", 2)] == values("hour", a_fill(), a_fill(ts_utc=summer))


def test_seasons_are_three_months_each():
    """February is winter, March spring."""
    assert [("spring", 1), ("winter", 1)] == values("season", a_fill(), a_fill(event_date=date(2026, 2, 28)))


def test_liquidity_is_a_third_of_the_runs_own_fills():
    """Six different volumes make two each; equal ones stay together."""
    apart = values("liquidity", *(a_fill(volume_20m_centi=v) for v in (5, 1, 3, 2, 6, 4)))
    alike = values("liquidity", *(a_fill(volume_20m_centi=v) for v in (7, 7, 7)))

    assert [("1 thin", 2), ("2 middle", 2), ("3 busy", 2)] == apart
    assert 1 == len(alike)


def test_a_spread_is_told_in_whole_cents():
    """Half a cent counts as one; four and more are one slice."""
    found = values("spread", *(a_fill(spread_ticks=ticks) for ticks in (50, 100, 101, 400, 900, None)))

    assert [("1 ¢", 2), ("2 ¢", 1), ("4 ¢ or more", 2), ("not told", 1)] == found
    assert FIRST.month == 3
