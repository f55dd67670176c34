"""Real money needs three consents: the command line, the configuration, and a phrase that a person types."""

from __future__ import annotations

from collections.abc import Callable

from warehouse.errors import Refused

LIVE = "live"

Ask = Callable[[str], str]
"""Asks a person at a terminal for a line."""


def phrase(venue: str, bankroll_dollars: float) -> str:
    """Return what a person must type: it names the venue and the money."""
    return f"trade on {venue} with {bankroll_dollars:,.2f} dollars"


def require_consent(
    *,
    said: str | None,
    configured: str | None,
    venue: str,
    bankroll_dollars: float,
    confirm: str | None = None,
    ask: Ask | None = None,
) -> None:
    """Refuse live trading unless all three consents are there; say which are not.

    `said` and `configured` are the trade modes of the command line and of the configuration. `confirm` is the phrase
    given beforehand; without it `ask` asks a person, and where nobody is there (None) it is refused.
    """
    wanted = phrase(venue, bankroll_dollars)
    missing = [
        *(["the command line does not say that the trade mode is live"] if said != LIVE else []),
        *(["the configuration does not say trade_mode: live"] if configured != LIVE else []),
    ]
    if missing:
        raise Refused(
            f"live trading was not agreed to: {' and '.join(missing)}",
            hint="without both, everything is paper: the same decisions, and nothing is sent",
        )
    given = confirm if confirm is not None else _asked(ask, wanted)
    if given is None:
        raise Refused(
            "live trading was not confirmed: nobody is at the terminal to type the phrase",
            hint=f'give it beforehand: --confirm "{wanted}"',
        )
    if " ".join(given.split()) != wanted:
        raise Refused("live trading was not confirmed: the phrase is another", hint=f"it is: {wanted}")


def _asked(ask: Ask | None, wanted: str) -> str | None:
    return None if ask is None else ask(f"This trades with real money. Type exactly: {wanted}")
