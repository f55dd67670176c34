"""Requests are signed as the exchange verifies them; keys that cannot work are refused with what to do."""

from __future__ import annotations

import base64
import logging
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from pipelines.asking.secrets import Secret, Secrets
from pipelines.kalshi.signing import Signer, load_key, sign, signer_of
from warehouse.errors import Usage

PATH = "/trade-api/v2/markets"
AT = datetime(2023, 12, 21, 12, 58, 43, 123456, tzinfo=UTC)


def verify(key, signature: bytes, text: str) -> None:
    """Verify as the exchange does, with the public half."""
    public = key.public_key()
    if hasattr(public, "key_size"):
        public.verify(signature, text.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    else:
        public.verify(signature, text.encode())


@pytest.fixture(params=["rsa", "ed25519"])
def key(request, private_keys):
    """Each type of key that the exchange knows."""
    return private_keys[request.param]


@pytest.fixture
def signer(key) -> Signer:
    """A signer at a fixed moment."""
    return Signer(key, key_id=Secret("key-id-1"), clock=lambda: AT)


def test_a_signature_holds_for_time_method_and_path_without_query(signer, key):
    """The three headers verify over milliseconds, method in capitals and the bare path."""
    headers = signer.headers("get", f"{PATH}?limit=5")

    assert ("key-id-1", "1703163523123") == (headers["KALSHI-ACCESS-KEY"], headers["KALSHI-ACCESS-TIMESTAMP"])
    verify(key, base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"]), f"1703163523123GET{PATH}")


def test_the_stream_is_signed_with_its_own_path(signer, key):
    """A WebSocket handshake is a GET of the stream's path."""
    headers = signer.stream_headers()

    verify(key, base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"]), "1703163523123GET/trade-api/ws/v2")


def test_a_signature_for_another_path_does_not_hold(key):
    """One signature opens one door."""
    with pytest.raises(InvalidSignature):
        verify(key, sign(key, "1GET/a"), "1GET/b")


def test_the_type_of_a_key_is_read_from_the_key(key, key_file):
    """Both types stand behind the same PEM header."""
    loaded = load_key(key_file(key))

    assert key.public_key() == loaded.public_key()


def test_a_signer_needs_both_halves(key, key_file):
    """No key, no signature, no error: public data is read without."""
    assert signer_of(Secrets()) is None
    assert signer_of(Secrets(kalshi_key_id=Secret("id-1234"), kalshi_key_file=key_file(key))) is not None


def test_a_signer_does_not_show_its_key(signer):
    """Neither the name of the key nor the key is in its representation."""
    assert "key-id-1" not in repr(signer)


def test_a_missing_file_is_told_with_the_variable_that_names_it(tmp_path):
    """The hint says which setting to look at."""
    with pytest.raises(Usage, match="cannot be read") as refused:
        load_key(tmp_path / "nothing.pem")

    assert "KALSHI_PRIVATE_KEY_FILE" in refused.value.hint


def test_an_encrypted_key_is_told_with_a_way_to_decrypt(tmp_path, private_keys):
    """There is nobody to ask for its password."""
    path = tmp_path / "locked.pem"
    path.write_bytes(
        private_keys["rsa"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    )
    path.chmod(0o600)

    with pytest.raises(Usage, match="is encrypted") as refused:
        load_key(path)
    assert "openssl pkey" in refused.value.hint


def test_a_public_key_is_not_a_private_key(tmp_path, private_keys):
    """The wrong half, and anything else, is said to be none."""
    path = tmp_path / "public.pem"
    path.write_bytes(private_keys["rsa"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    path.chmod(0o600)

    with pytest.raises(Usage, match="is not a private key"):
        load_key(path)


def test_a_key_of_another_kind_is_named(key_file):
    """An elliptic-curve key can be read, and not be used."""
    with pytest.raises(Usage, match=r"holds a .*Kalshi knows RSA and Ed25519"):
        load_key(key_file(ec.generate_private_key(ec.SECP256R1())))


def test_a_key_that_everybody_can_read_is_refused(key, key_file):
    """The hint is the command that mends it."""
    with pytest.raises(Usage, match="every user") as refused:
        load_key(key_file(key, mode=0o644))

    assert refused.value.hint.startswith("chmod 600 ")


def test_a_key_that_a_group_can_read_is_warned_about(key, key_file, caplog):
    """Mounted secrets belong to a group; that is told and goes on."""
    with caplog.at_level(logging.WARNING):
        load_key(key_file(key, mode=0o640))

    assert "can be read by its group" in caplog.text
