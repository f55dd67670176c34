"""Which markets are followed on which subscription: what is asked for, what was answered, what was refused.

One market that the exchange does not know must not keep the others away: a refused subscription is asked for again in
halves, until what is wrong stands alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence, Set

from pipelines.kalshi.book import Book
from pipelines.kalshi.commands import Asked, Commands, Update
from pipelines.kalshi.events import BOOKS_CHANNEL, TRADES_CHANNEL
from pipelines.kalshi.messages import Damaged, Reply
from pipelines.kalshi.own import PRIVATE_CHANNELS
from pipelines.kalshi.subscriptions import Subscription

logger = logging.getLogger(__name__)

TERMINAL_CODES = (10, 25)
"""Channel error and buffer overflow: the subscription is over."""

PASSING_CODES = (18, 27)
"""Command timeout and too many commands: the same question may be answered later."""

CODES_OF_COMMANDS = (2, 3, 4, 5, 7, 8, 9, 12, 13, 15, 19, 20, 21, 22, 23, 24, 28)
"""What is wrong with a command whatever its markets are; any other refusal may be for the sake of one market."""


_CHANNEL_OF = {
    "orderbook_delta": BOOKS_CHANNEL,
    "orderbook_snapshot": BOOKS_CHANNEL,
    "trade": TRADES_CHANNEL,
    "fill": "fill",
    "user_order": "user_orders",
    "market_position": "market_positions",
    "order_group_updates": "order_group_updates",
}


class Following:
    """The subscriptions of one connection. Subscriptions are counted over all connections."""

    def __init__(
        self,
        books: Mapping[str, Book],
        *,
        channels: Sequence[str],
        private_channels: Sequence[str] = (),
        use_yes_price: bool,
    ) -> None:
        self.commands = Commands(use_yes_price=use_yes_price)
        self.subs: dict[int, Subscription] = {}
        self.begun = 0
        self.unfollowed: set[tuple[str, str]] = set()
        self._books = books
        self._channels = tuple(channels)
        self._private_channels = tuple(private_channels)

    def connect(self) -> None:
        """Ask for everything anew."""
        self.subs.clear()
        self.commands.clear()
        self.unfollowed.clear()
        self.commands.subscribe(self._channels, self._books)
        self.commands.subscribe_all(self._private_channels)

    def add(self, market_tickers: Sequence[str]) -> None:
        """Follow more markets; what is not answered yet takes them along when it is."""
        for channel in self._channels:
            last = next((sub for sub in reversed(self.subs.values()) if sub.channel == channel), None)
            if last is not None:
                self._add_to(last, market_tickers)
            elif not self.commands.awaited(channel):
                self.commands.subscribe((channel,), market_tickers)

    def leave(self, sub: Subscription, market_tickers: Iterable[str]) -> list[str]:
        """Follow some markets of a subscription no longer; return which. One that has none left is ended."""
        left = sub.leave(market_tickers)
        if left and sub.markets:
            self.commands.update(sub.sid, "delete_markets", left)
        elif left:
            self.commands.unsubscribe(sub.sid)
        return left

    def begin(self, sid: int, channel: str, market_tickers: Iterable[str] | None = None) -> Subscription:
        """Begin a subscription; where the answer was not seen, with all markets that no other has."""
        if market_tickers is None:
            market_tickers = () if channel in PRIVATE_CHANNELS else self._books.keys() - self._followed(channel)
        markets = set(market_tickers)
        self.begun += 1
        sub = self.subs[sid] = Subscription(number=self.begun, sid=sid, channel=channel, markets=markets)
        if channel == BOOKS_CHANNEL:
            sub.awaiting.update(markets)
        return sub

    def again(self, sub: Subscription) -> None:
        """Ask for the markets of a subscription that ended."""
        if sub.channel in PRIVATE_CHANNELS:
            self.commands.subscribe_all((sub.channel,))
        else:
            self.commands.subscribe((sub.channel,), sub.markets)

    def subscribed(self, reply: Reply, sid: int, sub: Subscription | None) -> None:
        """Take in the answer to a subscription, before or after its first frame."""
        asked = self.commands.answered(reply.command_id, reply.channel)
        told = None if asked is None else asked & self._books.keys()
        if sub is None:
            sub = self.begin(sid, reply.channel, told)
        else:
            if not sub.channel:
                sub.channel = reply.channel
                sub.awaiting.update(sub.markets if reply.channel == BOOKS_CHANNEL else ())
            if told is not None:
                sub.markets = set(told)
            sub.awaiting &= sub.markets
        if asked is not None:
            self.commands.update(sid, "delete_markets", sorted(asked - self._books.keys()))
            self._add_to(sub, sorted(self._unclaimed(sub.channel)))

    def carried_out(self, reply: Reply, sub: Subscription | None) -> None:
        """Take in an `ok`: to a change, or to a subscription that the exchange joined to one that it has."""
        self.commands.updated(reply.command_id)
        for channel in self.commands.channels_awaited(reply.command_id):
            held = sub or next((one for one in self.subs.values() if one.channel == channel), None)
            if held is not None and held.channel == channel:
                asked = self.commands.answered(reply.command_id, channel) or frozenset()
                self._hold(held, asked & self._books.keys())
                self._add_to(held, sorted(self._unclaimed(channel)))

    def lines_of(self, frame: Damaged) -> list[Subscription]:
        """Return every line of which a frame without a number may have been the next."""
        channel = _CHANNEL_OF.get(frame.kind or "")
        return [
            sub
            for sub in self.subs.values()
            if frame.sid in (None, sub.sid) and (channel is None or channel == sub.channel)
        ]

    def refused(self, reply: Reply, said: str) -> bool:
        """Take in the refusal of a command; false where it is of none that is known."""
        if asked := self.commands.refused(reply.command_id):
            self._subscription_refused(asked, reply, said)
            return True
        if update := self.commands.updated(reply.command_id):
            self._update_refused(update, said)
            return True
        return False

    def _subscription_refused(self, asked: Asked, reply: Reply, said: str) -> None:
        """Ask again in halves; what is refused alone is told and left out."""
        tickers = sorted(asked.market_tickers)
        if not tickers:
            self.unfollowed |= {(channel, "") for channel in asked.channels}
            logger.error("%s of this account is refused and not followed: %s", " and ".join(asked.channels), said)
            return
        channels = [channel for channel in self._channels if channel in asked.channels]
        if len(tickers) > 1 and reply.code not in CODES_OF_COMMANDS:
            half = len(tickers) // 2
            for some in (tickers[:half], tickers[half:]):
                self.commands.subscribe(channels, some)
            return
        self.unfollowed |= {(channel, ticker) for channel in channels for ticker in tickers}
        logger.error("%s of %s is refused and not followed: %s", " and ".join(channels), _some(tickers), said)

    def _update_refused(self, update: Update, said: str) -> None:
        """Ask for new markets by a subscription of their own, and for snapshots in halves; let the rest be."""
        sub, tickers = self.subs.get(update.sid), update.market_tickers
        logger.warning("%s of %s was refused: %s", update.action, _some(tickers), said)
        if update.action == "add_markets" and sub is not None:
            self.commands.subscribe((sub.channel,), sub.leave(tickers))
        elif update.action == "add_markets":
            for channel in self._channels:
                self.commands.subscribe((channel,), self._unclaimed(channel) & set(tickers))
        elif update.action == "get_snapshot" and len(tickers) > 1:
            half = len(tickers) // 2
            for some in (tickers[:half], tickers[half:]):
                self.commands.update(update.sid, "get_snapshot", some)

    @property
    def is_hopeless(self) -> bool:
        """True when nothing is followed and nothing is awaited."""
        return not self.subs and not self.commands.is_awaited

    def _unclaimed(self, channel: str) -> Set[str]:
        """Return the markets that no subscription of a channel has, that none awaits, and that none was refused.

        A private channel has none.
        """
        if channel in PRIVATE_CHANNELS:
            return frozenset()
        refused = {ticker for refused_channel, ticker in self.unfollowed if refused_channel == channel}
        return self._books.keys() - self._followed(channel) - self.commands.awaited(channel) - refused

    def _followed(self, channel: str) -> set[str]:
        return {ticker for sub in self.subs.values() if sub.channel == channel for ticker in sub.markets}

    def _add_to(self, sub: Subscription, market_tickers: Sequence[str]) -> None:
        self.commands.update(sub.sid, "add_markets", market_tickers)
        self._hold(sub, market_tickers)

    def _hold(self, sub: Subscription, market_tickers: Iterable[str]) -> None:
        new = set(market_tickers) - sub.markets
        sub.markets |= new
        if sub.channel == BOOKS_CHANNEL:
            sub.awaiting |= {ticker for ticker in new if not self._books[ticker].live}


def _some(tickers: Sequence[str]) -> str:
    return tickers[0] if len(tickers) == 1 else f"{tickers[0]} and {len(tickers) - 1} more"
