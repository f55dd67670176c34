"""The one HTTP client: it asks politely, again when that can help, keeps every response, and gives no secret away.

The only module that imports httpx2. A question passes breaker, budget, rate limit and signature; its response is
judged, archived, and only then handed on.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator, Mapping
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
from pipelines.asking.rates import Monotonic, Sleep, TokenBucket
from pipelines.asking.responses import Fate, Judgement, Response, judge, retry_after_s, skew_s
from pipelines.asking.secrets import VISUAL_CROSSING_KEY, Secrets
from pipelines.calls import Call
from pipelines.kalshi.signing import Signer, signer_of
from pipelines.payload import Payload
from pipelines.vendors import Vendor, Vendors
from warehouse.clock import Clock, utc_now
from warehouse.errors import Usage, VendorDown, VendorRefused

logger = logging.getLogger(__name__)

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_LARGEST_BYTES = 256_000_000  # no answer of any vendor comes near; an endless one must end
_SKEW_WORTH_TELLING_S = 2.0
_VC_KEY = "key"  # the parameter of the query in which Visual Crossing wants its key


class _NoAddresses(logging.Filter):
    """Drops the lines of the HTTP libraries: they print whole addresses, and one vendor's key is part of them."""

    def filter(self, record: logging.LogRecord) -> bool:
        return False


