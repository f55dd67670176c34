"""Frames of every era, and frames that are none."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.kalshi import messages
from pipelines.kalshi.levels import Levels, levels_of
from pipelines.kalshi.messages import Damaged, Delta, FrameReader, Other, Reply, Snapshot, TapeTrade
from pipelines.kalshi.wire import PASSED_OVER
from warehouse.market.money import dollars_text

TICKER = "KXHIGHCHI-26OCT04-B72.5"


def read(kind, msg, *, use_yes_price=False, **more):
    """Read one frame."""
    frame = {"type": kind, "sid": 2, "seq": 3, "msg": {"market_ticker": TICKER} | msg} | more
    return FrameReader(use_yes_price=use_yes_price).read(json.dumps(frame))


@pytest.mark.parametrize(
    "msg",
    [
        {"yes_dollars_fp": [["0.0800", "300.00"], ["0.2200", "333.50"]], "no_dollars_fp": [["0.5600", "146.00"]]},
        {"yes_dollars": [["0.080", "300.00"], ["0.220", "333.50"]], "no_dollars": [["0.560", 146]]},
        {
            "yes_dollars_fp": [["0.0800", "300.00"], ["0.2200", "333.50"]],
            "yes_dollars": [["0.0800", 300], ["0.2200", 333]],
            "yes": [[8, 300], [22, 333]],
            "no": [[56, 146]],
        },
    ],
    ids=["current", "dollars", "mixed"],
)
def test_a_snapshot_of_every_era_is_the_same_book(msg):
    """The finest form counts; the no side becomes offers of yes."""
    expected = Levels((800, 2200), (30_000, 33_350), (4400,), (14_600,))

    assert expected == read("orderbook_snapshot", msg).levels


@pytest.mark.parametrize("msg", [{}, {"yes_dollars_fp": None, "no_dollars_fp": []}], ids=["absent", "null"])
def test_a_side_that_is_absent_is_empty(msg):
    """The exchange leaves empty sides out."""
    assert Levels() == read("orderbook_snapshot", msg).levels


def test_no_prices_and_yes_prices_say_the_same_offer():
    """A bid for no at 0.30 is an offer of yes at 0.70."""
    at_no = read("orderbook_snapshot", {"no_dollars_fp": [["0.2000", "1.00"], ["0.3000", "2.00"]]})
    at_yes = read("orderbook_snapshot", {"no_dollars_fp": [["0.7000", "2.00"], ["0.8000", "1.00"]]}, use_yes_price=True)

    assert Levels((), (), (8000, 7000), (100, 200)) == at_no.levels == at_yes.levels


@pytest.mark.parametrize(
    "msg",
    [
        {"price_dollars": "0.9600", "delta_fp": "-54.00", "ts": "2022-11-22T20:44:01Z", "ts_ms": 1_669_149_841_000},
        {"price": 96, "price_dollars": "0.960", "delta": -54, "ts": "2022-11-22T20:44:01Z"},
        {"price": 96, "delta": -54, "ts": 1_669_149_841},
    ],
    ids=["current", "mixed", "cents"],
)
def test_a_change_of_every_era_is_the_same(msg):
    """Dollars before cents, hundredths before whole contracts, milliseconds before older stamps."""
    expected = Delta(2, 3, TICKER, "yes", 9600, -5400, 1_669_149_841_000)

    assert expected == read("orderbook_delta", {"side": "yes"} | msg)


def test_a_change_of_the_no_side_is_at_the_yes_price():
    """Unless it was told so already."""
    msg = {"side": "no", "price_dollars": "0.3000", "delta_fp": "0.01"}

    assert (7000, 3000) == (
        read("orderbook_delta", msg).price_ticks,
        read("orderbook_delta", msg, use_yes_price=True).price_ticks,
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"taker_outcome_side": "no", "taker_side": "yes", "taker_book_side": "bid"}, "no"),
        ({"taker_side": "yes"}, "yes"),
        ({"taker_book_side": "ask"}, "no"),
    ],
    ids=["outcome", "older", "book"],
)
def test_a_trade_says_who_took(said, expected):
    """Of three fields the newest that is there."""
    msg = {"trade_id": "a", "yes_price_dollars": "0.3600", "count_fp": "136.50", "ts_ms": 1_669_149_841_000}

    trade = read("trade", msg | said)

    assert TapeTrade(2, 3, "a", TICKER, 3600, 13_650, expected, False, 1_669_149_841_000) == trade


def test_a_legacy_trade_is_read():
    """Cents, whole contracts, seconds."""
    msg = {"trade_id": "a", "yes_price": 36, "no_price": 64, "count": 136, "taker_side": "no", "ts": 1_669_149_841}

    assert TapeTrade(2, 3, "a", TICKER, 3600, 13_600, "no", False, 1_669_149_841_000) == read("trade", msg)


@pytest.mark.parametrize(
    ("kind", "msg"),
    [
        ("orderbook_delta", {"side": "yes", "price_dollars": 0.96, "delta_fp": "1.00"}),
        ("orderbook_delta", {"side": "yes", "price_dollars": "0.96001", "delta_fp": "1.00"}),
        ("orderbook_delta", {"side": "yes", "price_dollars": "1.0000", "delta_fp": "1.00"}),
        ("orderbook_delta", {"side": "yes", "price_dollars": "0.9600", "delta_fp": "NaN"}),
        ("orderbook_delta", {"side": "both", "price_dollars": "0.9600", "delta_fp": "1.00"}),
        ("orderbook_delta", {"side": "yes", "price_dollars": "0.9600"}),
        ("orderbook_delta", {"side": "yes", "price_dollars": "0.96", "delta_fp": "1.00", "ts_ms": 10**17}),
        ("orderbook_snapshot", {"yes_dollars_fp": [["0.0800", "-3.00"]]}),
        ("orderbook_snapshot", {"yes_dollars_fp": [["0.0800", "3.00"], ["0.08", "4.00"]]}),
        ("orderbook_snapshot", {"yes_dollars_fp": {"0.0800": "3.00"}}),
        ("trade", {"trade_id": "a", "yes_price_dollars": "0.3600", "count_fp": "1.00", "taker_side": "yes"}),
        ("trade", {"trade_id": "a", "yes_price_dollars": "0.36", "count_fp": "1.00", "ts_ms": 1_669_149_841_000}),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(map(str, value.values()))[:40],
)
def test_a_damaged_frame_is_told_with_its_number_and_market(kind, msg):
    """Its number counts, its market is in doubt, its text is kept."""
    frame = read(kind, msg)

    assert isinstance(frame, Damaged)
    assert (2, 3, TICKER) == (frame.sid, frame.seq, frame.market_ticker)
    assert TICKER in frame.record


@pytest.mark.parametrize(
    "raw", [b"", b"<html>502</html>", b'{"type": "trade", "sid": 1, "se', b"[1, 2]", b"\xff\xfe", b"null"], ids=repr
)
def test_what_is_no_frame_at_all_is_damaged(raw):
    """Cut off, another format, another encoding."""
    assert isinstance(FrameReader(use_yes_price=True).read(raw), Damaged)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 200_000,
        b'{"type": "orderbook_delta", "sid": 1, "seq": 2, "x": ' + b"[" * 200_000 + b"]" * 200_000 + b', "msg": {}}',
        b'{"type": "zzz", "sid": 1, "seq": 2, "msg": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    ],
    ids=["open", "in a field", "of an unknown kind"],
)
def test_a_frame_that_is_nested_without_end_is_damaged(raw):
    """No depth takes the recorder down."""
    assert isinstance(FrameReader(use_yes_price=True).read(raw), Damaged)


@pytest.mark.parametrize(
    "ts",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1900-01-01T00:00:00Z", "2500-01-01T00:00:00Z", -1],
)
def test_a_stamp_of_another_century_is_damage(ts):
    """The ends of the calendar, and what no exchange has seen."""
    frame = read("orderbook_delta", {"side": "yes", "price_dollars": "0.9600", "delta_fp": "1.00", "ts": ts})

    assert isinstance(frame, Damaged)


@pytest.mark.parametrize("kind", sorted(PASSED_OVER))
def test_a_kind_that_has_no_use_here_is_passed_over_in_silence(kind, caplog):
    """Its number counts."""
    assert Other(2, 3, kind) == read(kind, {"yes_bid": 1})
    assert "" == caplog.text


def test_what_is_told_of_strange_kinds_is_bounded(monkeypatch):
    """A vendor that invents names without end does not fill the memory."""
    monkeypatch.setattr(messages, "_told", set())

    for number in range(messages.NAMES_TOLD + 50):
        read(f"kind-{number}" + "x" * 1_000, {})

    assert messages.NAMES_TOLD == len(messages._told)
    assert max(map(len, messages._told)) < 400


def test_a_kind_that_nobody_knows_keeps_its_number(caplog, monkeypatch):
    """It is told once, and counted."""
    monkeypatch.setattr(messages, "_told", set())

    frames = [read("weather_index", {}) for _ in range(3)]

    assert [Other(2, 3, "weather_index")] * 3 == frames
    assert 1 == caplog.text.count("weather_index")


def test_a_field_that_nobody_knows_is_told_once(caplog, monkeypatch):
    """It is ignored, never fatal."""
    monkeypatch.setattr(messages, "_told", set())
    msg = {"side": "yes", "price_dollars": "0.9600", "delta_fp": "1.00", "moon_phase": "full"}

    frames = [read("orderbook_delta", msg) for _ in range(3)]

    assert all(isinstance(frame, Delta) for frame in frames)
    assert 1 == caplog.text.count("moon_phase")


def test_known_fields_are_not_news(caplog, monkeypatch):
    """A frame as the exchange documents it is read in silence."""
    monkeypatch.setattr(messages, "_told", set())
    caplog.set_level(logging.WARNING)

    read(
        "orderbook_delta",
        {"market_id": "x", "side": "no", "price_dollars": "0.5", "delta_fp": "1", "ts": "2026-10-01T00:00:00Z"},
    )
    read("orderbook_snapshot", {"market_id": "x"}, id=4, sending_ts_ms=5)

    assert "" == caplog.text


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (
            {"id": 1, "type": "subscribed", "msg": {"channel": "orderbook_delta", "sid": 1}},
            Reply(1, None, "subscribed", 1, channel="orderbook_delta"),
        ),
        ({"id": 2, "sid": 1, "seq": 222, "type": "ok", "msg": {"market_tickers": []}}, Reply(1, 222, "ok", 2)),
        ({"id": 5, "sid": 1, "seq": 7, "type": "unsubscribed"}, Reply(1, 7, "unsubscribed", 5)),
        ({"id": 3, "type": "ok", "msg": [{"channel": "orderbook_delta", "sid": 1}]}, Reply(None, None, "ok", 3)),
        (
            {"id": 9, "type": "error", "msg": {"code": 8, "msg": "Unknown channel name"}},
            Reply(None, None, "error", 9, code=8, text="Unknown channel name"),
        ),
    ],
    ids=["subscribed", "ok", "unsubscribed", "list", "error"],
)
def test_replies_are_read(frame, expected):
    """Answers to commands, with and without a number."""
    assert expected == FrameReader(use_yes_price=True).read(json.dumps(frame))


FIELDS = ("market_ticker", "side", "price_dollars", "delta_fp", "yes_dollars_fp", "ts", "ts_ms", "code", "trade_id")
LEVEL = st.dictionaries(st.integers(1, 9999), st.integers(1, 10**9), max_size=8)


@given(yes=LEVEL, no=LEVEL)
def test_levels_survive_the_wire_at_both_prices(yes, no):
    """Text to integers and back, mirrored or not, is the same book."""
    told = [[dollars_text(price), f"{size / 100:.2f}"] for price, size in yes.items()]
    at_yes = [[dollars_text(price), f"{size / 100:.2f}"] for price, size in no.items()]
    at_no = [[dollars_text(10_000 - price), f"{size / 100:.2f}"] for price, size in no.items()]

    book = levels_of(yes=told, no=at_no)

    assert book == levels_of(yes=told, no=at_yes, no_mirrors=False)
    assert (yes, no) == (
        dict(zip(book.bid_prices_ticks, book.bid_sizes_centi, strict=True)),
        dict(zip(book.ask_prices_ticks, book.ask_sizes_centi, strict=True)),
    )


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_no_text_raises(raw):
    """Whatever comes, a frame goes out."""
    assert FrameReader(use_yes_price=False).read(raw) is not None


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["orderbook_delta", "orderbook_snapshot", "trade", "ticker", "ok", "error", 7, None])},
        optional={
            name: st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
                max_leaves=6,
            )
            for name in ("sid", "seq", "msg", "id")
        },
    )
)
def test_no_shape_raises(frame):
    """Fields of any type in any place."""
    assert FrameReader(use_yes_price=False).read(json.dumps(frame)) is not None


def test_a_snapshot_is_read_with_its_stamps():
    """The exchange's own stamp, and when it was sent."""
    snapshot = read("orderbook_snapshot", {"ts_ms": 7}, sending_ts_ms=9)

    assert Snapshot(2, 3, TICKER, Levels(), 7, 9) == snapshot
