"""What was asked of vendors and where the answers lie: a line for each question whose answer is wholly archived.

Resume reads it here. A line is there wholly or not at all; a damaged file only means that questions are asked again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from warehouse.errors import FileBroken

_SCHEMA = """
create table if not exists fetched (
    question text primary key, vendor text not null, kind text not null, said text not null, pages text not null,
    received_utc text not null, final integer not null, snapshot integer
) without rowid;
"""
_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One archived answer: its pages (file below the raw folder, offset in it), and the snapshot that holds its rows.

    `final` says that the vendor will not answer otherwise again. No snapshot yet: it waits to be folded in.
    """

    question: str
    vendor: str
    kind: str
    said: str
    pages: tuple[tuple[str, int], ...]
    received_utc: datetime
    final: bool
    snapshot: int | None = None


class FetchLedger:
    """The questions of one lake, by the name of the question."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def record(self, answer: Answer) -> None:
        """Write or replace the line of one question."""
        line = (
            answer.question,
            answer.vendor,
            answer.kind,
            answer.said,
            json.dumps(answer.pages),
            answer.received_utc.isoformat(),
            int(answer.final),
            answer.snapshot,
        )
        with self._open() as db:
            db.execute("insert or replace into fetched values (?, ?, ?, ?, ?, ?, ?, ?)", line)

    def find(self, questions: Iterable[str]) -> dict[str, Answer]:
        """Return the answers that are there."""
        if not self._path.exists():
            return {}
        wanted = list(dict.fromkeys(questions))
        found: dict[str, Answer] = {}
        with self._open() as db:
            for place in range(0, len(wanted), _AT_ONCE):
                some = wanted[place : place + _AT_ONCE]
                marks = ", ".join("?" * len(some))
                lines = db.execute(f"select * from fetched where question in ({marks})", some)
                found |= {line[0]: _answer(line) for line in lines}
        return found

    def mark_folded(self, answers: Iterable[Answer], *, snapshot: int, empty: Container[str] = ()) -> None:
        """Say that a snapshot holds the rows of these answers; one asked anew in the meantime keeps waiting.

        An answer out of which no row came is not taken for final: it is asked for again.
        """
        lines = [
            (snapshot, answer.question in empty, answer.question, answer.received_utc.isoformat()) for answer in answers
        ]
        with self._open() as db:
            db.executemany(
                "update fetched set snapshot = ?1, final = case when ?2 then 0 else final end"
                " where question = ?3 and received_utc = ?4",
                lines,
            )

    def forget_folds(self, *, after: int) -> None:
        """Let answers wait again that only snapshots after this one held."""
        if self._path.exists():
            with self._open() as db:
                db.execute("update fetched set snapshot = null where snapshot > ?", (after,))

    def counts(self) -> Mapping[str, int]:
        """Return how many answers are kept, by vendor."""
        if not self._path.exists():
            return {}
        with self._open() as db:
            return dict(db.execute("select vendor, count(*) from fetched group by vendor order by vendor").fetchall())

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=60)
        try:
            db.executescript(_SCHEMA)
            with db:
                yield db
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            raise FileBroken(
                f"{self._path} is damaged: {error}",
                hint="move it away: what it knew is asked for again; nothing of the lake is lost",
            ) from error
        finally:
            db.close()


def _answer(line: tuple[str, str, str, str, str, str, int, int | None]) -> Answer:
    question, vendor, kind, said, pages, received, final, snapshot = line
    return Answer(
        question=question,
        vendor=vendor,
        kind=kind,
        said=said,
        pages=tuple((path, offset) for path, offset in json.loads(pages)),
        received_utc=datetime.fromisoformat(received),
        final=bool(final),
        snapshot=snapshot,
    )
