"""Secrets in text: known ones in every spelling, unknown ones by the names that they stand under."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwx.live.health.redact import LONGEST, Redactor

KEY_LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIB"
SHAPES = (
    ("postgresql://kwx:hunter22@db:5432/kwx", "hunter22"),
    ("password=hunter22 host=db", "hunter22"),
    ('{"password": "hunter22"}', "hunter22"),
    ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
    ("KALSHI-ACCESS-SIGNATURE: qZ0x/+==", "qZ0x/+=="),
    ("'KALSHI-ACCESS-KEY': 'a1b2-c3'", "a1b2-c3"),
    ("GET https://weather/timeline?unitGroup=us&key=VCKEY99&x=1", "VCKEY99"),
    (f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_LINE}\n-----END RSA PRIVATE KEY-----", KEY_LINE),
    (f"-----BEGIN PRIVATE KEY-----\n{KEY_LINE}", KEY_LINE),
    ("api_key=abcd1234", "abcd1234"),
)


@pytest.fixture
def redact(tmp_path):
    """One that knows keys, a private key's file and a database's password."""
    (tmp_path / "key.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{KEY_LINE}\n-----END PRIVATE KEY-----\n")
    return Redactor.of_environment(
        {
            "KALSHI_API_KEY_ID": "kid-1234", "KALSHI_PRIVATE_KEY_FILE": str(tmp_path / "key.pem"),
            "VISUAL_CROSSING_API_KEY": "vc key/9", "KWX_POSTGRES_DSN": "postgresql://kwx:p%40ss%2Fword@db/kwx",
        }
    )  # fmt: skip


@pytest.mark.parametrize(("text", "secret"), SHAPES)
def test_what_is_named_as_a_secret_is_masked(text, secret):
    """By its shape alone, known or not."""
    assert secret not in Redactor()(text)


@pytest.mark.parametrize(
    "secret", ["kid-1234", "vc key/9", "vc%20key%2F9", "vc+key%2F9", "p@ss/word", "p%40ss%2Fword", KEY_LINE]
)
def test_what_is_known_as_a_secret_is_masked_anywhere(redact, secret):
    """In the middle of a word, and as part of an address."""
    assert secret not in redact(f"xx{secret}yy")


@pytest.mark.parametrize(
    "dsn", ["host=db password=hunter22", "host=db password='hunter22'", "postgresql://u:hunter22@db/x"]
)
def test_the_database_password_is_found_in_either_notation(dsn):
    """Of an address, and of words with values."""
    assert "***" == Redactor.of_environment({"KWX_POSTGRES_DSN": dsn})("hunter22")


def test_plain_words_stay():
    """Prices, markets and sentences are not secrets."""
    text = "KXHIGHCHI-26NOV02-B60.5 bid 0.49: 3 tokens of 12, signed off at 15:01Z; see https://127.0.0.1:9108/metrics"

    assert text == Redactor()(text)


def test_half_a_pair_of_keys_is_masked_all_the_same():
    """A mistake in the environment is no reason to tell a key."""
    assert "***" == Redactor.of_environment({"KALSHI_API_KEY_ID": "kid-1234"})("kid-1234")


def test_values_lose_their_secrets_by_name_and_by_letters(redact):
    """Deep inside, keys of mappings too; text of any length becomes a bounded one."""
    value = {"dsn_password": 7, "list": [{"kid-1234": "x kid-1234"}], "long": "a" * 9_000, "n": 1.5}

    plain = redact.plain(value)

    assert {"dsn_password": "***", "list": [{"***": "x ***"}], "n": 1.5} == {
        k: v for k, v in plain.items() if k != "long"
    }
    assert f"{'a' * LONGEST}… (9,000 letters)" == plain["long"]
    assert "kid-1234" not in repr(redact)


@given(st.text(max_size=400))
def test_any_text_is_read_at_once(text):
    """No text makes it fail, and what was redacted stays as it is."""
    once = Redactor()(text)

    assert once == Redactor()(once)
