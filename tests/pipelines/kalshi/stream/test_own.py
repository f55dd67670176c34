"""What the stream says of our own account: read exactly, handed on, and never in the way of the books."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from pipelines.kalshi.feed import Feed
from pipelines.kalshi.messages import Damaged, FrameReader
from pipelines.kalshi.own import PRIVATE_CHANNELS, OwnFill, OwnGroup, OwnOrder, OwnPosition
from pipelines.kalshi.portfolio.records import Fill, Order
from pipelines.kalshi.subscriptions import ASKS, PATIENCE_TICKS

NOW_US = 1_791_115_200_000_000
# The reference's examples.
FILL = {
    "trade_id": "t-1", "order_id": "o-1", "client_order_id": "my-order-1", "market_ticker": "M", "exchange_index": 0,
    "is_taker": True, "yes_price_dollars": "0.7500", "count_fp": "278.00", "fee_cost": "0.010000",
    "outcome_side": "yes", "book_side": "bid", "post_position_fp": "500.00", "side": "yes", "action": "buy",
    "purchased_side": "yes", "ts": 1671899397, "ts_ms": 1671899397000, "subaccount": 0,
}  # fmt: skip
ORDER = {
    "order_id": "o-1", "ticker": "M", "status": "resting", "outcome_side": "no", "book_side": "ask",
    "yes_price_dollars": "0.3500", "fill_count_fp": "0.00", "remaining_count_fp": "10.00",
    "initial_count_fp": "10.00", "taker_fees_dollars": "0.000000", "maker_fees_dollars": "0.000000",
    "client_order_id": "my-order-1", "created_ts_ms": 1733047200000, "expiration_ts_ms": 1733050800000,
    "last_update_reason": "Trade",
}  # fmt: skip
POSITION = {
    "market_ticker": "M", "position_fp": "-100.00", "position_cost_dollars": "50.0000",
    "realized_pnl_dollars": "10.0000", "fees_paid_dollars": "1.0000", "volume_fp": "15.00",
}  # fmt: skip
GROUP = {"event_type": "triggered", "order_group_id": "og-1", "ts_ms": 1733047200000}


def frame(kind, msg, *, sid=13, seq=None):
    """Return one frame as text."""
    numbered = {} if seq is None else {"seq": seq}
    return json.dumps({"type": kind, "sid": sid, **numbered, "msg": msg})


def read(kind, msg, **numbers):
    """Read one frame."""
    return FrameReader(use_yes_price=True).read(frame(kind, msg, **numbers))


def at(seconds):
    """Return an instant."""
    return datetime.fromtimestamp(seconds, UTC)


def test_a_fill_is_exact():
    """Price, count, fee and side, with the name that REST does not tell."""
    said = Fill(
        trade_id="t-1", order_id="o-1", market_ticker="M", side=1, price_ticks=7_500, centi=27_800, fee_micros=10_000,
        is_taker=True, at_utc=at(1671899397), client_order_id="my-order-1",
    )  # fmt: skip

    assert OwnFill(13, None, said, 50_000) == read("fill", FILL)


def test_an_order_is_exact():
    """With the exchange's word for why it changed."""
    said = Order(
        order_id="o-1", client_order_id="my-order-1", market_ticker="M", side=-1, price_ticks=3_500, status="resting",
        filled_centi=0, remaining_centi=1_000, initial_centi=1_000, taker_fees_micros=0, maker_fees_micros=0,
        expires_utc=at(1733050800), created_utc=at(1733047200), updated_utc=None, order_group_id=None,
    )  # fmt: skip

    assert OwnOrder(13, None, said, "Trade") == read("user_order", ORDER)


def test_a_position_is_signed():
    """No counts down."""
    said = read("market_position", POSITION)

    assert isinstance(said, OwnPosition)
    assert (-10_000, 50_000_000, 10_000_000) == (
        said.position.position_centi,
        said.position.exposure_micros,
        said.position.realized_micros,
    )


def test_an_order_group_is_numbered():
    """The only private channel that is."""
    assert OwnGroup(14, 3, "og-1", "triggered") == read("order_group_updates", GROUP, sid=14, seq=3)
    limited = GROUP | {"event_type": "limit_updated", "contracts_limit_fp": "20.00"}
    assert 2_000 == read("order_group_updates", limited, sid=14, seq=4).limit_centi


