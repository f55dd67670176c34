"""Bodies of the exchange's answers: read in one go where they are as expected, record by record where they are not.

A field that nobody knows yet is ignored and told once per process. What is no JSON is refused whole, in words.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from warehouse.errors import Refused

logger = logging.getLogger(__name__)

_SHOWN = 2_000
_NUMBERED = re.compile(r"\[[0-9]+\]")
_told: set[str] = set()

A = TypeVar("A")


class Shape(Generic[A]):
    """One kind of answer, read twice at most: minding new fields, so that they are seen, then not minding them."""

    def __init__(self, known: Any, tolerant: Any) -> None:
        self._known: msgspec.json.Decoder[A] = msgspec.json.Decoder(known)
        self._tolerant: msgspec.json.Decoder[A] = msgspec.json.Decoder(tolerant)

    def read(self, body: bytes) -> A | None:
        """Return the answer, or None where one of its fields has another type than it should."""
        try:
            return self._known.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            unexpected = str(error)
        try:
            answer = self._tolerant.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        tell_once(_NUMBERED.sub("[...]", unexpected))
        return answer


def tell_once(what: str) -> None:
    """Log that the exchange says something new, once per process."""
    if what not in _told:
        _told.add(what)
        logger.warning("the exchange says something new, which is ignored: %s", what)


def json_of(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a body; refuse a page of HTML, a body that was cut off, and anything else."""
    if body.lstrip()[:1] == b"<":
        raise Refused("the answer is HTML, not JSON")
    try:
        answer = msgspec.json.decode(body)
    except RecursionError:
        raise Refused("the answer is nested too deeply to be one of the exchange") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"the answer is not whole JSON: {_plain(error)}") from None
    if not isinstance(answer, dict):
        raise Refused("the answer is JSON, but no object")
    return answer


def shown(body: bytes) -> str:
    """Return the beginning of a body as text: the whole of it lies in the archive."""
    return body[:_SHOWN].decode(errors="replace")


def _plain(error: Exception) -> str:
    # Where exactly a body was cut differs each time, and says nothing: the rule is what counts in the quarantine.
    return "it ends too early" if "truncated" in str(error) else str(error).partition(" (byte ")[0]