for _name in ("httpx2", *(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).addFilter(_NoAddresses())
# Retries are told here, with vendor and reason; the library's own line says neither.
stamina.instrumentation.set_on_retry_hooks([])


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait: for a connection, for the next bytes, for a whole answer, and between attempts."""

    connect_s: float = 10.0
    read_s: float = 30.0
    answer_s: float = 120.0
    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    total_s: float = 300.0


class _AskAgain(Exception):
    """One attempt failed in a way that another may not."""

    def __init__(self, why: str, *, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


@dataclass(kw_only=True)
class _Host:
    """One vendor as this client knows it: its connections, and everything that holds us back."""

    vendor: Vendor
    http: httpx2.Client
    bucket: TokenBucket
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
    patience: Patience = Patience()
    clock: Clock = utc_now
    monotonic: Monotonic = time.monotonic
    sleep: Sleep = time.sleep
    random: random.Random = field(default_factory=random.Random, repr=False)
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

    def _ask(self, call: Call, *, cursor: str, page: int) -> tuple[Payload, str]:
        """Ask until there is a usable answer, or until asking again cannot help."""
        host = self._host(call)
        host.breaker.admit()
        waits = _Waits(call=call, client=self, began_s=self.monotonic())
        try:
            for attempt in stamina.retry_context(
                on=waits.before_next, attempts=self.patience.attempts, timeout=self.patience.total_s
            ):
                with attempt, host.slots:
                    return self._attempt(call, host, cursor=cursor, page=page)
        except _AskAgain as last:
            host.breaker.failed(str(last))
            # From None: the cause carries the request, and the request the key.
            raise VendorDown(
                f"{call} has no usable answer after {waits.failures} attempts; the last: {last}",
                hint="what was fetched is kept; run the same command again later",
            ) from None
        raise AssertionError("every attempt returns or raises")

    def _attempt(self, call: Call, host: _Host, *, cursor: str, page: int) -> tuple[Payload, str]:
        self._budget.reserve(call.vendor, call.records)
        host.bucket.take(call.tokens)
        response = self._send(call, host, cursor)
        judgement = judge(call.vendor, response)
        kept = self.archive.keep(call, response, page=page, verdict=judgement.verdict)
        if judgement.fate is Fate.USE:
            host.breaker.succeeded()
            if judgement.cost is not None:
                self._budget.settle(call.vendor, reserved=call.records, cost=judgement.cost)
            return _payload(call, response, kept), judgement.cursor
        if not 200 <= response.status < 300:
            self._budget.settle(call.vendor, reserved=call.records, cost=0)
        self._decline(call, host, response, judgement)
        raise AssertionError("a response that cannot be used is declined")

    def _decline(self, call: Call, host: _Host, response: Response, judgement: Judgement) -> None:
        """Raise what a response means that cannot be used."""
        if judgement.fate is Fate.ASK_AGAIN:
            raise _AskAgain(judgement.why, wait_s=retry_after_s(response, now=self.clock()))
        if judgement.fate is Fate.SPENT:
            raise self._budget.exhaust(call.vendor)
        if call.vendor == "vc":
            # It closes accounts that send many questions it must refuse.
            host.breaker.failed(judgement.why)
        else:
            host.breaker.succeeded()
        raise VendorRefused(f"{call}: {judgement.why}", hint=self._advice(call, response), status=response.status)

    def _send(self, call: Call, host: _Host, cursor: str) -> Response:
        """Send one GET and read its answer within its time; whatever breaks on the way can be tried again."""
        request = self._request(call, host, cursor)
        deadline_s = self.monotonic() + self.patience.answer_s
        try:
            answer = host.http.send(request, stream=True)
            try:
                body = self._read(answer, deadline_s)
            finally:
                answer.close()
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            self._budget.settle(call.vendor, reserved=call.records, cost=0)
            raise _AskAgain(self._words(error)) from None
        except httpx2.RequestError as error:
            # What an unheard answer cost is not known; it stays counted.
            raise _AskAgain(self._words(error)) from None
        headers = tuple((name, self.secrets.redact(value)) for name, value in answer.headers.multi_items())
        return Response(
            uri=self.secrets.redact(str(request.url.copy_remove_param(_VC_KEY))),
            status=answer.status_code,
            reason=self.secrets.redact(answer.reason_phrase),
            headers=headers,
            body=self.secrets.redact_bytes(body),
        )

    def _read(self, answer: httpx2.Response, deadline_s: float) -> bytes:
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            if self.monotonic() > deadline_s:
                raise _AskAgain(f"its answer was not whole after {self.patience.answer_s:g} s ({len(body):,} bytes)")
            if len(body) > _LARGEST_BYTES:
                raise _AskAgain(f"its answer does not end after {_LARGEST_BYTES:,} bytes")
        return bytes(body)

    def _request(self, call: Call, host: _Host, cursor: str) -> httpx2.Request:
        query = {**call.query, **({"cursor": cursor} if cursor else {})}
        headers: Mapping[str, str] = {}
        if call.vendor == "vc":
            query[_VC_KEY] = self._visual_crossing_key()
        request = host.http.build_request("GET", host.vendor.base_url.rstrip("/") + call.path, params=query or None)
        if call.vendor == "kalshi" and self._signer is not None:
            headers = self._signer.headers("GET", request.url.raw_path.decode())
        request.headers.update(headers)
        return request

    def _visual_crossing_key(self) -> str:
        key = self.secrets.visual_crossing_key
        if key is None:
            raise Usage(
                f"Visual Crossing answers nobody without a key, and {VISUAL_CROSSING_KEY} is not set",
                hint=f"export {VISUAL_CROSSING_KEY}=…; a free key answers 1,000 records a day",
            )
        return key.reveal()

    def _advice(self, call: Call, response: Response) -> str:
        if response.status in {401, 403} and call.vendor == "vc":
            return f"check {VISUAL_CROSSING_KEY}"
        if response.status != 401 or call.vendor != "kalshi":
            return ""
        skew = skew_s(response, now=self.clock())
        if skew is not None and abs(skew) > _SKEW_WORTH_TELLING_S:
            side = "ahead of" if skew > 0 else "behind"
            return f"this machine's clock is {abs(skew):.0f} s {side} the exchange's: set it, signatures name the time"
        return "check key id and key file; keys of the exchange's demo do not open the exchange, nor the other way"

    def _words(self, error: Exception) -> str:
        return self.secrets.redact(f"{type(error).__name__} {error}".rstrip())

    def _host(self, call: Call) -> _Host:
        with self._lock:
            if call.vendor not in self._hosts:
                if call.vendor not in self.vendors:
                    raise Usage(f"{call}: no vendor is called {call.vendor!r}; there are {' '.join(self.vendors)}")
                self._hosts[call.vendor] = self._new_host(self.vendors[call.vendor], call.tokens)
            return self._hosts[call.vendor]

    def _new_host(self, vendor: Vendor, tokens: int) -> _Host:
        patience = self.patience
        http = httpx2.Client(
            timeout=httpx2.Timeout(patience.read_s, connect=patience.connect_s),
            headers={"User-Agent": _user_agent(), "Accept": "*/*"},
            limits=httpx2.Limits(max_connections=vendor.concurrency, keepalive_expiry=60),
            follow_redirects=False,
            # A proxy of the environment leads out of this machine, not back into it.
            trust_env=urlsplit(vendor.base_url).hostname not in _LOOPBACK,
        )
        # Questions on their way may arrive together: room for all of them is left in the vendor's own bucket, so that
        # it never sees more than it allows.
        burst = max(vendor.burst_tokens - vendor.concurrency * tokens, min(vendor.burst_tokens, tokens))
        bucket = TokenBucket(
            tokens_per_second=vendor.tokens_per_second, burst=burst, monotonic=self.monotonic, sleep=self.sleep
        )
        return _Host(
            vendor=vendor,
            http=self._open.enter_context(http),
            bucket=bucket,
            breaker=Breaker(vendor.name, monotonic=self.monotonic),
            slots=threading.BoundedSemaphore(vendor.concurrency),
        )


@dataclass(kw_only=True)
class _Waits:
    """The waits between the attempts of one question: full jitter below a ceiling that doubles, or what was asked."""

    call: Call
    client: Client
    began_s: float
    failures: int = 0

    def before_next(self, error: Exception) -> bool | float:
        """Return the seconds to wait before another attempt, False when there is none."""
        if not isinstance(error, _AskAgain):
            return False
        self.failures += 1
        patience = self.client.patience
        if self.failures >= patience.attempts:
            return False
        ceiling_s = min(patience.longest_wait_s, patience.first_wait_s * 2 ** (self.failures - 1))
        wait_s = max(self.client.random.uniform(0, ceiling_s), error.wait_s or 0.0)
        if self.client.monotonic() - self.began_s + wait_s > patience.total_s:
            return False
        logger.info("%s: %s; attempt %d in %.1f s", self.call, error, self.failures + 1, wait_s)
        return wait_s


def _payload(call: Call, response: Response, kept: Kept) -> Payload:
    return Payload(
        kind=call.kind, asked=call.asked, body=response.body, received_utc=kept.received_utc, origin=kept.origin
    )


def _user_agent() -> str:
    try:
        return f"kalshi-wx/{version('kalshi-wx')}"
    except PackageNotFoundError:
        return "kalshi-wx"
