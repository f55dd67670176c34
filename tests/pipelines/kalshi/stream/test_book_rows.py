"""Recorded frames become rows of the lake."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from pipelines.kalshi.book_rows import parse_recorded_frames
from pipelines.kalshi.replay import quotes_of

NOON = datetime(2026, 10, 4, 12, tzinfo=UTC)
TICKER = "KXHIGHCHI-26OCT04-B72.5"


def frames(*made):
    """Return frames that came a second apart."""
    return [(NOON + timedelta(seconds=place), json.dumps(frame)) for place, frame in enumerate(made)]


def snapshot(seq, *, ticker=TICKER, sid=1):
    return {
        "type": "orderbook_snapshot",
        "sid": sid,
        "seq": seq,
        "msg": {"market_ticker": ticker, "yes": [[40, 5]], "no": [[55, 3]]},
    }


def delta(seq, *, ts_ms=None, ticker=TICKER, sid=1):
    msg = {"market_ticker": ticker, "price": 41, "delta": 2, "side": "yes"} | ({"ts_ms": ts_ms} if ts_ms else {})
    return {"type": "orderbook_delta", "sid": sid, "seq": seq, "msg": msg}


def parse(*made, **how):
    """Return the rows of both tables, and what was refused."""
    books, trades = parse_recorded_frames(frames(*made), **({"use_yes_price": False} | how))
    return books.frame, trades.frame, [*books.refused.to_dicts(), *trades.refused.to_dicts()]


def test_legacy_frames_replay_to_their_quotes():
    """Cents and whole contracts, the no side at its own prices."""
    books, _, refused = parse(snapshot(1), delta(2))

    quotes = quotes_of(books)

    assert [] == refused
    assert [(4000, 500, 4500, 300), (4100, 200, 4500, 300)] == quotes.select(quotes.columns[-4:]).rows()


def test_rows_are_known_from_their_receipt():
    """Never before the exchange's own stamp, whatever our clock says."""
    late_ms = int(NOON.timestamp() * 1000) + 60_000

    books, _, _ = parse(snapshot(1), delta(2, ts_ms=late_ms - 90_000), delta(3, ts_ms=late_ms))

    assert [NOON, NOON + timedelta(seconds=1), NOON + timedelta(minutes=1)] == books["known_utc"].to_list()


def test_a_repeat_is_dropped_and_a_hole_is_marked():
    """The mark has the first number that never came."""
    books, _, _ = parse(snapshot(1), snapshot(1), delta(2), delta(5))

    assert [(1, "snapshot"), (2, "delta"), (3, "gap"), (5, "delta")] == books.sort("seq").select("seq", "kind").rows()


def test_markets_of_other_products_are_refused():
    """They have no partition; what is ours stays."""
    books, _, refused = parse(snapshot(1), snapshot(2, ticker="KXFED-26OCT04-T3.5"))

    assert [TICKER] == books["market_ticker"].to_list()
    assert ["KXFED-26OCT04-T3.5"] == [refusal["subject"] for refusal in refused]


def test_damaged_frames_are_refused_and_leave_a_gap():
    """Cut off in the archive: the next number shows it."""
    damaged = delta(2) | {"msg": {"market_ticker": TICKER, "price_dollars": 0.41, "delta_fp": "2.00", "side": "yes"}}

    books, _, refused = parse(snapshot(1), damaged, delta(3))

    assert [(1, "snapshot"), (2, "gap"), (3, "delta")] == books.sort("seq").select("seq", "kind").rows()
    assert ["orderbook_delta: Expected `str | null`, got `float` - at `$.msg.price_dollars`"] == [
        refusal["rule"] for refusal in refused
    ]


def test_subscriptions_are_named_from_the_first_on():
    """Two of them in the order in which they began."""
    books, _, _ = parse(snapshot(1, sid=7), snapshot(1, sid=9), first_sid=100)

    assert [100, 101] == books["sid"].sort().to_list()


def test_trades_are_rows_of_their_table():
    """With the side that took and the day of their market."""
    msg = {
        "trade_id": "a",
        "market_ticker": TICKER,
        "yes_price_dollars": "0.3600",
        "count_fp": "1.50",
        "taker_outcome_side": "no",
        "ts_ms": int(NOON.timestamp() * 1000),
    }

    _, trades, _ = parse({"type": "trade", "sid": 2, "seq": 1, "msg": msg})

    assert [("chicago", "a", 3600, 150, "no")] == trades.select(
        "city", "trade_id", "yes_price_ticks", "count_centi", "taker_side"
    ).rows()


def test_nothing_recorded_is_no_row():
    """The columns are there all the same."""
    assert [0, 0] == [frame.height for frame in parse()[:2]]
