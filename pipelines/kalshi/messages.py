"""Frames of the exchange's stream, as text on the wire and as exact values; what they mean together is `feed`'s.

Prices are yes prices on both sides: a bid for no at 0.30 is an offer of yes at 0.70. A frame says the no side at no
prices or at yes prices, never which: whoever reads it says so. Of one value in several forms the finest counts.
"""

from __future__ import annotations

import logging
from typing import Literal

import msgspec

from pipelines.kalshi import wire
from pipelines.kalshi.levels import Levels, Side, centi, finest, levels_of, order_ticks, ticks_of
from pipelines.kalshi.own import Own, read_own
from warehouse.errors import Unparsable
from warehouse.market.money import TICKS_PER_DOLLAR

logger = logging.getLogger(__name__)

LOOK_EVERY = 512
"""Of each kind the first frame and then one in this many is searched for fields that nobody knows."""

LONGEST_NAME = 200
NAMES_TOLD = 1_000
LARGEST_NUMBER = 2**53

_told: set[str] = set()

# Text that is nested too deeply, and instants at the ends of the calendar, are not what a decoder foresees.
_UNREADABLE = (msgspec.DecodeError, Unparsable, ValueError, OverflowError, RecursionError)


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """The whole book of one market."""

    sid: int
    seq: int
    market_ticker: str
    levels: Levels
    ts_ms: int | None = None
    sending_ts_ms: int | None = None


class Delta(msgspec.Struct, frozen=True, gc=False):
    """A signed change of the size of one level."""

    sid: int
    seq: int
    market_ticker: str
    side: Side
    price_ticks: int
    delta_centi: int
    ts_ms: int | None = None
    sending_ts_ms: int | None = None


class TapeTrade(msgspec.Struct, frozen=True, gc=False):
    """One trade on the tape."""

    sid: int
    seq: int | None
    trade_id: str
    market_ticker: str
    yes_price_ticks: int
    count_centi: int
    taker_side: Side
    is_block: bool
    ts_ms: int
    sending_ts_ms: int | None = None


class Reply(msgspec.Struct, frozen=True):
    """An answer to a command, or an error; on a subscription it takes a number like every frame."""

    sid: int | None
    seq: int | None
    kind: Literal["subscribed", "ok", "unsubscribed", "error"]
    command_id: int
    channel: str = ""
    code: int = 0
    text: str = ""
    sending_ts_ms: int | None = None


class Other(msgspec.Struct, frozen=True):
    """A frame of a kind that is none of our business; it takes a number all the same."""

    sid: int | None
    seq: int | None
    kind: str
    sending_ts_ms: int | None = None


class Damaged(msgspec.Struct, frozen=True):
    """A frame that is not what it should be, with the reason and the text as received."""

    sid: int | None
    seq: int | None
    market_ticker: str | None
    rule: str
    record: str
    kind: str | None = None
    sending_ts_ms: int | None = None


Frame = Snapshot | Delta | TapeTrade | Own | Reply | Other | Damaged


def known_us(frame: Frame, received_us: int) -> int:
    """Return from when a frame is known: its receipt, or its own stamp or sending where our clock was behind."""
    if type(frame) is Delta or type(frame) is Snapshot or type(frame) is TapeTrade:
        stamp_ms, sent_ms = frame.ts_ms, frame.sending_ts_ms
        if stamp_ms is not None and 1000 * stamp_ms > received_us:
            received_us = 1000 * stamp_ms
        if sent_ms is not None and 1000 * sent_ms > received_us:
            received_us = 1000 * sent_ms
    return received_us


def from_the_future(frame: Frame) -> Damaged:
    """Return a frame with an impossible stamp as damaged; its number counts all the same."""
    kind = "trade" if isinstance(frame, TapeTrade) else "orderbook_delta"
    record = msgspec.json.encode(frame).decode()
    return Damaged(frame.sid, frame.seq, getattr(frame, "market_ticker", None), "stamped in the future", record, kind)


