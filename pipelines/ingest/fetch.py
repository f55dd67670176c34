"""Fetching: what the plan asks and the lake does not have is asked, archived and noted, each vendor at its own pace.

A question whose answer is final is never asked twice. A kill loses at most the answers under way: all others are in the
archive with a line in the ledger, and the next run goes on from there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pipelines.archive import place_of
from pipelines.calls import Call
from pipelines.payload import Payload
from pipelines.vendors import Vendors
from warehouse.clock import Clock, utc_now
from warehouse.errors import QuotaSpent, VendorDown, VendorError, VendorRefused
from warehouse.lake.fetched import Answer, FetchLedger

logger = logging.getLogger(__name__)

NOT_FOUND = 404
_LOCKED_OUT = (401, 403)

SILENT_QUESTIONS = 3
"""One question may be poison to a vendor; so many one after the other, each asked again and again, are its silence."""

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
    notes: list[str] = field(default_factory=list)

    def add(self, other: Fetched) -> None:
        """Take over what another plan brought."""
        self.answers += other.answers
        self.asked += other.asked
        self.failed += other.failed
        self.stopped |= other.stopped
        self.notes += other.notes


def still_to_ask(
    calls: Sequence[Call], ledger: FetchLedger, *, raw: Path, again: bool = False
) -> tuple[list[Call], list[Answer]]:
    """Part the calls that have to be asked from the answers that are there for good.

    An answer that still has to be folded and whose file is gone from the archive is no answer. `again` asks anew what
    could not change.
    """
    at_hand = {} if again else ledger.find(call.key for call in calls)
    final = {key: answer for key, answer in at_hand.items() if answer.final and _is_there(answer, raw)}
    wanted = list({call.key: call for call in calls if call.key not in final}.values())
    return wanted, list(final.values())


def fetch(
    calls: Sequence[Call],
    final: Sequence[Answer] = (),
    *,
    asker: Asker,
    vendors: Vendors,
    ledger: FetchLedger,
    stop: threading.Event | None = None,
    clock: Clock = utc_now,
    on_call: OnCall = lambda call: None,
) -> Fetched:
    """Ask these questions, every vendor beside the others; one that fails stops only itself. `final` is at hand."""
    stop = stop or threading.Event()
    by_vendor: dict[str, list[Call]] = {}
    for call in calls:
        by_vendor.setdefault(call.vendor, []).append(call)
    fetched = Fetched(answers=list(final))
    if not by_vendor:
        return fetched
    with ThreadPoolExecutor(len(by_vendor)) as side_by_side:
        queues = [
            _Queue(some, asker, ledger, concurrency=vendors[name].concurrency, stop=stop, clock=clock, on_call=on_call)
            for name, some in by_vendor.items()
        ]
        try:
            for brought in side_by_side.map(_Queue.work, queues):
                fetched.add(brought)
        except BaseException:
            stop.set()  # what is under way ends, nothing more is asked: also when a person says so
            raise
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
        stop: threading.Event,
        clock: Clock,
        on_call: OnCall,
    ) -> None:
        self._calls = calls
        self._asker = asker
        self._ledger = ledger
        self._concurrency = concurrency
        self._clock = clock
        self._on_call = on_call
        self._stop = stop
        self._given_up = threading.Event()
        self._silent = 0
        self._lock = threading.Lock()
        self._brought = Fetched()

    def work(self) -> Fetched:
        """Ask everything, or until the vendor is given up."""
        with ThreadPoolExecutor(self._concurrency) as threads:
            for done in threads.map(self._one, self._calls):
                del done  # an unforeseen error of a thread is raised here
        return self._brought

    def _one(self, call: Call) -> None:
        if self._given_up.is_set() or self._stop.is_set():
            return
        try:
            answer = self._ask(call)
        except VendorError as error:
            self._note(call, error)
        else:
            with self._lock:
                self._silent = 0
                self._brought.answers.append(answer)
                self._brought.asked += 1
        self._on_call(call)

    def _ask(self, call: Call) -> Answer:
        try:
            pages = list(self._asker.pages(call))
        except VendorRefused as error:
            if error.status != NOT_FOUND or not call.may_be_unknown:
                raise
            pages = []
        answer = answer_of(call, pages, now_utc=self._clock())
        self._ledger.record(answer)
        return answer

    def _note(self, call: Call, error: VendorError) -> None:
        """Note a failure; a spent budget, a wrong key or a vendor that keeps silent gives the vendor up."""
        with self._lock:
            self._brought.failed.append((call, error))
            self._silent = self._silent + 1 if isinstance(error, VendorDown) else 0
            locked_out = isinstance(error, VendorRefused) and error.status in _LOCKED_OUT
            if locked_out or isinstance(error, QuotaSpent) or self._silent >= SILENT_QUESTIONS:
                self._given_up.set()
                self._brought.stopped[call.vendor] = error
        logger.warning("%s: %s", call, error)


def _is_there(answer: Answer, raw: Path) -> bool:
    return answer.snapshot is not None or all((raw / path).is_file() for path, _ in answer.pages)


def answer_of(call: Call, pages: Sequence[Payload], *, now_utc: datetime) -> Answer:
    """Return the line of the ledger for an answer that is wholly archived."""
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


def waiting(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers whose rows no snapshot of the lake's present line holds, oldest first."""
    left = [answer for answer in answers if answer.snapshot is None]
    return sorted(left, key=lambda answer: (answer.received_utc, answer.question))
