"""What the executor needs of an exchange: the client of the real one has it, and so has a simulated one.

The errors are those of the client. A new order that is refused (VendorRefused) or not sent (VendorDown) is certainly
not in the book; otherwise it is Ambiguous. A change that is Unheard may have been made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pipelines.kalshi.portfolio.records import (
    Amendment,
    Balance,
    Fill,
    NewOrder,
    Order,
    Placed,
    Positions,
    Reduced,
    Settlement,
    Status,
)


class Venue(Protocol):
    """One account at an exchange."""

    def create(self, order: NewOrder) -> Placed:
        """Place an order, once."""
        ...

    def cancel(self, order_id: str, *, market_ticker: str) -> Reduced:
        """Cancel one order."""
        ...

    def cancel_all(self) -> None:
        """Cancel whatever rests."""
        ...

    def amend(self, change: Amendment) -> Placed:
        """Change price, size or end of an order that rests."""
        ...

    def decrease(
        self, order_id: str, *, market_ticker: str, to_centi: int | None = None, by_centi: int | None = None
    ) -> Reduced:
        """Make an order that rests smaller."""
        ...

    def orders(self, *, status: Status | None = None, market_ticker: str | None = None) -> Sequence[Order]:
        """Return our orders."""
        ...

    def order(self, order_id: str) -> Order:
        """Return one order; VendorRefused with status 404 where it is not known."""
        ...

    def fills(self, *, since_utc: datetime | None = None) -> Sequence[Fill]:
        """Return our fills; one may come twice."""
        ...

    def settlements(self, *, since_utc: datetime | None = None) -> Sequence[Settlement]:
        """Return what markets paid us."""
        ...

    def positions(self) -> Positions:
        """Return what is held and not settled."""
        ...

    def balance(self) -> Balance:
        """Return the money of the account."""
        ...

    def create_group(self, *, limit_centi: int) -> str:
        """Make an order group and return its id."""
        ...

    def trigger_group(self, order_group_id: str) -> None:
        """Cancel all orders of a group, and have it refuse new ones."""
        ...

    def user_data_utc(self) -> datetime:
        """Return the instant up to which all of these reads are complete."""
        ...
