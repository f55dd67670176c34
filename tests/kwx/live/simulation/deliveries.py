"""What a world tells of its days, as feeds bring it: late, twice, out of order, and listed in part or anew.

Rows are those of a lake that holds the days whole. Each is delivered after it is known, never before; how late is drawn
from the seed. The present that a loop lives in begins with what was delivered by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

import numpy as np
import polars as pl

from pipelines.live.arrivals import Arrival
from warehouse.lake.present import Present
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_1M, MARKETS, OBS, SETTLEMENTS, TRADES, Table

MINUTE = timedelta(minutes=1)
TOLD = (CANDLES_1M, TRADES, OBS, SETTLEMENTS)
LATE_S = ((0.88, 0, 2), (0.10, 20, 90), (0.02, 180, 600))
"""Shares of what is told, and between how many seconds late each of them is."""
UNKNOWN_YET = {"result": None, "expiration_value_f": None, "settled_utc": None, "status": "active"}
PAYS_MAKERS = "quadratic_with_maker_fees"


@dataclass
class Deliveries:
    """The rows that are still to come; `knows_results` lists how events end from the beginning."""

    snapshot: Snapshot
    cities: tuple[str, ...]
    start_utc: datetime
    seed: int
    knows_results: bool = False
    coming: dict[str, pl.DataFrame] = field(default_factory=dict)
    listings: list[tuple[datetime, pl.DataFrame]] = field(default_factory=list)
    told: dict[str, pl.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        draw = np.random.default_rng(self.seed)
        for table in TOLD:
            rows = self.snapshot.scan(table, cities=self.cities).collect()
            arrives = pl.col("known_utc") + pl.duration(milliseconds=pl.Series(_late_ms(draw, len(rows))))
            self.coming[table.name] = rows.with_columns(arrives_utc=arrives).sort("arrives_utc", *table.order)
        markets = self.snapshot.scan(MARKETS, cities=self.cities).collect()
        listed = markets if self.knows_results else markets.with_columns(
            pl.lit(value).cast(MARKETS.schema[name]).alias(name) for name, value in UNKNOWN_YET.items()
        )  # fmt: skip
        self.listings = [(key[0], rows) for key, rows in listed.partition_by("known_utc", as_dict=True).items()]
        self.listings += [(key[0], rows) for key, rows in markets.partition_by("settled_utc", as_dict=True).items()]

    def begin(self, present: Present) -> None:
        """Take out of a present whatever was not delivered by its beginning."""
        for table in (*TOLD, MARKETS):
            for place in present.partitions(table.name):
                present.put(table, place, present.read(table, place).select(table.schema.names()).clear())
        for arrival in self.until(self.start_utc, in_order=True):
            for place, rows in arrival.table.split(arrival.frame):
                held = present.read(arrival.table, place).select(arrival.table.schema.names())
                new = pl.concat([held, rows.select(held.columns)])
                present.put(arrival.table, place, new.unique(arrival.table.key, keep="last").sort(arrival.table.order))

    def until(
        self, now_utc: datetime, *, silent: frozenset[str] = frozenset(), in_order: bool = False
    ) -> list[Arrival]:
        """Return what came by now of the cities that are heard."""
        arrivals = [Arrival(table=MARKETS, frame=frame, received_utc=now_utc) for frame in self._listed(now_utc)]
        for table in TOLD:
            rows = self.coming[table.name]
            comes = (pl.col("arrives_utc") <= now_utc) & ~pl.col("city").is_in(sorted(silent))
            came, self.coming[table.name] = rows.filter(comes), rows.filter(~comes)
            for frame in [came.drop("arrives_utc")] if in_order else self._disordered(table, came.drop("arrives_utc")):
                arrivals.append(Arrival(table=table, frame=frame, received_utc=now_utc))
        if not in_order:
            self.chance.shuffle(arrivals)
        return arrivals

    def in_until(self, table: Table, now_utc: datetime) -> dict[str, datetime]:
        """Return by city the last whole minute of which everything that a table tells was delivered."""
        over = now_utc.replace(second=0, microsecond=0)
        late = (
            self.coming[table.name].filter(pl.col("known_utc") <= over).group_by("city").agg(pl.col("known_utc").min())
        )
        missing = dict(late.iter_rows())
        before = {
            city: (at - timedelta(microseconds=1)).replace(second=0, microsecond=0) for city, at in missing.items()
        }
        return {city: before.get(city, over) for city in self.cities}

    def list_at(self, at_utc: datetime, frame: pl.DataFrame) -> None:
        """Have a listing say something at an instant."""
        self.listings.append((at_utc, frame))

    def list_instead(self, event_ticker: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        """Have an event listed otherwise, from the first word of it to the last."""
        ours = pl.col("event_ticker") == event_ticker
        self.listings = [
            (at_utc, pl.concat([rows.filter(~ours), *(change(own) for own in [rows.filter(ours)] if own.height)]))
            for at_utc, rows in self.listings
        ]

    def listed(self, city: str, event_date: date) -> pl.DataFrame:
        """Return an event as it is listed while it trades."""
        rows = self.snapshot.scan(MARKETS, cities=[city]).collect().filter(pl.col("event_date") == event_date)
        return rows.with_columns(
            pl.lit(value).cast(MARKETS.schema[name]).alias(name) for name, value in UNKNOWN_YET.items()
        )  # fmt: skip

    def _listed(self, now_utc: datetime) -> Iterator[pl.DataFrame]:
        due = sorted((one for one in self.listings if one[0] <= now_utc), key=lambda one: one[0])
        self.listings = [one for one in self.listings if one[0] > now_utc]
        yield from (frame for _, frame in due)

    def _disordered(self, table: Table, came: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Yield rows in pieces, some of them twice, some of what was told before once more."""
        before = self.told.get(table.name, came.clear())
        if came.height and self.chance.random() < 0.3:
            again = pl.concat([before.tail(5), came.head(self.chance.randint(1, 4))])
            yield again.sample(fraction=1, shuffle=True, seed=self.chance.randint(0, 1_000))
        if came.height:
            self.told[table.name] = came
            mixed = came.sample(fraction=1, shuffle=True, seed=self.chance.randint(0, 1_000))
            cut = self.chance.randint(0, came.height)
            yield from (part for part in (mixed.head(cut), mixed.tail(came.height - cut)) if part.height)


