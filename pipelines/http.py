"""The one HTTP client: it asks politely, again when that can help, keeps every response, and gives no secret away.

The only module that imports httpx2. A question passes breaker, budget, rate limit and signature; its response is
judged, archived, and only then handed on. What is to be done at a vendor goes the same way, but is not said twice.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx2
import stamina
import stamina.instrumentation

from pipelines.archive import Kept, RawArchive
from pipelines.asking.breaker import Breaker
from pipelines.asking.budget import FILE_NAME, Budget
from pipelines.asking.clocks import Clocks
from pipelines.asking.rates import Monotonic, Sleep, TokenBucket
from pipelines.asking.responses import (
    Fate,
    Judgement,
    Response,
    code_of,
    judge,
    judge_write,
    retry_after_s,
    skew_s,
)
from pipelines.asking.secrets import KALSHI_KEY_ID, VISUAL_CROSSING_KEY, Secrets
from pipelines.asking.waiting import AskAgain, Patience, Waits
from pipelines.calls import Call
from pipelines.kalshi.signing import Signer, signer_of
from pipelines.payload import Payload
from pipelines.vendors import Vendor, Vendors
from pipelines.writes import Write
from warehouse.clock import Clock, utc_now
from warehouse.errors import LakeError, Unheard, Usage, VendorDown, VendorRefused

logger = logging.getLogger(__name__)

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_LARGEST_BYTES = 256_000_000  # no answer of any vendor comes near; an endless one must end
_SKEW_WORTH_TELLING_S = 2.0
_TOO_MANY = 429
_VC_KEY = "key"  # the parameter of the query in which Visual Crossing wants its key


class _NoAddresses(logging.Filter):
    """Drops the lines of the HTTP libraries: they print whole addresses, and one vendor's key is part of them."""

    def filter(self, record: logging.LogRecord) -> bool:
        return False


