"""Asking one question of a vendor and reading its answer; what cannot change any more is asked once, in any run."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.calls import Call
from pipelines.ingest.fetch import Asker, answer_of, still_to_ask
from pipelines.ingest.replay import ArchivedAnswer
from pipelines.live.arrivals import Arrival, read
from pipelines.payload import Payload
from warehouse.clock import Clock
from warehouse.errors import Unparsable
from warehouse.lake.fetched import FetchLedger

ANSWERS_KEPT = 4_096


@dataclass(kw_only=True)
class Asking:
    """Who answers, and where answers are kept: the raw archive, and the ledger of those that are final."""

    asker: Asker
    ledger: FetchLedger
    raw: Path
    clock: Clock
    _finals: dict[str, None] = field(default_factory=dict, init=False)
    _said: dict[str, bytes] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def is_done(self, call: Call) -> bool:
        """Tell whether this process has the final answer of a question."""
        return call.key in self._finals

    def payloads(self, call: Call) -> list[Payload]:
        """Return the pages of an answer: from the archive where it is final there, else of the vendor."""
        if self.clock() < call.final_after_utc:
            return list(self.asker.pages(call))
        _, final = still_to_ask([call], self.ledger, raw=self.raw)
        if final:
            at_hand = ArchivedAnswer(kind=call.kind, folder=self.raw, pages=final[0].pages)
            pages = list(at_hand.payloads())
        else:
            pages = list(self.asker.pages(call))
            self.ledger.record(answer_of(call, pages, now_utc=self.clock()))
        self._remember(call)
        return pages

    def new_payloads(self, call: Call) -> list[Payload]:
        """Return the pages of an answer; none where it is the one again that was read last, byte for byte."""
        pages = self.payloads(call)
        with self._lock:
            before = self._said.get(call.key)
        return [] if before == _digest(pages) else pages

    def was_read(self, call: Call, pages: Sequence[Payload]) -> None:
        """Note that the new pages of an answer were read: what cannot be read is an error each time that it comes."""
        if not pages:
            return
        with self._lock:
            self._said.pop(call.key, None)
            self._said[call.key] = _digest(pages)
            _keep_newest(self._said)

    def arrivals(self, call: Call) -> list[Arrival]:
        """Return what an answer says; one of which nothing can be read is an error, with the first reason."""
        pages = self.new_payloads(call)
        arrivals = readable(call, pages)
        self.was_read(call, pages)
        return arrivals

    def _remember(self, call: Call) -> None:
        with self._lock:
            self._finals[call.key] = None
            _keep_newest(self._finals)


def readable(call: Call, pages: Sequence[Payload]) -> list[Arrival]:
    """Return what pages say; an answer of which nothing can be read is an error, with the first reason."""
    arrivals = list(read(call.kind, pages)) if pages else []
    if sum(arrival.frame.height for arrival in arrivals) == 0:
        for arrival in arrivals:
            if arrival.refused.height:
                raise Unparsable(f"{call} said nothing that can be read: {arrival.refused['rule'][0]}")
    return arrivals


def _digest(pages: Sequence[Payload]) -> bytes:
    return hashlib.sha256(b"".join(page.body for page in pages)).digest()


def _keep_newest(kept: dict[str, Any]) -> None:
    while len(kept) > ANSWERS_KEPT:
        del kept[next(iter(kept))]
