"""What the venue turns down, in the exchange's words."""

from __future__ import annotations


class TurnedDown(Exception):
    """A command that is refused: nothing has changed. `code` and `status` are those of the exchange."""

    def __init__(self, code: str, details: str, *, status: int = 400) -> None:
        super().__init__(f"{code}: {details}")
        self.code, self.details, self.status = code, details, status


def invalid_order(details: str) -> TurnedDown:
    """Return the refusal of an order that cannot be meant."""
    return TurnedDown("invalid_order", details)


def invalid_size(details: str) -> TurnedDown:
    """Return the refusal of a count that cannot be meant."""
    return TurnedDown("invalid_order_size", details)


def not_found(what: str) -> TurnedDown:
    """Return the refusal of something that is not there."""
    return TurnedDown("not_found", f"{what} not found", status=404)


def inactive(ticker: str) -> TurnedDown:
    """Return the refusal of any command at a market that does not trade."""
    return TurnedDown("MARKET_INACTIVE", f"{ticker} is not open for trading", status=409)


def paused() -> TurnedDown:
    """Return the refusal of whatever could trade while trading is paused."""
    return TurnedDown("trading_is_paused", "trading is paused", status=409)
