"""A run that stakes money which it had lost says so, with the first date and how much was missing."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from kwx.backtest.funds import overdrawn

DOLLAR = 1_000_000
SCHEMA = {"city": pl.String, "event_date": pl.Date, "net_micros": pl.Int64, "at_risk_micros": pl.Int64}


def days(*rows: tuple[str, int, int | None, int]) -> pl.DataFrame:
    """Return city-days of November: city, day, net gain (None while it is not settled) and what was at risk, in $."""
    told = [
        (city, date(2026, 11, day), None if net is None else net * DOLLAR, risk * DOLLAR)
        for city, day, net, risk in rows
    ]
    return pl.DataFrame(told, schema=SCHEMA, orient="row")


@pytest.mark.parametrize(
    "rows",
    [
        [("chicago", 1, -60, 60), ("chicago", 2, -40, 40)],
        [("chicago", 1, -90, 90), ("chicago", 2, 80, 10), ("chicago", 3, -90, 90)],
        [("chicago", 1, -50, 50), ("nyc", 1, -50, 50)],
        [("chicago", 1, None, 60), ("chicago", 2, None, 100)],
        [],
    ],
    ids=["all of it", "won back", "two cities at once", "not settled", "nothing traded"],
)
def test_a_run_that_never_stakes_more_than_is_left_is_silent(rows):
    """To the last dollar of a bankroll of a hundred."""
    assert [] == overdrawn(days(*rows), 100 * DOLLAR)


def test_the_first_date_is_named_and_all_are_counted():
    """The second date stakes a dollar more than the first has left, the last one more than nothing."""
    rows = [("chicago", 1, -60, 60), ("chicago", 2, -31, 31), ("nyc", 2, -10, 10), ("nyc", 3, -20, 20)]

    (said,) = overdrawn(days(*rows), 100 * DOLLAR)

    assert said.startswith("the money was not there on 2 of 3 dates, first on 2026-11-02: $41.00 at stake, $40.00 left")


def test_what_is_left_may_be_less_than_nothing():
    """Shorts owe a dollar each: a loss can be larger than what was left."""
    (said,) = overdrawn(days(("chicago", 1, -120, 120), ("chicago", 2, 0, 5)), 100 * DOLLAR)

    assert "first on 2026-11-01: $120.00 at stake, $100.00 left of a bankroll of $100.00" in said
    assert "2 of 2" in said
