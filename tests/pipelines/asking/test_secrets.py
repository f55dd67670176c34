"""Keys come from the environment, and nothing shows them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pipelines.asking.secrets import Secret, Secrets, from_environment
from warehouse.errors import Usage

ENVIRONMENT = {
    "KALSHI_API_KEY_ID": "a1b2c3d4-key",
    "KALSHI_PRIVATE_KEY_FILE": "/keys/kalshi.pem",
    "VISUAL_CROSSING_API_KEY": " VCKEY+/9 ",
}


def test_keys_are_read_from_the_environment():
    """All three names; white space around a pasted key is not part of it."""
    secrets = from_environment(ENVIRONMENT)

    assert secrets.signed
    assert ("a1b2c3d4-key", "VCKEY+/9") == (secrets.kalshi_key_id.reveal(), secrets.visual_crossing_key.reveal())
    assert Path("/keys/kalshi.pem") == secrets.kalshi_key_file


def test_no_keys_are_no_mistake():
    """Without keys the public data can be had."""
    assert Secrets() == from_environment({})


@pytest.mark.parametrize("alone", ["KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_FILE"])
def test_half_of_a_pair_is_refused_by_name(alone):
    """A key without its name, or a name without its key, signs nothing."""
    with pytest.raises(Usage, match=f"{alone} is set"):
        from_environment({alone: "something"})


def test_a_secret_never_shows_itself():
    """Printing, formatting and representing all show a mask; it does not travel to other processes."""
    secrets = from_environment(ENVIRONMENT)

    shown = f"{secrets} {secrets!r} {secrets.visual_crossing_key} {secrets.kalshi_key_id!r}"

    assert "VCKEY" not in shown
    assert "a1b2" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secrets)


@pytest.mark.parametrize("spelling", ["VCKEY+/9", "VCKEY%2B%2F9"])
def test_keys_are_taken_out_of_texts_and_bodies(spelling):
    """Also where one was written as part of an address."""
    secrets = Secrets(visual_crossing_key=Secret("VCKEY+/9"))

    assert "No account found with API key '***'" == secrets.redact(f"No account found with API key '{spelling}'")
    assert b"key=***&x" == secrets.redact_bytes(f"key={spelling}&x".encode())
