"""What is shown at the best quotes."""

from __future__ import annotations

import numpy as np
import polars as pl

from kwx.exec.bars.blank import blank_minutes
from kwx.exec.bars.depth import lay_sizes
from kwx.exec.bars.quotes import lay_quotes
from tests.kwx.exec.bars.made_day import MINUTES, WARM, a_grid, books, dense, whole_book

FIRST = whole_book(0.5, {4_800: 900, 4_900: 300}, {5_100: 700})


def sizes(messages: pl.DataFrame, **changes: object) -> tuple[list[int], list[int]]:
    """Return what is shown at the bid and at the offer of each minute: 49 ¢ and 51 ¢, if nothing else is said."""
    grid = a_grid()
    minutes = blank_minutes(grid, guard_minutes=0, fee_rounding="tick")
    both = [
        {"minute": t, "market_ticker": name, **changes}
        for name in (grid.tickers[0, 0, 0], WARM)
        for t in range(1, MINUTES + 1)
    ]
    lay_quotes(dense(both), grid, minutes)
    lay_sizes(messages, grid, minutes)
    assert (minutes.bid_size_centi[:, 1] == -1).all()
    return tuple(field[:MINUTES, 0, 0, 0].tolist() for field in (minutes.bid_size_centi, minutes.ask_size_centi))


def test_a_size_holds_until_the_next_message() -> None:
    """By hand: a whole book in the first minute, two changes of the bid within the fourth."""
    bid, ask = sizes(
        books(
            FIRST,
            {"minute": 3.2, "side": "yes", "price_ticks": 4_900, "delta_centi": 500},
            {"minute": 4.0, "side": "yes", "price_ticks": 4_900, "delta_centi": -100},
        )
    )

    assert bid == [300, 300, 300, 700, 700, 700, 700, 700, 700, 700]
    assert ask == [700] * MINUTES


def test_what_is_not_recorded_is_unknown() -> None:
    """Before the first whole book, and from a gap until the next one."""
    bid, _ = sizes(books({**FIRST, "minute": 2.5}, {"minute": 4.5, "kind": "gap"}, {**FIRST, "minute": 6.5}))

    assert bid == [-1, -1, 300, 300, -1, -1, 300, 300, 300, 300]


def test_a_size_at_another_price_says_nothing_of_the_quote() -> None:
    """The quoted bid is not the book's best: what is shown at it is unknown; the offer's is known."""
    bid, ask = sizes(books(FIRST), yes_bid_ticks=4_800)

    assert bid == [-1] * MINUTES
    assert ask == [700] * MINUTES


def test_no_message_is_known_before_it_came() -> None:
    """Poison: whatever comes after the end of a minute leaves it as it was."""
    later = {"minute": 5.000_001, "side": "yes", "price_ticks": 4_900, "delta_centi": 12_300}
    clean, _ = sizes(books(FIRST))
    garbled, _ = sizes(books(FIRST, later))

    assert garbled[:5] == clean[:5]
    assert garbled[5:] == [12_600] * 5


def test_without_messages_nothing_is_known() -> None:
    """An event whose books were not recorded has no sizes."""
    bid, ask = sizes(books())

    assert np.unique([bid, ask]).tolist() == [-1]
