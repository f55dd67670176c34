"""Which reports only repeat an older one: a feed that fills its gaps says the last report again and again.

The law looks back, never ahead: later reports never change the flag of an earlier one.
"""

from __future__ import annotations

import polars as pl

# Weather of 15 minutes still counts as fresh, which is three steps of five minutes: a shorter run of copies hides no
# more than that. Still air does repeat itself for a step or two (a whole °C, a whole knot), and an hourly station
# stretched to five-minute rows repeats itself eleven times.
FILL_STEPS = 3

_REPORTED = ("temp_f", "dew_f", "humidity_pct", "wind_mph")


def is_filled(reports: pl.DataFrame) -> pl.Series:
    """Flag each report that ends a run of more than `FILL_STEPS` exact repetitions of the report before it.

    The reports are the consecutive rows of one city, one source and one climate day, sorted by ts_utc: the state
    restarts at each climate day, so that every day is judged from its own rows alone.
    """
    return reports.select(filled_expr()).to_series()


def filled_expr() -> pl.Expr:
    """Return the same for many days at once, inside `.over("city", "source", "event_date")` of sorted reports.

    What neither report says is equal; but a temperature alone is no evidence, it may stand still for an hour.
    """
    repeats = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in _REPORTED)
    evidence = pl.any_horizontal(pl.col(name).is_not_null() for name in _REPORTED[1:])
    place = pl.int_range(pl.len())
    first_of_run = pl.when(~(repeats & evidence)).then(place).forward_fill()
    return (place - first_of_run.fill_null(0) > FILL_STEPS).alias("is_filled")
