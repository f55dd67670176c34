"""Whom the exchange's REST endpoints let in: whoever is unsigned or signed well, and not too fast."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.demo.wire.answers import TOO_MANY, Ask, Rejected
from pipelines.demo.wire.kalshi_pages import refused
from pipelines.demo.wire.limits import Buckets
from pipelines.demo.wire.signatures import Keys

TOKENS_PER_GET = 10


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """The keys that it knows, and what each of its clients may still ask."""

    keys: Keys
    buckets: Buckets

    def require(self, ask: Ask) -> None:
        """Reject a question that is signed wrongly, or comes too soon; a key has a bucket of its own."""
        client = ask.client
        if self.keys.is_signed(ask.headers):
            if (refusal := self.keys.refusal(ask.headers, method="GET", path=ask.path)) is not None:
                raise refused(401, "authentication_error", refusal)
            client = next(value for name, value in ask.headers.items() if name.lower() == "kalshi-access-key")
        if not self.buckets.take(client, TOKENS_PER_GET):
            raise Rejected(TOO_MANY)
