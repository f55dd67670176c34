"""One connection's subscriptions: commands become replies, and the world's frames become numbered messages in order.

Nothing here touches a network. `seq` counts every frame of a sequenced subscription, replies to commands too.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from pipelines.demo.wire.kalshi_feed import CHANNELS, NEED_MARKETS, microsecond
from pipelines.demo.wire.kalshi_sources import Feed, Frame, Source

ERRORS: Mapping[int, str] = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    9: "Authentication required",
    10: "Channel error",
    11: "Invalid parameter",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market Ticker required",
    15: "Action required",
    25: "Subscription buffer overflow",
}

ALL_MARKETS = ("",)
"""The one feed of a private channel for which no market is named."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Wrong(Exception):
    """A command that cannot be obeyed, by the number of its error."""

    def __init__(self, code: int) -> None:
        super().__init__(ERRORS[code])
        self.code = code


@dataclass(kw_only=True)
class _Subscription:
    sid: int
    channel: str
    use_yes_price: bool
    feeds: dict[str, Feed] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    last_seq: int = 0


class Subscriptions:
    """What one connection has subscribed, and everything that it is still to be told.

    `is_known` is whether the connection says whose it is: the private channels are told to nobody else.
    """

    def __init__(self, source: Source, *, start_utc: datetime, is_known: bool = True) -> None:
        self._source = source
        self._is_known = is_known
        self._waiting: dict[tuple[int, str], None] = {}
        self._now_us = microsecond(start_utc)
        self._by_sid: dict[int, _Subscription] = {}
        self._sids = count(1)
        self._ahead: list[tuple[int, int, str, int]] = []

    @property
    def next_us(self) -> int | None:
        """The microsecond of the next frame; None when nothing more will come."""
        while self._ahead and not self._is_current(self._ahead[0]):
            self._skip(*heapq.heappop(self._ahead))
        return self._ahead[0][0] if self._ahead else None

    def advance(self, now_us: int) -> None:
        """Let the time of the world pass; it never goes back."""
        self._now_us = max(self._now_us, now_us)

    def look(self) -> None:
        """See which feeds that had been told to their end have grown."""
        for sid, ticker in list(self._waiting):
            subscription = self._by_sid.get(sid)
            if subscription is None or ticker not in subscription.feeds:
                del self._waiting[sid, ticker]
            elif subscription.places[ticker] < len(subscription.feeds[ticker]):
                self._queue(subscription, ticker, max(subscription.places[ticker], subscription.feeds[ticker].start))

    def pop(self) -> Frame:
        """Return the next frame, and let its time come."""
        at_us, sid, ticker, place = heapq.heappop(self._ahead)
        subscription = self._by_sid[sid]
        frame = subscription.feeds[ticker].frame(place)
        self.advance(at_us)
        self._queue(subscription, ticker, place + 1)
        return self._numbered(subscription, frame)

    def end(self, sid: int, code: int) -> Frame | None:
        """End a subscription on the exchange's own account, and return the error that says so; None if it has ended."""
        ended = self._by_sid.pop(sid, None)
        return None if ended is None else self._numbered(ended, _error(None, code))

    def obey(self, text: str | bytes) -> list[Frame]:
        """Carry a command out and return the replies."""
        command_id = 0
        try:
            command = json.loads(text)
            if not isinstance(command, dict):
                raise _Wrong(1)
            command_id = command.get("id") or 0
            return self._carried_out(command, command_id)
        except ValueError:
            return [_error(command_id, 1)]
        except _Wrong as wrong:
            return [_error(command_id, wrong.code)]

    def _carried_out(self, command: Mapping[str, Any], command_id: int) -> list[Frame]:
        word = command.get("cmd")
        if word == "list_subscriptions":
            listed = [{"channel": one.channel, "sid": one.sid} for one in self._by_sid.values()]
            return [_reply(command_id, "ok", msg=listed)]
        params = command.get("params")
        obeyed: Mapping[object, Callable[[Mapping[str, Any], int], list[Frame]]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "update_subscription": self._update,
        }
        if word not in obeyed:
            raise _Wrong(5)
        if not isinstance(params, dict):
            raise _Wrong(2)
        return obeyed[word](params, command_id)

    def _subscribe(self, params: Mapping[str, Any], command_id: int) -> list[Frame]:
        channels, tickers = _texts(params, "channels"), self._tickers(params)
        if not channels:
            raise _Wrong(3)
        if any(channel not in CHANNELS for channel in channels):
            raise _Wrong(8)
        if not self._is_known and any(self._source.is_private(channel) for channel in channels):
            raise _Wrong(9)
        if not tickers and any(channel in NEED_MARKETS for channel in channels):
            raise _Wrong(14)
        replies: list[Frame] = []
        for channel in channels:
            held = next((one for one in self._by_sid.values() if one.channel == channel), None)
            if held is None:
                replies += self._begun(channel, tickers, params, command_id)
            else:
                replies += self._extended(held, tickers, command_id)
        return replies

    def _begun(self, channel: str, tickers: Sequence[str], params: Mapping[str, Any], command_id: int) -> list[Frame]:
        sid = next(self._sids)
        subscription = _Subscription(sid=sid, channel=channel, use_yes_price=params.get("use_yes_price") is True)
        self._by_sid[sid] = subscription
        said = _reply(command_id, "subscribed", msg={"channel": channel, "sid": sid})
        return [said, *self._added(subscription, tickers or self._every_feed(channel))]

    def _extended(self, held: _Subscription, tickers: Sequence[str], command_id: int) -> list[Frame]:
        """Add markets to a subscription; those that it has already get no second snapshot."""
        new = [ticker for ticker in tickers if ticker not in held.feeds]
        said = {"market_tickers": [*held.feeds, *new]}
        return [self._numbered(held, _reply(command_id, "ok", msg=said)), *self._added(held, new)]

    def _added(self, subscription: _Subscription, tickers: Sequence[str]) -> list[Frame]:
        frames = []
        for ticker in tickers:
            feed = self._source.feed(subscription.channel, ticker, use_yes_price=subscription.use_yes_price)
            subscription.feeds[ticker] = feed
            self._queue(subscription, ticker, feed.after(self._now_us))
            if subscription.channel == "orderbook_delta":
                frames.append(self._snapshot(subscription, ticker))
        return frames

    def _update(self, params: Mapping[str, Any], command_id: int) -> list[Frame]:
        subscription = self._one_subscription(params)
        action = params.get("action")
        if not action:
            raise _Wrong(15)
        tickers = self._tickers(params)
        if not tickers:
            raise _Wrong(14)
        if action == "add_markets":
            return self._extended(subscription, tickers, command_id)
        if action == "delete_markets":
            for ticker in tickers:
                subscription.feeds.pop(ticker, None)
            said = {"market_tickers": list(subscription.feeds)}
            return [self._numbered(subscription, _reply(command_id, "ok", msg=said))]
        if action == "get_snapshot":
            wanted = [ticker for ticker in tickers if ticker in subscription.feeds]
            return [{"id": command_id, **self._snapshot(subscription, ticker)} for ticker in wanted]
        raise _Wrong(13)

    def _unsubscribe(self, params: Mapping[str, Any], command_id: int) -> list[Frame]:
        sids = params.get("sids")
        if not isinstance(sids, list) or not sids:
            raise _Wrong(4)
        if any(sid not in self._by_sid for sid in sids):
            raise _Wrong(7)
        return [self._numbered(self._by_sid.pop(sid), _reply(command_id, "unsubscribed")) for sid in sids]

    def _one_subscription(self, params: Mapping[str, Any]) -> _Subscription:
        said = params.get("sids", [params["sid"]] if "sid" in params else None)
        if said is None:
            raise _Wrong(4)
        if not isinstance(said, list) or len(said) != 1:
            raise _Wrong(12)
        if said[0] not in self._by_sid:
            raise _Wrong(7)
        return self._by_sid[said[0]]

    def _tickers(self, params: Mapping[str, Any]) -> list[str]:
        one = params.get("market_ticker")
        tickers = [*_texts(params, "market_tickers"), *([one] if isinstance(one, str) else [])]
        if any(not self._source.is_market(ticker) for ticker in tickers):
            raise _Wrong(11)
        return list(dict.fromkeys(tickers))

    def _every_feed(self, channel: str) -> Sequence[str]:
        return ALL_MARKETS if self._source.is_private(channel) else self._source.every_ticker()

    def _snapshot(self, subscription: _Subscription, ticker: str) -> Frame:
        """Return the book as the frames up to now made it, so that those ahead fit; once it is closed it is empty."""
        frame = self._source.snapshot(
            ticker,
            _EPOCH + timedelta(microseconds=self._now_us),
            subscription.feeds[ticker],
            after_changes=subscription.places[ticker],
            use_yes_price=subscription.use_yes_price,
        )
        return self._numbered(subscription, frame)

    def _numbered(self, subscription: _Subscription, frame: Frame) -> Frame:
        said = {**frame, "sid": subscription.sid, "sending_ts_ms": self._now_us // 1000}
        if subscription.channel in self._source.sequenced:
            subscription.last_seq += 1
            said["seq"] = subscription.last_seq
        return said

    def _queue(self, subscription: _Subscription, ticker: str, place: int) -> None:
        subscription.places[ticker] = place
        feed = subscription.feeds[ticker]
        self._waiting.pop((subscription.sid, ticker), None)
        if place < len(feed):
            heapq.heappush(self._ahead, (feed.at_us(place), subscription.sid, ticker, place))
        else:
            self._waiting[subscription.sid, ticker] = None

    def _is_current(self, ahead: tuple[int, int, str, int]) -> bool:
        """Tell whether a frame ahead is still wanted, and still there: its market may have been deleted since."""
        _, sid, ticker, place = ahead
        if sid not in self._by_sid or ticker not in self._by_sid[sid].feeds:
            return False
        return place >= self._by_sid[sid].feeds[ticker].start

    def _skip(self, at_us: int, sid: int, ticker: str, place: int) -> None:
        """Go past frames that nobody can tell any more, to those that can be told."""
        del at_us
        subscription = self._by_sid.get(sid)
        if subscription is not None and ticker in subscription.feeds:
            self._queue(subscription, ticker, max(place, subscription.feeds[ticker].start))


def _texts(params: Mapping[str, Any], name: str) -> list[str]:
    said = params.get(name) or []
    if not isinstance(said, list) or any(not isinstance(word, str) for word in said):
        raise _Wrong(11)
    return said


def _reply(command_id: int, kind: str, *, msg: object = None) -> Frame:
    return {"id": command_id, "type": kind} | ({} if msg is None else {"msg": msg})


def _error(command_id: int | None, code: int) -> Frame:
    said = {"type": "error", "msg": {"code": code, "msg": ERRORS[code]}}
    return said if command_id is None else {"id": command_id, **said}
