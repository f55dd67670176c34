"""Nothing secret is told: keys and passwords by their own letters, and whatever looks like one by its shape."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pipelines.asking.secrets import MASK, Secrets, from_environment
from warehouse.errors import KwxError

_DSN = "KWX_POSTGRES_DSN"
_LEAST_LETTERS = 4
_READ = 100_000
LONGEST = 4_000
"""Letters of one value: a vendor's page in an error must not fill the disk."""
_NAMES = (
    r"password|passwd|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|kalshi-access-signature|signature"
)
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]+:)[^\s@'\"]+@"), rf"\g<1>{MASK}@"),
    (re.compile(r"(?i)(authorization['\"\\]*\s*[:=]\s*['\"\\]*)(?:bearer |basic )?[^\s,'\"}&\\]+"), rf"\g<1>{MASK}"),
    (re.compile(rf"(?i)((?:{_NAMES})['\"\\]*\s*[:=]\s*['\"\\]*)[^\s,'\"}}&\\]+"), rf"\g<1>{MASK}"),
    (re.compile(r"(?i)([?&]key=)[^\s&'\"\\]+"), rf"\g<1>{MASK}"),
)  # fmt: skip
"""Keys of PEM, passwords of addresses, headers and settings by their names, and the key of an address's question."""


def names_a_secret(name: str) -> bool:
    """Tell whether what stands under a name is a secret whatever it says."""
    return re.fullmatch(rf"(?i)[a-z0-9_-]*(?:{_NAMES}|authorization)", name) is not None


@dataclass(frozen=True)
class Redactor:
    """Takes secrets out of text: those that are known wherever they stand, others where they are named as one."""

    secrets: Secrets = field(default_factory=Secrets)
    words: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of_environment(cls, environ: Mapping[str, str] | None = None) -> Redactor:
        """Return one that knows the vendors' keys, the private key of its file, and the database's password."""
        said = os.environ if environ is None else environ
        try:
            secrets = from_environment(said)
        except KwxError:
            secrets = Secrets()
        words = [*_passwords(said.get(_DSN, "")), *_lines_of_key(secrets.kalshi_key_file), *_half_pair(said)]
        return cls(secrets, tuple(sorted(set(words), key=len, reverse=True)))

    def __call__(self, text: str) -> str:
        """Return a text without secrets."""
        text = self.secrets.redact(text[:_READ])
        for word in self.words:
            text = text.replace(word, MASK)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def plain(self, value: Any) -> Any:
        """Return a value as JSON has it, without secrets: what stands under the name of one is one."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {
                self(str(key)): MASK if names_a_secret(str(key)) else self.plain(inner) for key, inner in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.plain(inner) for inner in value]
        said = value.isoformat() if isinstance(value, date) else str(value)
        text = self(said)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(said):,} letters)"


def _half_pair(said: Mapping[str, str]) -> Iterable[str]:
    """Return the keys of a pair that is not whole, which is a mistake told elsewhere."""
    return (word for name in ("KALSHI_API_KEY_ID", "VISUAL_CROSSING_API_KEY") if len(word := said.get(name, "")) > 3)


def _passwords(dsn: str) -> Iterable[str]:
    """Return the spellings of the password of a database's address, in either notation."""
    found = re.search(r"password\s*=\s*('(?:[^'\\]|\\.)*'|\S+)", dsn)
    told = found.group(1).strip("'") if found else (urlsplit(dsn).password or "") if "://" in dsn else ""
    plain = unquote(told)
    return (word for word in {told, plain, quote(plain, safe=""), quote_plus(plain)} if len(word) >= _LEAST_LETTERS)


def _lines_of_key(path: Path | None) -> Iterable[str]:
    """Return the lines of a private key: one of them in a message is too much."""
    try:
        text = "" if path is None else path.read_text()
    except (OSError, ValueError):
        return ()
    return (line for line in text.splitlines() if len(line) > 16 and not line.startswith("-----"))
