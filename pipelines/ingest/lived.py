"""What live runs archived and no snapshot holds yet: an ingest folds it in, so that the lake knows when we knew.

Candles and trades are left to the ingest's own questions: it asks for whole days of them, and they are known by their
stamps whoever asks. An answer that repeats the one before it to the same question says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.archive import ENDING, Archived, place_of, scan
from pipelines.ingest.replay import STEERING, ArchivedAnswer
from warehouse.clock import Clock
from warehouse.lake.fetched import Answer, FetchLedger

LIVE_RUN = "live"
"""How the names of live runs end in the raw archive."""

_ASKED_WHOLE = {"kalshi_candles", "kalshi_trades"}


@dataclass(frozen=True, kw_only=True)
class Lived:
    """The answers of live runs that wait to be folded in, and the lines of the ledger that will say that they are."""

    loads: tuple[ArchivedAnswer, ...]
    lines: tuple[Answer, ...]


def lived(raw: Path, ledger: FetchLedger, *, clock: Clock) -> Lived:
    """Return what waits; a file that has grown since it was folded in waits as a whole."""
    files = sorted(raw.glob(f"*/*/*-{LIVE_RUN}-*{ENDING}"))
    lines = [_line(raw, path, clock=clock) for path in files]
    folded = ledger.find(line.question for line in lines)
    waiting = [line for line in lines if not _is_folded(folded.get(line.question), line)]
    loads = [load for line in waiting for load in _loads(raw, line.pages[0][0])]
    return Lived(loads=tuple(loads), lines=tuple(waiting))


def note_folded(lines: Sequence[Answer], ledger: FetchLedger, *, snapshot: int) -> None:
    """Say that a snapshot holds what these files said when they were read."""
    for line in lines:
        ledger.record(line)
    ledger.mark_folded(lines, snapshot=snapshot)


def _line(raw: Path, path: Path, *, clock: Clock) -> Answer:
    place = str(path.relative_to(raw))
    return Answer(
        question=f"{LIVE_RUN} {place}",
        vendor=path.parent.parent.name,
        kind=LIVE_RUN,
        said=f"what a live run heard: {place}",
        pages=((place, path.stat().st_size),),
        received_utc=clock(),
        final=False,
    )


def _is_folded(before: Answer | None, now: Answer) -> bool:
    return before is not None and before.snapshot is not None and before.pages == now.pages


def _loads(raw: Path, place: str) -> Iterator[ArchivedAnswer]:
    """Yield the answers of one file, pages of one question that came in one go together."""
    pages: dict[str, list[Archived]] = {}
    said: dict[str, bytes] = {}
    for one in scan(raw / place, folder=raw):
        if one.payload.kind in STEERING | _ASKED_WHOLE:
            continue
        if one.page == 1 and one.call_key in pages:
            yield from _changed(raw, pages.pop(one.call_key), said)
        pages.setdefault(one.call_key, []).append(one)
    for some in pages.values():
        yield from _changed(raw, some, said)


def _changed(raw: Path, pages: Sequence[Archived], said: dict[str, bytes]) -> Iterator[ArchivedAnswer]:
    body = b"".join(page.payload.body for page in pages)
    if said.get(pages[0].call_key) == body:
        return
    said[pages[0].call_key] = body
    places = tuple(place_of(page.payload.origin) for page in pages)
    yield ArchivedAnswer(kind=pages[0].payload.kind, folder=raw, pages=places)
