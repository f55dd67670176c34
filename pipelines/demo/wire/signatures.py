"""The exchange's side of signed requests: public keys that it knows, and whether a signature is theirs."""

from __future__ import annotations

import base64
import binascii
import os
import threading
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from warehouse.clock import Clock, utc_now

PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey
KeyKind = Literal["ed25519", "rsa"]

_KEY, _TIMESTAMP, _SIGNATURE = (f"kalshi-access-{word}" for word in ("key", "timestamp", "signature"))
EVERYTHING = ("read", "write")
"""What a key may do unless less is said."""

_SALT_BYTES = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRESH_S = 30.0


class Keys:
    """The public keys of a server's customers by key id, and the signatures that were used up.

    A signature is fresh for thirty seconds by the real clock, or by that of the world, whose seconds pass `speed` times
    as fast: who records a world stamps with its time.
    """

    def __init__(self, *, world_clock: Clock = utc_now, speed: float = 1.0, clock: Clock = utc_now) -> None:
        self._known: dict[str, PublicKey] = {}
        self._scopes: dict[str, frozenset[str]] = {}
        self._clock = clock
        self._world_clock = world_clock
        self._speed = speed
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()

    def write(self, path: Path, *, kind: KeyKind = "ed25519", scopes: Iterable[str] = EVERYTHING) -> str:
        """Make a key pair, write its private half where only its owner can read it, and return the key id.

        What the key may do are words such as read, write, or finer ones such as write::trade.
        """
        private = (
            ed25519.Ed25519PrivateKey.generate()
            if kind == "ed25519"
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(pem)
        key_id = str(uuid.uuid4())
        self._known[key_id] = private.public_key()
        self._scopes[key_id] = frozenset(scopes)
        return key_id

    def may(self, headers: Mapping[str, str], *, scope: str, finer: str) -> bool:
        """Tell whether the key of a request has a scope, or the finer one that what it wants needs."""
        return not {scope, f"{scope}::{finer}"}.isdisjoint(self._scopes.get(key_of(headers), ()))

    def refusal(self, headers: Mapping[str, str], *, method: str, path: str, once: bool = False) -> str | None:
        """Return why a request cannot be from whom it says now; None when it is signed well.

        With `once` a signature is good for one request only.
        """
        said = {name.lower(): value for name, value in headers.items()}
        if _KEY not in said:
            return "NO_API_KEY"
        key = self._known.get(said[_KEY])
        if key is None:
            return "API_KEY_NOT_FOUND"
        timestamp, signed = said.get(_TIMESTAMP, ""), said.get(_SIGNATURE, "")
        try:
            _verify(key, base64.b64decode(signed, validate=True), f"{timestamp}{method}{path}".encode())
        except (binascii.Error, InvalidSignature):
            return "INCORRECT_API_KEY_SIGNATURE"
        if not (timestamp.isascii() and timestamp.isdigit()):
            return "INVALID_TIMESTAMP"
        if not self._is_fresh(int(timestamp)):
            return "TIMESTAMP_EXPIRED"
        return "SIGNATURE_USED" if once and not self._use_up(signed, int(timestamp)) else None

    def _is_fresh(self, timestamp_ms: int) -> bool:
        world_s = _FRESH_S * max(1.0, self._speed)
        return _is_near(timestamp_ms, self._clock(), _FRESH_S) or _is_near(timestamp_ms, self._world_clock(), world_s)

    def _use_up(self, signed: str, timestamp_ms: int) -> bool:
        """Remember a signature while it is fresh; false where it was used before.

        Where the world's clock stands, whoever stamps with it cannot sign anew.
        """
        if not self._speed and not _is_near(timestamp_ms, self._clock(), _FRESH_S):
            return True
        with self._lock:
            self._used = {one: stamped_ms for one, stamped_ms in self._used.items() if self._is_fresh(stamped_ms)}
            is_new = signed not in self._used
            self._used[signed] = timestamp_ms
        return is_new

    @staticmethod
    def is_signed(headers: Mapping[str, str]) -> bool:
        """Tell whether a request claims to be from somebody."""
        return any(name.lower().startswith("kalshi-access-") for name in headers)


def key_of(headers: Mapping[str, str]) -> str:
    """Return the key id that a request names; empty where it names none."""
    return next((value for name, value in headers.items() if name.lower() == _KEY), "")


def _is_near(timestamp_ms: int, now: datetime, seconds: float) -> bool:
    return abs(timestamp_ms - (now - _EPOCH) / timedelta(milliseconds=1)) <= 1000 * seconds


def _verify(key: PublicKey, signature: bytes, data: bytes) -> None:
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, data)
    else:
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=_SALT_BYTES)
        key.verify(signature, data, pss, hashes.SHA256())
