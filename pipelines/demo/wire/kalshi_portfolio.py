"""What the account reads back: orders, their queues, fills, positions, settlements, balance, and the key's limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.demo.session import SECOND_US
from pipelines.demo.venue import Holding, Order, TurnedDown
from pipelines.demo.venue.backdrop import micros_of
from pipelines.demo.wire.answers import Answer, Ask, as_json
from pipelines.demo.wire.kalshi_books import contracts
from pipelines.demo.wire.kalshi_orders import Trading
from pipelines.demo.wire.kalshi_pages import number, page
from pipelines.demo.wire.kalshi_records import (
    MICROS_PER_CENT,
    balance_dollars,
    event_position_records,
    fill_record,
    order_record,
    position_record,
    said_at,
    settlement_record,
)
from pipelines.demo.wire.limits import Limits
from warehouse.market.money import TICKS_PER_DOLLAR

_USUAL, _MOST = 100, 1_000
_UNLIMITED_TOKENS = 1_000_000
_WITHOUT_END_S = 2**40


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """The endpoints that only read."""

    trading: Trading
    limits: Limits

    def orders(self, ask: Ask) -> Answer:
        """List orders, the newest first."""
        keeps = self._filter(ask)
        with self.trading.desk() as desk:
            found = [
                order
                for order in reversed(desk.orders.values())
                if keeps(order.wanted.ticker, order.created_us) and ask.one("status") in ("", str(order.status))
            ]
            chosen, cursor = page(found, ask, usual=_USUAL, most=_MOST)
            return as_json({"orders": [self._order(order) for order in chosen], "cursor": cursor})

    def order(self, ask: Ask, order_id: str) -> Answer:
        """Tell of one order."""
        with self.trading.desk() as desk:
            if order_id not in desk.orders:
                raise TurnedDown("not_found", "order not found", status=404)
            return as_json({"order": self._order(desk.orders[order_id])})

    def queue_positions(self, ask: Ask) -> Answer:
        """Tell how much trades before each resting order of some markets."""
        keeps = self._filter(ask, tickers="market_tickers")
        with self.trading.desk() as desk:
            queued = [
                {
                    "order_id": order.order_id,
                    "market_ticker": order.wanted.ticker,
                    "queue_position_fp": contracts(desk.queue_centi(order)),
                }
                for order in desk.open.values()
                if keeps(order.wanted.ticker, order.created_us)
            ]
        return as_json({"queue_positions": queued})

    def queue_position(self, ask: Ask, order_id: str) -> Answer:
        """Tell how much trades before one resting order."""
        with self.trading.desk() as desk:
            if order_id not in desk.open:
                raise TurnedDown("not_found", "resting order not found", status=404)
            return as_json({"queue_position_fp": contracts(desk.queue_centi(desk.open[order_id]))})

    def fills(self, ask: Ask) -> Answer:
        """List the fills that were told by now, the newest first."""
        keeps, of_order = self._filter(ask), ask.one("order_id")
        with self.trading.desk():
            now_us = self.trading.venue.now_us
            found = [
                fill
                for fill in reversed(self.trading.venue.account.fills)
                if fill.told_us <= now_us and keeps(fill.ticker, fill.at_us) and of_order in ("", fill.order_id)
            ]
        chosen, cursor = page(found, ask, usual=_USUAL, most=_MOST)
        return as_json({"fills": [fill_record(one, skew=self.trading.skew) for one in chosen], "cursor": cursor})

    def positions(self, ask: Ask) -> Answer:
        """List what is held, of markets that have not settled unless more is asked for."""
        keeps, counts = self._filter(ask), ask.words("count_filter")
        which = ask.one("settlement_status", "unsettled")
        with self.trading.desk():
            found = [
                holding.seen()
                for holding in self.trading.venue.account.holdings.values()
                if keeps(holding.listing.ticker, 0)
                and which in ("all", "settled" if holding.is_settled else "unsettled")
                and (not counts or _counts(holding, counts))
            ]
        chosen, cursor = page(found, ask, usual=_USUAL, most=_MOST)
        return as_json(
            {
                "market_positions": [position_record(one, skew=self.trading.skew) for one in chosen],
                "event_positions": event_position_records(chosen),
                "cursor": cursor,
            }
        )

    def settlements(self, ask: Ask) -> Answer:
        """List what markets paid, the newest first."""
        keeps = self._filter(ask)
        with self.trading.desk():
            found = [
                row for row in reversed(self.trading.venue.account.settlements) if keeps(row.listing.ticker, row.at_us)
            ]
        chosen, cursor = page(found, ask, usual=_USUAL, most=_MOST)
        said = [settlement_record(row, skew=self.trading.skew) for row in chosen]
        return as_json({"settlements": said, "cursor": cursor})

    def balance(self, ask: Ask) -> Answer:
        """Tell the cash, and what the positions would bring now; cents are cut off."""
        with self.trading.desk():
            account = self.trading.venue.account
            cash = account.cash_micros
            worth = sum(self._worth_micros(one) for one in account.holdings.values() if one.position_centi)
        return as_json(
            {
                "balance": cash // MICROS_PER_CENT,
                "balance_dollars": balance_dollars(cash),
                "portfolio_value": worth // MICROS_PER_CENT,
                "updated_ts": int(self.trading.said_now.timestamp()),
                "balance_breakdown": [{"exchange_index": 0, "balance": balance_dollars(cash)}],
            }
        )

    def as_of(self, ask: Ask) -> Answer:
        """Tell up to when portfolio reads are complete: up to the first fill that is not told yet."""
        with self.trading.desk():
            now_us = self.trading.venue.now_us
            untold = [fill.at_us for fill in self.trading.venue.account.fills if fill.told_us > now_us]
        return as_json({"as_of_time": said_at(min([now_us, *(at_us - 1 for at_us in untold)]), self.trading.skew)})

    def account_limits(self, ask: Ask) -> Answer:
        """Tell the buckets of a key."""
        limits = self.limits
        return as_json(
            {
                "usage_tier": "basic",
                "read": _bucket(limits.kalshi_tokens_per_second, limits.kalshi_burst_tokens),
                "write": _bucket(limits.kalshi_write_tokens_per_second, limits.kalshi_write_burst_tokens),
                "grants": [],
            }
        )

    def status(self, ask: Ask) -> Answer:
        """Tell whether trading is paused."""
        with self.trading.desk():
            trades = not self.trading.venue.is_paused
        said = {"exchange_active": True, "trading_active": trades, "intra_exchange_transfers_active": True}
        return as_json(
            {
                **said,
                "exchange_estimated_resume_time": None,
                "exchange_index_statuses": [{"exchange_index": 0, "description": "default", **said}],
            }
        )

    def _order(self, order: Order) -> dict[str, Any]:
        return order_record(order, skew=self.trading.skew)

    def _filter(self, ask: Ask, *, tickers: str = "ticker") -> Callable[[str, int], bool]:
        """Return the filter of a list by market, event and time."""
        named, events = ask.words(tickers), ask.words("event_ticker")
        skew_us = micros_of(self.trading.said_now) - micros_of(self.trading.clock())
        since_us, until_us = (
            number(ask, name, default) * SECOND_US - skew_us
            for name, default in (("min_ts", 0), ("max_ts", _WITHOUT_END_S))
        )
        timed = bool(ask.one("min_ts") or ask.one("max_ts"))
        return lambda ticker, at_us: (
            (not named or ticker in named)
            and (not events or ticker.rpartition("-")[0] in events)
            and (not timed or since_us <= at_us <= until_us)
        )

    def _worth_micros(self, holding: Holding) -> int:
        """Return what a position would bring at the best price of the other side."""
        bids, asks = self.trading.venue.levels(holding.listing.ticker)
        if holding.position_centi > 0:
            return holding.position_centi * (bids[-1][0] if bids else 0)
        return -holding.position_centi * (TICKS_PER_DOLLAR - asks[-1][0] if asks else 0)


def _counts(holding: Holding, counts: Sequence[str]) -> bool:
    said = {"position": holding.position_centi, "total_traded": holding.traded_centi}
    return any(said.get(word) for word in counts)


def _bucket(rate: float | None, burst: float) -> dict[str, float]:
    if rate is None:
        return {"refill_rate": _UNLIMITED_TOKENS, "bucket_capacity": _UNLIMITED_TOKENS}
    return {"refill_rate": rate, "bucket_capacity": burst}
