"""What is to be done at a vendor: said once, and known to be done, not done, or not known."""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import replace

import pytest

from pipelines.archive import scan
from pipelines.asking.secrets import Secret, Secrets
from pipelines.calls import Call
from pipelines.vendors import loopback
from pipelines.writes import Write
from warehouse.errors import Unheard, Usage, VendorDown, VendorRefused

CREATE = Write(
    vendor="kalshi",
    kind="kalshi_create",
    method="POST",
    path="/trade-api/v2/portfolio/events/orders",
    query={"a": "b"},
    content=b'{"count":"1.00"}',
    tokens=10,
)
CANCEL = Write(
    vendor="kalshi", kind="kalshi_cancel", method="DELETE", path="/x", tokens=2, may_repeat=True, urgent=True
)
STATUS = Call(vendor="kalshi", kind="kalshi_status", path="/trade-api/v2/exchange/status", tokens=10)
PAGE = b"<!DOCTYPE html><html><head><title>502 Bad gateway</title></head></html>"


@pytest.fixture
def signed(private_keys, key_file):
    """Keys that sign."""
    return Secrets(kalshi_key_id=Secret("a-key-id"), kalshi_key_file=key_file(private_keys["ed25519"]))


def test_what_is_done_is_told_and_archived(scripted, client, reply, signed):
    """The answer with what was sent, as everything that a vendor says."""
    scripted.will(reply({"order_id": "1"}, status=201))
    asking = client(secrets=signed)

    response = asking.send(CREATE)

    (heard,) = scripted.heard
    (archived,) = scan(asking.archive.folder)
    assert (201, {"order_id": "1"}) == (response.status, json.loads(response.body))
    assert ("POST", {"a": ["b"]}, CREATE.content) == (heard.method, heard.query, heard.body)
    assert "application/json" == heard.headers["content-type"]
    assert {"method": "POST", "content": '{"count":"1.00"}'} == archived.payload.asked


def test_method_and_path_are_signed_and_the_query_is_not(scripted, client, reply, signed, private_keys):
    """As the exchange verifies it."""
    scripted.will(reply({}))
    client(secrets=signed).send(CREATE)

    (heard,) = scripted.heard
    text = f"{heard.headers['kalshi-access-timestamp']}POST{CREATE.path}"
    signature = base64.b64decode(heard.headers["kalshi-access-signature"])
    private_keys["ed25519"].public_key().verify(signature, text.encode())


def test_without_a_key_nothing_is_sent(scripted, client):
    """And it is said which one is missing."""
    with pytest.raises(Usage, match="KALSHI_API_KEY_ID is not set"):
        client().send(CREATE)

    assert [] == scripted.heard


@pytest.mark.parametrize(
    "broken",
    [
        {"cut_after": 3},
        {"body": b'{"order_id": "1'},
        {"body": PAGE},
        {"hangs": True},
        {"drips": True, "body": b" " * 1_000},
        {"status": 500},
        {"status": 502, "body": PAGE},
        {"status": 503},
        {"status": 504},
        {"status": 408},
        {"status": 302},
    ],
    ids=str,
)
def test_what_may_be_done_is_not_sent_again(scripted, client, reply, signed, broken):
    """Nobody knows: that is said, and nothing else is done about it here."""
    scripted.will(reply(broken.pop("body", b'{"order_id": "1"}'), **broken))

    with pytest.raises(Unheard, match="may have been done or not"):
        client(secrets=signed).send(CREATE)

    assert 1 == len(scripted.heard)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"error": {"code": "invalid_order", "message": "m", "details": "d"}}, "invalid_order"),
        (400, {"code": "available_balance_too_low", "message": "m"}, "available_balance_too_low"),
        (401, {"error": {"code": "authentication_error"}}, "authentication_error"),
        (403, {"error": "no scope"}, ""),
        (404, {"error": {"code": "not_found"}}, "not_found"),
        (409, {"error": {"code": "order_already_exists"}}, "order_already_exists"),
        (429, {"error": "too many requests"}, ""),
        (422, b"no json", ""),
    ],
)
def test_what_is_refused_is_not_done_and_says_why(scripted, client, reply, signed, status, body, code):
    """With the vendor's own word for it, of every shape; it is sent once."""
    scripted.will(reply(body, status=status))

    with pytest.raises(VendorRefused) as refused:
        client(secrets=signed).send(CREATE)

    assert (status, code, 1) == (refused.value.status, refused.value.code, len(scripted.heard))


