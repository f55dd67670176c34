"""The client against a vendor on 127.0.0.1 that misbehaves in every way that vendors were seen to."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from pipelines.archive import scan
from pipelines.asking.budget import Budget
from pipelines.asking.secrets import Secret, Secrets
from pipelines.calls import Call
from pipelines.http import Client
from pipelines.vendors import loopback
from warehouse.errors import QuotaSpent, Usage, VendorDown, VendorRefused

STATUS = Call(vendor="kalshi", kind="kalshi_status", path="/trade-api/v2/exchange/status", tokens=10)
TRADES = Call(
    vendor="kalshi",
    kind="kalshi_trades",
    path="/trade-api/v2/markets/trades",
    query={"ticker": "T"},
    pages=True,
    tokens=10,
)
OBS = Call(vendor="vc", kind="vc_obs", path="/VC/timeline/stn:KMDW", asked={"city": "chicago"}, records=288)
CLI = Call(vendor="iem", kind="iem_afos", path="/cgi-bin/afos/retrieve.py", query={"pil": "CLIMDW"})
PAGE = b"<!DOCTYPE html><html><head><title>502 Bad gateway</title></head></html>"


def statuses(client: Client) -> list[int]:
    """Return the status of everything that was archived."""
    return [archived.status for archived in scan(client.archive.folder, unusable=True)]


# What comes back, and what is kept


def test_an_answer_is_archived_before_it_is_handed_on(scripted, client, reply):
    """The payload names the place where its bytes lie, with what was asked and when it came."""
    scripted.will(reply({"exchange_active": True}))
    asking = client()

    payload = asking.fetch(STATUS)

    (archived,) = scan(asking.archive.folder)
    assert payload == archived.payload
    assert (STATUS.key, 200, b'{"exchange_active": true}') == (archived.call_key, archived.status, payload.body)


def test_a_listing_is_followed_to_its_last_page(scripted, client, reply):
    """The same filters go with every cursor; an empty cursor ends it."""
    scripted.will(reply({"trades": [1], "cursor": "a="}), reply({"trades": [2], "cursor": "b"}), reply({"cursor": ""}))

    payloads = list(client().pages(TRADES))

    assert 3 == len(payloads)
    assert [{"ticker": ["T"]}, {"ticker": ["T"], "cursor": ["a="]}, {"ticker": ["T"], "cursor": ["b"]}] == [
        heard.query for heard in scripted.heard
    ]


def test_a_cursor_that_comes_back_is_an_error(scripted, client, reply):
    """A listing that runs in a circle has no end and is not whole."""
    scripted.will(*[reply({"cursor": cursor}) for cursor in ("a", "b", "a")])

    with pytest.raises(VendorDown, match="cursor of an earlier page"):
        list(client().pages(TRADES))

    assert 3 == len(scripted.heard)


def test_packed_answers_are_kept_unpacked(scripted, client, reply):
    """What is archived is the text, so that every tool reads it."""
    scripted.will(reply(gzip.compress(b"CLI text"), headers=(("Content-Encoding", "gzip"),), content_type="text/plain"))

    assert b"CLI text" == client().fetch(CLI).body


# Asking again


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_error_is_asked_again(scripted, client, reply, status):
    """Too many requests and trouble at the vendor pass; the error is kept as evidence."""
    scripted.will(reply({"error": "too many requests"}, status=status), reply({"ok": 1}))
    asking = client()

    assert b'{"ok": 1}' == asking.fetch(STATUS).body
    assert [status, 200] == statuses(asking)


@pytest.mark.parametrize(
    "broken",
    [
        {"cut_after": 3},
        {"body": b'{"markets": [{"ticker": "KX'},
        {"body": b""},
        {"body": PAGE},
        {"hangs": True},
        {"headers": (("Content-Encoding", "gzip"),)},
    ],
    ids=["cut", "json that ends early", "empty", "html", "hangs", "broken packing"],
)
def test_an_answer_that_is_none_is_asked_again(scripted, client, reply, broken):
    """Whatever arrives in pieces, in HTML or not at all is no data, whatever its status says."""
    scripted.will(reply(broken.pop("body", b'{"whole": true}'), **broken), reply({"ok": 1}))
    asking = client()

    assert b'{"ok": 1}' == asking.fetch(STATUS).body
    assert [b'{"ok": 1}'] == [archived.payload.body for archived in scan(asking.archive.folder)]


def test_an_answer_that_drips_for_ever_ends_by_its_own_time(scripted, client, reply):
    """Each byte comes in time, the whole does not: that is a failure too."""
    scripted.will(reply(b" " * 1_000, drips=True))
    asking = client()
    began_s = time.monotonic()

    with pytest.raises(VendorDown, match=r"not whole after 0\.6 s"):
        asking.fetch(STATUS)

    assert time.monotonic() - began_s < 5


def test_a_vendor_that_never_answers_usably_is_down_after_every_attempt(scripted, client, reply):
    """The error says how often and what the last was; nothing of it is parsed."""
    scripted.will(reply({"error": {"code": "internal", "message": "oops"}}, status=500))
    asking = client()

    with pytest.raises(VendorDown, match="after 4 attempts; the last: it answered 500 internal: oops"):
        asking.fetch(STATUS)

    assert [500] * 4 == statuses(asking)
    assert [] == list(scan(asking.archive.folder))


def test_nobody_at_the_address_is_told_as_such(client, archive):
    """A refused connection is tried again, then told."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    asking = client()
    asking.vendors = loopback(url)

    with pytest.raises(VendorDown, match="ConnectError"):
        asking.fetch(STATUS)


