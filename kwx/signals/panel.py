"""The minute panel as strategies read it: the columns of `minute_panel_full` that are asked for, from the tables.

The views say what a column is; for those that strategies read every day this module says the same over Parquet, several
times as fast, and a test holds one against the other. Any other column of the view is asked of the view itself. A
panel's own columns are `market` and `moment`, numbers of the market and of event and minute; `p_said`, the model's
probability as it is used; `left_p_said` and `right_p_said`, those of the brackets beside; and `whole_ladder`, whether
all brackets of the event are there, from the one open end to the other.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import polars as pl

from kwx.models.served import said
from kwx.signals.places import Places
from kwx.signals.standing import standing_predictions
from kwx.signals.strategy import KEYS
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE, PMF_MINUTE
from warehouse.market.climate_day import MINUTES_PER_DAY
from warehouse.market.money import CENTI_PER_CONTRACT, TICKS_PER_DOLLAR

_HALF_TICKS_PER_DOLLAR = 2 * TICKS_PER_DOLLAR
_LISTED = ("event_ticker", "bracket_order", "low_f", "high_f")
"""What is needed to know which bracket stands beside which, and whether the ladder is whole."""


def _over(whole: pl.Expr, number: int) -> pl.Expr:
    """Return whole numbers over a constant, as the views do; Polars itself multiplies by a constant's reciprocal."""
    return whole / (0 * whole + number)


_HIGH, _LOW, _CLOSE = (pl.col(f"price_{moment}_ticks") for moment in ("high", "low", "close"))
_OF_MINUTE = {
    "strike_type": pl.col("strike_type"),
    "minutes_since_open": pl.col("minutes_since_open"),
    "minutes_to_close": pl.col("minutes_to_close"),
    "complete": pl.col("complete"),
    "mid_prob": _over(pl.col("mid_half_ticks"), _HALF_TICKS_PER_DOLLAR),
    "spread_prob": pl.when(pl.col("price_source") == "mid").then(
        _over(pl.col("yes_ask_ticks") - pl.col("yes_bid_ticks"), TICKS_PER_DOLLAR)
    ),
    "clv": pl.when(_HIGH > _LOW).then((_CLOSE - _LOW) / (_HIGH - _LOW)),
    "velocity": _over(pl.col("velocity_half_ticks"), _HALF_TICKS_PER_DOLLAR),
    "acceleration": _over(pl.col("acceleration_half_ticks"), _HALF_TICKS_PER_DOLLAR),
    "volume": _over(pl.col("volume_centi"), CENTI_PER_CONTRACT),
    "volume_20m": _over(pl.col("volume_20m_centi"), CENTI_PER_CONTRACT),
}
"""Columns of `minute_panel_base` over one row of candles_dense."""

_OF_EVALUATION = ("p_wx", "p_mkt", "p_fused", "p_fused_norm", "hazard_next_5m", "hazard_next_60m", "m_run_temp_f")
_OF_PREDICTION = ("p_model", "p_calibrated", "model_id", "wf_window")
_OWN = ("p_said", "left_p_said", "right_p_said", "whole_ladder")

FAST_COLUMNS = frozenset({*_LISTED, *_OF_MINUTE, "ras", *_OF_EVALUATION, *_OF_PREDICTION, *_OWN})
"""What is read straight from the tables; the rest of `minute_panel_full` comes by the view."""


def read_signal_panel(
    snapshot: Snapshot, city: str, *, since: date, until: date, columns: Collection[str], family: str | None = None
) -> pl.DataFrame:
    """Return the panel of a city over event dates in the order of date, market and minute, with the columns asked for.

    family: whose predictions stand in p_model and p_calibrated; None is what the view shows.
    """
    asked = set(columns)
    needed = asked | ({"acceleration"} if "ras" in asked else set())
    panel = _minutes(snapshot, city, since, until, needed)
    places = Places.of(panel)
    # Polars runs windows over a column that it knows to be sorted without looking for groups.
    numbers = pl.DataFrame({"market": places.market, "moment": places.moment}).with_columns(
        pl.col("market").set_sorted()
    )
    parts = [panel, numbers]
    if "ras" in asked:
        parts.append(pl.DataFrame({"ras": _ras(panel["acceleration"], places)}))
    if "whole_ladder" in asked:
        parts.append(pl.DataFrame({"whole_ladder": _whole_ladder(panel, places)}))
    parts.append(_evaluations(snapshot, city, since, until, places, [name for name in _OF_EVALUATION if name in asked]))
    if asked.intersection((*_OF_PREDICTION, *_OWN[:3])):
        parts.append(_predictions(snapshot, city, since, until, places, family))
    if slow := sorted(asked - FAST_COLUMNS):
        parts.append(_viewed(snapshot, city, since, until, slow, keys=panel.select(KEYS)))
    return pl.concat(parts, how="horizontal")


