"""Real money needs three consents; each one that is missing is named."""

from __future__ import annotations

import pytest

from kwx.exec.venue.consent import phrase, require_consent
from warehouse.errors import Refused

PHRASE = "trade on kalshi with 10,000.00 dollars"
ALL = {"said": "live", "configured": "live", "venue": "kalshi", "bankroll_dollars": 10_000.0}


def test_the_phrase_names_the_venue_and_the_money():
    """Who types it has read both."""
    assert PHRASE == phrase("kalshi", 10_000.0)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"said": "paper"}, "the command line does not say"),
        ({"said": None}, "the command line does not say"),
        ({"configured": "paper"}, "the configuration does not say"),
        (
            {"configured": None, "said": None},
            "line does not say that the trade mode is live and the configuration does not",
        ),
        ({"confirm": None}, "nobody is at the terminal"),
        ({"confirm": "yes"}, "the phrase is another"),
        ({"confirm": PHRASE.replace("10,000", "1,000")}, "the phrase is another"),
    ],
)
def test_each_missing_consent_is_named(changes, why):
    """Nothing is guessed."""
    with pytest.raises(Refused, match=why):
        require_consent(**(ALL | {"confirm": PHRASE} | changes))


def test_a_person_is_asked_for_the_phrase():
    """At a terminal it is typed; what is typed wrongly is refused."""
    asked = []

    require_consent(**ALL, ask=lambda text: asked.append(text) or f" {PHRASE} ")

    assert PHRASE in asked[0]
    with pytest.raises(Refused, match="the phrase is another"):
        require_consent(**ALL, ask=lambda text: "y")


def test_a_phrase_given_beforehand_is_not_asked_for():
    """So a service can be started without a terminal."""
    require_consent(**ALL, confirm=PHRASE, ask=lambda text: pytest.fail("nobody is to be asked"))
