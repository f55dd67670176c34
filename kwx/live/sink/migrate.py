"""The table's history: numbered SQL files, up and down, each applied once, in one transaction, one caller at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kwx.live.sink.server import Connection
from warehouse.errors import FileBroken, Refused, Usage
from warehouse.lake.statements import sql_root

FOLDER = "postgres"

_NAMED = re.compile(r"(?P<number>\d{4})_(?P<name>\w+)\.(?P<way>up|down)\.sql")
_LOCK = 0x6B77785F7369676E  # "kwx_sign" as a number: whoever migrates these tables holds it
_HISTORY = b"""
create table if not exists rt_migrations (
    number integer primary key,
    name text not null,
    up_sha256 text not null,
    applied_at timestamptz not null default now()
)
"""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One numbered change and its way back."""

    number: int
    name: str
    up: str
    down: str

    @property
    def sha256(self) -> str:
        """What the text that was applied must still hash to."""
        return hashlib.sha256(self.up.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.number:04d}_{self.name}"


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What a call changed: from which number to which, and the migrations in the order in which they were done."""

    before: int
    after: int
    done: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One migration as a database has it: when it was applied, and whether its text is still the same."""

    migration: str
    applied_at: datetime | None
    changed: bool


def migrations(folder: Path | None = None) -> tuple[Migration, ...]:
    """Read the migrations: numbered from 1 without a gap, each with both ways."""
    texts: dict[tuple[int, str], dict[str, str]] = {}
    for path in sorted((folder or sql_root() / FOLDER).glob("*.sql")):
        match = _NAMED.fullmatch(path.name)
        if match is None:
            raise FileBroken(f"{path} is no migration", hint="0002_what_it_does.up.sql, with its .down.sql")
        texts.setdefault((int(match["number"]), match["name"]), {})[match["way"]] = path.read_text(encoding="utf-8")
    found = sorted(texts.items())
    for place, ((number, name), ways) in enumerate(found, start=1):
        if number != place or ways.keys() != {"up", "down"}:
            raise FileBroken(
                f"migration {number:04d}_{name} has {' and '.join(sorted(ways))}, and place {place}",
                hint="numbers follow each other from 0001, and each has an .up.sql and a .down.sql",
            )
    return tuple(Migration(number=number, name=name, **ways) for (number, name), ways in found)


def migrate(connection: Connection, *, to: int | None = None, known: Sequence[Migration] = ()) -> Moved:
    """Bring a database to a number, the newest when not said; all of it, or on any error nothing.

    Callers at the same time wait for each other. An applied migration whose text has changed, or that this version does
    not know, is refused: what the database holds is then not what the files say.
    """
    steps = {migration.number: migration for migration in known or migrations()}
    wanted = max(steps, default=0) if to is None else to
    if wanted not in {0, *steps}:
        raise Usage(f"there is no migration {wanted}", hint=f"numbers go from 0 (nothing) to {max(steps, default=0)}")
    with connection.transaction():
        connection.execute(b"set local lock_timeout = '60s'; set local statement_timeout = '10min'")
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(_HISTORY)
        applied = _applied(connection)
        _hold_to_history(steps, applied)
        before = max(applied, default=0)
        done = [steps[number] for number in range(before + 1, wanted + 1)]
        undone = [steps[number] for number in range(before, wanted, -1)]
        for step in done:
            connection.execute(step.up.encode())
            connection.execute(
                "insert into rt_migrations (number, name, up_sha256) values (%s, %s, %s)",
                [step.number, step.name, step.sha256],
            )
        for step in undone:
            connection.execute(step.down.encode())
            connection.execute("delete from rt_migrations where number = %s", [step.number])
    names = (*(f"{step} up" for step in done), *(f"{step} down" for step in undone))
    return Moved(before=before, after=wanted, done=names)


def standing(connection: Connection, *, known: Sequence[Migration] = ()) -> list[Standing]:
    """Return every migration as the database has it; nothing is changed."""
    there = connection.execute("select to_regclass('rt_migrations') is not null").fetchone()
    applied = _applied(connection) if there and there[0] else {}
    steps = {migration.number: migration for migration in known or migrations()}
    found = [
        Standing(
            migration=str(step),
            applied_at=applied[number].at if number in applied else None,
            changed=number in applied and applied[number].sha256 != step.sha256,
        )
        for number, step in steps.items()
    ]
    unknown = [row for number, row in applied.items() if number not in steps]
    return found + [Standing(migration=row.migration, applied_at=row.at, changed=True) for row in unknown]


@dataclass(frozen=True, kw_only=True)
class _Applied:
    migration: str
    sha256: str
    at: datetime


def _applied(connection: Connection) -> dict[int, _Applied]:
    rows = connection.execute("select number, name, up_sha256, applied_at from rt_migrations order by number")
    return {
        number: _Applied(migration=f"{number:04d}_{name}", sha256=sha256, at=at) for number, name, sha256, at in rows
    }


def _hold_to_history(steps: dict[int, Migration], applied: dict[int, _Applied]) -> None:
    for number, row in applied.items():
        if number not in steps:
            raise Refused(
                f"the database has migration {row.migration}, which this version does not know",
                hint="use the version of kwx that made it, or a newer one",
            )
        if steps[number].sha256 != row.sha256:
            raise Refused(
                f"migration {row.migration} was applied on {row.at:%Y-%m-%d %H:%M}Z with another text than it has now",
                hint="give the file its old text, and say the change in a migration of its own",
            )