def test_what_could_not_be_sent_is_not_done(client, signed):
    """A refused connection carried nothing."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    asking = client(secrets=signed)
    asking.vendors = loopback(url)

    with pytest.raises(VendorDown, match="was not done"):
        asking.send(CREATE)


def test_what_may_be_repeated_is_sent_until_it_is_heard(scripted, client, reply, signed):
    """A cancel is the same done twice; too many requests and trouble pass."""
    trouble = [reply(status=500), reply(cut_after=1, body=b"{}"), reply({"error": "too many requests"}, status=429)]
    scripted.will(*trouble, reply(b"", status=204))

    assert b"" == client(secrets=signed).send(CANCEL).body
    assert 4 == len(scripted.heard)


def test_what_is_never_heard_may_be_done(scripted, client, reply, signed):
    """One of the attempts may have been carried out; if all of them were turned away, none was."""
    scripted.will(reply({"error": "too many requests"}, status=429), reply(status=500))
    with pytest.raises(Unheard):
        client(secrets=signed).send(CANCEL)

    scripted.will(reply({"error": "too many requests"}, status=429))
    with pytest.raises(VendorDown, match="was not done"):
        client(secrets=signed).send(CANCEL)


def test_risk_is_taken_away_also_while_a_vendor_is_left_alone(scripted, client, reply, signed):
    """After failures in a row nothing new is sent, but a cancel is."""
    asking = client(secrets=signed)
    scripted.will(reply(status=500))
    for _ in range(5):
        with pytest.raises(Unheard):
            asking.send(CREATE)
    scripted.will(reply({}))

    with pytest.raises(VendorDown, match="left alone"):
        asking.send(CREATE)
    assert 200 == asking.send(CANCEL).status


def test_an_answer_that_cannot_be_archived_is_heard_all_the_same(scripted, client, reply, signed, caplog):
    """What is done is done, and who asked for it must know."""
    scripted.will(reply({"order_id": "1"}, status=201))
    asking = client(secrets=signed)
    asking.archive.folder.parent.mkdir(parents=True, exist_ok=True)
    asking.archive.folder.write_text("in the way")

    assert 201 == asking.send(CREATE).status
    assert "is not archived" in caplog.text


def test_writes_take_tokens_of_their_own(scripted, client, reply, signed):
    """A hundred write tokens are ten orders at once; the eleventh waits for ten more, and questions do not."""
    waited: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    scripted.will(reply({}))
    asking = client(secrets=signed, monotonic=lambda: now[0], sleep=sleep)
    for _ in range(11):
        asking.send(CREATE)
    asking.fetch(STATUS)

    assert [0.1] == [round(seconds, 6) for seconds in waited]


def test_the_rates_are_what_the_vendor_says_that_a_key_may(scripted, client, reply, signed):
    """Both buckets go on at the new rates."""
    waited: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    scripted.will(reply({}))
    asking = client(secrets=signed, monotonic=lambda: now[0], sleep=sleep)
    asking.resize(
        replace(
            asking.vendors["kalshi"],
            tokens_per_second=10,
            burst_tokens=10,
            write_tokens_per_second=20,
            write_burst_tokens=20,
        )
    )
    for _ in range(3):
        asking.send(CREATE)
    asking.fetch(STATUS)

    assert [0.5] == [round(seconds, 6) for seconds in waited]


def test_keys_appear_in_nothing_that_is_said(scripted, client, reply, signed, all_logged, private_keys, tmp_path):
    """Errors, logs, archive and what objects show of themselves, whatever the vendor repeats."""
    asking = client(secrets=signed)
    said = []
    for answer in (
        reply({"error": {"code": "bad", "message": "key a-key-id is not known"}}, status=401),
        reply(b"a-key-id", status=500),
        reply({"order_id": "a-key-id"}, status=201, headers=(("X-Key", "a-key-id"),)),
    ):
        scripted.will(answer)
        try:
            said.append(repr(asking.send(CREATE)))
        except (VendorRefused, Unheard) as error:
            said += [str(error), repr(error), error.hint, repr(error.__cause__), repr(error.__context__)]
    said += [repr(asking), repr(CREATE), str(CREATE), *all_logged]
    kept = b"".join(archived.payload.body for archived in scan(asking.archive.folder, unusable=True))

    assert all("a-key-id" not in text for text in said)
    assert b"a-key-id" not in kept
    signatures = {heard.headers["kalshi-access-signature"] for heard in scripted.heard}
    assert all(signature not in text for text in said for signature in signatures)