class FrameReader:
    """Reads frames that come under one price convention; a damaged one becomes `Damaged`, never an exception."""

    def __init__(self, *, use_yes_price: bool) -> None:
        self._no_mirrors = not use_yes_price
        self._seen: dict[type, int] = {}

    def read(self, raw: bytes | str) -> Frame:
        """Return what one frame says, exactly."""
        try:
            said = wire.decode(raw)
            seen = self._seen.get(type(said), 0)
            self._seen[type(said)] = seen + 1
            if not seen % LOOK_EVERY:
                _tell_news(said, raw)
            if type(said) is wire.DeltaFrame:
                return self._delta(said)
            return self._others(said)
        except _UNREADABLE as error:
            return _odd(raw, error)

    def _delta(self, said: wire.DeltaFrame) -> Delta:
        msg = said.msg
        ticks = order_ticks(msg.price_dollars, msg.price)
        mirrored = self._no_mirrors and msg.side == "no"
        return Delta(
            said.sid,
            said.seq,
            msg.market_ticker,
            msg.side,
            TICKS_PER_DOLLAR - ticks if mirrored else ticks,
            centi(msg.delta_fp, msg.delta),
            msg.ts_ms if msg.ts_ms is not None else wire.stamp_ms(msg.ts),
            said.sending_ts_ms,
        )

    def _others(self, said: wire.Frame) -> Frame:
        if isinstance(said, wire.SnapshotFrame):
            return self._snapshot(said)
        if isinstance(said, wire.TradeFrame):
            return _trade(said)
        return read_own(said) if isinstance(said, wire.OwnFrame) else _reply(said)

    def _snapshot(self, said: wire.SnapshotFrame) -> Snapshot:
        msg = said.msg
        yes = finest(msg.yes_dollars_fp, msg.yes_dollars)
        no = finest(msg.no_dollars_fp, msg.no_dollars)
        levels = levels_of(
            yes=yes if yes is not None else msg.yes, no=no if no is not None else msg.no, no_mirrors=self._no_mirrors
        )
        ts_ms = msg.ts_ms if msg.ts_ms is not None else wire.stamp_ms(msg.ts)
        return Snapshot(said.sid, said.seq, msg.market_ticker, levels, ts_ms, said.sending_ts_ms)


def _trade(said: wire.TradeFrame) -> TapeTrade:
    msg = said.msg
    if msg.yes_price_dollars is None and msg.no_price_dollars is not None:
        ticks = TICKS_PER_DOLLAR - ticks_of(msg.no_price_dollars, None)
    else:
        ticks = ticks_of(msg.yes_price_dollars, msg.yes_price)
    ts_ms = msg.ts_ms if msg.ts_ms is not None else wire.stamp_ms(msg.ts)
    count = centi(msg.count_fp, msg.count)
    if ts_ms is None or not msg.trade_id or count <= 0:
        raise Unparsable("a trade without an instant, a name or a count is none")
    return TapeTrade(
        said.sid,
        said.seq,
        msg.trade_id,
        msg.market_ticker,
        ticks,
        count,
        _taker_side(msg),
        msg.is_block_trade,
        ts_ms,
        said.sending_ts_ms,
    )


def _taker_side(msg: wire.TradeMsg) -> Side:
    side = msg.taker_outcome_side or msg.taker_side
    if side is not None:
        return side
    if msg.taker_book_side is None:
        raise Unparsable("the taker's side is missing")
    return "yes" if msg.taker_book_side == "bid" else "no"


def _reply(said: wire.Frame) -> Reply:
    if isinstance(said, wire.SubscribedFrame):
        return Reply(said.msg.sid, None, "subscribed", said.id or 0, channel=said.msg.channel)
    if isinstance(said, wire.ErrorFrame):
        return Reply(said.sid, said.seq, "error", said.id or 0, code=said.msg.code, text=said.msg.msg)
    if isinstance(said, wire.UnsubscribedFrame):
        return Reply(said.sid, said.seq, "unsubscribed", said.id or 0)
    if isinstance(said, wire.OkFrame):
        return Reply(said.sid, said.seq, "ok", said.id or 0)
    raise Unparsable(f"{type(said).__name__} has no meaning here")  # pragma: no cover - every kind is above


def _odd(raw: bytes | str, error: Exception) -> Frame:
    """Return a frame that could not be read: of a kind that nobody knows, or damaged; its number counts in any case."""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    try:
        loose = wire.decode_loosely(raw)
    except _UNREADABLE:
        return Damaged(None, None, None, "the frame is no JSON object", text)
    sid, seq = _number(loose.sid), _number(loose.seq)
    kind = loose.type[:LONGEST_NAME] if isinstance(loose.type, str) else None
    if kind is not None and kind not in wire.KINDS:
        if kind not in wire.PASSED_OVER:
            _tell_once(f"frames of kind {kind!r} are not known; they are passed over")
        return Other(sid, seq, kind)
    ticker = loose.msg.get("market_ticker") if isinstance(loose.msg, dict) else None
    rule = f"{kind}: {str(error)[:LONGEST_NAME]}"
    return Damaged(sid, seq, ticker if isinstance(ticker, str) else None, rule, text, kind)


def _number(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= LARGEST_NUMBER else None


def _tell_news(said: wire.Frame, raw: bytes | str) -> None:
    for name in wire.unknown_fields(said, raw):
        kind, short = type(said).__struct_config__.tag, name[:LONGEST_NAME]
        _tell_once(f"{kind} frames have a field {short!r} that nobody knows; it is passed over")


def _tell_once(sentence: str) -> None:
    if sentence not in _told and len(_told) < NAMES_TOLD:
        _told.add(sentence)
        logger.warning("%s", sentence)