def test_a_wish_to_wait_is_granted(scripted, client, reply):
    """Retry-After is the least that is waited."""
    scripted.will(reply(status=503, headers=(("Retry-After", "0.2"),)), reply({"ok": 1}))
    began_s = time.monotonic()

    client().fetch(STATUS)

    assert time.monotonic() - began_s >= 0.2


def test_a_wish_to_wait_for_hours_ends_the_attempts(scripted, client, reply):
    """What would pass the time that one question may take is not waited for."""
    scripted.will(reply(status=503, headers=(("Retry-After", "7200"),)))

    with pytest.raises(VendorDown, match="after 1 attempts"):
        client().fetch(STATUS)

    assert 1 == len(scripted.heard)


# No for an answer


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"code": "not_found", "message": "not found", "details": "market"}, "404 not_found: not found: market"),
        ({"error": {"code": "not_found", "message": "not found"}}, "404 not_found: not found"),
        ({"error": "gone"}, "404 gone"),
        (b"Request did not match an endpoint", "404 Request did not match an endpoint"),
        (PAGE, "404 a page titled '502 Bad gateway'"),
    ],
    ids=["flat", "wrapped", "bare", "text", "page"],
)
def test_every_shape_of_error_is_told_in_its_own_words(scripted, client, reply, body, words):
    """A refusal is not repeated, and its status says whether another tier may know more."""
    scripted.will(reply(body, status=404))

    with pytest.raises(VendorRefused) as refused:
        client().fetch(STATUS)

    assert 404 == refused.value.status
    assert str(refused.value) == f"{STATUS}: it answered {words}"
    assert 1 == len(scripted.heard)


def test_a_redirect_is_not_followed(scripted, client, reply):
    """A moved address is a decision for a person."""
    scripted.will(reply(status=302, headers=(("Location", "https://elsewhere.example/"),)))

    with pytest.raises(VendorRefused, match=r"a redirect to 'https://elsewhere\.example/'") as refused:
        client().fetch(STATUS)

    assert (302, 1) == (refused.value.status, len(scripted.heard))


def test_a_refused_signature_tells_of_a_wrong_clock(scripted, client, reply):
    """The date of the answer says how far this machine's clock is off."""
    scripted.will(reply({"error": {"code": "unauthorized"}}, status=401))  # the server's own date is today
    asking = client()
    asking.clock = lambda: asking.archive.clock() - timedelta(days=20_000)

    with pytest.raises(VendorRefused) as refused:
        asking.fetch(STATUS)

    assert "behind the exchange's" in refused.value.hint


