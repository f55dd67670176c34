"""Keys of the vendors, from the environment alone, and the law that nothing ever shows them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from warehouse.errors import Usage

KALSHI_KEY_ID = "KALSHI_API_KEY_ID"
KALSHI_KEY_FILE = "KALSHI_PRIVATE_KEY_FILE"
VISUAL_CROSSING_KEY = "VISUAL_CROSSING_API_KEY"

MASK = "***"
_MINIMUM_TO_MASK = 4  # a shorter text is everywhere; masking it would hide the message, not the key


class Secret:
    """A text that shows itself only when it is asked to: printed, logged or compared by eye it is a mask."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the one line that sends it."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret does not travel: hand it over where it is used")


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The keys that are there. Kalshi's are a pair: the name of the key, and the file of its private half."""

    kalshi_key_id: Secret | None = None
    kalshi_key_file: Path | None = None
    visual_crossing_key: Secret | None = None

    @property
    def signed(self) -> bool:
        """True when requests to Kalshi can be signed."""
        return self.kalshi_key_id is not None and self.kalshi_key_file is not None

    def redact(self, text: str) -> str:
        """Return a text without any of the keys, also where one was written as part of an address."""
        for spelling in self._spellings():
            text = text.replace(spelling, MASK)
        return text

    def redact_bytes(self, body: bytes) -> bytes:
        """Return bytes without any of the keys: vendors repeat a wrong key in their answer."""
        for spelling in self._spellings():
            body = body.replace(spelling.encode(), MASK.encode())
        return body

    def _spellings(self) -> Iterator[str]:
        for secret in (self.kalshi_key_id, self.visual_crossing_key):
            if secret is not None and len(text := secret.reveal()) >= _MINIMUM_TO_MASK:
                yield from dict.fromkeys((text, quote(text, safe=""), quote_plus(text)))


def from_environment(environ: Mapping[str, str] | None = None) -> Secrets:
    """Read the keys from the environment; half of Kalshi's pair is a mistake, not half a key."""
    said = os.environ if environ is None else environ
    key_id, key_file, visual_crossing = (
        said.get(name, "").strip() for name in (KALSHI_KEY_ID, KALSHI_KEY_FILE, VISUAL_CROSSING_KEY)
    )
    if bool(key_id) != bool(key_file):
        there, missing = (KALSHI_KEY_ID, KALSHI_KEY_FILE) if key_id else (KALSHI_KEY_FILE, KALSHI_KEY_ID)
        raise Usage(f"{there} is set, {missing} is not: Kalshi's key is both", hint=f"set {missing}, or unset {there}")
    return Secrets(
        kalshi_key_id=Secret(key_id) if key_id else None,
        kalshi_key_file=Path(key_file).expanduser() if key_file else None,
        visual_crossing_key=Secret(visual_crossing) if visual_crossing else None,
    )
