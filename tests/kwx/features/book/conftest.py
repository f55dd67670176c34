"""Order books written by hand, a minute and a market at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from warehouse.lake.tables import BOOKS, MARKETS, TRADES

OPEN = datetime(2026, 11, 1, 15, tzinfo=UTC)
NAME = "KXHIGHCHI-26NOV01-B50.5"


def at(seconds: float) -> datetime:
    """Return the instant so many seconds after the opening."""
    return OPEN + timedelta(seconds=seconds)


class Script:
    """Messages in the order in which they are written down."""

    def __init__(self, name: str = NAME) -> None:
        self.name, self.rows, self.prints = name, [], []

    def whole(self, seconds: float, bids: dict[int, int], asks: dict[int, int], *, sid: int = 1) -> Script:
        """A whole book: contracts by cents."""
        bid, ask = sorted(bids), sorted(asks, reverse=True)
        return self._add(
            seconds, sid, "snapshot",
            bid_prices_ticks=[100 * price for price in bid], bid_sizes_centi=[100 * bids[price] for price in bid],
            ask_prices_ticks=[100 * price for price in ask], ask_sizes_centi=[100 * asks[price] for price in ask],
        )  # fmt: skip

    def bid(self, seconds: float, cents: int, contracts: int, *, sid: int = 1) -> Script:
        """A change of a bid level."""
        return self._change(seconds, sid, "yes", cents, contracts)

    def ask(self, seconds: float, cents: int, contracts: int, *, sid: int = 1) -> Script:
        """A change of an offer level."""
        return self._change(seconds, sid, "no", cents, contracts)

    def gap(self, seconds: float, *, sid: int = 1) -> Script:
        """Messages were missed."""
        return self._add(seconds, sid, "gap")

    def trade(self, seconds: float, cents: int, contracts: int, taker: str, *, block: bool = False) -> Script:
        """A trade on the tape."""
        said = {
            "trade_id": f"t{len(self.prints)}", "market_ticker": self.name, "ts_utc": at(seconds),
            "known_utc": at(seconds), "yes_price_ticks": 100 * cents, "count_centi": 100 * contracts,
            "taker_side": taker, "is_block": block,
        }  # fmt: skip
        self.prints.append(said)
        return self

    @property
    def books(self) -> pl.DataFrame:
        """The messages as the table has them."""
        return pl.DataFrame(self.rows, schema=BOOKS.schema)

    @property
    def trades(self) -> pl.DataFrame:
        """The tape as the table has it."""
        return pl.DataFrame(self.prints, schema=TRADES.schema)

    def _change(self, seconds: float, sid: int, side: str, cents: int, contracts: int) -> Script:
        return self._add(seconds, sid, "delta", side=side, price_ticks=100 * cents, delta_centi=100 * contracts)

    def _add(self, seconds: float, sid: int, kind: str, **said: object) -> Script:
        row = dict.fromkeys(BOOKS.schema) | {
            "market_ticker": self.name, "sid": sid, "seq": len(self.rows) + 1, "kind": kind,
            "ts_utc": at(seconds), "known_utc": at(seconds),
        }  # fmt: skip
        self.rows.append(row | said)
        return self


@pytest.fixture
def script() -> Script:
    """An empty script."""
    return Script()


@pytest.fixture
def instant() -> Callable[[float], datetime]:
    """Return the instant so many seconds after the opening."""
    return at


@pytest.fixture
def markets() -> pl.DataFrame:
    """The market of the scripts, open for ten minutes."""
    row = dict.fromkeys(MARKETS.schema) | {"market_ticker": NAME, "open_utc": OPEN, "close_utc": at(600)}
    return pl.DataFrame([row], schema=MARKETS.schema)
