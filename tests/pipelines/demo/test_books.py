"""Order-book messages, replayed by a plain dictionary, lead to the quotes of the candles."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime

import polars as pl
import pytest

from pipelines.demo import CityDay

AllRows = Callable[[list[CityDay], str], pl.DataFrame]
Book = dict[str, dict[int, int]]


def replayed(messages: pl.DataFrame) -> list[tuple[datetime, Book]]:
    """Return the whole book after each message of one market."""
    book: Book = {"yes": {}, "no": {}}
    history = []
    for row in messages.sort("seq").iter_rows(named=True):
        if row["kind"] == "snapshot":
            book = {
                "yes": dict(zip(row["bid_prices_ticks"], row["bid_sizes_centi"], strict=True)),
                "no": dict(zip(row["ask_prices_ticks"], row["ask_sizes_centi"], strict=True)),
            }
        else:
            levels = dict(book[row["side"]])
            levels[row["price_ticks"]] = levels.get(row["price_ticks"], 0) + row["delta_centi"]
            assert levels[row["price_ticks"]] >= 0
            book = book | {row["side"]: {price: size for price, size in levels.items() if size > 0}}
        history.append((row["ts_utc"] or row["known_utc"], book))
    return history


@pytest.fixture(scope="module")
def day(lagging: list[CityDay]) -> CityDay:
    return lagging[2]


@pytest.fixture(scope="module")
def histories(day: CityDay) -> dict[str, list[tuple[datetime, Book]]]:
    """Every book of one event after every message."""
    by_market = day.frames["books"].partition_by("market_ticker", as_dict=True)
    return {str(key[0]): replayed(messages) for key, messages in by_market.items()}


def test_replay_ends_each_minute_on_the_candle(day: CityDay, histories: dict[str, list[tuple[datetime, Book]]]) -> None:
    """After the last message of a minute the best levels are the candle's closing quotes."""
    for row in day.frames["candles_1m"].iter_rows(named=True):
        history = histories[row["market_ticker"]]
        book = history[bisect_right(history, row["ts_utc"], key=lambda entry: entry[0]) - 1][1]
        assert row["yes_bid_close_ticks"] == max(book["yes"], default=0)
        assert row["yes_ask_close_ticks"] == min(book["no"], default=10_000)


def test_books_are_never_crossed(histories: dict[str, list[tuple[datetime, Book]]]) -> None:
    """After every single message the best bid lies below the best offer."""
    for history in histories.values():
        assert all(max(book["yes"], default=0) < min(book["no"], default=10_000) for _, book in history)


def test_books_show_three_levels_at_most(histories: dict[str, list[tuple[datetime, Book]]]) -> None:
    """A side is three levels deep, fewer at the ends of the scale."""
    books = [book for history in histories.values() for _, book in history]

    assert 3 == max(len(levels) for book in books for levels in book.values())


def test_one_subscription_numbers_all_its_messages(day: CityDay) -> None:
    """Sequence numbers run from one without a gap over the six markets, snapshots first."""
    books = day.frames["books"].sort("seq")

    assert list(range(1, books.height + 1)) == books["seq"].to_list()
    assert 1 == books["sid"].n_unique()
    assert ["snapshot"] * 6 == books["kind"].head(6).to_list()
    assert {"delta"} == set(books["kind"].tail(-6))


def test_messages_arrive_in_order_shortly_after_they_were_sent(day: CityDay) -> None:
    """Receive times never run backwards, and lie less than a fifth of a second behind the stamp."""
    books = day.frames["books"].sort("seq")

    lag_ms = (books["known_utc"] - books["ts_utc"]).dt.total_milliseconds()
    assert books["known_utc"].is_sorted()
    assert 0 <= lag_ms.min()
    assert lag_ms.max() < 200


def test_every_trade_consumes_the_level_it_hits(day: CityDay) -> None:
    """For each trade there is a delta of its size, at its price and instant, on the side it took."""
    side = pl.when(pl.col("taker_side") == "yes").then(pl.lit("no")).otherwise(pl.lit("yes"))
    trades = day.frames["trades"].select(
        "market_ticker", "ts_utc", side.alias("side"), price_ticks="yes_price_ticks", delta_centi=-pl.col("count_centi")
    )

    matched = trades.join(day.frames["books"], on=trades.columns, how="semi")

    assert trades.height == matched.height


def test_messages_stay_within_reason(lagging: list[CityDay], all_rows: AllRows) -> None:
    """A market sends a few thousand messages."""
    per_market = all_rows(lagging, "books").group_by("market_ticker").len()["len"]

    assert 500 < per_market.mean() < 4000
    assert per_market.max() < 8000
