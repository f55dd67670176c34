"""Questions to the exchange keep its caps and rules before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.calls import NEVER
from pipelines.kalshi import calls
from pipelines.kalshi.filters import MarketFilter
from pipelines.payload import Payload
from warehouse.errors import Unparsable, Usage

OPEN = datetime(2026, 10, 3, 14, tzinfo=UTC)
CLOSE = datetime(2026, 10, 5, 6, tzinfo=UTC)
EVENT = "KXHIGHCHI-26OCT04"
MARKET = f"{EVENT}-B72.5"

instants = st.datetimes(datetime(2021, 8, 1), datetime(2026, 12, 31), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=0)
)


def stamped(call) -> range:
    """Return the seconds of a call's window, both ends inside."""
    return range(int(call.query["start_ts"]), int(call.query["end_ts"]) + 1)


def seconds(start: datetime, end: datetime) -> range:
    return range(int(start.timestamp()), int(end.timestamp()) + 1)


@given(start=instants, span_s=st.integers(0, 60 * 86_400), period=st.sampled_from([1, 60, 1_440]))
def test_windows_tile_the_span_exactly_and_never_pass_the_cap(start, span_s, period):
    """Every second of the span is in exactly one window, and none holds more than 5,000 periods."""
    end = start + timedelta(seconds=span_s)

    windows = [stamped(call) for call in calls.candles(MARKET, start_utc=start, end_utc=end, period_minutes=period)]

    whole = seconds(start, end)
    assert (whole.start, whole.stop) == (windows[0].start, windows[-1].stop)
    assert [one.stop for one in windows[:-1]] == [one.start for one in windows[1:]]
    assert all((one.stop - 1 - one.start) / (60 * period) <= 5_000 for one in windows)
    assert len(windows) == -(-len(whole) // (5_000 * 60 * period))


@given(count=st.integers(1, 250), start=instants, minutes=st.integers(0, 5_000))
def test_batches_tile_tickers_and_minutes_within_the_cap(count, start, minutes):
    """Each ticker's every second is asked for once; tickers × minutes stays within 10,000, tickers within 100."""
    tickers = [f"KXHIGHCHI-26OCT04-B{number}.5" for number in range(count)]
    end = start + timedelta(minutes=minutes)

    asked = calls.batch_candles(tickers, start_utc=start, end_utc=end)

    by_ticker: dict[str, list[range]] = {}
    for call in asked:
        names, window = call.query["market_tickers"].split(","), stamped(call)
        assert len(names) <= 100
        assert len(names) * (window.stop - 1 - window.start) / 60 <= 10_000
        for name in names:
            by_ticker.setdefault(name, []).append(window)
    assert set(tickers) == by_ticker.keys()
    for windows in by_ticker.values():
        assert seconds(start, end).start == windows[0].start
        assert seconds(start, end).stop == windows[-1].stop
        assert [one.stop for one in windows[:-1]] == [one.start for one in windows[1:]]


def test_a_whole_market_is_one_call_that_reaches_one_minute_beyond_its_close():
    """Forty hours are 2,400 minutes; the last candle may be stamped after the close."""
    start, end = calls.candle_window(OPEN, CLOSE)

    (call,) = calls.candles(MARKET, start_utc=start, end_utc=end)

    assert f"/trade-api/v2/series/KXHIGHCHI/markets/{MARKET}/candlesticks" == call.path
    assert {"start_ts": "1791036000", "end_ts": "1791180060", "period_interval": "1"} == call.query
    assert end + timedelta(days=1) == call.final_after_utc
    assert ("kalshi", "kalshi_candles", 10, False) == (call.vendor, call.kind, call.tokens, call.pages)


def test_the_seven_cities_at_once_are_asked_for_238_minutes_a_call():
    """Forty-two tickers share ten thousand candles."""
    asked = calls.batch_candles([f"T-{number}" for number in range(42)], start_utc=OPEN, end_utc=CLOSE)

    assert 238 * 60 == len(stamped(asked[0]))


@pytest.mark.parametrize("period", [1, 60, 1_440])
def test_a_question_for_candles_says_their_period_to_whoever_reads_the_answer(period):
    """The answer does not say it, whichever endpoint gave it."""
    window = {"start_utc": OPEN, "end_utc": CLOSE, "period_minutes": period}
    one, old = (ask("KXHIGHNY-26SEP01-T90", **window) for ask in (calls.candles, calls.historical_candles))
    asked = [*one, *old, *calls.batch_candles(["A-1"], **window), calls.event_candles("A-26SEP01", **window)]

    assert [{"period_interval": str(period)}] * len(asked) == [call.asked for call in asked]


def test_the_historical_tier_is_asked_without_a_series():
    """Legacy tickers are asked for by themselves."""
    (call,) = calls.historical_candles("HIGHNY-24AUG15-T83", start_utc=OPEN, end_utc=CLOSE)

    assert "/trade-api/v2/historical/markets/HIGHNY-24AUG15-T83/candlesticks" == call.path


def test_the_same_question_has_the_same_name_in_every_run():
    """What was asked before is recognised."""
    first, second = (calls.candles(MARKET, start_utc=OPEN, end_utc=CLOSE)[0] for _ in range(2))

    assert first.key == second.key


def test_a_cut_off_event_answer_is_continued_where_it_ended():
    """The next window begins one second after the adjusted end, until the end is reached."""
    call = calls.event_candles(EVENT, start_utc=OPEN, end_utc=CLOSE)

    rest = calls.rest_of_event_candles(call, answer(b'{"adjusted_end_ts": 1791100000}'))

    assert rest is not None
    assert ("1791100001", call.query["end_ts"]) == (rest.query["start_ts"], rest.query["end_ts"])
    assert calls.rest_of_event_candles(call, answer(b'{"adjusted_end_ts": 1791180000}')) is None
    assert calls.rest_of_event_candles(call, answer(b"{}")) is None


@pytest.mark.parametrize("body", [b"<html>", b'{"adjusted_end_ts": "soon"}', b'{"adjusted_end_ts": 5}'])
def test_an_event_answer_without_a_sensible_end_is_refused(body):
    """Going on from nowhere would never end."""
    call = calls.event_candles(EVENT, start_utc=OPEN, end_utc=CLOSE)

    with pytest.raises(Unparsable):
        calls.rest_of_event_candles(call, answer(body))


def answer(body: bytes) -> Payload:
    return Payload(kind="kalshi_candles", body=body, received_utc=CLOSE)


@pytest.mark.parametrize(
    ("said", "right"),
    [("finalized", "settled"), ("active", "open"), ("initialized", "unopened"), ("inactive", "paused")],
)
def test_a_word_of_payloads_is_not_a_filter(said, right):
    """It would list nothing; the hint names the word that does."""
    with pytest.raises(Usage) as refused:
        MarketFilter(series_ticker="KXHIGHNY", status=said)

    assert f"the filter word is '{right}'" == refused.value.hint
    with pytest.raises(Usage):
        calls.events("KXHIGHNY", status=said)


@pytest.mark.parametrize(
    "filters",
    [
        {"status": "open,closed"},
        {"min_close_utc": OPEN, "min_settled_utc": OPEN},
        {"min_created_utc": OPEN, "status": "settled"},
        {"max_close_utc": OPEN, "status": "open"},
        {"min_settled_utc": OPEN, "status": "closed"},
        {"min_updated_utc": OPEN, "status": "open"},
        {"min_updated_utc": OPEN, "series_ticker": "KXHIGHNY"},
        {"min_updated_utc": OPEN, "mve_filter": "only"},
        {"min_close_utc": OPEN.replace(tzinfo=None), "series_ticker": "KXHIGHNY"},
    ],
    ids=str,
)
def test_filters_that_do_not_go_together_are_refused(filters):
    """One status, one family of times that suits it, and updates alone."""
    with pytest.raises(Usage):
        calls.markets(MarketFilter(**filters))


@pytest.mark.parametrize(
    ("filters", "query"),
    [
        ({"status": "settled", "min_settled_utc": OPEN}, {"status": "settled", "min_settled_ts": "1791036000"}),
        ({"max_close_utc": OPEN}, {"max_close_ts": "1791036000"}),
        ({"tickers": ("A-1", "B-2")}, {"tickers": "A-1,B-2"}),
        (
            {"min_updated_utc": OPEN, "series_ticker": "S", "mve_filter": "exclude"},
            {"min_updated_ts": "1791036000", "series_ticker": "S", "mve_filter": "exclude"},
        ),
    ],
    ids=str,
)
def test_filters_that_go_together_are_said_in_the_words_of_the_exchange(filters, query):
    """Times are whole seconds, tickers one list, pages as long as they may be."""
    call = calls.markets(MarketFilter(**filters))

    assert query | {"limit": "1000"} == call.query
    assert call.pages


def test_the_historical_listing_takes_exactly_one_filter():
    """Series, event or tickers; two of them, or none, is a mistake."""
    assert {"series_ticker": "KXHIGHNY"} == calls.historical_markets(series_ticker="KXHIGHNY").asked
    for wrong in ({}, {"series_ticker": "KXHIGHNY", "tickers": ("A-1",)}):
        with pytest.raises(Usage):
            calls.historical_markets(**wrong)


def test_trades_are_always_asked_for_by_ticker():
    """Without one the exchange would answer with everybody's."""
    call = calls.trades(MARKET, max_utc=CLOSE)

    assert {"ticker": MARKET, "limit": "1000", "max_ts": "1791180000"} == call.query
    assert CLOSE + timedelta(days=1) == call.final_after_utc
    assert NEVER == calls.trades(MARKET).final_after_utc
    with pytest.raises(Usage):
        calls.trades("")


def test_many_books_are_asked_for_by_a_name_that_repeats():
    """The name stands once for each ticker."""
    call = calls.orderbooks(["A-1", "B-2"])

    assert "/trade-api/v2/markets/orderbooks?tickers=A-1&tickers=B-2" == call.path


@pytest.mark.parametrize(
    ("call", "path", "query"),
    [
        (calls.series("KXHIGHNY"), "/series/KXHIGHNY", {}),
        (
            calls.fee_changes("KXHIGHNY"),
            "/series/fee_changes",
            {"series_ticker": "KXHIGHNY", "show_historical": "true"},
        ),
        (calls.event_fee_changes(), "/events/fee_changes", {"limit": "100", "show_historical": "true"}),
        (calls.events("KXHIGHNY"), "/events", {"series_ticker": "KXHIGHNY", "limit": "200"}),
        (calls.event(EVENT, with_nested_markets=True), f"/events/{EVENT}", {"with_nested_markets": "true"}),
        (calls.market(MARKET), f"/markets/{MARKET}", {}),
        (calls.historical_market(MARKET), f"/historical/markets/{MARKET}", {}),
        (calls.historical_trades(MARKET), "/historical/trades", {"ticker": MARKET, "limit": "1000"}),
        (calls.orderbook(MARKET, depth=10), f"/markets/{MARKET}/orderbook", {"depth": "10"}),
        (calls.cutoff(), "/historical/cutoff", {}),
        (calls.status(), "/exchange/status", {}),
        (calls.schedule(), "/exchange/schedule", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_endpoint_is_asked_as_it_wants_to_be(call, path, query):
    """Path, query and price of every other endpoint."""
    assert (f"/trade-api/v2{path}", query, 10) == (call.path, dict(call.query), call.tokens)


WRONG = {
    "backwards": lambda: calls.candles(MARKET, start_utc=CLOSE, end_utc=OPEN),
    "five minutes": lambda: calls.candles(MARKET, start_utc=OPEN, end_utc=CLOSE, period_minutes=5),
    "nameless": lambda: calls.candles("", start_utc=OPEN, end_utc=CLOSE),
    "nobody": lambda: calls.batch_candles([], start_utc=OPEN, end_utc=CLOSE),
    "too deep": lambda: calls.orderbook(MARKET, depth=101),
    "no books": lambda: calls.orderbooks([]),
    "everything": lambda: calls.markets(MarketFilter()),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_question_that_cannot_be_meant_is_refused(wrong):
    """Backwards windows, unknown periods, nobody named, everything at once."""
    with pytest.raises(Usage):
        WRONG[wrong]()
