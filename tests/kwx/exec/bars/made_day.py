"""One small event made by hand: two brackets of Chicago that trade for ten minutes, and frames as the lake has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl

from kwx.exec.bars.events import Event, Settled
from kwx.exec.bars.fees import Fees
from kwx.exec.bars.grid import Extent, Grid
from warehouse.lake.tables import BOOKS, CANDLES_DENSE, TRADES, Table
from warehouse.market.brackets import Bracket
from warehouse.market.fees import FeeRule
from warehouse.market.ladder import Ladder

DAY = date(2026, 11, 2)
OPENS = datetime(2026, 11, 1, 15, tzinfo=UTC)
MINUTES = 10
COLD, WARM = "KXHIGHCHI-26NOV02-T61", "KXHIGHCHI-26NOV02-T60"


def at(minutes: float) -> datetime:
    """Return the instant so many minutes after the opening."""
    return OPENS + timedelta(minutes=minutes)


def an_event(**changes: object) -> Event:
    """Return the event, with what is said changed."""
    said = {
        "city": "chicago",
        "event_date": DAY,
        "ladder": Ladder.of([(COLD, Bracket(None, 60)), (WARM, Bracket(61, None))], event="KXHIGHCHI-26NOV02"),
        "opens_utc": OPENS,
        "closes_utc": at(MINUTES),
        "fees": (Fees(OPENS, FeeRule(), FeeRule()),),
        "price_step_ticks": 100,
        "settled": Settled(1, 64.0, at(900)),
    }
    return Event(**(said | changes))


def a_grid(*events: Event, cities: Sequence[str] = ("chicago",), dates: Sequence[date] = (DAY,)) -> Grid:
    """Return the grid of some events, of the one event if none is said."""
    laid = events or (an_event(),)
    return Grid.of(laid, Extent.of(laid), cities=cities, dates=dates)


def dense(rows: Iterable[dict[str, object]]) -> pl.DataFrame:
    """Return minutes of candles_dense; `minute` counts their ends from the opening."""
    usual = {"market_ticker": COLD, "yes_bid_ticks": 4_900, "yes_ask_ticks": 5_100, "volume_20m_centi": 0}
    return _rows(
        CANDLES_DENSE,
        (
            usual | {"complete": True, "minutes_to_close": MINUTES - int(str(row["minute"]))} | row
            for row in rows
        ),
    )  # fmt: skip


def tape(
    *trades: tuple[float, str, int, int], ticker: str = COLD, block: bool = False, late: float = 0
) -> pl.DataFrame:
    """Return trades of (minutes after the opening, taker side, ticks, centi); known `late` minutes later."""
    rows = (
        {
            "trade_id": f"t{number}", "market_ticker": ticker, "minute": minute, "yes_price_ticks": ticks,
            "count_centi": centi, "taker_side": side, "is_block": block, "known_utc": at(minute + late),
        }
        for number, (minute, side, ticks, centi) in enumerate(trades)
    )  # fmt: skip
    return _rows(TRADES, rows)


def books(*messages: dict[str, object]) -> pl.DataFrame:
    """Return order-book messages in the order said, `minute` being that of their receipt."""
    rows = (
        {"market_ticker": COLD, "sid": 1, "seq": seq, "kind": "delta", "known_utc": at(float(str(said["minute"])))}
        | said
        for seq, said in enumerate(messages, 1)
    )
    return _rows(BOOKS, rows)


def whole_book(minute: float, bids: dict[int, int], asks: dict[int, int]) -> dict[str, object]:
    """Return a whole book: centi by ticks."""
    return {
        "minute": minute, "kind": "snapshot",
        "bid_prices_ticks": sorted(bids), "bid_sizes_centi": [bids[price] for price in sorted(bids)],
        "ask_prices_ticks": sorted(asks, reverse=True),
        "ask_sizes_centi": [asks[price] for price in sorted(asks, reverse=True)],
    }  # fmt: skip


def _rows(table: Table, rows: Iterable[dict[str, object]]) -> pl.DataFrame:
    columns = {"event_date": pl.Date(), **table.schema}
    known = [{"event_date": DAY, "ts_utc": at(float(str(row["minute"])))} | row for row in rows]
    return pl.DataFrame([{name: row.get(name) for name in columns} for row in known], schema=columns)
