"""Changes of fees as rows of their table, of the cities whose highs are traded: the exchange tells of every product.

A roll is a row as well, of the scope `listed`: it says of a city's series, or of its events, that all changes to come
stood in the answer of that instant. It is no change; a merge holds older rows against it and takes it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from pipelines.kalshi.fees import OF_THE_LISTING, SERIES, FeeChange, Roll
from warehouse.lake.tables import FEE_CHANGES
from warehouse.market.cities import CITIES, City, city_of_series
from warehouse.market.fees import WITHDRAWN

LISTED = "listed"
"""The scope of a roll; what it lists, series or event, is its `change_id`."""

_SCHEMA = pl.Schema({**FEE_CHANGES.path_columns, **FEE_CHANGES.schema})


def fee_changes_frame(changes: Iterable[FeeChange], rolls: Iterable[Roll] = ()) -> pl.DataFrame:
    """Return the changes of our series and their events, each with its city, and the rolls of our cities."""
    placed = ((city_of_series(change.ticker.partition("-")[0]), change) for change in changes)
    rows = [{"city": city.key, **change.row()} for city, change in placed if city is not None]
    rows += [_roll_row(city, roll) for roll in rolls for city in _cities(roll)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def withdrawn_by(arrived: pl.DataFrame, standing: pl.DataFrame) -> pl.DataFrame:
    """Return the changes that stood, were still to come, and are missing where all were listed: as withdrawn.

    What an event says of itself alone stands in no list of changes, and what was heard after a list not in that one.
    """
    rolls = arrived.filter(pl.col("scope") == LISTED).select(
        scope=pl.col("change_id"), of_ticker=pl.col("ticker"), asked_utc=pl.col("known_utc")
    )
    timed = standing.filter(pl.col("change_id") != OF_THE_LISTING)
    missing = timed.join(arrived, on=["ticker", "change_id"], how="anti").join(rolls, on="scope", how="inner")
    is_meant = (pl.col("scope") != SERIES) | (pl.col("ticker") == pl.col("of_ticker"))
    was_to_come = pl.col("asked_utc").is_between("known_utc", "scheduled_utc", closed="left")
    return (
        missing.filter(is_meant & was_to_come)
        .with_columns(scope=pl.lit(WITHDRAWN), known_utc=pl.col("asked_utc"))
        .select(standing.columns)
    )


def says_nothing(arrived: pl.DataFrame, standing: pl.DataFrame) -> bool:
    """Tell whether what came only lists that nothing is to come, where nothing stood: as every listing does."""
    return standing.is_empty() and bool((arrived["scope"] == LISTED).all())


def _cities(roll: Roll) -> Iterator[City]:
    named = city_of_series(roll.series) if roll.series else None
    yield from CITIES.values() if not roll.series else () if named is None else (named,)


def _roll_row(city: City, roll: Roll) -> dict[str, object]:
    return {
        "city": city.key, "scope": LISTED, "ticker": roll.series or city.series, "change_id": roll.scope,
        "scheduled_utc": roll.asked_utc, "known_utc": roll.asked_utc,
    }  # fmt: skip
