"""Each written rule of a bracket's price, one situation each."""

from __future__ import annotations

import numpy as np
import pytest

from kwx.fuse.market.quotes import OLD_MINUTES, Rule, Sizes, priced

SITUATIONS = {
    "a two-sided quote is worth its middle": ((40, 42), None, Rule.TWO_SIDED, 0.41),
    "a locked book is worth its price": ((40, 40), None, Rule.TWO_SIDED, 0.40),
    "an offer alone lies between nothing and itself": ((0, 2), None, Rule.OFFER_ONLY, 0.01),
    "a bid alone lies between itself and a dollar": ((97, 100), None, Rule.BID_ONLY, 0.985),
    "a crossed book is worth the middle of the two": ((44, 42), None, Rule.CROSSED, 0.43),
    "an offer far from nothing says too little without a trade": ((0, 40), None, Rule.WIDE, np.nan),
    "an offer far from nothing bounds the last trade": ((0, 40), 55, Rule.LAST_TRADE, 0.40),
    "a wide quote bounds the last trade from below": ((20, 80), 5, Rule.LAST_TRADE, 0.20),
    "a trade inside a wide quote is the price": ((20, 80), 33, Rule.LAST_TRADE, 0.33),
    "an empty book has no price, whatever was traded": ((0, 100), 33, Rule.EMPTY, np.nan),
    "what was never quoted is worth its last trade": ((-1, -1), 33, Rule.TAPE, 0.33),
    "what was never quoted nor traded has no price": ((-1, -1), None, Rule.NEVER, np.nan),
}


@pytest.mark.parametrize(("quote", "last", "rule", "price"), SITUATIONS.values(), ids=SITUATIONS)
def test_a_quote_is_priced_by_its_rule(quotes_of, quote, last, rule, price):
    """Whatever a book looks like, one written rule says what it is worth."""
    found = priced(quotes_of([quote, (1, 2)], last=[last, None]))

    assert rule == found.rule[0, 0]
    np.testing.assert_allclose(found.price[0, 0], price)


def test_a_microprice_leans_to_the_side_with_less_size(quotes_of):
    """Where nine contracts bid and one is offered, the price is nine tenths of the way to the offer."""
    sizes = Sizes(bid=np.array([[9.0, np.nan]]), ask=np.array([[1.0, 5.0]]))

    found = priced(quotes_of([(40, 50), (1, 3)]), sizes)

    assert [Rule.MICRO, Rule.TWO_SIDED] == found.rule[0].tolist()
    np.testing.assert_allclose(found.price[0], [0.49, 0.02])


@pytest.mark.parametrize(("age", "old"), [(OLD_MINUTES, False), (OLD_MINUTES + 1, True)])
def test_an_old_quote_is_used_and_told(quotes_of, age, old):
    """Age alone makes no quote wrong."""
    found = priced(quotes_of([(40, 42), (1, 3)], age=age))

    assert (old, 0.41) == (bool(found.old[0, 0]), found.price[0, 0])
