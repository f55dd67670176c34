"""Whom the exchange's REST endpoints let in: whoever is signed well or not at all, may do it, and is not too fast."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.demo.venue import TurnedDown
from pipelines.demo.wire.answers import TOO_MANY, Ask, Rejected
from pipelines.demo.wire.kalshi_bodies import items_of
from pipelines.demo.wire.kalshi_pages import refused
from pipelines.demo.wire.limits import Buckets
from pipelines.demo.wire.signatures import Keys, key_of

TOKENS_PER_GET = 10
TOKENS_PER_COMMAND = 10
TOKENS_PER_CANCEL = 2

_PRIVATE = ("portfolio", "account")
_PRIVATE_TOO = ("exchange", "user_data_timestamp")


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """The keys that it knows, and what each of its clients may still ask."""

    keys: Keys
    buckets: Buckets

    def require(self, ask: Ask) -> None:
        """Reject a question that is signed wrongly, or comes too soon; a key has a bucket of its own."""
        self.require_signed(ask)
        self.require_slow(ask, self.buckets, TOKENS_PER_GET)

    def require_signed(self, ask: Ask) -> None:
        """Reject what is signed wrongly."""
        if self.keys.is_signed(ask.headers):
            refusal = self.keys.refusal(ask.headers, method=ask.method, path=ask.path)
            if refusal is not None:
                raise refused(401, "authentication_error", refusal)

    def require_slow(self, ask: Ask, buckets: Buckets, tokens: float) -> None:
        """Reject what comes too soon."""
        if not buckets.take(key_of(ask.headers) or ask.client, tokens):
            raise Rejected(TOO_MANY)


@dataclass(frozen=True, kw_only=True)
class TradersWelcome:
    """The same where orders are taken: private questions and commands need a key, and one that may."""

    public: Welcome
    write_buckets: Buckets

    def require(self, ask: Ask) -> None:
        """Reject what is signed wrongly, not signed though private, beyond the key's scopes, or too soon."""
        self.public.require_signed(ask)
        if _is_private(ask):
            self._require_scope(ask)
        if ask.method == "GET":
            self.public.require_slow(ask, self.public.buckets, TOKENS_PER_GET)
        else:
            self.public.require_slow(ask, self.write_buckets, _tokens(ask))

    def _require_scope(self, ask: Ask) -> None:
        keys = self.public.keys
        if not keys.is_signed(ask.headers):
            raise refused(401, "authentication_error", "NO_API_KEY")
        scope, finer = ("read", f"portfolio_{ask.parts[-1]}") if ask.method == "GET" else ("write", "trade")
        if not keys.may(ask.headers, scope=scope, finer=finer):
            raise refused(403, "forbidden", f"the key lacks the scope {scope}")


def _is_private(ask: Ask) -> bool:
    parts = ask.parts[2:]
    return ask.method != "GET" or bool(parts and parts[0] in _PRIVATE) or parts == _PRIVATE_TOO


def _tokens(ask: Ask) -> int:
    """Return what a command costs: a batch is billed by its items, and one that cannot be read as one."""
    each = TOKENS_PER_CANCEL if ask.method == "DELETE" and "orders" in ask.parts else TOKENS_PER_COMMAND
    if ask.parts[-1:] != ("batched",):
        return each
    try:
        return each * len(items_of(ask))
    except TurnedDown:
        return each
