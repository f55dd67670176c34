"""The journal of a night: a line when the night begins, when a step begins and ends, and when the night ends.

A line is on the disk before the next act, so that a killed night knows on its return what has ended. The last line may
be torn; it then tells of nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from kwx.nightly.step import Done, Kind, Line, State
from warehouse.errors import FileBroken

BEGIN, START, END, FINISH = "begin", "start", "end", "finish"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a step.

    inputs: the hash of what it was done with. snapshot: the current one when it ended. in_part: it failed, and what it
    did before that stands.
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
    snapshot: int | None = None
    inputs: str = ""
    in_part: bool = False

    @property
    def stands(self) -> bool:
        """Whether it ended as it should, so that it need not be done again while its inputs stay the same."""
        return self.state is State.DONE

    @classmethod
    def of(cls, name: str, why: str, done: Done, *, seconds: float, snapshot: int | None, inputs: str) -> Outcome:
        """Return the outcome of what a step told."""
        return cls(
            name=name, state=State.FAILED if done.short else State.DONE, why=why, seconds=seconds,
            rows=dict(done.rows), notes=tuple(done.notes), lines=tuple(done.lines), figures=dict(done.figures),
            error=done.short, hint=done.hint, snapshot=snapshot, inputs=inputs, in_part=bool(done.short),
        )  # fmt: skip

    @classmethod
    def of_line(cls, said: Mapping[str, Any]) -> Outcome:
        """Read a line of the journal back."""
        lines = tuple(Line(kind=Kind(one["kind"]), words=one["words"], hint=one["hint"]) for one in said["lines"])
        return cls(**{**said, "state": State(said["state"]), "lines": lines, "notes": tuple(said["notes"])})


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A night as it began: by which clock its fits are made, and from which snapshot it set out."""

    night_utc: datetime
    started_utc: datetime
    snapshot_before: int | None


class Journal:
    """The journal of one night, in one file; one process writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.begun: Begun | None = None
        self.is_finished = False
        self.ended: dict[str, Outcome] = {}
        for line in _lines(path):
            self._take(line)

    def begin(self, begun: Begun) -> None:
        """Note that a night begins; one that was cut off before its end goes on as it began."""
        told = {
            "night_utc": begun.night_utc.isoformat(), "started_utc": begun.started_utc.isoformat(),
            "snapshot_before": begun.snapshot_before,
        }  # fmt: skip
        self._write(BEGIN, told)

    def start(self, name: str, why: str, *, at_utc: datetime) -> None:
        """Note that a step begins."""
        self._write(START, {"name": name, "why": why, "at_utc": at_utc.isoformat()})

    def end(self, outcome: Outcome) -> None:
        """Note how a step ended."""
        self._write(END, asdict(outcome))

    def finish(self, *, exit_code: int, at_utc: datetime) -> None:
        """Note that the night is over."""
        self._write(FINISH, {"exit_code": exit_code, "at_utc": at_utc.isoformat()})

    def _write(self, event: str, said: Mapping[str, Any]) -> None:
        line = json.dumps({"event": event, **said}, sort_keys=True, default=str).encode()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, (b"" if _is_whole(descriptor) else b"\n") + line + b"\n")
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
            )  # fmt: skip
        elif line["event"] == END:
            outcome = Outcome.of_line(said)
            self.ended[outcome.name] = outcome
        elif line["event"] == FINISH:
            self.is_finished = True


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
