"""The writing side of a recorder: events become files of the hot area, and wait in memory while the disk is full."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from pipelines.kalshi.book_rows import rows_of, trade_gap, trade_gaps
from pipelines.kalshi.events import TRADES_CHANNEL, Counts, Event, Gap
from pipelines.kalshi.recordings import Recording
from pipelines.kalshi.stream import Stream
from pipelines.payload import Parsed, refused_frame
from warehouse.clock import Clock
from warehouse.errors import DiskFull
from warehouse.lake.files import naming_a_full_disk
from warehouse.lake.hot import HotArea
from warehouse.lake.layout import LakePaths
from warehouse.lake.quarantine import put_in_quarantine
from warehouse.lake.tables import BOOKS, TRADES, Table

logger = logging.getLogger(__name__)

OnRows = Callable[[Sequence[Parsed]], None]
"""Hears of rows as they are laid down, on the disk or, while that is full, in memory."""

FLUSHES_PER_FILE = 60
"""After so many flushes their files become one: a day leaves thousands of files, not a hundred thousand."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a recorder has done so far; `rows` are on the disk. `gaps_closed` were left by recorders that died.

    `trade_gaps` are holes in the tape; `waiting_rows` found no room on the disk yet, `lost_rows` never did.
    """

    book_rows: int = 0
    trade_rows: int = 0
    refused_rows: int = 0
    flushes: int = 0
    gaps_closed: int = 0
    trade_gaps: int = 0
    waiting_rows: int = 0
    lost_rows: int = 0
    live_books: int = 0
    least_lag_ms: int | None = None
    counts: Counts | None = None


class Writer:
    """Lays events down in the hot area as rows; what is no row goes to quarantine.

    While the disk is full rows wait in memory, up to `rows_kept`. Beyond that they are lost, and the mark of a gap
    stands in the place of the first one of each market.
    """

    def __init__(
        self,
        paths: LakePaths,
        *,
        clock: Clock,
        gaps_closed: int,
        rows_kept: int,
        on_rows: OnRows = lambda rows: None,
    ) -> None:
        self._recording = Recording(paths, clock=clock)
        self._area = HotArea(paths)
        self._rows_kept = rows_kept
        self._on_rows = on_rows
        self._waiting: list[Parsed] = []
        self._attempts = 0
        self._lost = False
        self._one_at_a_time = threading.Lock()  # a recording that is cancelled flushes while a flush is under way
        self.progress = Progress(gaps_closed=gaps_closed)

    def flush(self, events: Sequence[Event], market_tickers: Sequence[str], *, reads_yes_price: bool = True) -> None:
        """Write events, and what waits; when this returns they are on the disk, or wait where there is no room."""
        with self._one_at_a_time:
            if events:
                rows = _apart(rows_of(events, sid_of=self._recording.sid_of))
                self._waiting += rows
                self._on_rows(rows)
                self._count(trade_gaps=sum(1 for _ in trade_gaps(events)))
            elif not self._waiting:
                return
            try:
                with naming_a_full_disk(self._area.paths.root):
                    self._recording.note(events, market_tickers, reads_yes_price=reads_yes_price)
                self._write_waiting()
                self._count(flushes=1)
                if not self.progress.flushes % FLUSHES_PER_FILE:
                    self._merge()
            except DiskFull:
                self._wait_for_room()
            self.progress = replace(self.progress, waiting_rows=_rows(self._waiting))

    def take_loss(self) -> bool:
        """Tell, once, whether rows were lost: what the books are must be told anew."""
        lost, self._lost = self._lost, False
        return lost

    def seen(self, stream: Stream) -> Progress:
        """Return the progress, with what the stream says of itself."""
        live = sum(book.live for book in stream.books.values())
        self.progress = replace(
            self.progress, live_books=live, least_lag_ms=stream.least_lag_ms, counts=replace(stream.counts)
        )
        return self.progress

    def close(self) -> None:
        """Merge what was written and leave."""
        if self._waiting:
            raise DiskFull(
                f"the disk of {self._area.paths.root} is full: the last {_rows(self._waiting)} rows of the recording "
                "are lost; the next start marks the gap",
                hint="free some room, then start the recording again",
            )
        try:
            self._merge()
        except DiskFull as error:
            logger.warning("the small files of the recording stay as they are: %s", error)
        self._recording.close()

    def abandon(self) -> None:
        """Leave what is written, and the marks of the gaps to the next recorder."""
        self._recording.abandon()

    def _write_waiting(self) -> None:
        while self._waiting:
            parsed = self._waiting[0]
            if parsed.refused.height:
                put_in_quarantine(
                    self._area.paths, table=parsed.table.name, run_id=self._recording.name, refused=parsed.refused
                )
            if parsed.frame.height:
                self._area.append(parsed.table, parsed.frame, name=self._name("part"))
            self._waiting.pop(0)
            self._count(
                book_rows=parsed.frame.height if parsed.table is BOOKS else 0,
                trade_rows=parsed.frame.height if parsed.table is TRADES else 0,
                refused_rows=parsed.refused.height,
            )

    def _wait_for_room(self) -> None:
        rows = _rows(self._waiting)
        logger.error(
            "the disk of %s is full: %d rows of the recording wait in memory, up to %d",
            *(self._area.paths.root, rows, self._rows_kept),
        )
        if rows > self._rows_kept:
            logger.error("%d rows are lost; a gap is marked in their place", rows)
            self._count(lost_rows=rows)
            self._waiting = _marks_instead(self._waiting)
            self._lost = True

    def _count(self, **more: int) -> None:
        self.progress = replace(
            self.progress, **{name: getattr(self.progress, name) + count for name, count in more.items()}
        )

    def _merge(self) -> None:
        for table in (BOOKS, TRADES):
            self._area.merge(
                table,
                prefix=f"{self._recording.name}-part",
                name=self._name("merged"),
                run_id=self._recording.name,
            )

    def _name(self, kind: str) -> str:
        """Return a name that was never tried before."""
        self._attempts += 1
        return f"{self._recording.name}-{kind}-{self._attempts:08d}"


def _apart(several: Sequence[Parsed]) -> list[Parsed]:
    """Return rows and refusals each by themselves: on a full disk some are written, and none twice."""
    rows = [Parsed(table=parsed.table, frame=parsed.frame) for parsed in several if parsed.frame.height]
    refused = [
        Parsed(table=parsed.table, frame=parsed.frame.clear(), refused=parsed.refused)
        for parsed in several
        if parsed.refused.height
    ]
    return rows + refused


def _rows(several: Sequence[Parsed]) -> int:
    return sum(parsed.frame.height + parsed.refused.height for parsed in several)


def _marks_instead(several: Sequence[Parsed]) -> list[Parsed]:
    """Return the marks of gaps in the place of rows: the first of each market and subscription is where it begins."""
    marks = []
    if (books := _of(BOOKS, several)) is not None:
        first = books.sort("sid", "seq").unique(["market_ticker", "sid"], keep="first", maintain_order=True)
        said = ("city", "event_date", "market_ticker", "sid", "seq", "known_utc")
        nothing = [pl.lit(None, dtype).alias(name) for name, dtype in BOOKS.schema.items() if name not in said]
        first = first.with_columns(*nothing).with_columns(kind=pl.lit("gap"))
        marks.append(Parsed(table=BOOKS, frame=first))
    if (trades := _of(TRADES, several)) is not None:
        known_us = trades["known_utc"].to_physical()
        tickers = tuple(trades["market_ticker"].unique().sort().to_list())
        since_us, until_us = int(known_us.min()), int(known_us.max())  # type: ignore[arg-type]
        gap = Gap(0, TRADES_CHANNEL, tickers, "the disk was full", since_us=since_us)
        refused = refused_frame([trade_gap(gap, until_us)])
        marks.append(Parsed(table=TRADES, frame=trades.clear(), refused=refused))
    # What was refused is small beside the rows, and holds the gaps of the tape.
    return marks + [parsed for parsed in several if parsed.refused.height][-100:]


def _of(table: Table, several: Sequence[Parsed]) -> pl.DataFrame | None:
    frames = [parsed.frame for parsed in several if parsed.table is table and parsed.frame.height]
    return pl.concat(frames) if frames else None
