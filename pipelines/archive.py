"""The raw archive: every answer of a vendor as received, durable before anything is made of it.

`raw/<vendor>/<UTC day>/<run>-<writer>.warc.gz`, WARC 1.1, one gzip member for each answer: `zcat` reads it. Files only
grow while their run lives and are never reopened, so any table can be made again by a better parser.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import FileIO
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Self

from pipelines.asking.responses import Fate, Response
from pipelines.calls import Call
from pipelines.payload import Payload
from pipelines.warc import (
    Damaged,
    Headers,
    Record,
    Torn,
    http_block,
    member,
    members,
    read_member,
    record_id,
    split_http,
)
from warehouse.clock import Clock, utc_now
from warehouse.errors import FileBroken
from warehouse.lake.files import naming_a_full_disk, sync_folder

logger = logging.getLogger(__name__)

ENDING = ".warc.gz"
USABLE = Fate.USE.value
"""The verdict over an answer that may be parsed; any other says why not."""

_FORMAT = "kwx raw archive 1"
# Of the body as it is stored: unpacked, whole, without the vendor's visitors' book.
_NOT_KEPT = {"content-encoding", "transfer-encoding", "content-length", "set-cookie", "set-cookie2", "connection"}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Where an answer lies: file below the raw folder, offset and length of its member, and the hash of its body."""

    path: str
    offset: int
    length: int
    sha256: str
    received_utc: datetime

    @property
    def origin(self) -> str:
        """The place in words, as a payload carries it."""
        return f"{self.path}@{self.offset}"


@dataclass(frozen=True, kw_only=True)
class Archived:
    """One answer out of the archive: what can be parsed, with what was asked and how it was judged when it came."""

    payload: Payload
    vendor: str
    uri: str
    status: int
    call_key: str
    page: int
    verdict: str

    @property
    def usable(self) -> bool:
        """True for an answer that may be parsed."""
        return self.verdict == USABLE


@dataclass(kw_only=True)
class _Writer:
    """One growing file; it belongs to one thread at a time."""

    path: Path
    handle: FileIO
    last_utc: datetime
    offset: int = 0


@dataclass
class RawArchive:
    """The writing side, safe for threads: as many files grow as answers arrive at the same time."""

    folder: Path
    run_id: str
    clock: Clock = utc_now
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _idle: dict[tuple[str, str], list[_Writer]] = field(default_factory=dict, init=False, repr=False)
    _taken: int = field(default=0, init=False, repr=False)

    def keep(self, call: Call, response: Response, *, page: int = 1, verdict: str = USABLE) -> Kept:
        """Write one response and wait for the disk; the caller has taken every secret out of it."""
        arrived_utc = self.clock()
        sha256 = hashlib.sha256(response.body).hexdigest()
        with naming_a_full_disk(_made(self.folder)):
            writer = self._take(call.vendor, arrived_utc)
            # Never before the one above it, so that a file is in the order of time.
            writer.last_utc = max(arrived_utc, writer.last_utc)
            said = (
                ("WARC-Type", "response"),
                ("WARC-Record-ID", record_id(self.run_id, writer.path.name, writer.offset, sha256)),
                ("WARC-Date", _stamp(writer.last_utc)),
                *_said(call, response, sha256, page=page, verdict=verdict),
            )
            offset, length = _append(writer, said, _block(response))
        kept = Kept(
            path=str(writer.path.relative_to(self.folder)),
            offset=offset,
            length=length,
            sha256=sha256,
            received_utc=writer.last_utc,
        )
        self._give_back(call.vendor, writer)
        return kept

    def read(self, path: str, offset: int) -> Payload:
        """Read one answer back."""
        return read(self.folder, path, offset)

    def close(self) -> None:
        """Close every file; what was kept is on the disk already."""
        with self._lock:
            for writers in self._idle.values():
                for writer in writers:
                    writer.handle.close()
            self._idle.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, vendor: str, at_utc: datetime) -> _Writer:
        day = at_utc.date().isoformat()
        with self._lock:
            for key in [key for key in self._idle if key[0] == vendor and key[1] < day]:
                for writer in self._idle.pop(key):
                    writer.handle.close()
            if idle := self._idle.get((vendor, day)):
                return idle.pop()
        return self._open(vendor, day, at_utc)

    def _give_back(self, vendor: str, writer: _Writer) -> None:
        with self._lock:
            self._idle.setdefault((vendor, writer.path.parent.name), []).append(writer)

    def _open(self, vendor: str, day: str, at_utc: datetime) -> _Writer:
        folder = _made(self.folder / vendor / day)
        while True:
            with self._lock:
                self._taken += 1
                path = folder / f"{self.run_id}-{self._taken:02}{ENDING}"
            try:
                # A name is never used twice: the file of an earlier process may end in a torn record.
                handle = path.open("xb", buffering=0)
                break
            except FileExistsError:
                continue
        for level in (folder, folder.parent, self.folder):
            sync_folder(level)
        writer = _Writer(path=path, handle=handle, last_utc=at_utc)
        headers = (
            ("WARC-Type", "warcinfo"),
            ("WARC-Record-ID", record_id(self.run_id, path.name, "warcinfo")),
            ("WARC-Date", _stamp(at_utc)),
            ("WARC-Filename", path.name),
            ("Content-Type", "application/warc-fields"),
        )
        _append(writer, headers, f"software: kalshi-wx\r\nformat: {_FORMAT}\r\nrun: {self.run_id}\r\n".encode())
        return writer