def flawed(listing: pl.DataFrame) -> pl.DataFrame:
    """Return a listing in which one bracket has another fee than the others: an event that is no whole."""
    is_first = pl.col("bracket_order") == 1
    return listing.with_columns(fee_type=pl.when(is_first).then(pl.lit(PAYS_MAKERS)).otherwise("fee_type"))


def in_seven(listing: pl.DataFrame, order: int = 3) -> pl.DataFrame:
    """Return an event of six brackets with one of its inner ones, of two degrees, split into two."""
    split = listing.filter(pl.col("bracket_order") == order)
    low, high = split["low_f"].item(), split["high_f"].item()
    halves = [
        split.with_columns(
            market_ticker=pl.lit(f"{split['event_ticker'].item()}-B{degree}"), floor_strike=pl.lit(float(degree)),
            cap_strike=pl.lit(float(degree)), low_f=pl.lit(degree, pl.Int32), high_f=pl.lit(degree, pl.Int32),
            bracket_order=pl.lit(order + place, split.schema["bracket_order"]),
        )
        for place, degree in enumerate((low, high))
    ]  # fmt: skip
    place = pl.col("bracket_order")
    others = listing.filter(place != order).with_columns(
        bracket_order=pl.when(place > order).then(place + 1).otherwise(place)
    )
    return pl.concat([others.select(listing.columns), *(half.select(listing.columns) for half in halves)])


def _late_ms(draw: np.random.Generator, number: int) -> np.ndarray:
    kind = draw.choice(len(LATE_S), size=number, p=[share for share, _, _ in LATE_S])
    least, most = (np.array([one[place] for one in LATE_S])[kind] for place in (1, 2))
    late_ms: np.ndarray = (1_000 * draw.uniform(least, most)).astype(np.int64)
    return late_ms
