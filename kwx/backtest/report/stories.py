"""The ladder of one city's event date as a run lived it: prices, fills, positions, and what each outcome would pay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from kwx.backtest.days import EVENT
from kwx.exec.bars.outcomes import outcomes_of
from kwx.exec.ladder import table
from kwx.exec.ledger.orders import BUY
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE, MARKETS, Partition
from warehouse.market.brackets import Bracket

_EVERY_MINUTES = 10
_HALF_TICKS_PER_CENT = 200
_TICKS_PER_CENT = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Story:
    """One city-day.

    brackets: a row each, coldest first: market_ticker, bracket, first and last mid in cents, contracts bought and sold,
    position at the end, what it gained, what the whole day would have come to had it won, whether it did. fills: as the
    ledger has them, in the order of time. mids: ts_utc, bracket and cents, every so many minutes.
    """

    city: str
    event_date: date
    net_micros: int
    label_f: int | None
    brackets: pl.DataFrame
    fills: pl.DataFrame
    mids: pl.DataFrame

    @property
    def names(self) -> list[str]:
        """The brackets, coldest first."""
        return self.brackets["bracket"].to_list()


def extremes(days: pl.DataFrame) -> list[tuple[str, date]]:
    """Return the settled city-day that gained most and the one that gained least, of those with a fill."""
    traded = days.filter(pl.col("is_settled") & (pl.col("maker_fills") + pl.col("taker_fills") > 0))
    ordered = traded.sort("net_micros", "event_date", "city", descending=[True, False, False]).select(EVENT)
    return list(dict.fromkeys([*ordered.head(1).iter_rows(), *ordered.tail(1).iter_rows()]))


def story_of(snapshot: Snapshot, gained: pl.DataFrame, city: str, event_date: date) -> Story:
    """Tell one city-day from the fills of a run with their gains."""
    day = Partition(city, event_date)
    fills = gained.filter((pl.col("city") == city) & (pl.col("event_date") == event_date)).sort("ts_utc", "fill_id")
    listed = snapshot.read(MARKETS, day).sort("bracket_order").select("market_ticker", "low_f", "high_f")
    told = [str(Bracket(low, high)) for low, high in listed.select("low_f", "high_f").iter_rows()]
    outcomes = outcomes_of(snapshot, cities=(city,), since=event_date, until=event_date)
    named = listed.with_columns(bracket=pl.Series(told, dtype=pl.String)).join(
        outcomes.select("market_ticker", won="settled_yes"), on="market_ticker", how="left", maintain_order="left"
    )
    label_f = _label_f(snapshot, city, event_date)
    mids = _mids(snapshot, day, named)
    return Story(
        city=city,
        event_date=event_date,
        net_micros=int(fills["net_micros"].sum()),
        label_f=label_f,
        brackets=_brackets(named, fills, mids),
        fills=fills.join(named.select("market_ticker", "bracket"), on="market_ticker", maintain_order="left"),
        mids=mids.filter(pl.col("ts_utc").dt.minute() % _EVERY_MINUTES == 0),
    )


def payoffs_micros(fills: pl.DataFrame, tickers: pl.Series) -> pl.Series:
    """Return what a city-day comes to, fees paid, for each bracket that could win: whole micros, in their order."""
    buys = pl.col("side") == BUY
    signed = pl.when(buys).then(pl.col("count_centi")).otherwise(-pl.col("count_centi"))
    spent = fills.select((signed * pl.col("price_ticks").cast(pl.Int64) + pl.col("fee_micros")).sum()).item()
    held = fills.group_by("market_ticker").agg(signed.sum().alias("centi"))
    position = pl.DataFrame({"market_ticker": tickers}).join(
        held, on="market_ticker", how="left", maintain_order="left"
    )  # fmt: skip
    payoffs = table(tickers.to_list(), position["centi"].fill_null(0).to_numpy(), -spent)
    return payoffs["payoff_micros"].alias("if_it_wins_micros")


def _brackets(named: pl.DataFrame, fills: pl.DataFrame, mids: pl.DataFrame) -> pl.DataFrame:
    counted = fills.group_by("market_ticker").agg(
        bought_centi=pl.col("count_centi").filter(pl.col("side") == BUY).sum(),
        sold_centi=pl.col("count_centi").filter(pl.col("side") != BUY).sum(),
        net_micros=pl.col("net_micros").sum(),
    )
    ends = mids.group_by("bracket").agg(
        first_cents=pl.col("cents").sort_by("ts_utc").first(), last_cents=pl.col("cents").sort_by("ts_utc").last()
    )
    rows = named.join(counted, on="market_ticker", how="left", maintain_order="left").join(
        ends, on="bracket", how="left", maintain_order="left"
    )
    return rows.with_columns(pl.col("bought_centi", "sold_centi", "net_micros").fill_null(0)).with_columns(
        payoffs_micros(fills, rows["market_ticker"]), position_centi=pl.col("bought_centi") - pl.col("sold_centi")
    )


def _mids(snapshot: Snapshot, day: Partition, named: pl.DataFrame) -> pl.DataFrame:
    """Return every two-sided mid of the day."""
    dense = snapshot.read(CANDLES_DENSE, day, columns=("market_ticker", "ts_utc", "mid_half_ticks", "price_source"))
    return (
        dense.filter(pl.col("price_source") == "mid")
        .join(named.select("market_ticker", "bracket"), on="market_ticker", maintain_order="left")
        .select("ts_utc", "bracket", cents=pl.col("mid_half_ticks") / _HALF_TICKS_PER_CENT)
        .sort("bracket", "ts_utc")
    )


def _label_f(snapshot: Snapshot, city: str, event_date: date) -> int | None:
    with snapshot.connect() as con:
        found = con.sql(
            "select label_f from settlement_label where city = $city and event_date = $day",
            params={"city": city, "day": event_date},
        ).pl()
    return None if found.is_empty() else found["label_f"].item()


def marks(story: Story) -> pl.DataFrame:
    """Return the fills of a city-day as they are drawn: ts_utc, bracket, cents and side."""
    return story.fills.select("ts_utc", "bracket", "side", cents=pl.col("price_ticks") / _TICKS_PER_CENT)
