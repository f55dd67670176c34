"""Signed requests to the exchange: RSA-PSS and Ed25519 keys, told apart by the key itself, never by its header."""

from __future__ import annotations

import base64
import logging
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pipelines.asking.secrets import KALSHI_KEY_FILE, Secret, Secrets
from warehouse.clock import Clock, utc_now
from warehouse.errors import Usage

logger = logging.getLogger(__name__)

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

KEY_HEADER = "KALSHI-ACCESS-KEY"
TIMESTAMP_HEADER = "KALSHI-ACCESS-TIMESTAMP"
SIGNATURE_HEADER = "KALSHI-ACCESS-SIGNATURE"
STREAM_PATH = "/trade-api/ws/v2"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SALT_BYTES = 32  # the length of a SHA-256 digest, as the exchange verifies it


class Signer:
    """Signs requests with one key; a signature holds for one method, path and moment, so each attempt gets its own."""

    def __init__(self, key: PrivateKey, *, key_id: Secret, clock: Clock = utc_now) -> None:
        self._key = key
        self._key_id = key_id
        self._clock = clock

    def headers(self, method: str, path: str) -> dict[str, str]:
        """Return the three headers of one request; the query of a path is not signed."""
        milliseconds = (self._clock() - _EPOCH) // timedelta(milliseconds=1)
        signature = sign(self._key, f"{milliseconds}{method.upper()}{path.partition('?')[0]}")
        return {
            KEY_HEADER: self._key_id.reveal(),
            TIMESTAMP_HEADER: str(milliseconds),
            SIGNATURE_HEADER: base64.b64encode(signature).decode(),
        }

    def stream_headers(self) -> dict[str, str]:
        """Return the headers of one WebSocket handshake; each reconnect needs fresh ones."""
        return self.headers("GET", STREAM_PATH)

    def __repr__(self) -> str:
        return f"Signer({type(self._key).__name__}, key_id={self._key_id})"


def signer_of(secrets: Secrets, *, clock: Clock = utc_now) -> Signer | None:
    """Return the signer of the keys at hand, None without a key."""
    if secrets.kalshi_key_id is None or secrets.kalshi_key_file is None:
        return None
    return Signer(load_key(secrets.kalshi_key_file), key_id=secrets.kalshi_key_id, clock=clock)


def load_key(path: Path) -> PrivateKey:
    """Read a private key that only its owner can read; anything else is refused with what to do."""
    try:
        _require_private(path)
        pem = path.read_bytes()
    except OSError as error:
        raise Usage(
            f"the private key {path} cannot be read: {error.strerror}",
            hint=f"{KALSHI_KEY_FILE} names the file that Kalshi gave once, when the key was made",
        ) from error
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise Usage(
            f"the private key {path} is encrypted",
            hint="write an unencrypted copy: openssl pkey -in KEY -out PLAIN, then chmod 600 PLAIN",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Usage(
            f"{path} is not a private key in PEM", hint="the file begins with -----BEGIN PRIVATE KEY----- or the like"
        ) from error
    if not isinstance(key, PrivateKey):
        raise Usage(
            f"{path} holds a {type(key).__name__.lstrip('_')}, Kalshi knows RSA and Ed25519",
            hint="make a key on Kalshi's account page and save it as it is shown",
        )
    return key


def sign(key: PrivateKey, text: str) -> bytes:
    """Sign a text: plain Ed25519, or RSA-PSS with SHA-256 and a salt of 32 bytes."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(text.encode())
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=_SALT_BYTES)
    return key.sign(text.encode(), pss, hashes.SHA256())


def _require_private(path: Path) -> None:
    """Refuse a key that everybody on the machine can read; a group is told, for mounted secrets are owned by one."""
    mode = path.stat().st_mode
    if mode & stat.S_IRWXO:
        raise Usage(f"the private key {path} can be read by every user of this machine", hint=f"chmod 600 {path}")
    if mode & stat.S_IRWXG:
        logger.warning("the private key %s can be read by its group: chmod 600 %s", path, path)
