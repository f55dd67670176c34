"""The minute panel as strategies read it: the columns of `minute_panel_full` that are asked for, from the tables.

The views say what a column is; for those that strategies read every day this module says the same over Parquet, several
times as fast, and a test holds one against the other. Any other column of the view is asked of the view itself. A
panel's own columns are `market` and `moment`, numbers of the market and of event and minute; `p_said`, the model's
probability as it is used, which the view calls `p_served`; `left_p_said` and `right_p_said`, those of the brackets
beside; and `whole_ladder`, whether all brackets of the event are there, from the one open end to the other.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import polars as pl

from kwx.signals.minutes import (
    LISTED,
    OF_MINUTE,
    OF_NEIGHBORS,
    WHOLE_LADDER,
    beside,
    both_sides,
    of_minute,
    with_needed,
)
from kwx.signals.places import Places
from kwx.signals.standing import standing_predictions
from kwx.signals.strategy import KEYS
from kwx.signals.weather import GRID, OF_WEATHER, weather_columns
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE, OBS_1M, PMF_MINUTE
from warehouse.market.climate_day import MINUTES_PER_DAY

OF_EVALUATION = ("p_wx", "p_mkt", "p_fused", "p_fused_norm", "hazard_next_5m", "hazard_next_60m", "m_run_temp_f")
OF_PREDICTION = ("p_model", "p_calibrated", "p_served", "model_id", "wf_window")
SAID_BESIDE = ("p_said", "left_p_said", "right_p_said")

FAST_COLUMNS = frozenset(
    {*LISTED, *OF_MINUTE, *OF_NEIGHBORS, WHOLE_LADDER, *OF_WEATHER, *OF_EVALUATION, *OF_PREDICTION, *SAID_BESIDE}
)
"""What is read straight from the tables; the rest of `minute_panel_full` comes by the view."""


def read_signal_panel(
    snapshot: Snapshot, city: str, *, since: date, until: date, columns: Collection[str], family: str | None = None
) -> pl.DataFrame:
    """Return the panel of a city over event dates in the order of date, market and minute, with the columns asked for.

    family: whose predictions stand in p_model and p_calibrated; None is what the view shows.
    """
    asked = set(columns)
    panel = _minutes(snapshot, city, since, until, with_needed(asked))
    places = Places.of(panel)
    parts = [panel, numbered(places), beside(panel, places, asked)]
    if weather := asked.intersection(OF_WEATHER):
        parts.append(weather_columns(panel, _grids(snapshot, city, since, until), weather))
    parts.append(_evaluations(snapshot, city, since, until, places, [name for name in OF_EVALUATION if name in asked]))
    if asked.intersection((*OF_PREDICTION, *SAID_BESIDE)):
        parts.append(_predictions(snapshot, city, since, until, places, family))
    if slow := sorted(asked - FAST_COLUMNS):
        parts.append(_viewed(snapshot, city, since, until, slow, keys=panel.select(KEYS)))
    return pl.concat(parts, how="horizontal")


def numbered(places: Places) -> pl.DataFrame:
    """Return the panel's numbers of markets, and of events and minutes."""
    numbers = pl.DataFrame({"market": places.market, "moment": places.moment})
    # Polars runs windows over a column that it knows to be sorted without looking for groups.
    return numbers.with_columns(pl.col("market").set_sorted())


def said_beside(stands: pl.DataFrame, places: Places) -> pl.DataFrame:
    """Return the predictions that stand at each row, which name p_said, with those of the brackets beside."""
    sides = both_sides(stands["p_said"], places)
    return stands.with_columns(**{f"{side}_p_said": one for side, one in sides.items()})


def _minutes(snapshot: Snapshot, city: str, since: date, until: date, needed: Collection[str]) -> pl.DataFrame:
    """Return the minutes of trading, in order, with the columns that one row of them says."""
    dense = snapshot.scan(CANDLES_DENSE, cities=(city,), since=since, until=until)
    panel = dense.select(*KEYS, *LISTED, *of_minute(needed)).collect(engine="in-memory")
    return panel if _is_in_order(panel) else panel.sort("event_date", "market_ticker", "ts_utc")


def _is_in_order(panel: pl.DataFrame) -> bool:
    """Tell whether rows are in the order of date, market and minute, as the lake has them."""
    begins = panel["market_ticker"].rle_id().diff().fill_null(1) != 0
    goes_back = (panel["ts_utc"].diff() < timedelta(0)) & ~begins
    heads = panel.filter(begins).select(pl.struct("event_date", "market_ticker", "ts_utc")).to_series()
    return not goes_back.any() and heads.is_sorted()


def _grids(snapshot: Snapshot, city: str, since: date, until: date) -> pl.DataFrame:
    """Return the weather of the event dates and of the eve of the first."""
    rows = snapshot.scan(OBS_1M, cities=(city,), since=since - timedelta(days=1), until=until)
    return rows.rename({"event_date": "climate_date"}).select(GRID).collect(engine="in-memory")


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
    told = standing_predictions(snapshot, city, since, until, family=family).with_columns(p_said="p_served")
    row = places.newest(told, lives_minutes=MINUTES_PER_DAY, said="said_utc")
    return said_beside(told.select(pl.col(*OF_PREDICTION, "p_said").gather(row)), places)


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
