"""From the prices of an event to p_mkt: the event's own rules, and what is told of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.fuse.market.probabilities import LEAST_P, SILENT_MINUTES, WORDS, Verdict, market_of
from kwx.fuse.market.recipe import OVERROUNDS, MarketRecipe
from warehouse.errors import Usage

GOOD = [(1, 2), (20, 22), (40, 42), (30, 31), (5, 6)]
NONE = (0, 100)
VERDICTS = {
    "every bracket priced": (GOOD, Verdict.WHOLE),
    "one bracket without a price": ([NONE, *GOOD[1:]], Verdict.FILLED),
    "two of five priced": ([NONE, NONE, NONE, *GOOD[3:]], Verdict.FEW),
    "every book empty": ([NONE] * 5, Verdict.FEW),
    "prices that sum to 1.6": ([(60, 62), (40, 42), (40, 42), (5, 6), (5, 6)], Verdict.HIGH),
    "prices that sum to 0.4": ([(10, 11)] * 4, Verdict.LOW),
    "too little known of the rest": ([NONE, (10, 11), (10, 11), (10, 11)], Verdict.LOW),
}


@pytest.mark.parametrize(("cents", "verdict"), VERDICTS.values(), ids=VERDICTS)
def test_an_event_has_a_distribution_or_a_reason(quotes_of, cents, verdict):
    """p_mkt is there for every bracket of an event or for none, and the words say why."""
    market = market_of(quotes_of(cents), MarketRecipe())

    assert verdict == market.verdict[0]
    assert (verdict <= Verdict.FILLED) == bool(np.isclose(market.p.sum(), 1))
    assert (verdict > Verdict.FILLED) == bool(np.isnan(market.p).all())
    assert all(("no p_mkt" in WORDS[code]) == (verdict > Verdict.FILLED) for code in market.codes.ravel().tolist())


def test_a_bracket_without_a_price_gets_what_the_others_leave(quotes_of):
    """Four brackets at 0.2 leave a fifth to the one that nobody quotes."""
    market = market_of(quotes_of([NONE, *[(20, 20)] * 4]), MarketRecipe())

    np.testing.assert_allclose(market.p[0], 0.2)
    assert ["empty book; brackets without a price share the rest"] == [WORDS[int(market.codes[0, 0])]]


def test_an_event_of_which_no_quote_moves_for_hours_has_no_distribution(quotes_of):
    """One young quote shows that the feed lives; when all are old it may be dead."""
    ages = np.array([[SILENT_MINUTES + 1] * 5, [SILENT_MINUTES + 1] * 4 + [3]])
    market = market_of(quotes_of(GOOD, age=ages, minutes=2), MarketRecipe())

    assert [Verdict.SILENT, Verdict.WHOLE] == market.verdict.tolist()


@pytest.mark.parametrize("overround", OVERROUNDS)
@given(order=st.permutations(range(5)))
def test_the_order_of_brackets_means_nothing(quotes_of, overround, order):
    """The same quotes in another order give the same probabilities in that order."""
    recipe = MarketRecipe(overround=overround)
    p, moved = (market_of(quotes_of(cents), recipe).p[0] for cents in (GOOD, [GOOD[place] for place in order]))

    np.testing.assert_allclose(moved, p[list(order)], atol=1e-12)


@pytest.mark.parametrize("overround", OVERROUNDS)
def test_no_bracket_is_worth_less_than_a_tick(quotes_of, overround):
    """Nothing that is quoted is impossible, not even where a method would take all of it."""
    market = market_of(quotes_of([(0, 1), (0, 1), (0, 1), (98, 99)]), MarketRecipe(overround=overround))

    assert market.p.min() >= LEAST_P / (1 + 4 * LEAST_P)


def test_an_unknown_recipe_is_refused():
    """A word that means nothing is told together with those that do."""
    with pytest.raises(Usage, match="shin"):
        MarketRecipe(overround="shin")
