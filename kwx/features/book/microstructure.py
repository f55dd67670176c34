"""Book and tape as features: the columns of each minute, and the set of features over them.

A day whose order books were not recorded gives no row, so its features are unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from kwx.features.book.aggression import SIDES, Laws, intensities
from kwx.features.book.flows import FLOWS, flow_minutes, minutes_of
from kwx.features.book.tops import tops_of
from kwx.features.feature import Feature, FeatureSet
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import BOOKS, MARKETS, TRADES, Partition
from warehouse.market.money import TICKS_PER_DOLLAR

COLUMNS = {**FLOWS, **{column: pl.Float64() for column in SIDES}}
"""The columns of each market and minute, known at ts_utc; hawkes_* are events per minute."""

_KEY = ("market_ticker", "ts_utc")


def recorded_dates(snapshot: Snapshot, city: str, dates: Sequence[date]) -> tuple[date, ...]:
    """Return those of some event dates whose order books were recorded."""
    have = {partition.event_date for partition in snapshot.partitions(BOOKS.name) if partition.city == city}
    return tuple(day for day in dates if day in have)


def microstructure_of(snapshot: Snapshot, partition: Partition, laws: Laws) -> pl.DataFrame:
    """Return the columns (COLUMNS) of one day: a row for each market and minute from its first whole book to its close.

    A minute is made of messages and trades received by its end alone.
    """
    books, trades, markets = (snapshot.read(table, partition) for table in (BOOKS, TRADES, MARKETS))
    return microstructure(books, trades, markets, laws)


def microstructure(books: pl.DataFrame, trades: pl.DataFrame, markets: pl.DataFrame, laws: Laws) -> pl.DataFrame:
    """Return the columns (COLUMNS) of what was received of some markets."""
    told = flow_minutes(tops_of(books), trades, minutes_of(markets))
    return intensities(laws, trades, markets, told).select(*COLUMNS)


def with_microstructure(panel: pl.DataFrame, snapshot: Snapshot, city: str, laws: Laws) -> pl.DataFrame:
    """Return a panel of a city with the columns beside it, null where no book was recorded, in the panel's order."""
    dates = recorded_dates(snapshot, city, sorted(panel["event_date"].unique()))
    days = [microstructure_of(snapshot, Partition(city, day), laws) for day in dates]
    told = pl.concat([pl.DataFrame(schema=COLUMNS), *days])
    return panel.join(told, on=_KEY, how="left", maintain_order="left")


def _signed_log(count: pl.Expr) -> pl.Expr:
    """Return the log of 1 + |count| with the sign of the count."""
    return count.sign() * count.abs().log1p()


_DEPTH = (pl.col("book_bid_contracts") + pl.col("book_ask_contracts")) / 2

QUEUE_IMBALANCE = Feature(
    name="queue_imbalance", meaning="size at the best bid less that at the best offer, as a share of both",
    sources=("queue_imbalance",), value=pl.col("queue_imbalance"), unit="1",
)  # fmt: skip
MICRO_GAP = Feature(
    name="micro_gap", meaning="microprice minus mid: half the spread times the queue imbalance",
    sources=("book_bid_ticks", "book_ask_ticks", "queue_imbalance"),
    value=(pl.col("book_ask_ticks") - pl.col("book_bid_ticks")) / (2 * TICKS_PER_DOLLAR) * pl.col("queue_imbalance"),
    unit="p",
)  # fmt: skip
OFI_BID_LOG = Feature(
    name="ofi_bid_log", meaning="signed log of contracts that came to the best bid in the minute less those that left",
    sources=("ofi_bid_1m",), value=_signed_log(pl.col("ofi_bid_1m")), unit="log contracts",
)  # fmt: skip
OFI_ASK_LOG = Feature(
    name="ofi_ask_log", meaning="the same of the best offer", sources=("ofi_ask_1m",),
    value=_signed_log(pl.col("ofi_ask_1m")), unit="log contracts",
)  # fmt: skip
OFI_LOG = Feature(
    name="ofi_log", meaning="signed log of the order-flow imbalance of the minute", sources=("ofi_1m",),
    value=_signed_log(pl.col("ofi_1m")), unit="log contracts",
)  # fmt: skip
OFI_5M_DEPTH = Feature(
    name="ofi_5m_depth", meaning="order-flow imbalance of five minutes per contract that rests at the best prices now",
    sources=("ofi_5m", "book_bid_contracts", "book_ask_contracts"),
    value=_signed_log(pl.col("ofi_5m") / pl.when(_DEPTH > 0).then(_DEPTH)), unit="log 1",
)  # fmt: skip
CANCELLED_BID_LOG = Feature(
    name="cancelled_bid_log", meaning="log of 1 + contracts that left the best bid in the minute and were not traded",
    sources=("cancelled_bid_1m",), value=pl.col("cancelled_bid_1m").log1p(), unit="log contracts/min",
)  # fmt: skip
CANCELLED_ASK_LOG = Feature(
    name="cancelled_ask_log", meaning="the same of the best offer", sources=("cancelled_ask_1m",),
    value=pl.col("cancelled_ask_1m").log1p(), unit="log contracts/min",
)  # fmt: skip
HAWKES_BUY = Feature(
    name="hawkes_buy", meaning="rate of orders that take offers of yes, from past ones", sources=("hawkes_buy",),
    value=pl.col("hawkes_buy"), unit="1/min",
)  # fmt: skip
HAWKES_SELL = Feature(
    name="hawkes_sell", meaning="rate of orders that take bids for yes, from past ones", sources=("hawkes_sell",),
    value=pl.col("hawkes_sell"), unit="1/min",
)  # fmt: skip
HAWKES_TILT = Feature(
    name="hawkes_tilt", meaning="rate of buys less that of sells, as a share of both",
    sources=("hawkes_buy", "hawkes_sell"), unit="1",
    value=(pl.col("hawkes_buy") - pl.col("hawkes_sell")) / (pl.col("hawkes_buy") + pl.col("hawkes_sell")),
)  # fmt: skip

MICROSTRUCTURE = FeatureSet(
    name="microstructure",
    features=(
        QUEUE_IMBALANCE, MICRO_GAP, OFI_BID_LOG, OFI_ASK_LOG, OFI_LOG, OFI_5M_DEPTH, CANCELLED_BID_LOG,
        CANCELLED_ASK_LOG, HAWKES_BUY, HAWKES_SELL, HAWKES_TILT,
    ),
)  # fmt: skip
