"""Fetching: what the plan asks and the lake does not have is asked, archived and noted, each vendor at its own pace.

A question whose answer is final is never asked twice. A kill loses at most the answers under way: all others are in the
archive with a line in the ledger, and the next run goes on from there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pipelines.archive import place_of
from pipelines.calls import Call
from pipelines.payload import Payload
from pipelines.vendors import Vendors
from warehouse.clock import Clock, utc_now
from warehouse.errors import VendorError, VendorRefused
from warehouse.lake.fetched import Answer, FetchLedger

logger = logging.getLogger(__name__)

NOT_FOUND = 404
_LOCKED_OUT = (401, 403)

OnCall = Callable[[Call], None]


class Asker(Protocol):
    """What answers calls: the HTTP client."""

    def pages(self, call: Call) -> Iterator[Payload]:
        """Yield the pages of one answer, each archived before it is handed over."""


@dataclass(kw_only=True)
class Fetched:
    """What a plan brought: the answers at hand, the questions that failed, and the vendors that were given up."""

    answers: list[Answer] = field(default_factory=list)
    asked: int = 0
    failed: list[tuple[Call, VendorError]] = field(default_factory=list)
    stopped: dict[str, VendorError] = field(default_factory=dict)

    def add(self, other: Fetched) -> None:
        """Take over what another plan brought."""
        self.answers += other.answers
        self.asked += other.asked
        self.failed += other.failed
        self.stopped |= other.stopped


def still_to_ask(calls: Sequence[Call], ledger: FetchLedger) -> tuple[list[Call], list[Answer]]:
    """Part the calls that have to be asked from the answers that are there for good."""
    at_hand = ledger.find(call.key for call in calls)
    final = {key: answer for key, answer in at_hand.items() if answer.final}
    wanted = list({call.key: call for call in calls if call.key not in final}.values())
    return wanted, list(final.values())


def fetch(
    calls: Sequence[Call],
    *,
    asker: Asker,
    vendors: Vendors,
    ledger: FetchLedger,
    clock: Clock = utc_now,
    on_call: OnCall = lambda call: None,
) -> Fetched:
    """Ask what has to be asked, every vendor beside the others; one that fails stops only itself."""
    wanted, final = still_to_ask(calls, ledger)
    by_vendor: dict[str, list[Call]] = {}
    for call in wanted:
        by_vendor.setdefault(call.vendor, []).append(call)
    fetched = Fetched(answers=final)
    if not by_vendor:
        return fetched
    with ThreadPoolExecutor(len(by_vendor)) as side_by_side:
        queues = [
            _Queue(some, asker, ledger, concurrency=vendors[name].concurrency, clock=clock, on_call=on_call)
            for name, some in by_vendor.items()
        ]
        for brought in side_by_side.map(_Queue.work, queues):
            fetched.add(brought)
    return fetched


class _Queue:
    """The calls of one vendor, asked by as many threads as it allows, until it has to be given up."""

    def __init__(
        self,
        calls: Sequence[Call],
        asker: Asker,
        ledger: FetchLedger,
        *,
        concurrency: int,
        clock: Clock,
        on_call: OnCall,
    ) -> None:
        self._calls = calls
        self._asker = asker
        self._ledger = ledger
        self._concurrency = concurrency
        self._clock = clock
        self._on_call = on_call
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._brought = Fetched()

    def work(self) -> Fetched:
        """Ask everything, or until the vendor is given up."""
        with ThreadPoolExecutor(self._concurrency) as threads:
            for done in threads.map(self._one, self._calls):
                del done  # an unforeseen error of a thread is raised here
        return self._brought

    def _one(self, call: Call) -> None:
        if self._given_up.is_set():
            return
        try:
            answer = self._ask(call)
        except VendorError as error:
            self._note(call, error)
        else:
            with self._lock:
                self._brought.answers.append(answer)
                self._brought.asked += 1
        self._on_call(call)

    def _ask(self, call: Call) -> Answer:
        try:
            pages = list(self._asker.pages(call))
        except VendorRefused as error:
            if error.status != NOT_FOUND or call.instead is None:
                raise
            pages = [page for other in call.instead for page in self._asker.pages(other)]
        answer = _answer(call, pages, now_utc=self._clock())
        self._ledger.record(answer)
        return answer

    def _note(self, call: Call, error: VendorError) -> None:
        only_this_call = isinstance(error, VendorRefused) and error.status not in _LOCKED_OUT
        with self._lock:
            self._brought.failed.append((call, error))
            if not only_this_call:
                self._given_up.set()
                self._brought.stopped[call.vendor] = error
        logger.warning("%s: %s", call, error)


def _answer(call: Call, pages: Sequence[Payload], *, now_utc: datetime) -> Answer:
    received_utc = min((page.received_utc for page in pages), default=now_utc)
    return Answer(
        question=call.key,
        vendor=call.vendor,
        kind=call.kind,
        said=str(call),
        pages=tuple(place_of(page.origin) for page in pages),
        received_utc=received_utc,
        final=received_utc >= call.final_after_utc,
    )


def waiting(answers: Sequence[Answer], *, lineage: Mapping[int, object] | set[int]) -> list[Answer]:
    """Return the answers whose rows no snapshot of the lake's present line holds, oldest first."""
    left = [answer for answer in answers if answer.snapshot is None or answer.snapshot not in lineage]
    return sorted(left, key=lambda answer: (answer.received_utc, answer.question))