# Visual Crossing's quota


@pytest.mark.parametrize("status", [429, 400])
def test_a_spent_quota_stops_at_once_for_the_day(scripted, client, reply, vc_secrets, status):
    """It was said with more than one status; nothing more is sent before midnight."""
    scripted.will(reply(b"Maximum daily cost exceeded", status=status, content_type="text/plain"))
    asking = client(secrets=vc_secrets)

    for _ in range(2):
        with pytest.raises(QuotaSpent, match="quota is used up"):
            asking.fetch(OBS)

    assert 1 == len(scripted.heard)


def test_too_many_at_once_is_asked_again(scripted, client, reply, vc_secrets):
    """The other 429 passes, and costs nothing."""
    scripted.will(reply(b"Maximum concurrency exceeded", status=429), reply({"queryCost": 290, "days": []}))
    asking = client(secrets=vc_secrets)

    asking.fetch(OBS)

    assert 2 == len(scripted.heard)
    assert 290 == Budget(asking.archive.folder / "budget.sqlite", clock=asking.clock).spent("vc")


def test_a_question_beyond_the_budget_is_not_sent(scripted, client, tmp_path, vc_secrets):
    """Refused before it costs anything."""
    asking = client(secrets=vc_secrets, budget=Budget(tmp_path / "budget.sqlite", records_per_day={"vc": 287}))

    with pytest.raises(QuotaSpent, match="would pass"):
        asking.fetch(OBS)

    assert [] == scripted.heard


def test_without_a_key_nothing_is_sent(scripted, client):
    """The error names the variable to set."""
    with pytest.raises(Usage, match="VISUAL_CROSSING_API_KEY is not set"):
        client().fetch(OBS)

    assert [] == scripted.heard


def test_a_vendor_that_refuses_again_and_again_is_left_alone(scripted, client, reply, vc_secrets):
    """Five wrong questions in a row: the sixth is not sent, for such accounts are closed."""
    scripted.will(reply(b"Bad API Request:Invalid location parameter value.", status=400, content_type="text/plain"))
    asking = client(secrets=vc_secrets)
    for _ in range(5):
        with pytest.raises(VendorRefused):
            asking.fetch(OBS)

    with pytest.raises(VendorDown, match="left alone"):
        asking.fetch(OBS)
    assert 5 == len(scripted.heard)


def test_a_vendor_that_is_down_is_left_alone_and_tried_again(scripted, client, reply):
    """After five questions without an answer the next fails at once; after the rest one goes through."""
    scripted.will(reply(status=503))
    now_s = [0.0]
    asking = client(monotonic=lambda: now_s[0])
    for _ in range(5):
        with pytest.raises(VendorDown, match="after 4 attempts"):
            asking.fetch(CLI)
    with pytest.raises(VendorDown, match="left alone"):
        asking.fetch(CLI)

    scripted.will(reply(b"text", content_type="text/plain"))
    now_s[0] = 61.0

    assert b"text" == asking.fetch(CLI).body


def test_markets_of_another_tier_never_open_the_circuit(scripted, client, reply):
    """A 404 of the exchange is an answer."""
    scripted.will(reply(status=404))
    asking = client()

    for _ in range(7):
        with pytest.raises(VendorRefused):
            asking.fetch(STATUS)


# Signatures, manners, secrets


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_requests_are_signed_when_a_key_is_there(scripted, client, private_keys, key_file, kind):
    """The vendor can verify the signature over what it received."""
    key = private_keys[kind]
    asking = client(secrets=Secrets(kalshi_key_id=Secret("key-id-1"), kalshi_key_file=key_file(key)))

    asking.fetch(TRADES)

    (heard,) = scripted.heard
    text = f"{heard.headers['kalshi-access-timestamp']}GET{heard.path}".encode()
    signature = base64.b64decode(heard.headers["kalshi-access-signature"])
    pss = (padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()) if kind == "rsa" else ()
    key.public_key().verify(signature, text, *pss)


