"""Cancelling everything, and looking whether it is gone: nothing that goes wrong keeps the rest from being tried."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from kwx.exec.venue.book_of_orders import is_named_like_ours
from kwx.exec.venue.contract import Venue
from pipelines.kalshi.portfolio.records import Order
from warehouse.errors import KwxError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StoodDown:
    """Our orders that still rest after everything was tried (None: nobody could look), and what went wrong."""

    left: tuple[str, ...] | None
    errors: tuple[str, ...]

    @property
    def is_clear(self) -> bool:
        """True when it was seen that nothing of ours rests."""
        return self.left == ()


def stand_down(venue: Venue, *, groups: Sequence[str]) -> StoodDown:
    """Trigger our groups, cancel all, look, and cancel one by one what is left."""
    errors: list[str] = []
    for group in groups:
        _try(errors, f"trigger of group {group}", partial(venue.trigger_group, group))
    _try(errors, "cancel of all orders", venue.cancel_all)
    left = _left(venue, groups, errors)
    if left:
        for order in left:
            cancel = partial(venue.cancel, order.order_id, market_ticker=order.market_ticker)
            _try(errors, f"cancel of {order.order_id}", cancel)
        left = _left(venue, groups, errors)
    return StoodDown(left=None if left is None else tuple(order.order_id for order in left), errors=tuple(errors))


def _left(venue: Venue, groups: Sequence[str], errors: list[str]) -> list[Order] | None:
    found: list[Order] = []

    def look() -> None:
        found.extend(order for order in venue.orders(status="resting") if is_named_like_ours(order, groups))

    return found if _try(errors, "a look at what still rests", look) else None


def _try(errors: list[str], what: str, do: Callable[[], object]) -> bool:
    """Do something, or tell that it could not be done."""
    try:
        do()
    except KwxError as error:
        errors.append(f"{what}: {error}")
        logger.error("%s failed: %s", what, error)
        return False
    return True