def _minutes(snapshot: Snapshot, city: str, since: date, until: date, needed: Collection[str]) -> pl.DataFrame:
    """Return the minutes of trading, in order, with the columns that one row of them says."""
    made = [value.alias(name) for name, value in _OF_MINUTE.items() if name in needed]
    rows = snapshot.scan(CANDLES_DENSE, cities=(city,), since=since, until=until).select(*KEYS, *_LISTED, *made)
    panel = rows.collect(engine="in-memory")
    before = pl.struct("event_date", "market_ticker", "ts_utc")
    return (
        panel if panel.select(before).to_series().is_sorted() else panel.sort("event_date", "market_ticker", "ts_utc")
    )


def _ras(acceleration: pl.Series, places: Places) -> pl.Series:
    """Return each row's acceleration minus the mean of those beside it that have one."""
    beside = pl.DataFrame({"own": acceleration, **_both_sides(acceleration, places)})
    left, right = pl.col("left"), pl.col("right")
    return beside.select(pl.col("own") - pl.coalesce((left + right) / 2, left, right)).to_series()


def _both_sides(value: pl.Series, places: Places) -> dict[str, pl.Series]:
    return {"left": value.gather(places.colder), "right": value.gather(places.warmer)}


def _whole_ladder(panel: pl.DataFrame, places: Places) -> pl.Series:
    """Return whether every bracket of the event is there at a row's minute, from the one open end to the other."""
    order = pl.col("bracket_order")
    ends = pl.col("low_f").is_null().any() & pl.col("high_f").is_null().any()
    is_tiled = (order.n_unique() == order.max() - order.min() + 1) & ends
    listed = panel[places.starts].select(tiled=is_tiled.over("event_ticker"), brackets=pl.len().over("event_ticker"))
    of_rows = pl.DataFrame({"moment": places.moment, **{one.name: places.of_markets(one) for one in listed}})
    return of_rows.select(pl.col("tiled") & (pl.len().over("moment") == pl.col("brackets"))).to_series()


def _evaluations(
    snapshot: Snapshot, city: str, since: date, until: date, places: Places, names: list[str]
) -> pl.DataFrame:
    """Return the newest evaluation of each row's market by weather, market and both."""
    if not names:
        return pl.DataFrame()
    told = (
        snapshot.scan(PMF_MINUTE, cities=(city,), since=since, until=until)
        .select("market_ticker", "ts_utc", *names)
        .collect(engine="in-memory")
    )
    row = places.newest(told, lives_minutes=MINUTES_PER_DAY)
    return told.select(pl.col(names).gather(row))


def _predictions(
    snapshot: Snapshot, city: str, since: date, until: date, places: Places, family: str | None
) -> pl.DataFrame:
    """Return what stands of the models at each row, and what stands of them beside it."""
    told = standing_predictions(snapshot, city, since, until, family=family).with_columns(p_said=said())
    row = places.newest(told, lives_minutes=MINUTES_PER_DAY, said="said_utc")
    stands = told.select(pl.col(*_OF_PREDICTION, "p_said").gather(row))
    beside = {f"{side}_p_said": one for side, one in _both_sides(stands["p_said"], places).items()}
    return stands.with_columns(**beside)


def _viewed(
    snapshot: Snapshot, city: str, since: date, until: date, columns: list[str], *, keys: pl.DataFrame
) -> pl.DataFrame:
    """Return columns of the view, row by row beside the keys."""
    with snapshot.connect() as con:
        known = set(con.sql("describe minute_panel_full").pl()["column_name"])
        if strange := [name for name in columns if name not in known]:
            raise Refused(
                f"the minute panel has no column {', '.join(strange)}",
                hint="a strategy reads columns of minute_panel_full, where nothing tells how an event ends",
            )
        question = (
            f"select {', '.join((*KEYS, *columns))} from minute_panel_full where city = $city"
            " and event_date between $since and $until order by event_date, market_ticker, ts_utc"
        )
        viewed = pl.DataFrame(con.sql(question, params={"city": city, "since": since, "until": until}).pl())
    if not viewed.select(KEYS).equals(keys):
        raise Refused(f"{city}: the view has other minutes than candles_dense", hint="kwx lake check tells more")
    return viewed.select(columns)
