"""A question as it arrived and an answer as it leaves: plain values between the vendors' formats and the socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One question or command: its path without query, what it says, and who says it."""

    path: str
    query: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str] = field(default_factory=dict)
    client: str = ""
    method: str = "GET"
    body: bytes = b""

    @property
    def parts(self) -> tuple[str, ...]:
        """The words of the path."""
        return tuple(unquote(part) for part in self.path.split("/") if part)

    def one(self, name: str, default: str = "") -> str:
        """Return the last value of a parameter."""
        return self.query.get(name, (default,))[-1]

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list that is said with commas, by repetition, or both."""
        return tuple(word for value in self.query.get(name, ()) for word in value.split(",") if word)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer."""

    body: bytes
    status: int = 200
    content_type: str = JSON_TYPE


class Rejected(Exception):
    """A question that the vendor turns down, with the answer that says so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.body[:200].decode(errors='replace')}")
        self.answer = answer


Vendor = Callable[[Ask], Answer]

TOO_MANY = Answer(body=b'{"error":"too many requests"}', status=429)


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where a vendor is asked: who answers, whom it lets in (else it raises Rejected), and how it says "too many"."""

    answer: Vendor
    welcome: Callable[[Ask], None] = lambda ask: None
    too_many: Answer = TOO_MANY


def asked(target: str, *, headers: Mapping[str, str], client: str, method: str = "GET", body: bytes = b"") -> Ask:
    """Read the target of a request line."""
    parsed = urlsplit(target)
    query = {name: tuple(values) for name, values in parse_qs(parsed.query, keep_blank_values=True).items()}
    return Ask(path=parsed.path, query=query, headers=headers, client=client, method=method, body=body)


def as_json(value: object, *, status: int = 200) -> Answer:
    """Return a value as JSON, compact like the vendors send it."""
    return Answer(body=json.dumps(value, separators=(",", ":")).encode(), status=status)


def as_text(text: str, *, status: int = 200) -> Answer:
    """Return plain text."""
    return Answer(body=text.encode(), status=status, content_type=TEXT_TYPE)


def stamp(instant: datetime) -> str:
    """Print an instant as the exchange does: whole seconds, and microseconds where there are some."""
    said = instant.astimezone(UTC).isoformat().removesuffix("+00:00")
    return f"{said}Z"


def instant_of(text: str) -> datetime | None:
    """Read an ISO instant or date, UTC where it says no zone; None when it is neither."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        return None
    return said if said.tzinfo else said.replace(tzinfo=UTC)