@pytest.mark.parametrize(
    ("kind", "msg"),
    [
        ("user_order", ORDER | {"status": "pending"}),
        ("user_order", ORDER | {"book_side": "bid"}),
        ("fill", FILL | {"fee_cost": None}),
        ("fill", FILL | {"count_fp": "0.00"}),
        ("fill", FILL | {"ts": None, "ts_ms": None}),
        ("market_position", POSITION | {"position_fp": "1.005"}),
        ("order_group_updates", GROUP | {"event_type": "exploded"}),
    ],
)
def test_what_is_not_understood_is_damaged_and_never_guessed(kind, msg):
    """It is told with its reason; the account is asked."""
    said = read(kind, msg)

    assert isinstance(said, Damaged)
    assert kind == said.kind


@pytest.fixture
def private_feed(tickers):
    """A feed of books and of our account."""
    feed = Feed(tickers, private_channels=PRIVATE_CHANNELS)
    feed.connect()
    return feed


def answer(feed, command_id, channel, sid):
    """Answer one channel of a command."""
    text = json.dumps({"id": command_id, "type": "subscribed", "msg": {"channel": channel, "sid": sid}})
    feed.take(FrameReader(use_yes_price=True).read(text), NOW_US)


def test_private_channels_are_asked_for_without_markets(private_feed, tickers):
    """Of all markets, in a command of their own: what is not ours must be seen too."""
    public, private = private_feed.commands.take()

    assert sorted(tickers) == public["params"]["market_tickers"]
    assert {"channels": list(PRIVATE_CHANNELS)} == private["params"]


def test_what_comes_on_them_is_handed_on_in_order(private_feed):
    """Beside the books, with when it was received."""
    _, private = private_feed.commands.take()
    for sid, channel in enumerate(PRIVATE_CHANNELS, 20):
        answer(private_feed, private["id"], channel, sid)
    reader = FrameReader(use_yes_price=True)
    for kind, msg, numbers in (
        ("user_order", ORDER, {"sid": 21}),
        ("fill", FILL, {"sid": 20}),
        ("order_group_updates", GROUP, {"sid": 23, "seq": 1}),
        ("order_group_updates", GROUP, {"sid": 23, "seq": 1}),
        ("market_position", POSITION, {"sid": 22}),
    ):
        private_feed.take(reader.read(frame(kind, msg, **numbers)), NOW_US)

    events = private_feed.drain()

    assert [OwnOrder, OwnFill, OwnGroup, OwnPosition] == [type(event.message) for event in events]
    assert {NOW_US} == {event.received_us for event in events}
    assert [] == private_feed.commands.take()


def test_a_private_channel_has_no_books_and_takes_no_markets(private_feed, line, tickers):
    """Neither its frames nor those that cannot be read make a book stale."""
    calm = line()
    calm.deliver([calm.venue.move() for _ in range(5)])
    before = calm.feed.is_live
    calm.feed.take(calm.reader.read(frame("fill", FILL | {"fee_cost": None}, sid=77)), calm.now_us)

    assert (True, True) == (before, calm.feed.is_live)


def test_a_private_channel_that_ends_is_asked_for_again(private_feed):
    """Still without markets."""
    _, private = private_feed.commands.take()
    for sid, channel in enumerate(PRIVATE_CHANNELS, 20):
        answer(private_feed, private["id"], channel, sid)
    text = json.dumps({"type": "error", "sid": 20, "msg": {"code": 25, "msg": "buffer overflow"}})
    private_feed.take(FrameReader(use_yes_price=True).read(text), NOW_US)

    assert [{"channels": ["fill"]}] == [command["params"] for command in private_feed.commands.take()]


def test_a_refused_private_channel_is_told_and_leaves_the_books_alone(private_feed, tickers, caplog):
    """A key that may not see the account still sees the markets."""
    public, private = private_feed.commands.take()
    answer(private_feed, public["id"], "orderbook_delta", 1)
    text = json.dumps({"id": private["id"], "type": "error", "msg": {"code": 9, "msg": "auth required"}})
    private_feed.take(FrameReader(use_yes_price=True).read(text), NOW_US)

    assert "of this account is refused" in caplog.text
    assert private_feed.failed is None


def test_an_account_that_is_not_answered_for_ends_the_connection(private_feed):
    """As every channel."""
    public, _ = private_feed.commands.take()
    for sid, channel in enumerate(("orderbook_delta", "trade"), 1):
        answer(private_feed, public["id"], channel, sid)
    for _ in range(PATIENCE_TICKS * ASKS + 1):
        private_feed.tick()

    assert "fill" in private_feed.failed


def test_an_account_alone_can_be_followed():
    """Without any market."""
    feed = Feed((), private_channels=("fill",))
    feed.connect()

    assert [{"channels": ["fill"]}] == [command["params"] for command in feed.commands.take()]
