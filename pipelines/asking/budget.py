"""What a vendor's daily quota still allows: counted per UTC day in a file, so that a second run does not begin anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from warehouse.clock import Clock, utc_now
from warehouse.errors import QuotaSpent

FILE_NAME = "budget.sqlite"

_SCHEMA = """
create table if not exists spent (
    vendor text not null, day text not null, records integer not null, exhausted integer not null,
    primary key (vendor, day)
) without rowid;
"""
_ADD = """
insert into spent values (:vendor, :day, max(0, :records), 0)
on conflict do update set records = max(0, records + :records)
"""
_EXHAUST = """
insert into spent values (:vendor, :day, 0, 1) on conflict do update set exhausted = 1
"""


class Budget:
    """Records spent by vendor and UTC day; a question that would pass the day's limit is refused before it is sent.

    A vendor without a limit is counted as well, and stopped only when it said itself that its quota is used up.
    """

    def __init__(self, path: Path, *, records_per_day: Mapping[str, int] | None = None, clock: Clock = utc_now) -> None:
        self._path = path
        self._limits = dict(records_per_day or {})
        self._clock = clock

    def reserve(self, vendor: str, records: int) -> None:
        """Count the records of a question that is about to be sent, or refuse it; two processes never both fit."""
        if records == 0:
            return
        day = self._day()
        with self._open() as db:
            spent, exhausted = _spent(db, vendor, day)
            limit = self._limits.get(vendor)
            if not exhausted and (limit is None or spent + records <= limit):
                db.execute(_ADD, {"vendor": vendor, "day": day, "records": records})
                return
        if exhausted:
            raise self._refusal(f"{vendor} said that today's quota is used up ({spent:,} records were counted here)")
        raise self._refusal(f"{vendor}: {records:,} records more would pass today's {limit:,}; {spent:,} are spent")

    def settle(self, vendor: str, *, reserved: int, cost: int) -> None:
        """Replace the estimate of one question by what it did cost."""
        if cost != reserved:
            with self._open() as db:
                db.execute(_ADD, {"vendor": vendor, "day": self._day(), "records": cost - reserved})

    def exhaust(self, vendor: str) -> QuotaSpent:
        """Remember that the vendor itself stopped us until midnight; return the error to raise."""
        with self._open() as db:
            db.execute(_EXHAUST, {"vendor": vendor, "day": self._day()})
        return self._refusal(f"{vendor} says that today's quota is used up")

    def spent(self, vendor: str) -> int:
        """Return the records counted today."""
        if not self._path.exists():
            return 0
        with self._open() as db:
            return _spent(db, vendor, self._day())[0]

    def left(self, vendor: str) -> int | None:
        """Return the records that today still allows; None without a limit."""
        limit = self._limits.get(vendor)
        return None if limit is None else max(0, limit - self.spent(vendor))

    def _day(self) -> str:
        return self._clock().date().isoformat()

    def _refusal(self, message: str) -> QuotaSpent:
        now = self._clock()
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), tzinfo=now.tzinfo)
        minutes = -(-(midnight - now) // timedelta(minutes=1))
        return QuotaSpent(
            message,
            hint=f"what was fetched is kept; run the same command again after 00:00 UTC, in {minutes // 60} h "
            f"{minutes % 60:02} min",
        )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        try:
            db.execute("begin immediate")
            db.execute(_SCHEMA)
            yield db
            db.execute("commit")
        finally:
            db.close()


def _spent(db: sqlite3.Connection, vendor: str, day: str) -> tuple[int, bool]:
    line = db.execute("select records, exhausted from spent where vendor = ? and day = ?", (vendor, day)).fetchone()
    return (line[0], bool(line[1])) if line else (0, False)
