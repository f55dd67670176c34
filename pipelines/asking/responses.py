"""What a vendor's response means: usable, worth asking again, refused for good, or the end of today's quota.

Pure. One table for every vendor's ways of saying no; `http` acts on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum

import msgspec

SPEAK_JSON = frozenset({"kalshi", "vc", "twc"})
"""Vendors that answer in JSON whatever they call it."""

_LONGEST_QUOTE = 200
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_NOT_THE_WHOLE = "Input data was truncated"  # msgspec's words for JSON that ends too early
_AT_BYTE = re.compile(r"\(byte (\d+)\)$")
_TRY_AGAIN = frozenset({408, 425, 429})

# Visual Crossing says in plain text what it means, and was seen to say it with more than one status.
_VC_QUOTA = b"maximum daily cost"
_VC_BUSY = b"maximum concurren"
_VC_TEXT_WITHIN = 500


class Fate(Enum):
    """What to do with a response."""

    USE = "usable"
    ASK_AGAIN = "ask again"
    REFUSED = "refused"
    SPENT = "spent"


@dataclass(frozen=True, kw_only=True)
class Response:
    """One response as received, unpacked, without secrets."""

    uri: str
    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return a header by its name, empty when it is not there."""
        return next((value for said, value in self.headers if said.lower() == name), "")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a response is good for, and why not, in words."""

    fate: Fate
    why: str = ""
    cursor: str = ""
    cost: int | None = None

    @property
    def verdict(self) -> str:
        """The judgement as one line of the archive."""
        return self.fate.value if not self.why else f"{self.fate.value}: {self.why}"


class _Envelope(msgspec.Struct):
    """The two things that the client itself reads in a body; the rest is only walked over, to see that it is whole."""

    cursor: object = None
    queryCost: object = None  # noqa: N815 as Visual Crossing writes it


_envelope = msgspec.json.Decoder(_Envelope).decode


def judge(vendor: str, response: Response) -> Judgement:
    """Return what a response is good for."""
    if vendor == "vc" and (said := _of_visual_crossing(response)) is not None:
        return said
    if response.status in _TRY_AGAIN or response.status >= 500:
        return Judgement(fate=Fate.ASK_AGAIN, why=told(response))
    if not 200 <= response.status < 300:
        return Judgement(fate=Fate.REFUSED, why=told(response))
    if _HTML.match(response.body):
        return Judgement(
            fate=Fate.ASK_AGAIN, why=f"it answered {response.status} with a page for people, not with data"
        )
    if vendor in SPEAK_JSON or "json" in response.header("content-type").lower():
        return _of_json(response)
    return Judgement(fate=Fate.USE)


def judge_write(response: Response) -> Judgement:
    """Return what became of something that was to be done: done, refused (so not done), or worth asking again.

    The last means that nobody knows: the vendor broke off in the midst of it, or somebody between us answered for it.
    """
    if 400 <= response.status < 500 and response.status != 408:
        return Judgement(fate=Fate.REFUSED, why=told(response))
    if not 200 <= response.status < 300:
        return Judgement(fate=Fate.ASK_AGAIN, why=told(response))
    if _HTML.match(response.body):
        return Judgement(
            fate=Fate.ASK_AGAIN, why=f"it answered {response.status} with a page for people, not with data"
        )
    return _of_json(response) if response.body else Judgement(fate=Fate.USE)


def code_of(response: Response) -> str:
    """Return the vendor's own word for an error, empty where it has none."""
    try:
        said = json.loads(response.body)
    except ValueError:
        return ""
    if isinstance(said, Mapping) and isinstance(said.get("error"), Mapping):
        said = said["error"]
    code = said.get("code") if isinstance(said, Mapping) else None
    return code if isinstance(code, str) else ""


def told(response: Response) -> str:
    """Return what an error says, of any shape: flat, wrapped, a bare text, a page, or a redirect."""
    if 300 <= response.status < 400:
        return f"it answered {response.status}, a redirect to {response.header('location')!r}: not followed"
    text = response.body.decode(errors="replace")
    words = _in_json(text) or (f"a page titled {title[1]!r}" if (title := _TITLE.search(text)) else text)
    words = " ".join(words.split())
    if len(words) > _LONGEST_QUOTE:
        words = words[:_LONGEST_QUOTE] + "…"
    return f"it answered {response.status} {words or response.reason}".rstrip()


def retry_after_s(response: Response, *, now: datetime) -> float | None:
    """Return how long the vendor asks us to wait, in seconds or by a date; None when it does not say."""
    said = response.header("retry-after").strip()
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", said):
        return float(said)
    at = _date(said)
    return None if at is None else max(0.0, (at - now).total_seconds())


def skew_s(response: Response, *, now: datetime) -> float | None:
    """Return how far our clock is ahead of the vendor's, by the date of its response; its seconds are whole."""
    at = dated(response)
    return None if at is None else (now - at).total_seconds()


def dated(response: Response) -> datetime | None:
    """Return when a vendor says that it answered; what a cache kept for a while is as much older."""
    at, age_s = _date(response.header("date")), response.header("age").strip()
    return at + timedelta(seconds=int(age_s)) if at is not None and re.fullmatch(r"[0-9]{1,7}", age_s) else at


def _of_visual_crossing(response: Response) -> Judgement | None:
    head = response.body[:_VC_TEXT_WITHIN].lower()
    if head.lstrip().startswith(b"{"):
        return None
    if _VC_QUOTA in head:
        return Judgement(fate=Fate.SPENT, why=told(response))
    if _VC_BUSY in head:
        return Judgement(fate=Fate.ASK_AGAIN, why=told(response))
    return None


def _of_json(response: Response) -> Judgement:
    try:
        envelope = _read_envelope(response.body)
    except msgspec.DecodeError as error:
        if _ends_early(error, response.body):
            return Judgement(fate=Fate.ASK_AGAIN, why=f"its JSON ends too early, after {len(response.body):,} bytes")
        # Whole, but not quite JSON: the parser of its kind refuses it, with the reason.
        return Judgement(fate=Fate.USE)
    cursor = envelope.cursor if isinstance(envelope.cursor, str) else ""
    cost = envelope.queryCost
    return Judgement(fate=Fate.USE, cursor=cursor, cost=int(cost) if isinstance(cost, int | float) else None)


def _read_envelope(body: bytes) -> _Envelope:
    """Walk over a whole body; one that is a list has no envelope."""
    try:
        return _envelope(body)
    except msgspec.ValidationError:
        msgspec.json.decode(body, type=msgspec.Raw)
        return _Envelope()


def _ends_early(error: msgspec.DecodeError, body: bytes) -> bool:
    """Tell a body that was cut off from one that is wrong in its midst: also a number can be cut."""
    at = _AT_BYTE.search(str(error))
    return _NOT_THE_WHOLE in str(error) or (at is not None and int(at[1]) >= len(body))


def _in_json(text: str) -> str:
    """Return the words of a JSON error: {"code", "message", "details"}, the same within "error", or "error" as text."""
    try:
        said = json.loads(text)
    except ValueError:
        return ""
    if isinstance(said, Mapping) and "error" in said:
        said = said["error"]
    if isinstance(said, Mapping):
        words = [str(said[name]) for name in ("code", "message", "details") if said.get(name)]
        return ": ".join(words) or text
    return said if isinstance(said, str) else text


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
