"""The journal and what it adds up to, always in step: an entry is on the disk before the book knows it.

What risks something is not done when it cannot be written down. What has happened, or takes risk away, is known all the
same, and the record is broken from then on: nothing new may be risked by it.
"""

from __future__ import annotations

import logging

from kwx.exec.venue.book_of_orders import Book
from kwx.exec.venue.entries import Entry
from kwx.exec.venue.journal import Journal
from warehouse.clock import Clock
from warehouse.errors import KwxError

logger = logging.getLogger(__name__)


class Record:
    """One journal with its book."""

    def __init__(self, journal: Journal, *, clock: Clock) -> None:
        self.book = Book(journal.entries)
        self.broken = ""
        self._journal = journal
        self._clock = clock

    def require(self, entry: Entry) -> None:
        """Write an entry and wait for the disk, or raise: what it announces must not be done then."""
        self._write(entry, waits=True)

    def note(self, entry: Entry) -> None:
        """Write an entry if that is possible, and know it in any case."""
        try:
            self._write(entry, waits=False)
        except (KwxError, OSError):
            logger.exception("an entry is known, and not in the journal: %s", type(entry).__name__)
            self.book.note(entry, at_utc=self._clock())

    def sync(self) -> None:
        """Wait until everything that was noted is on the disk."""
        try:
            self._journal.sync()
        except OSError as error:
            self.broken = self.broken or f"the journal {self._journal.path} cannot be written: {error}"

    def _write(self, entry: Entry, *, waits: bool) -> None:
        try:
            written = self._journal.append(entry, waits=waits)
        except (KwxError, OSError) as error:
            self.broken = self.broken or f"the journal {self._journal.path} cannot be written: {error}"
            raise
        self.book.note(entry, at_utc=written.at_utc)
