"""One book, kept change by change; and books that REST tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.kalshi.book import Book, parse_orderbooks
from pipelines.kalshi.levels import Levels
from pipelines.payload import Payload

NOON = datetime(2026, 10, 4, 12, tzinfo=UTC)
TICKER = "KXHIGHCHI-26OCT04-B72.5"
OPENING = Levels((4000, 4200), (500, 300), (4700, 4500), (200, 100))
CHANGES = st.lists(st.tuples(st.sampled_from(["yes", "no"]), st.integers(1, 9999), st.integers(-300, 300)), max_size=60)


def rest(body, ticker=TICKER):
    """Parse one answer of REST."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_orderbooks([Payload(kind="kalshi_orderbook", asked={"ticker": ticker}, body=raw, received_utc=NOON)])


def test_a_book_is_its_snapshot():
    """The best of each side is its last level."""
    book = Book(OPENING)

    assert (4200, 300, 4500, 100) == (
        book.best_bid_ticks,
        book.best_bid_centi,
        book.best_ask_ticks,
        book.best_ask_centi,
    )
    assert OPENING == book.levels


def test_a_better_price_becomes_the_best():
    """On either side."""
    book = Book(OPENING)

    book.apply("yes", 4300, 100)
    book.apply("no", 4400, 100)

    assert (4300, 4400) == (book.best_bid_ticks, book.best_ask_ticks)


def test_the_next_level_is_the_best_when_the_best_is_gone():
    """Down to an empty side."""
    book = Book(OPENING)
    best = []

    for side, price, change in (("yes", 4200, -300), ("yes", 4000, -500), ("no", 4500, -100), ("no", 4700, -200)):
        book.apply(side, price, change)
        best.append((book.best_bid_ticks, book.best_ask_ticks))

    assert [(4000, 4500), (0, 4500), (0, 4700), (0, 10_000)] == best


def test_taking_more_than_is_there_is_a_defect():
    """The level is gone, and somebody is told."""
    book = Book(OPENING)

    applied = [book.apply("yes", 4200, -301), book.apply("yes", 4000, -500), book.apply("yes", 4100, 0)]

    assert ([False, True, True], 1) == (applied, book.defects)
    assert 0 == book.best_bid_ticks


def test_a_bid_that_meets_an_offer_is_crossed():
    """The exchange would have matched them."""
    book = Book(OPENING)
    seen = [book.is_crossed]

    book.apply("yes", 4500, 1)

    assert [False, True] == [*seen, book.is_crossed]


def test_an_empty_book_is_not_crossed():
    """Nothing meets nothing."""
    assert not Book(Levels()).is_crossed


@given(changes=CHANGES)
def test_a_book_is_what_a_dictionary_would_hold(changes):
    """Levels, sizes and best prices, after any changes."""
    book, plain = Book(), {"yes": {}, "no": {}}

    for side, price, change in changes:
        book.apply(side, price, change)
        plain[side][price] = max(plain[side].get(price, 0) + change, 0)

    held = {side: {price: size for price, size in sizes.items() if size} for side, sizes in plain.items()}
    assert (max(held["yes"], default=0), min(held["no"], default=10_000)) == (book.best_bid_ticks, book.best_ask_ticks)
    assert held["yes"] == dict(zip(book.levels.bid_prices_ticks, book.levels.bid_sizes_centi, strict=True))
    assert held["no"] == dict(zip(book.levels.ask_prices_ticks, book.levels.ask_sizes_centi, strict=True))


@pytest.mark.parametrize(
    "body",
    [
        {
            "orderbook_fp": {
                "yes_dollars": [["0.0100", "200.00"], ["0.1500", "100.00"], ["0.4200", "13.00"]],
                "no_dollars": [["0.0100", "100.00"], ["0.4500", "20.00"], ["0.5600", "17.00"]],
            }
        },
        {
            "orderbook": {
                "yes": [[1, 200], [15, 100], [42, 13]],
                "no": [[1, 100], [45, 20], [56, 17]],
                "yes_dollars": [["0.01", 200], ["0.15", 100], ["0.42", 13]],
                "no_dollars": [["0.01", 100], ["0.45", 20], ["0.56", 17]],
            }
        },
        {"orderbook": {"yes": [[1, 200], [15, 100], [42, 13]], "no": [[1, 100], [45, 20], [56, 17]]}},
    ],
    ids=["current", "mixed", "cents"],
)
def test_a_book_of_rest_of_every_era_is_the_same(body):
    """The offer of yes is one minus the best bid for no."""
    (told,), refused = rest(body)

    assert (0, TICKER) == (refused.height, told.market_ticker)
    assert (4200, 4400) == (Book(told.levels).best_bid_ticks, Book(told.levels).best_ask_ticks)


def test_many_books_come_in_one_answer():
    """Each with its ticker; one that is damaged is refused alone."""
    good = {"ticker": "A", "orderbook_fp": {"yes_dollars": [["0.0100", "2.00"]], "no_dollars": None}}
    bad = {"ticker": "B", "orderbook_fp": {"yes_dollars": [[0.01, "2.00"]]}}
    empty = {"ticker": "C", "orderbook_fp": {}}

    books, refused = rest({"orderbooks": [good, bad, empty, 7]})

    assert ["A", "C"] == [book.market_ticker for book in books]
    assert ["B", None] == refused["subject"].to_list()


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"orderbook_fp": {"yes_do', {"error": "x"}, {"orderbook_fp": []}, b"[]"], ids=repr
)
def test_what_is_no_book_is_refused(body):
    """With the reason and the text."""
    books, refused = rest(body)

    assert ([], 1) == (books, refused.height)
    assert "order book" in refused["rule"][0]


def test_the_recorded_book_is_empty(recorded):
    """Both sides were null."""
    body = json.loads((recorded("kalshi_golden") / "orderbook_response.json").read_bytes())["response"]

    (told,), refused = rest(body)

    assert (Levels(), 0) == (told.levels, refused.height)
