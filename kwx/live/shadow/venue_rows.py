"""What an exchange did with the orders of a lived date, as rows of orders and fills."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from kwx.exec.bars.bars import Bars, Words
from kwx.exec.ledger.fills import around
from kwx.exec.ledger.known import Known
from kwx.exec.ledger.orders import BUY, MAKER, SELL, TAKER
from kwx.exec.ledger.places import MINUTE, Ints
from kwx.exec.reported import Fill
from kwx.exec.venue.own_order import OwnOrder, Standing
from kwx.exec.venue.told import VenueFill
from warehouse.errors import Unbalanced
from warehouse.lake.tables import FILLS, ORDERS, UTC_TYPE

_REPORTED = {
    "trade_id": pl.String(), "order_id": pl.String(), "client_order_id": pl.String(), "market_ticker": pl.String(),
    "side": pl.Int32(), "ticks": pl.Int32(), "centi": pl.Int64(), "fee_micros": pl.Int64(), "is_taker": pl.Boolean(),
    "at_utc": UTC_TYPE,
}  # fmt: skip
_STATUS = {
    Standing.SENT: "resting", Standing.AMBIGUOUS: "resting", Standing.RESTING: "resting", Standing.FILLED: "filled",
    Standing.CANCELLED: "canceled", Standing.REJECTED: "rejected", Standing.ABSENT: "rejected",
}  # fmt: skip


def reported_frame(fills: Iterable[VenueFill]) -> pl.DataFrame:
    """Return executions as a record of the journal keeps them."""
    rows = [{name: getattr(fill, name) for name in _REPORTED} for fill in fills]
    return pl.DataFrame(rows, schema=_REPORTED)


def fills_of(reported: pl.DataFrame, tickers: Words) -> Iterator[Fill]:
    """Yield executions as a state takes them, in their order; those of other markets are left out."""
    places = {str(name): place for place, name in np.ndenumerate(tickers) if name}
    for row in reported.iter_rows(named=True):
        if row["market_ticker"] in places:
            yield Fill(
                place=places[row["market_ticker"]], centi=row["side"] * row["centi"], ticks=row["ticks"],
                fee_micros=row["fee_micros"], rested=not row["is_taker"],
            )  # fmt: skip


def fill_rows(run_id: str, bars: Bars, reported: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Return the rows of the table fills of what an exchange reported, with their city and event date."""
    markets = _markets(bars)
    rows = reported.unique(["trade_id", "order_id"], keep="first", maintain_order=True).join(
        markets, on="market_ticker", how="left", maintain_order="left"
    )
    if rows["market"].has_nulls():
        raise Unbalanced(
            f"run {run_id}: the exchange filled an order in a market that was not traded",
            hint="look at what was adopted when the loop began",
        )
    market = rows["market"].to_numpy()
    seen = _minute_before(bars, rows["at_utc"])
    minute = np.minimum(seen + 1, len(bars.minutes.open) - 2)
    told = rows.with_columns(pl.Series(name, values) for name, values in around(bars, minute, seen, market).items())
    made = known.at(told, "seen_utc").with_columns(
        run_id=pl.lit(run_id),
        fill_id=pl.col("trade_id"),
        order_id=pl.col("client_order_id"),
        ts_utc=pl.col("at_utc"),
        side=pl.when(pl.col("side") > 0).then(pl.lit(BUY)).otherwise(pl.lit(SELL)),
        style=pl.when("is_taker").then(pl.lit(TAKER)).otherwise(pl.lit(MAKER)),
        price_ticks="ticks",
        count_centi="centi",
    )
    return made.select("city", "event_date", *(pl.col(name).cast(dtype) for name, dtype in FILLS.schema.items()))


def order_rows(run_id: str, bars: Bars, orders: Iterable[OwnOrder]) -> pl.DataFrame:
    """Return the rows of the table orders of what was sent to an exchange by a run, with their city and event date."""
    own = [_order(run_id, order) for order in orders if order.decision is not None and order.decision.run_id == run_id]
    placed = pl.DataFrame(own, schema=ORDERS.schema).join(_markets(bars), on="market_ticker", how="inner")
    return placed.select("city", "event_date", *ORDERS.schema)


def _order(run_id: str, order: OwnOrder) -> dict[str, object]:
    status = _STATUS[order.standing]
    expired = order.standing is Standing.CANCELLED and order.expires_utc is not None and order.why == "expired"
    return {
        "run_id": run_id,
        "order_id": order.client_order_id,
        "market_ticker": order.market_ticker,
        "ts_utc": order.sent_utc,
        "venue_order_id": order.order_id,
        "side": BUY if order.side > 0 else SELL,
        "style": TAKER if order.takes else MAKER,
        "time_in_force": "ioc" if order.takes else "gtd" if order.expires_utc else "gtc",
        "post_only": not order.takes,
        "price_ticks": order.ticks,
        "count_centi": max(order.centi, order.filled_centi),
        "filled_centi": order.filled_centi,
        "status": "expired" if expired else status,
        "closed_utc": None,
    }


def _markets(bars: Bars) -> pl.DataFrame:
    """Return the city, the event date and the place of each market."""
    brackets = len(bars.tickers)
    return (
        pl.DataFrame(
            {
                "market_ticker": bars.tickers.ravel(),
                "city": [key for _ in range(brackets) for key in bars.cities],
                "event_date": [bars.dates[0]] * bars.tickers.size,
            }
        )
        .with_row_index("market")
        .filter(pl.col("market_ticker") != "")
    )


def _minute_before(bars: Bars, at_utc: pl.Series) -> Ints:
    """Return the last minute that had ended at some instants."""
    since = at_utc.dt.replace_time_zone(None).to_numpy() - bars.starts_utc[0]
    minutes: Ints = np.clip(since // MINUTE - 1, 0, len(bars.minutes.open) - 2).astype(np.int64)
    return minutes