def test_a_request_says_who_asks_and_no_language(scripted, client):
    """A language would translate the rules; a name is good manners; nothing is signed without a key."""
    client().fetch(STATUS)

    (heard,) = scripted.heard
    assert heard.headers["user-agent"].startswith("kalshi-wx")
    assert not {"accept-language", "cookie", "kalshi-access-key"} & heard.headers.keys()


def test_a_key_is_nowhere_to_be_found(scripted, client, reply, vc_secrets, all_logged):
    """Not in the log at its finest, not in an error, not in the archive, though the vendor repeats it."""
    secret = vc_secrets.visual_crossing_key.reveal()
    told = f"No account found with API key '{secret}'".encode()
    scripted.will(
        reply(told, status=500, headers=(("X-Key", secret),)), reply(told, status=401, content_type="text/plain")
    )
    asking = client(secrets=vc_secrets)

    with pytest.raises(VendorRefused) as refused:
        asking.fetch(OBS)

    assert [secret] == scripted.heard[0].query["key"]
    kept = [gzip.decompress(file.read_bytes()).decode() for file in asking.archive.folder.rglob("*.warc.gz")]
    chain = [refused.value, refused.value.__cause__, refused.value.__context__]
    shown = [*kept, *all_logged, repr(asking), *(f"{error} {error!r} {vars(error or refused)}" for error in chain)]
    assert "No account found with API key '***'" in shown[0]
    assert any("attempt 2" in line for line in all_logged)
    assert [] == [text for text in shown if "VCKEY" in text]


def test_signatures_are_not_archived_or_logged(scripted, client, private_keys, key_file, all_logged):
    """What was sent to prove who we are stays between us and the exchange."""
    asking = client(
        secrets=Secrets(kalshi_key_id=Secret("key-id-1"), kalshi_key_file=key_file(private_keys["ed25519"]))
    )

    asking.fetch(STATUS)

    signature = scripted.heard[0].headers["kalshi-access-signature"]
    kept = [gzip.decompress(file.read_bytes()).decode() for file in asking.archive.folder.rglob("*.warc.gz")]
    assert [] == [text for text in (*kept, *all_logged, repr(asking)) if signature in text or "key-id-1" in text]


# Many at once


def test_no_more_questions_are_on_their_way_than_the_vendor_takes(scripted, client, reply, vc_secrets):
    """The loopback vendor takes four at once, however many threads ask."""
    on_their_way, most, lock = [0], [0], threading.Lock()
    answer = scripted.next_reply

    def counted():
        with lock:
            on_their_way[0] += 1
            most[0] = max(most[0], on_their_way[0])
        time.sleep(0.01)
        with lock:
            on_their_way[0] -= 1
        return answer()

    scripted.next_reply = counted
    asking = client(secrets=vc_secrets)

    with ThreadPoolExecutor(16) as pool:
        payloads = list(pool.map(lambda _: asking.fetch(CLI), range(40)))

    assert 40 == len({payload.origin for payload in payloads})
    assert most[0] <= 4


def test_the_vendors_own_bucket_never_runs_empty(scripted, client):
    """Eight threads use at least 90 % of the rate, and a vendor that counts the same tokens never says too many."""
    rate, level, last, refused = 400.0, [400.0], [None], [0]
    answer, lock = scripted.next_reply, threading.Lock()

    def counted():
        with lock:
            now_s = time.monotonic()
            level[0] = min(rate, level[0] + rate * (now_s - (last[0] or now_s))) - 10
            last[0] = now_s
            refused[0] += level[0] < 0
        return answer()

    scripted.next_reply = counted
    asking = client()
    asking.vendors = loopback(scripted.url, tokens_per_second=rate)
    began_s = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: asking.fetch(STATUS), range(100)))

    used = (100 * 10 - 320) / (rate * (time.monotonic() - began_s))
    assert 0 == refused[0]
    assert used > 0.9
