"""The exchange's REST endpoints say the world in the exchange's words, page by page, tier by tier, cap by cap."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import polars as pl
import pytest

API = "/trade-api/v2"
OLD, NEW = "KXHIGHCHI-26OCT31", "KXHIGHCHI-26NOV02"
Rows = Callable[..., pl.DataFrame]


@pytest.fixture(scope="module")
def window(rows: Rows) -> dict[str, int]:
    """The life of the newest event."""
    market = rows("markets").filter(event_ticker=NEW).row(0, named=True)
    start, end = (int(market[name].timestamp()) for name in ("open_utc", "close_utc"))
    return {"start_ts": start, "end_ts": end + 60, "period_interval": 1}


def all_pages(ask: Callable, path: str, name: str, **query: object) -> list[dict]:
    """Follow cursors to the end."""
    found, cursor = [], ""
    while True:
        page = ask(path, **query, **({"cursor": cursor} if cursor else {})).json
        found += page[name]
        cursor = page["cursor"]
        if not cursor:
            return found


def said_ticks(node: dict, side: str, moment: str) -> int | None:
    """Read a price of either dialect."""
    text = node[side].get(f"{moment}_dollars", node[side].get(moment))
    return None if text is None else round(float(text) * 10_000)


def test_the_front_page_says_where_the_stream_is(ask: Callable) -> None:
    """One address is enough to find everything."""
    hello = ask("/").json

    assert hello["ws_url"].startswith("ws://127.0.0.1:")
    assert ["chicago", "nyc"] == hello["world"]["cities"]


def test_markets_of_both_tiers_are_those_of_the_world(ask: Callable, rows: Rows) -> None:
    """Live and historical listings together have every market once, with its result, value and volume."""
    live = all_pages(ask, f"{API}/markets", "markets", series_ticker="KXHIGHCHI", limit=5)
    old = all_pages(ask, f"{API}/historical/markets", "markets", series_ticker="KXHIGHCHI", limit=5)

    assert {OLD} == {market["event_ticker"] for market in old}
    said = {market["ticker"]: market for market in [*live, *old]}
    assert len(live) + len(old) == len(said) == 18
    for row in rows("markets").iter_rows(named=True):
        market = said[row["market_ticker"]]
        assert (row["result"], row["floor_strike"], row["cap_strike"], row["strike_type"]) == tuple(
            market[name] for name in ("result", "floor_strike", "cap_strike", "strike_type")
        )
        assert f"{row['expiration_value_f']}.00" == market["expiration_value"]
        assert row["volume_centi"] == round(float(market["volume_fp"]) * 100)
        assert row["settled_utc"] == datetime.fromisoformat(market["settlement_ts"])
        assert "series_ticker" not in market


def test_filter_words_are_not_the_words_of_the_payload(ask: Callable) -> None:
    """`settled` finds what is `finalized`; `finalized` finds nothing."""
    settled = ask(f"{API}/markets", status="settled", event_ticker=NEW).json["markets"]

    assert {"finalized"} == {market["status"] for market in settled}
    assert [] == ask(f"{API}/markets", status="finalized", event_ticker=NEW).json["markets"]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/markets", {"status": "open,closed"}, 400),
        ("/markets", {"status": "open", "min_settled_ts": 1}, 400),
        ("/markets", {"min_created_ts": 1, "max_close_ts": 2}, 400),
        ("/markets", {"limit": 1001}, 400),
        ("/markets", {"cursor": "rubbish"}, 400),
        ("/markets", {"min_updated_ts": 1, "event_ticker": NEW}, 400),
        ("/markets", {"min_updated_ts": 1, "series_ticker": "KXHIGHCHI"}, 400),
        ("/markets", {"min_updated_ts": 1, "status": "open"}, 400),
        ("/historical/markets", {"event_ticker": OLD, "series_ticker": "KXHIGHCHI"}, 400),
        ("/series/KXHIGHDEN", {}, 404),
        ("/events/KXHIGHCHI-26NOV09", {}, 404),
        ("/markets/KXHIGHCHI-26NOV02-B1.5", {}, 404),
        ("/nothing/here", {}, 404),
    ],
)
def test_questions_that_cannot_be_meant_are_refused_in_the_wrapped_shape(
    ask: Callable, path: str, query: dict, status: int
) -> None:
    """An error is an object with code, message and details."""
    reply = ask(f"{API}{path}", **query)

    assert status == reply.status
    assert {"code", "message", "details"} == set(reply.json["error"])


def test_filters_by_time_that_the_exchange_does_not_know_are_ignored(ask: Callable) -> None:
    """A name that only looks like one of them changes nothing; updates of a series are told without combinations."""
    everything = ask(f"{API}/markets").json

    for query in (
        {"foo_ts": 1},
        {"min_foo_ts": 1},
        {"max_updated_ts": 1},
        {"min_updated_ts": 1, "mve_filter": "exclude"},
    ):
        assert everything == ask(f"{API}/markets", **query).json
    beside = {"min_updated_ts": 1, "mve_filter": "exclude", "series_ticker": "KXHIGHCHI"}
    assert 200 == ask(f"{API}/markets", **beside).status


@pytest.mark.parametrize(
    "path", ["/series/KXHIGHNY/markets/{}/candlesticks", "/series/KXHIGHNY/events/{}/candlesticks"]
)
def test_candles_are_not_found_in_another_series(ask: Callable, rows: Rows, window: dict, path: str) -> None:
    """A market of Chicago is none of New York."""
    ticker = rows("markets").filter(event_ticker=NEW)["market_ticker"][2]

    reply = ask(API + path.format(ticker if "markets" in path else NEW), **window)

    assert (404, "not_found") == (reply.status, reply.json["error"]["code"])


def test_events_outlive_their_markets(ask: Callable) -> None:
    """An archived event still answers, without its markets; a young one has them nested when asked."""
    old = ask(f"{API}/events/{OLD}", with_nested_markets="true").json
    events = all_pages(ask, f"{API}/events", "events", series_ticker="KXHIGHCHI", with_nested_markets="true", limit=2)

    assert [] == old["event"]["markets"] == old["markets"]
    assert [6, 6, 0] == [len(event["markets"]) for event in events]
    assert 404 == ask(f"{API}/markets/{ask(f'{API}/historical/markets').json['markets'][0]['ticker']}").status


def test_live_candles_are_those_of_the_world(ask: Callable, rows: Rows, window: dict) -> None:
    """Dollar strings with their suffix; a silent minute has no prices."""
    ticker = rows("markets").filter(event_ticker=NEW)["market_ticker"][2]

    candles = ask(f"{API}/series/KXHIGHCHI/markets/{ticker}/candlesticks", **window).json["candlesticks"]

    direct = rows("candles_1m").filter(market_ticker=ticker).sort("ts_utc")
    assert direct["ts_utc"].dt.epoch("s").to_list() == [candle["end_period_ts"] for candle in candles]
    for side in ("yes_bid", "yes_ask", "price"):
        for moment in ("open", "high", "low", "close"):
            said = [said_ticks(candle, side, moment) for candle in candles]
            assert direct[f"{side}_{moment}_ticks"].to_list() == said
    assert direct["volume_centi"].to_list() == [round(float(candle["volume_fp"]) * 100) for candle in candles]
    assert {} == candles[0]["price"]
    assert {"previous_dollars"} in [set(candle["price"]) for candle in candles]


def test_historical_candles_speak_the_other_dialect(ask: Callable, rows: Rows) -> None:
    """Bare names, and nulls where nothing traded."""
    market = rows("markets").filter(event_ticker=OLD).row(1, named=True)
    window = {"start_ts": int(market["open_utc"].timestamp()), "end_ts": int(market["close_utc"].timestamp()) + 60}
    path = f"{API}/historical/markets/{market['market_ticker']}/candlesticks"

    candles = ask(path, period_interval=1, **window).json["candlesticks"]

    direct = rows("candles_1m").filter(market_ticker=market["market_ticker"]).sort("ts_utc")
    assert direct["yes_ask_close_ticks"].to_list() == [said_ticks(candle, "yes_ask", "close") for candle in candles]
    assert dict.fromkeys(("open", "low", "high", "close", "mean", "previous")) == candles[0]["price"]
    live = ask(f"{API}/series/KXHIGHCHI/markets/{market['market_ticker']}/candlesticks", period_interval=1, **window)
    assert 404 == live.status


def test_windows_are_capped_by_what_is_asked_for(ask: Callable, rows: Rows, window: dict) -> None:
    """The caps count periods of the window, not rows, and the error says both numbers."""
    tickers = rows("markets").filter(event_ticker=NEW)["market_ticker"].to_list()
    single = f"{API}/series/KXHIGHCHI/markets/{tickers[0]}/candlesticks"

    wide = ask(single, start_ts=0, end_ts=15_680_638_000, period_interval=60)
    batch = ask(f"{API}/markets/candlesticks", market_tickers=",".join(tickers), **window)

    details = "requested time range with candlesticks: 4355732.777778, max candlesticks: 5000"
    assert (400, details) == (wide.status, wide.json["error"]["details"])
    assert 400 == batch.status
    assert batch.json["error"]["details"].endswith("max candlesticks: 10000")


def test_a_batch_leaves_out_unknown_tickers_without_a_word(ask: Callable, rows: Rows, window: dict) -> None:
    """Known markets answer in the order asked, also with nothing in the window."""
    tickers = rows("markets").filter(event_ticker=NEW)["market_ticker"].to_list()[:2]
    asked = ",".join([tickers[1], "KXHIGHCHI-26NOV02-B1.5", tickers[0]])

    markets = ask(f"{API}/markets/candlesticks", market_tickers=asked, **window | {"end_ts": window["start_ts"]}).json

    expected = [{"market_ticker": tickers[place], "candlesticks": []} for place in (1, 0)]
    assert expected == markets["markets"]


def test_event_candles_say_where_they_were_cut_off(ask: Callable, window: dict) -> None:
    """Asked for a whole life, the answer ends early and says so; going on from there reaches the end."""
    path = f"{API}/series/KXHIGHCHI/events/{NEW}/candlesticks"

    first = ask(path, **window).json
    rest = ask(path, **window | {"start_ts": first["adjusted_end_ts"] + 1}).json

    assert first["adjusted_end_ts"] < window["end_ts"] == rest["adjusted_end_ts"]
    assert len(first["market_tickers"]) == len(first["market_candlesticks"]) == 6


def test_longer_periods_fold_minutes(ask: Callable, rows: Rows, window: dict) -> None:
    """An hour opens with its first minute, closes with its last, and sums their volume."""
    ticker = rows("markets").filter(event_ticker=NEW)["market_ticker"][2]
    path = f"{API}/series/KXHIGHCHI/markets/{ticker}/candlesticks"

    hours = ask(path, **window | {"period_interval": 60}).json["candlesticks"]

    minutes = ask(path, **window).json["candlesticks"]
    assert {0} == {hour["end_period_ts"] % 3600 for hour in hours}
    total = sum(float(minute["volume_fp"]) for minute in minutes)
    assert round(total, 2) == round(sum(float(hour["volume_fp"]) for hour in hours), 2)
    assert minutes[-1]["yes_bid"]["close_dollars"] == hours[-1]["yes_bid"]["close_dollars"]


def test_a_window_can_bring_the_last_price_before_it(ask: Callable, rows: Rows, window: dict) -> None:
    """One candle without quotes is put in front, at the first boundary."""
    ticker = rows("trades").filter(pl.col("market_ticker").str.starts_with(NEW))["market_ticker"][0]
    path = f"{API}/series/KXHIGHCHI/markets/{ticker}/candlesticks"
    late = window | {"start_ts": window["end_ts"] - 600, "include_latest_before_start": "true"}

    first = ask(path, **late).json["candlesticks"][0]

    assert ({}, {}, {"previous_dollars"}) == (first["yes_bid"], first["yes_ask"], set(first["price"]))


def test_an_archived_window_brings_no_price_before_it(ask: Callable, rows: Rows) -> None:
    """The historical tier does not know that question."""
    ticker = rows("trades").filter(pl.col("market_ticker").str.starts_with(OLD))["market_ticker"][0]
    market = rows("markets").filter(market_ticker=ticker).row(0, named=True)
    end = int(market["close_utc"].timestamp())
    late = {"start_ts": end - 600, "end_ts": end, "period_interval": 1}
    path = f"{API}/historical/markets/{ticker}/candlesticks"

    assert ask(path, **late).json == ask(path, **late, include_latest_before_start="true").json


def test_trades_of_both_tiers_are_those_of_the_world(ask: Callable, rows: Rows) -> None:
    """A market whose life spans the cutoff has trades on both sides of it; together they are the tape, exactly."""
    ticker = rows("markets").filter(event_ticker="KXHIGHCHI-26NOV02")["market_ticker"][1]

    live = all_pages(ask, f"{API}/markets/trades", "trades", ticker=ticker, limit=40)
    old = all_pages(ask, f"{API}/historical/trades", "trades", ticker=ticker, limit=40)

    direct = rows("trades").filter(market_ticker=ticker).sort("ts_utc", "trade_id")
    said = sorted([*live, *old], key=lambda trade: (trade["created_time"], trade["trade_id"]))
    assert live
    assert old
    assert direct["trade_id"].to_list() == [trade["trade_id"] for trade in said]
    assert direct["ts_utc"].to_list() == [datetime.fromisoformat(trade["created_time"]) for trade in said]
    assert direct["count_centi"].to_list() == [round(float(trade["count_fp"]) * 100) for trade in said]
    assert direct["taker_side"].to_list() == [trade["taker_outcome_side"] for trade in said]


def test_an_unknown_filter_of_trades_brings_everybodys(ask: Callable) -> None:
    """Without a ticker the exchange tells the tape of every city."""
    trades = ask(f"{API}/markets/trades", series_ticker="KXHIGHCHI", limit=1000).json["trades"]

    assert {"KXHIGHCHI", "KXHIGHNY"} == {trade["ticker"].partition("-")[0] for trade in trades}


def test_the_exchange_says_when_it_is_open_and_what_is_history(ask: Callable) -> None:
    """Status, schedule, cutoff and fee changes answer in their documented shapes."""
    assert ask(f"{API}/exchange/status").json["trading_active"] is True
    thursday = ask(f"{API}/exchange/schedule").json["schedule"]["standard_hours"][0]["thursday"]
    assert ["00:00", "05:00"] == [hours["open_time"] for hours in thursday]
    assert "2026-11-02T00:00:00Z" == ask(f"{API}/historical/cutoff").json["market_settled_ts"]
    assert {"series_fee_change_arr": []} == ask(f"{API}/series/fee_changes", series_ticker="KXHIGHCHI").json
    assert ["KXHIGHCHI", "KXHIGHNY"] == [one["ticker"] for one in ask(f"{API}/series").json["series"]]


def test_nothing_of_the_future_is_told(ask_at_noon: Callable, rows: Rows) -> None:
    """In the middle of a day its markets trade without result, and the tape ends at the present."""
    now = "2026-11-01T18:00:00"
    today = ask_at_noon(f"{API}/markets", event_ticker="KXHIGHCHI-26NOV01").json["markets"]
    ticker = today[2]["ticker"]
    window = {"start_ts": 1793455200, "end_ts": 1793599260, "period_interval": 1}

    candles = ask_at_noon(f"{API}/series/KXHIGHCHI/markets/{ticker}/candlesticks", **window).json["candlesticks"]
    trades = ask_at_noon(f"{API}/markets/trades", ticker=ticker).json["trades"]

    assert {("active", "", "", None)} == {
        tuple(market[name] for name in ("status", "result", "expiration_value", "settlement_ts")) for market in today
    }
    assert 0 < max(candle["end_period_ts"] for candle in candles) <= datetime.fromisoformat(f"{now}Z").timestamp()
    assert max(trade["created_time"] for trade in trades) <= now + ".000000Z"
    known = rows("trades").filter((pl.col("market_ticker") == ticker) & (pl.col("ts_utc").dt.strftime("%FT%T") <= now))
    assert known["count_centi"].sum() == round(float(today[2]["volume_fp"]) * 100)


def test_tomorrows_market_is_listed_and_the_day_after_is_not(ask_at_noon: Callable) -> None:
    """What is not listed yet answers like what never was."""
    assert {"active"} == {m["status"] for m in ask_at_noon(f"{API}/markets", event_ticker=NEW).json["markets"]}
    settled = ask_at_noon(f"{API}/events", series_ticker="KXHIGHCHI", status="settled").json["events"]
    assert [OLD] == [event["event_ticker"] for event in settled]


def test_a_book_closes_its_minute_with_the_quotes_of_the_candle(ask_at_noon: Callable, rows: Rows) -> None:
    """Bids only on both sides, the best last; the best of no is one minus the offer of yes."""
    candles = rows("candles_1m").filter(pl.col("ts_utc").dt.strftime("%FT%T") <= "2026-11-01T18:00:00")
    quotes = candles.sort("ts_utc").group_by("market_ticker").last()

    for row in quotes.filter(pl.col("market_ticker").str.contains("26NOV0[12]")).iter_rows(named=True):
        book = ask_at_noon(f"{API}/markets/{row['market_ticker']}/orderbook").json["orderbook_fp"]
        bid = round(float(book["yes_dollars"][-1][0]) * 10_000) if book["yes_dollars"] else 0
        offer = 10_000 - round(float(book["no_dollars"][-1][0]) * 10_000) if book["no_dollars"] else 10_000
        assert (row["yes_bid_close_ticks"], row["yes_ask_close_ticks"]) == (bid, offer)


def test_a_listed_quote_says_how_much_rests_there(ask_at_noon: Callable) -> None:
    """Price and size of the best levels are those of the book; a side without orders has size zero."""
    for market in ask_at_noon(f"{API}/markets", status="open").json["markets"]:
        book = ask_at_noon(f"{API}/markets/{market['ticker']}/orderbook", depth=1).json["orderbook_fp"]
        best = [said[0] if said else ["0.0000", "0.00"] for said in (book["yes_dollars"], book["no_dollars"])]

        said = [["yes_bid_dollars", "yes_bid_size_fp"], ["no_bid_dollars", "yes_ask_size_fp"]]
        assert best == [[market[name] for name in names] for names in said]


def test_books_can_be_asked_for_together_and_to_a_depth(ask_at_noon: Callable) -> None:
    """Tickers repeat in the query; a depth keeps the best levels."""
    tickers = [m["ticker"] for m in ask_at_noon(f"{API}/markets", event_ticker=NEW).json["markets"]]

    books = ask_at_noon(f"{API}/markets/orderbooks", tickers=tickers).json["orderbooks"]

    assert tickers == [book["ticker"] for book in books]
    whole = books[2]["orderbook_fp"]
    best = ask_at_noon(f"{API}/markets/{tickers[2]}/orderbook", depth=1).json["orderbook_fp"]
    assert {"yes_dollars": whole["yes_dollars"][-1:], "no_dollars": whole["no_dollars"][-1:]} == best
