"""Who strikes: the trades that took what rested, as events that excite themselves, buys of yes and of no apart.

The clock is `known_utc`: a trade counts from when it could have been had. The trades of one side and instant are one
order that swept the book, so one event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

from kwx.features.goodness import Goodness, goodness
from kwx.features.hawkes import LEAST_EVENTS, Floats, Law, Tapes, fit, intensity
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import MARKETS, TRADES

SIDES = {"hawkes_buy": "yes", "hawkes_sell": "no"}
"""The columns of intensities, and what the taker bought."""

_MICROSECONDS_PER_MINUTE = 60_000_000


@dataclass(frozen=True, kw_only=True)
class Laws:
    """The laws of one city's buys and sells; None where there were too few to tell one.

    known_utc: the close of the last market whose trades told them. Of a minute before it they say nothing, so that no
    row is described by trades that came after it. None: they were not fitted, or are asked in hindsight.
    """

    buy: Law | None
    sell: Law | None
    known_utc: datetime | None = None

    @property
    def of_column(self) -> dict[str, Law | None]:
        """The law of each column of intensities."""
        return dict(zip(SIDES, (self.buy, self.sell), strict=True))

    def in_hindsight(self) -> Laws:
        """Return the same laws, which speak of every minute: to look at rows, never to learn from them."""
        return replace(self, known_utc=None)

    def document(self) -> dict[str, Any]:
        """Return the laws as JSON has them."""
        return {
            "buy": self.buy.document() if self.buy else None,
            "sell": self.sell.document() if self.sell else None,
            "known_utc": self.known_utc.isoformat() if self.known_utc else None,
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> Laws:
        """Return the laws that `document` wrote."""
        buy, sell, known = document["buy"], document["sell"], document["known_utc"]
        return cls(
            buy=Law.of(buy) if buy else None,
            sell=Law.of(sell) if sell else None,
            known_utc=datetime.fromisoformat(known) if known else None,
        )


def fit_laws(snapshot: Snapshot, city: str, dates: Sequence[date]) -> Laws:
    """Return the laws of greatest likelihood of a city's trades on some event dates, all of their markets together."""
    markets, trades = _read(snapshot, city, dates)
    found = [
        fit(tapes).law if len(tapes.times_minutes) >= LEAST_EVENTS else None
        for tapes in (tapes_of(trades, markets, taker_side=side) for side in SIDES.values())
    ]
    closed: list[datetime | None] = markets.select(pl.col("close_utc").max())["close_utc"].to_list()
    return Laws(buy=found[0], sell=found[1], known_utc=closed[0])


def laws_told(snapshot: Snapshot, city: str, dates: Sequence[date]) -> dict[str, Goodness | None]:
    """Return how well the laws of the earlier half of some dates tell the trades of the later half, by column.

    None is of a side that has too few trades to fit or none to tell; of a single date no law is known to fit.
    """
    ordered = sorted(dates)
    earlier, later = ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]
    if not earlier:
        return dict.fromkeys(SIDES)
    laws = fit_laws(snapshot, city, earlier)
    markets, trades = _read(snapshot, city, later)
    told = {column: tapes_of(trades, markets, taker_side=side) for column, side in SIDES.items()}
    return {
        column: goodness(law, told[column]) if law is not None and len(told[column].times_minutes) else None
        for column, law in laws.of_column.items()
    }


def _read(snapshot: Snapshot, city: str, dates: Sequence[date]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the markets and the trades of some event dates."""
    since, until = min(dates), max(dates)
    markets, trades = (
        snapshot.scan(table, cities=(city,), since=since, until=until).filter(pl.col("event_date").is_in(list(dates)))
        for table in (MARKETS, TRADES)
    )
    return markets.collect(), trades.collect()


def tapes_of(trades: pl.DataFrame, markets: pl.DataFrame, *, taker_side: str) -> Tapes:
    """Return the events of one side, a tape for each market in their order, in minutes since its opening."""
    watched = markets.sort("market_ticker").select(
        "market_ticker", "open_utc", _minutes("close_utc").alias("end_minutes")
    ).with_row_index("tape")  # fmt: skip
    events = (
        trades.filter((pl.col("taker_side") == taker_side) & ~pl.col("is_block"))
        .join(watched, on="market_ticker", how="inner")
        .select(pl.col("tape").cast(pl.Int64), _minutes("known_utc").alias("at"), "end_minutes")
        .filter(pl.col("at").is_between(0, pl.col("end_minutes")))
        .unique(("tape", "at"))
        .sort("tape", "at")
    )
    return Tapes(
        times_minutes=events["at"].to_numpy(),
        of_tape=events["tape"].to_numpy(),
        start_minutes=np.zeros(watched.height),
        end_minutes=watched["end_minutes"].to_numpy(),
    )


def intensities(laws: Laws, trades: pl.DataFrame, markets: pl.DataFrame, minutes: pl.DataFrame) -> pl.DataFrame:
    """Return the rates of buys and sells at each minute, in its order, from trades known by then.

    They are null before the laws are known.
    """
    placed = minutes.join(
        markets.sort("market_ticker").select("market_ticker", "open_utc").with_row_index("tape"),
        on="market_ticker", how="left", maintain_order="left",
    )  # fmt: skip
    at_minutes: Floats = placed.select(_minutes("ts_utc"))["ts_utc"].to_numpy()
    of_tape = placed["tape"].cast(pl.Int64).to_numpy()
    rates = [
        pl.lit(None, pl.Float64).alias(column)
        if law is None
        else pl.Series(
            column,
            intensity(law, tapes_of(trades, markets, taker_side=SIDES[column]), at_minutes, of_tape=of_tape),
        )
        for column, law in laws.of_column.items()
    ]
    told = minutes.with_columns(rates)
    if laws.known_utc is None:
        return told
    is_known = pl.col("ts_utc") >= laws.known_utc
    return told.with_columns(pl.when(is_known).then(column).alias(column) for column in SIDES)


def _minutes(at: str) -> pl.Expr:
    """Return the minutes from the opening of the market to an instant."""
    return (pl.col(at) - pl.col("open_utc")).dt.total_microseconds() / _MICROSECONDS_PER_MINUTE
