"""A write: one request that changes something at a vendor, complete before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipelines.calls import Call

Method = Literal["POST", "PUT", "DELETE"]


@dataclass(frozen=True, kw_only=True)
class Write:
    """One request that is to have something done, and what it costs of the vendor's write budget.

    `content` is its JSON, empty where it has none. What `may_repeat` is the same done twice as done once, so it is sent
    again when nobody knows; anything else is sent once. What is `urgent` takes risk away: it is sent also while the
    vendor is left alone after failures.
    """

    vendor: str
    kind: str
    method: Method
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    tokens: int = 1
    may_repeat: bool = False
    urgent: bool = False

    @property
    def as_call(self) -> Call:
        """The write as the archive names it; what was sent is part of what was asked."""
        asked = {"method": self.method, "content": self.content.decode()}
        return Call(vendor=self.vendor, kind=self.kind, path=self.path, query=self.query, asked=asked)

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        return f"{self.vendor} {self.method} {self.path}{'?' if query else ''}{query}"
