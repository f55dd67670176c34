"""The exchange's side of signed requests: public keys that it knows, and whether a signature is theirs."""

from __future__ import annotations

import base64
import binascii
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey
KeyKind = Literal["ed25519", "rsa"]

_KEY, _TIMESTAMP, _SIGNATURE = (f"kalshi-access-{word}" for word in ("key", "timestamp", "signature"))
_SALT_BYTES = 32


class Keys:
    """The public keys of a server's customers, by key id."""

    def __init__(self, known: Mapping[str, PublicKey] | None = None) -> None:
        self._known = dict(known or {})

    def write(self, path: Path, *, kind: KeyKind = "ed25519") -> str:
        """Make a key pair, write its private half where only its owner can read it, and return the key id."""
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
        return key_id

    def refusal(self, headers: Mapping[str, str], *, method: str, path: str) -> str | None:
        """Return why a request cannot be from whom it says; None when it is signed well."""
        said = {name.lower(): value for name, value in headers.items()}
        if _KEY not in said:
            return "NO_API_KEY"
        key = self._known.get(said[_KEY])
        if key is None:
            return "API_KEY_NOT_FOUND"
        timestamp = said.get(_TIMESTAMP, "")
        try:
            signature = base64.b64decode(said.get(_SIGNATURE, ""), validate=True)
            _verify(key, signature, f"{timestamp}{method}{path}".encode())
        except (binascii.Error, InvalidSignature):
            return "INCORRECT_API_KEY_SIGNATURE"
        return None if timestamp.isdigit() else "INVALID_TIMESTAMP"

    @staticmethod
    def is_signed(headers: Mapping[str, str]) -> bool:
        """Tell whether a request claims to be from somebody."""
        return any(name.lower().startswith("kalshi-access-") for name in headers)


def _verify(key: PublicKey, signature: bytes, data: bytes) -> None:
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, data)
    else:
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=_SALT_BYTES)
        key.verify(signature, data, pss, hashes.SHA256())
