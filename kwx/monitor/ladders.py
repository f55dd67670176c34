"""Today's events: each ladder by market, weather and both, and the day so far with its fan.

A ladder is told at the newest minute; of an event that is over, when one bracket has all, at the noon of its day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from kwx.hazard.recipe import Recipe
from kwx.monitor.look import Look
from kwx.scoring.stored.labels import labels_of
from warehouse.errors import ContractBroken
from warehouse.lake.tables import CANDLES_DENSE, MARKETS, OBS_5M, PMF_DEGREES, PMF_MINUTE, Partition
from warehouse.market.cities import CITIES
from warehouse.market.climate_day import ClimateDay
from warehouse.market.ladder import Ladder
from warehouse.market.money import TICKS_PER_DOLLAR

SOURCES = {"market": "p_mkt", "weather": "p_wx", "fused": "p_fused_norm"}
_NOON = timedelta(hours=12)
QUANTILES = {"q05_f": 0.05, "q25_f": 0.25, "q50_f": 0.5, "q75_f": 0.75, "q95_f": 0.95}
_QUOTES = ("market_ticker", "ts_utc", "yes_bid_ticks", "yes_ask_ticks")


@dataclass(frozen=True, kw_only=True, eq=False)
class Event:
    """One city's newest event. ladder: bracket, bracket_order, source, p, ts_utc; each source at its own newest minute.

    is_over: its markets are closed, and the ladder is that of noon.

    by_mids: the market's chances are shares of the mids, for no others are stored. fan: ts_utc and the quantiles of the
    high, in whole degrees. day: ts_utc, temp_f, run_max_lo_f and run_max_hi_f. high_f: what it settled on, None yet.
    """

    city: str
    event_date: date
    event_ticker: str
    is_over: bool
    ladder: pl.DataFrame
    by_mids: bool
    fan: pl.DataFrame
    day: pl.DataFrame
    high_f: int | None

    @property
    def ts_utc(self) -> datetime | None:
        """The newest minute of any source."""
        return self.ladder["ts_utc"].max()  # type: ignore[return-value]


def events_of(look: Look) -> list[Event]:
    """Return the newest event of each city up to today, by city; one whose brackets leave gaps is left out."""
    newest: dict[str, date] = {}
    for place in look.recent.partitions(MARKETS.name):
        if place.event_date is not None:
            newest[place.city] = max(place.event_date, newest.get(place.city, place.event_date))
    labels = labels_of(look.recent).filter(pl.col("label_known_utc") <= look.moment)
    settled = {(city, day): high_f for city, day, high_f in labels.drop("label_known_utc").iter_rows()}
    found = (_event(look, city, day, settled.get((city, day))) for city, day in sorted(newest.items()))
    return [event for event in found if event is not None]


def _event(look: Look, city: str, day: date, high_f: int | None) -> Event | None:
    place = Partition(city, day)
    markets = look.recent.read(MARKETS, place)
    event = markets.filter(pl.col("event_ticker") == pl.col("event_ticker").max())
    try:
        ladder = Ladder.of_event(event)
    except ContractBroken:
        return None  # the checks and the audits tell of it
    named = pl.DataFrame(
        {"market_ticker": ladder.names, "bracket": [str(one) for one in ladder.brackets]}
    ).with_row_index("bracket_order")
    is_over = bool((event["close_utc"] <= look.moment).all())
    until_utc = ClimateDay(CITIES[city], day).start_utc + _NOON if is_over else look.moment
    stored = {source: _newest(look, place, named, source, until_utc) for source in SOURCES}
    by_mids = stored["market"].is_empty()
    market = _mids(look, place, named, until_utc) if by_mids else stored["market"]
    return Event(
        city=city, event_date=day, event_ticker=event["event_ticker"][0], is_over=is_over,
        ladder=pl.concat([market, stored["weather"], stored["fused"]]), by_mids=by_mids and market.height > 0,
        fan=_fan(look, place), day=_day(look, place), high_f=high_f,
    )  # fmt: skip


def _newest(look: Look, place: Partition, named: pl.DataFrame, source: str, until_utc: datetime) -> pl.DataFrame:
    """Return a source's ladder at the newest minute at which it spoke of every bracket."""
    column = SOURCES[source]
    told = look.recent.read(PMF_MINUTE, place, columns=("market_ticker", "ts_utc", column)).drop_nulls(column)
    return _at_newest(told.rename({column: "p"}).filter(pl.col("ts_utc") <= until_utc), named, source)


def _mids(look: Look, place: Partition, named: pl.DataFrame, until_utc: datetime) -> pl.DataFrame:
    """Return the market's ladder as shares of its mids, where every bracket had two sides."""
    quotes = look.recent.read(CANDLES_DENSE, place, columns=_QUOTES).filter(pl.col("ts_utc") <= until_utc)
    two_sided = quotes.filter(pl.col("yes_bid_ticks") > 0, pl.col("yes_ask_ticks") < TICKS_PER_DOLLAR)
    mids = two_sided.select("market_ticker", "ts_utc", p=pl.col("yes_bid_ticks") + pl.col("yes_ask_ticks"))
    return _at_newest(mids.with_columns(pl.col("p") / pl.col("p").sum().over("ts_utc")), named, "market")


def _at_newest(told: pl.DataFrame, named: pl.DataFrame, source: str) -> pl.DataFrame:
    ours = told.join(named, on="market_ticker", how="inner")
    whole = ours.filter(pl.len().over("ts_utc") == named.height)
    newest = whole.filter(pl.col("ts_utc") == pl.col("ts_utc").max()).sort("bracket_order")
    return newest.select("bracket", "bracket_order", pl.lit(source).alias("source"), "p", "ts_utc")


def _fan(look: Look, place: Partition) -> pl.DataFrame:
    """Return the quantiles of the high at each evaluation: the smallest degree that has as much at and below it."""
    rows = look.recent.read(PMF_DEGREES, place).filter(
        pl.col("mc_version") == Recipe().mc_version, pl.col("ts_utc") <= look.moment
    )
    first_f = rows["first_f"].to_numpy()
    lengths = rows["p"].list.len().to_numpy().astype(np.int64)
    p = np.zeros((rows.height, int(lengths.max(initial=1))))
    row = np.repeat(np.arange(rows.height), lengths)
    p[row, np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)] = rows["p"].explode(
        empty_as_null=False, keep_nulls=False
    )
    below = np.cumsum(p, axis=1)
    of_degree = {name: first_f + (below < quantile * below[:, -1:]).sum(axis=1) for name, quantile in QUANTILES.items()}
    return pl.DataFrame({"ts_utc": rows["ts_utc"], **of_degree}).sort("ts_utc")


def _day(look: Look, place: Partition) -> pl.DataFrame:
    columns = ("ts_utc", "temp_f", "run_max_lo_f", "run_max_hi_f")
    return look.recent.read(OBS_5M, place, columns=columns).filter(pl.col("ts_utc") <= look.moment).sort("ts_utc")
