"""A call: one question to one vendor, complete before anything is sent, so that a plan can be read and priced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

ALWAYS = datetime.min.replace(tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One GET, with everything that its answer needs to be parsed, and what it costs.

    `path` begins at the root of the vendor's host. `query` holds no secret: keys are added by the client when it sends.
    A listing that continues (`pages`) is one call: its cursor is followed to the end. `tokens` are taken from the
    vendor's rate limit for each request, `records` from its daily budget. An answer that came after `final_after_utc`
    never changes again, so it is never asked for twice. Where `may_be_unknown`, a vendor that does not know what is
    asked for (404) has answered: there is nothing.
    """

    vendor: str
    kind: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)
    pages: bool = False
    tokens: int = 1
    records: int = 0
    final_after_utc: datetime = NEVER
    may_be_unknown: bool = False

    @property
    def key(self) -> str:
        """Return the name of the question: the same question has the same name in every run."""
        said = json.dumps([self.vendor, self.kind, self.path, sorted(self.query.items())])
        return hashlib.sha256(said.encode()).hexdigest()[:24]

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        return f"{self.vendor} GET {self.path}{'?' if query else ''}{query}"