for _name in ("httpx2", *(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).addFilter(_NoAddresses())
# Retries are told here, with vendor and reason; the library's own line says neither.
stamina.instrumentation.set_on_retry_hooks([])


@dataclass(kw_only=True)
class _Host:
    """One vendor as this client knows it: its connections, and everything that holds us back."""

    vendor: Vendor
    http: httpx2.Client
    reads: TokenBucket
    writes: TokenBucket
    breaker: Breaker
    slots: threading.BoundedSemaphore


@dataclass
class Client:
    """Asks vendors; safe for threads. What it returns is archived already."""

    vendors: Vendors
    _: KW_ONLY
    secrets: Secrets
    archive: RawArchive
    budget: Budget | None = None
    patience: Patience = field(default_factory=Patience)
    clock: Clock = utc_now
    monotonic: Monotonic = time.monotonic
    sleep: Sleep = time.sleep
    random: random.Random = field(default_factory=random.Random, repr=False)
    clocks: Clocks = field(default_factory=Clocks, repr=False)
    _hosts: dict[str, _Host] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _open: ExitStack = field(default_factory=ExitStack, init=False, repr=False)

    def __post_init__(self) -> None:
        self._signer: Signer | None = signer_of(self.secrets, clock=self.clock)
        self._budget = self.budget or Budget(self.archive.folder / FILE_NAME, clock=self.clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; the archive is its owner's to close."""
        self._open.close()
        self._hosts.clear()

    def fetch(self, call: Call) -> Payload:
        """Ask one question and return its answer, of a listing the first page; `pages` follows it to the end."""
        payload, _ = self._ask(call, cursor="", page=1)
        return payload

    def pages(self, call: Call) -> Iterator[Payload]:
        """Ask a question and follow its cursor to the end; a cursor that comes back is an error, not a loop."""
        cursor, seen = "", {""}
        for page in range(1, 1_000_000):
            payload, cursor = self._ask(call, cursor=cursor, page=page)
            yield payload
            if not call.pages or not cursor:
                return
            if cursor in seen:
                raise VendorDown(
                    f"{call} gave the cursor of an earlier page again after {page} pages",
                    hint="the listing is not whole and was not taken as such; run the same command again later",
                )
            seen.add(cursor)

    def send(self, write: Write) -> Response:
        """Have one thing done and return what the vendor says of it; only what may be repeated is sent again.

        What is refused (VendorRefused) or could not be sent (VendorDown) was not done for certain; of anything else
        that fails (Unheard) nobody knows.
        """
        host = self._host(write.vendor)
        if not write.urgent:
            host.breaker.admit()
        waits = self._waits(str(write))
        try:
            for attempt in stamina.retry_context(
                on=waits.before_next,
                attempts=self.patience.attempts if write.may_repeat else 1,
                timeout=self.patience.total_s,
            ):
                with attempt, host.slots:
                    return self._write(write, host)
        except AskAgain as last:
            host.breaker.failed(str(last))
            # From None: the cause carries the request, and the request the key.
            if not waits.may_be_done:
                raise VendorDown(f"{write} was not done: {last}", hint="send it again later") from None
            raise Unheard(f"{write} may have been done or not: {last}", hint="ask what became of it") from None
        raise AssertionError("every attempt returns or raises")

    def resize(self, vendor: Vendor) -> None:
        """Go on at the rates of this record of a vendor that is asked already: what it says that this key may."""
        host = self._host(vendor.name)
        host.reads.resize(tokens_per_second=vendor.tokens_per_second, burst=_room_for_questions(vendor))
        host.writes.resize(tokens_per_second=vendor.write_tokens_per_second, burst=vendor.write_burst_tokens)

    def _ask(self, call: Call, *, cursor: str, page: int) -> tuple[Payload, str]:
        """Ask until there is a usable answer, or until asking again cannot help."""
        host = self._host(call.vendor)
        host.breaker.admit()
        waits = self._waits(str(call))
        try:
            for attempt in stamina.retry_context(
                on=waits.before_next, attempts=self.patience.attempts, timeout=self.patience.total_s
            ):
                with attempt, host.slots:
                    return self._attempt(call, host, cursor=cursor, page=page)
        except AskAgain as last:
            host.breaker.failed(str(last))
            # From None: the cause carries the request, and the request the key.
            raise VendorDown(
                f"{call} has no usable answer after {waits.failures} attempts; the last: {last}",
                hint="what was fetched is kept; run the same command again later",
            ) from None
        raise AssertionError("every attempt returns or raises")

    def _attempt(self, call: Call, host: _Host, *, cursor: str, page: int) -> tuple[Payload, str]:
        self._budget.reserve(call.vendor, call.records)
        host.reads.take(call.tokens)
        response = self._send(call, host, cursor)
        judgement = judge(call.vendor, response)
        kept = self.archive.keep(call, response, page=page, verdict=judgement.verdict)
        if judgement.fate is Fate.USE:
            host.breaker.succeeded()
            if judgement.cost is not None:
                self._budget.settle(call.vendor, reserved=call.records, cost=judgement.cost)
            return _payload(call, response, kept, page), judgement.cursor
        if not 200 <= response.status < 300:
            self._budget.settle(call.vendor, reserved=call.records, cost=0)
        self._decline(call, host, response, judgement)
        raise AssertionError("a response that cannot be used is declined")

    def _decline(self, call: Call, host: _Host, response: Response, judgement: Judgement) -> None:
        """Raise what a response means that cannot be used."""
        if judgement.fate is Fate.ASK_AGAIN:
            raise AskAgain(judgement.why, wait_s=retry_after_s(response, now=self.clock()))
        if judgement.fate is Fate.SPENT:
            raise self._budget.exhaust(call.vendor)
        if call.vendor == "vc":
            # It closes accounts that send many questions it must refuse.
            host.breaker.failed(judgement.why)
        else:
            host.breaker.succeeded()
        raise self._refusal(str(call), call.vendor, response, judgement)

    def _write(self, write: Write, host: _Host) -> Response:
        host.writes.take(write.tokens)
        response = self._exchange(host, self._write_request(write, host))
        judgement = judge_write(response)
        self._keep_evidence(write, response, judgement)
        if judgement.fate is Fate.ASK_AGAIN:
            raise AskAgain(judgement.why)
        if response.status == _TOO_MANY and write.may_repeat:
            raise AskAgain(judgement.why, wait_s=retry_after_s(response, now=self.clock()), may_be_done=False)
        host.breaker.succeeded()
        if judgement.fate is not Fate.USE:
            raise self._refusal(str(write), write.vendor, response, judgement)
        return response

    def _keep_evidence(self, write: Write, response: Response, judgement: Judgement) -> None:
        """Archive an answer if that is possible: what was done is done, and who asked for it must hear so."""
        try:
            self.archive.keep(write.as_call, response, verdict=judgement.verdict)
        except (LakeError, OSError) as error:
            logger.error("the answer to %s is not archived: %s", write, error)

    def _refusal(self, asked: str, vendor: str, response: Response, judgement: Judgement) -> VendorRefused:
        return VendorRefused(
            f"{asked}: {judgement.why}",
            hint=self._advice(vendor, response),
            status=response.status,
            code=code_of(response),
        )

    def _send(self, call: Call, host: _Host, cursor: str) -> Response:
        """Ask once; what was never sent costs nothing, what an unheard answer cost is not known and stays counted."""
        try:
            return self._exchange(host, self._request(call, host, cursor))
        except AskAgain as again:
            if not again.may_be_done:
                self._budget.settle(call.vendor, reserved=call.records, cost=0)
            raise

    def _exchange(self, host: _Host, request: httpx2.Request) -> Response:
        """Send one request and read its answer within its time; whatever breaks on the way can be tried again."""
        deadline_s, sent_utc = self.monotonic() + self.patience.answer_s, self.clock()
        try:
            answer = host.http.send(request, stream=True)
            try:
                body = self._read(answer, deadline_s)
            finally:
                answer.close()
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise AskAgain(self._words(error), may_be_done=False) from None
        except httpx2.RequestError as error:
            raise AskAgain(self._words(error)) from None
        headers = tuple((name, self.secrets.redact(value)) for name, value in answer.headers.multi_items())
        response = Response(
            uri=self.secrets.redact(str(request.url.copy_remove_param(_VC_KEY))),
            status=answer.status_code,
            reason=self.secrets.redact(answer.reason_phrase),
            headers=headers,
            body=self.secrets.redact_bytes(body),
        )
        self.clocks.hear(host.vendor.name, response, sent_utc=sent_utc, received_utc=self.clock())
        return response

    def _read(self, answer: httpx2.Response, deadline_s: float) -> bytes:
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            if self.monotonic() > deadline_s:
                raise AskAgain(f"its answer was not whole after {self.patience.answer_s:g} s ({len(body):,} bytes)")
            if len(body) > _LARGEST_BYTES:
                raise AskAgain(f"its answer does not end after {_LARGEST_BYTES:,} bytes")
        return bytes(body)

    def _request(self, call: Call, host: _Host, cursor: str) -> httpx2.Request:
        query = {**call.query, **({"cursor": cursor} if cursor else {})}
        if call.vendor == "vc":
            query[_VC_KEY] = self._visual_crossing_key()
        request = host.http.build_request("GET", host.vendor.base_url.rstrip("/") + call.path, params=query or None)
        if call.vendor == "kalshi" and self._signer is not None:
            request.headers.update(self._signer.headers("GET", request.url.raw_path.decode()))
        return request

    def _write_request(self, write: Write, host: _Host) -> httpx2.Request:
        if self._signer is None:
            raise Usage(
                f"{write} must be signed, and {KALSHI_KEY_ID} is not set",
                hint="a key that may write is made on Kalshi's account page",
            )
        request = host.http.build_request(
            write.method,
            host.vendor.base_url.rstrip("/") + write.path,
            params=write.query or None,
            content=write.content or None,
            headers={"Content-Type": "application/json"} if write.content else None,
        )
        request.headers.update(self._signer.headers(write.method, request.url.raw_path.decode()))
        return request

    def _visual_crossing_key(self) -> str:
        key = self.secrets.visual_crossing_key
        if key is None:
            raise Usage(
                f"Visual Crossing answers nobody without a key, and {VISUAL_CROSSING_KEY} is not set",
                hint=f"export {VISUAL_CROSSING_KEY}=…; a free key answers 1,000 records a day",
            )
        return key.reveal()

    def _advice(self, vendor: str, response: Response) -> str:
        if response.status in {401, 403} and vendor == "vc":
            return f"check {VISUAL_CROSSING_KEY}"
        if response.status != 401 or vendor != "kalshi":
            return ""
        skew = skew_s(response, now=self.clock())
        if skew is not None and abs(skew) > _SKEW_WORTH_TELLING_S:
            side = "ahead of" if skew > 0 else "behind"
            return f"this machine's clock is {abs(skew):.0f} s {side} the exchange's: set it, signatures name the time"
        return "check key id and key file; keys of the exchange's demo do not open the exchange, nor the other way"

    def _words(self, error: Exception) -> str:
        return self.secrets.redact(f"{type(error).__name__} {error}".rstrip())

    def _waits(self, asked: str) -> Waits:
        return Waits(
            asked=asked,
            patience=self.patience,
            chance=self.random,
            monotonic=self.monotonic,
            began_s=self.monotonic(),
        )

    def _host(self, vendor: str) -> _Host:
        with self._lock:
            if vendor not in self._hosts:
                if vendor not in self.vendors:
                    raise Usage(f"no vendor is called {vendor!r}; there are {' '.join(self.vendors)}")
                self._hosts[vendor] = self._new_host(self.vendors[vendor])
            return self._hosts[vendor]

    def _new_host(self, vendor: Vendor) -> _Host:
        patience = self.patience
        http = httpx2.Client(
            timeout=httpx2.Timeout(patience.read_s, connect=patience.connect_s),
            headers={"User-Agent": _user_agent(), "Accept": "*/*"},
            limits=httpx2.Limits(max_connections=vendor.concurrency, keepalive_expiry=60),
            follow_redirects=False,
            # A proxy of the environment leads out of this machine, not back into it.
            trust_env=urlsplit(vendor.base_url).hostname not in _LOOPBACK,
        )
        reads = TokenBucket(
            tokens_per_second=vendor.tokens_per_second,
            burst=_room_for_questions(vendor),
            monotonic=self.monotonic,
            sleep=self.sleep,
        )
        writes = TokenBucket(
            tokens_per_second=vendor.write_tokens_per_second,
            burst=vendor.write_burst_tokens,
            monotonic=self.monotonic,
            sleep=self.sleep,
        )
        return _Host(
            vendor=vendor,
            http=self._open.enter_context(http),
            reads=reads,
            writes=writes,
            breaker=Breaker(vendor.name, rest_s=patience.rest_s, monotonic=self.monotonic),
            slots=threading.BoundedSemaphore(vendor.concurrency),
        )


def _room_for_questions(vendor: Vendor) -> float:
    """Return the tokens that may be taken at once.

    Questions on their way may arrive together: room for all of them is left in the vendor's own bucket, so that it
    never sees more than it allows.
    """
    room = vendor.burst_tokens - vendor.concurrency * vendor.tokens_per_question
    return max(room, min(vendor.burst_tokens, vendor.tokens_per_question))


def _payload(call: Call, response: Response, kept: Kept, page: int) -> Payload:
    return Payload(
        kind=call.kind, asked=call.asked, body=response.body, received_utc=kept.received_utc, origin=kept.origin,
        page=page,
    )  # fmt: skip


def _user_agent() -> str:
    try:
        return f"kalshi-wx/{version('kalshi-wx')}"
    except PackageNotFoundError:
        return "kalshi-wx"