def _append(writer: _Writer, headers: Headers, block: bytes) -> tuple[int, int]:
    """Add one member and wait for the disk; one that did not get there wholly is cut off, and the file closed."""
    content, offset = member(headers, block), writer.offset
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[writer.handle.write(rest) :]
        os.fsync(writer.handle.fileno())
    except OSError:
        os.ftruncate(writer.handle.fileno(), offset)
        writer.handle.close()
        raise
    writer.offset += len(content)
    return offset, len(content)


def read(folder: Path, path: str, offset: int) -> Payload:
    """Read one answer from its place; bytes other than those that were written are a broken file."""
    return _read(folder, path, offset).payload


def _read(folder: Path, path: str, offset: int) -> Archived:
    file = folder / path
    try:
        with file.open("rb") as handle:
            record, _ = read_member(handle, offset)
        return _archived(record, path, offset)
    except OSError as error:
        raise FileBroken(f"{file} cannot be read: {error.strerror}", hint="fetch again what it held") from error
    except (Torn, Damaged) as error:
        raise _broken(file, f"the record at offset {offset}: {error}") from error


def scan(source: Path, *, folder: Path | None = None, unusable: bool = False) -> Iterator[Archived]:
    """Yield the answers of one file or of a whole raw folder in the order of their arrival, each against its hash.

    `folder` is the raw folder by which the places of a single file are named; else it is its own.
    Answers that were judged unusable when they came stay out unless they are asked for. A record that a killed writer
    left unfinished is skipped with a warning; damage anywhere else is an error. Other files are left alone.
    """
    folder = folder or (source.parent if source.is_file() else source)
    files = (
        [source] if source.is_file() else sorted(source.rglob(f"*{ENDING}"), key=lambda file: (file.parent.name, file))
    )
    for _, of_one_day in groupby(files, key=lambda file: file.parent.name):
        # A day can have more files than a process may hold open: each is walked and closed, then read by place.
        places = sorted(place for file in of_one_day for place in _places(file, folder, unusable=unusable))
        for _, path, offset in places:
            yield _read(folder, path, offset)


def place_of(origin: str) -> tuple[str, int]:
    """Return the file and the offset that a payload's origin names."""
    path, _, offset = origin.rpartition("@")
    return path, int(offset)


def _places(file: Path, folder: Path, *, unusable: bool) -> list[tuple[datetime, str, int]]:
    """Return when the answers of a file were received and where they lie, each held against its hash."""
    path, places = str(file.relative_to(folder)), []
    try:
        for offset, record in members(file):
            if record.headers.get("WARC-Type") == "response" and "X-Kwx-Kind" in record.headers:
                archived = _archived(record, path, offset)
                if archived.usable or unusable:
                    places.append((archived.payload.received_utc, path, offset))
    except Torn as torn:
        logger.warning("%s: %s; its writer was ended, the answer is skipped", file, torn)
    except Damaged as damaged:
        raise _broken(file, str(damaged)) from damaged
    return places


def _archived(record: Record, path: str, offset: int) -> Archived:
    try:
        return _as_said(record.headers, record.block, origin=f"{path}@{offset}")
    except (KeyError, ValueError) as error:
        raise Damaged(f"offset {offset}: a header is missing or cannot be read ({error})") from error


def _as_said(headers: Mapping[str, str], block: bytes, *, origin: str) -> Archived:
    status, body = split_http(block)
    if headers["WARC-Payload-Digest"] != f"sha256:{hashlib.sha256(body).hexdigest()}":
        raise Damaged(f"{origin}: its body is not the one that was hashed")
    return Archived(
        payload=Payload(
            kind=headers["X-Kwx-Kind"],
            asked=json.loads(headers["X-Kwx-Asked"]),
            body=body,
            received_utc=datetime.fromisoformat(headers["WARC-Date"]),
            origin=origin,
            page=int(headers["X-Kwx-Page"]),
        ),
        vendor=headers["X-Kwx-Vendor"],
        uri=headers["WARC-Target-URI"],
        status=status,
        call_key=headers["X-Kwx-Call"],
        page=int(headers["X-Kwx-Page"]),
        verdict=headers["X-Kwx-Verdict"],
    )


def _said(call: Call, response: Response, sha256: str, *, page: int, verdict: str) -> Headers:
    return (
        ("WARC-Target-URI", response.uri),
        ("WARC-Payload-Digest", f"sha256:{sha256}"),
        ("Content-Type", "application/http; msgtype=response"),
        ("X-Kwx-Vendor", call.vendor),
        ("X-Kwx-Kind", call.kind),
        ("X-Kwx-Asked", json.dumps(dict(call.asked), sort_keys=True)),
        ("X-Kwx-Call", call.key),
        ("X-Kwx-Page", str(page)),
        ("X-Kwx-Verdict", verdict),
    )


def _block(response: Response) -> bytes:
    kept = [(name, value) for name, value in response.headers if name.lower() not in _NOT_KEPT]
    length = ("Content-Length", str(len(response.body)))
    return http_block(response.status, response.reason, [*kept, length], response.body)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _stamp(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _broken(file: Path, what: str) -> FileBroken:
    return FileBroken(
        f"{file} is damaged: {what}", hint="move the file out of the raw folder and fetch what it held again"
    )
