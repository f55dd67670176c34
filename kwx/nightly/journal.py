"""The journal of a night: a line when the night begins, when a step begins and ends, and when the night ends.

A line is on the disk before the next act, so that a killed night knows on its return what has ended. The last line may
be torn; it then tells of nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from kwx.nightly.step import Done, Kind, Line, State
from warehouse.errors import FileBroken

BEGIN, START, END, FINISH = "begin", "start", "end", "finish"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a step.

    inputs: the hash of what it was done with beside tables, and read the hash of each table: of those that it writes
    itself as it left them, else as it found them. began, snapshot: the current one when it began and when it ended.
    in_part: it failed, and what it did before that stands.
    """

    name: str
    state: State
    why: str
    seconds: float = 0.0
    rows: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    hint: str = ""
    began: int | None = None
    snapshot: int | None = None
    inputs: str = ""
    read: Mapping[str, str] = field(default_factory=dict)
    in_part: bool = False

    @property
    def stands(self) -> bool:
        """Whether it ended as it should, so that it need not be done again while its inputs stay the same."""
        return self.state in (State.DONE, State.HELD)

    @classmethod
    def of(
        cls, name: str, why: str, done: Done, *, seconds: float, snapshot: int | None, inputs: str,
        read: Mapping[str, str] | None = None, began: int | None = None,
    ) -> Outcome:  # fmt: skip
        """Return the outcome of what a step told."""
        return cls(
            name=name, state=State.FAILED if done.short else State.DONE, why=why, seconds=seconds,
            rows=dict(done.rows), notes=tuple(done.notes), lines=tuple(done.lines), figures=dict(done.figures),
            error=done.short, hint=done.hint, began=began, snapshot=snapshot, inputs=inputs, read=dict(read or {}),
            in_part=bool(done.short),
        )  # fmt: skip

    @classmethod
    def of_line(cls, said: Mapping[str, Any]) -> Outcome:
        """Read a line of the journal back."""
        lines = tuple(Line(kind=Kind(one["kind"]), words=one["words"], hint=one["hint"]) for one in said["lines"])
        return cls(**{**said, "state": State(said["state"]), "lines": lines, "notes": tuple(said["notes"])})


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What was told last when a night set out: of which event date, and the snapshot that it left."""

    event_date: date
    snapshot: int


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A night as it began: by which clock its fits are made, from which snapshot it set out, what it measures against.

    A run after the first keeps the baselines of those before it, so that it tells again what they told.
    """

    night_utc: datetime
    started_utc: datetime
    snapshot_before: int | None
    baselines: tuple[Baseline, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Started:
    """A step that began and did not end: why it was due, from which snapshot it set out, and what it had to do."""

    why: str
    snapshot: int | None
    owes: tuple[str, ...] = ()


class Journal:
    """The journal of one night, in one file; one process writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.begun: Begun | None = None
        self.is_finished = False
        self.finished_snapshot: int | None = None
        self.ended: dict[str, Outcome] = {}
        self.started: dict[str, Started] = {}
        """The steps that were cut off."""
        self.done_since: list[str] = []
        """The steps that began since the night did, in order."""
        for line in _lines(path):
            self._take(line)

    def begin(self, begun: Begun) -> None:
        """Note that a night begins; one that was cut off before its end goes on as it began."""
        told = {
            "night_utc": begun.night_utc.isoformat(), "started_utc": begun.started_utc.isoformat(),
            "snapshot_before": begun.snapshot_before,
            "baselines": [[one.event_date.isoformat(), one.snapshot] for one in begun.baselines],
        }  # fmt: skip
        self._write(BEGIN, told)

    def start(self, name: str, started: Started, *, at_utc: datetime) -> None:
        """Note that a step begins; one that was cut off goes on as it began."""
        self._write(START, {"name": name, "at_utc": at_utc.isoformat(), **asdict(started)})

    def end(self, outcome: Outcome) -> None:
        """Note how a step ended."""
        self._write(END, asdict(outcome))

    def finish(self, *, exit_code: int, at_utc: datetime, snapshot: int | None = None) -> None:
        """Note that the night is over, and the snapshot that it left."""
        self._write(FINISH, {"exit_code": exit_code, "at_utc": at_utc.isoformat(), "snapshot": snapshot})

    def _write(self, event: str, said: Mapping[str, Any]) -> None:
        line = json.dumps({"event": event, **said}, sort_keys=True, default=str).encode()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            _write_all(descriptor, (b"" if _is_whole(descriptor) else b"\n") + line + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._take(json.loads(line))

    def _take(self, line: Mapping[str, Any]) -> None:
        said = {key: value for key, value in line.items() if key != "event"}
        if line["event"] == BEGIN:
            self.is_finished = False
            self.begun = Begun(
                night_utc=datetime.fromisoformat(said["night_utc"]),
                started_utc=datetime.fromisoformat(said["started_utc"]), snapshot_before=said["snapshot_before"],
                baselines=tuple(
                    Baseline(event_date=date.fromisoformat(day), snapshot=number)
                    for day, number in said.get("baselines", ())
                ),
            )  # fmt: skip
            self.started, self.done_since = {}, []
        elif line["event"] == START:
            self.done_since.append(said["name"])
            self.started[said["name"]] = Started(
                why=said["why"], snapshot=said.get("snapshot"), owes=tuple(said.get("owes", ()))
            )
        elif line["event"] == END:
            outcome = Outcome.of_line(said)
            self.ended[outcome.name] = outcome
            self.started.pop(outcome.name, None)
        elif line["event"] == FINISH:
            self.is_finished = True
            self.finished_snapshot = said.get("snapshot")


def _write_all(descriptor: int, line: bytes) -> None:
    """Write all of a line: a disk that has room for a part of it takes that part, and says so by the count alone."""
    while line:
        line = line[os.write(descriptor, line) :]


def _is_whole(descriptor: int) -> bool:
    """Tell whether what was written ends with its line; after a torn one the next begins anew."""
    size = os.fstat(descriptor).st_size
    return not size or os.pread(descriptor, 1, size - 1) == b"\n"


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of a file; one that is torn was never told to anybody, so it counts as not written."""
    if not path.exists():
        return
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            said = json.loads(line) if line.strip() else None
        except ValueError:
            continue
        if said is None:
            continue
        if not isinstance(said, dict) or "event" not in said:
            raise FileBroken(
                f"{path}, line {number}, is no line of a night", hint="move the file away; --again does all"
            )
        yield said
