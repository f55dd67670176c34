"""The account as an object: every method is one question, or has one thing done, through the one HTTP client.

A new order is sent once. Refused (VendorRefused) or not sent (VendorDown) it is certainly not in the book; of anything
else that fails nobody knows (Ambiguous), and only `orders` can tell. Questions are asked again as ever; so is what may
be said twice: cancels, amendments, changes of groups.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from pipelines.asking.responses import Response
from pipelines.asking.waiting import Patience
from pipelines.calls import Call
from pipelines.kalshi.answers import ExchangeStatus, read_status
from pipelines.kalshi.exact import instant_utc
from pipelines.kalshi.portfolio import calls, reading, wire, writes
from pipelines.kalshi.portfolio.batches import LOOK, ambiguous, each_placed, each_reduced
from pipelines.kalshi.portfolio.records import (
    AccountLimits,
    Amendment,
    Balance,
    Fill,
    NewOrder,
    Order,
    OrderGroup,
    Placed,
    Positions,
    QueuePosition,
    Reduced,
    Settlement,
    Status,
)
from pipelines.payload import Payload
from pipelines.vendors import Vendor, Vendors
from pipelines.writes import Write
from warehouse.errors import Ambiguous, Unheard, Unparsable, VendorDown, VendorError, VendorRefused

logger = logging.getLogger(__name__)

TRADING_PATIENCE = Patience(
    connect_s=2, read_s=4, answer_s=6, attempts=3, first_wait_s=0.1, longest_wait_s=0.5, total_s=12
)
"""Of a loop that decides every few seconds: what is later than this is asked anew in the next round."""

KNOWN_ALREADY = 409
_OTHER_CONFLICTS = frozenset({"market_inactive", "trading_is_paused"})
"""What else 409 means: the order is not in the book. Any other word may mean that its id is."""

_T = TypeVar("_T")


class Transport(Protocol):
    """What carries questions and writes to the exchange: the HTTP client, or whatever stands for it."""

    vendors: Vendors

    def send(self, write: Write) -> Response:
        """Have one thing done."""
        ...

    def fetch(self, call: Call) -> Payload:
        """Ask one question."""
        ...

    def pages(self, call: Call) -> Iterator[Payload]:
        """Ask a question and follow its cursor to the end."""
        ...

    def resize(self, vendor: Vendor) -> None:
        """Go on at other rates."""
        ...


class Portfolio:
    """One account at the exchange, as one key sees it."""

    def __init__(self, client: Transport) -> None:
        self._client = client
        self._write_burst = client.vendors["kalshi"].write_burst_tokens

    # What is to be done

    def create(self, order: NewOrder) -> Placed:
        """Place an order, once."""
        ids = (order.client_order_id,)
        try:
            response = self._send_new(writes.create(order), ids)
            item = reading.decoded(response.body, wire.PlacedItem, what=f"the answer to order {ids[0]}")
            return reading.placed(item, client_order_id=order.client_order_id)
        except Unparsable as error:
            raise ambiguous(str(error), ids) from error

    def create_batch(self, orders: Sequence[NewOrder]) -> list[Placed | VendorError]:
        """Place orders in as few batches as the write bucket holds; each gets what `create` would return or raise.

        Once a batch is ambiguous the ones after it are not sent.
        """
        answers: list[Placed | VendorError] = []
        for batch in writes.batches(orders, tokens_each=writes.TOKENS, burst_tokens=self._write_burst):
            answers += self._create_one_batch(batch)
            if any(isinstance(answer, Ambiguous) for answer in answers):
                break
        unsent = VendorDown("the order was not sent: what became of those before it is not known", hint=LOOK)
        return answers + [unsent] * (len(orders) - len(answers))

    def cancel(self, order_id: str, *, market_ticker: str) -> Reduced:
        """Cancel one order. One that is gone already is refused with 404: read it back to see how it went."""
        response = self._client.send(writes.cancel(order_id, market_ticker=market_ticker))
        return self._reduced(response, order_id)

    def cancel_batch(self, orders: Sequence[tuple[str, str]]) -> list[Reduced | VendorError]:
        """Cancel orders (id and market) in as few batches as the write bucket holds, each answered by itself."""
        answers: list[Reduced | VendorError] = []
        for batch in writes.batches(orders, tokens_each=writes.CANCEL_TOKENS, burst_tokens=self._write_burst):
            try:
                response = self._client.send(writes.cancel_batch(batch))
                answers += each_reduced(response, [order_id for order_id, _ in batch])
            except VendorError as error:
                answers += [error] * len(batch)
        return answers

    def cancel_all(self) -> None:
        """Cancel whatever rests, and what is placed within the next minute: send nothing new until that is over."""
        self._client.send(writes.cancel_all())

    def amend(self, change: Amendment) -> Placed:
        """Change an order that rests; its answer tells what it took at once, and what rests."""
        response = self._client.send(writes.amend(change))
        item = reading.decoded(response.body, wire.PlacedItem, what=f"the answer to an amend of {change.order_id}")
        return reading.placed(item, client_order_id=change.client_order_id)

    def decrease(
        self, order_id: str, *, market_ticker: str, to_centi: int | None = None, by_centi: int | None = None
    ) -> Reduced:
        """Make an order that rests smaller, to a size or by one; it keeps its place in the queue."""
        write = writes.decrease(order_id, market_ticker=market_ticker, to_centi=to_centi, by_centi=by_centi)
        return self._reduced(self._client.send(write), order_id)

    # What there is

    def orders(
        self,
        *,
        status: Status | None = None,
        market_ticker: str | None = None,
        event_tickers: Sequence[str] = (),
        since_utc: datetime | None = None,
    ) -> list[Order]:
        """Return our orders, of all pages."""
        call = calls.orders(
            status=status, market_ticker=market_ticker, event_tickers=event_tickers, since_utc=since_utc
        )
        return [reading.order(item) for page in self._pages(call, wire.OrdersPage) for item in page.orders]

    def order(self, order_id: str) -> Order:
        """Return one order."""
        return reading.order(self._one(calls.order(order_id), wire.OneOrder).order)

    def fills(
        self,
        *,
        market_tickers: Sequence[str] = (),
        order_id: str | None = None,
        since_utc: datetime | None = None,
    ) -> list[Fill]:
        """Return our fills, of all pages; one may come twice."""
        call = calls.fills(market_tickers=market_tickers, order_id=order_id, since_utc=since_utc)
        return [reading.fill(item) for page in self._pages(call, wire.FillsPage) for item in page.fills]

    def positions(self) -> Positions:
        """Return what is held and not settled."""
        pages = [reading.positions(page) for page in self._pages(calls.positions(), wire.PositionsPage)]
        return Positions(
            markets=tuple(one for page in pages for one in page.markets),
            events=tuple(one for page in pages for one in page.events),
        )

    def settlements(self, *, since_utc: datetime | None = None) -> list[Settlement]:
        """Return what markets paid us."""
        call = calls.settlements(since_utc=since_utc)
        return [
            reading.settlement(item) for page in self._pages(call, wire.SettlementsPage) for item in page.settlements
        ]

    def balance(self) -> Balance:
        """Return the money of the account."""
        return reading.balance(self._one(calls.balance(), wire.BalanceBody))

    def queue_positions(
        self, *, market_tickers: Sequence[str] = (), event_ticker: str | None = None
    ) -> list[QueuePosition]:
        """Return how much rests before our orders."""
        call = calls.queue_positions(market_tickers=market_tickers, event_ticker=event_ticker)
        return [reading.queue_position(item) for item in self._one(call, wire.QueueBody).queue_positions or ()]

    def queue_position(self, order_id: str, *, market_ticker: str) -> QueuePosition:
        """Return how much rests before one order."""
        said = self._one(calls.queue_position(order_id), wire.OneQueuePosition).queue_position_fp
        return reading.queue_position(
            wire.QueueItem(order_id=order_id, market_ticker=market_ticker, queue_position_fp=said)
        )

    # Order groups

    def create_group(self, *, limit_centi: int) -> str:
        """Make an order group and return its id; which one it is nobody knows if that was not heard."""
        response = self._client.send(writes.create_group(limit_centi))
        return reading.decoded(response.body, wire.GroupMade, what="the answer to a new group").order_group_id

    def groups(self) -> list[OrderGroup]:
        """Return our order groups, without their orders."""
        page = self._one(calls.order_groups(), wire.GroupsPage)
        return [reading.group(item, order_group_id=item.id) for item in page.order_groups or ()]

    def group(self, order_group_id: str) -> OrderGroup:
        """Return one order group with its orders."""
        body = self._one(calls.order_group(order_group_id), wire.OneGroup)
        return reading.group(body, order_group_id=order_group_id)

    def limit_group(self, order_group_id: str, *, limit_centi: int) -> None:
        """Change how many contracts a group may match within 15 seconds."""
        self._client.send(writes.limit_group(order_group_id, limit_centi))

    def trigger_group(self, order_group_id: str) -> None:
        """Cancel all orders of a group, and have it refuse new ones."""
        self._client.send(writes.trigger_group(order_group_id))

    def reset_group(self, order_group_id: str) -> None:
        """Let a group take orders again."""
        self._client.send(writes.reset_group(order_group_id))

    def delete_group(self, order_group_id: str) -> None:
        """End a group and cancel its orders."""
        self._client.send(writes.delete_group(order_group_id))

    # The exchange

    def exchange_status(self) -> ExchangeStatus:
        """Return whether the exchange is open."""
        return read_status(self._client.fetch(calls.exchange_status()))

    def user_data_utc(self) -> datetime:
        """Return the instant up to which orders, fills, positions and balance are complete."""
        return instant_utc(self._one(calls.user_data_timestamp(), wire.AsOf).as_of_time)

    def account_limits(self) -> AccountLimits:
        """Return how much this key may ask and have done."""
        return reading.limits(self._one(calls.account_limits(), wire.LimitsBody))

    def keep_to_limits(self) -> AccountLimits:
        """Ask how much this key may, and keep to it from now on."""
        limits = self.account_limits()
        vendor = replace(
            self._client.vendors["kalshi"],
            tokens_per_second=limits.read_tokens_per_second,
            burst_tokens=limits.read_burst_tokens,
            write_tokens_per_second=limits.write_tokens_per_second,
            write_burst_tokens=limits.write_burst_tokens,
        )
        self._client.resize(vendor)
        self._write_burst = limits.write_burst_tokens
        logger.info("tier %s: %g write tokens a second", limits.tier or "unnamed", limits.write_tokens_per_second)
        return limits

    # Below

    def _send_new(self, write: Write, client_order_ids: tuple[str, ...]) -> Response:
        try:
            return self._client.send(write)
        except Unheard as error:
            raise ambiguous(str(error), client_order_ids) from error
        except VendorRefused as error:
            if error.status == KNOWN_ALREADY and error.code.casefold() not in _OTHER_CONFLICTS:
                raise ambiguous(str(error), client_order_ids) from error
            raise

    def _create_one_batch(self, batch: Sequence[NewOrder]) -> list[Placed | VendorError]:
        ids = tuple(order.client_order_id for order in batch)
        try:
            response = self._send_new(writes.create_batch(batch), ids)
        except Ambiguous as error:
            return [ambiguous(str(error), (one,)) for one in ids]
        except VendorError as error:
            return [error] * len(batch)
        return each_placed(response, ids)

    def _reduced(self, response: Response, order_id: str) -> Reduced:
        item = reading.decoded(response.body, wire.ReducedItem, what=f"the answer to a change of {order_id}")
        return reading.reduced(item, order_id=order_id)

    def _one(self, call: Call, shape: type[_T]) -> _T:
        return reading.decoded(self._client.fetch(call).body, shape, what=str(call))

    def _pages(self, call: Call, shape: type[_T]) -> Iterator[_T]:
        for payload in self._client.pages(call):
            yield reading.decoded(payload.body, shape, what=str(call))
