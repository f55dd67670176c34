"""WARC 1.1, as far as the raw archive needs it: one gzip member for each record, so that any tool can read a file.

Records go to bytes and back here; which files there are and what is in them, `archive` knows.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

VERSION = b"WARC/1.1"

Headers = Sequence[tuple[str, str]]

_GZIP = 31  # zlib's word for: a window of 32 KiB, with a gzip header and trailer
_MAGIC = b"\x1f\x8b\x08"
_LEVEL = 6
_CHUNK_BYTES = 1 << 16
_END = b"\r\n\r\n"


class Torn(Exception):
    """A member that was being written when the writer ended: nothing whole comes after it."""


class Damaged(Exception):
    """A member whose bytes are not those that were written, though the file goes on."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record: its own headers (names as written), and its block."""

    headers: Mapping[str, str]
    block: bytes


def member(headers: Headers, block: bytes) -> bytes:
    """Return one record as one gzip member; the same record always gives the same bytes."""
    lines = [VERSION, *(f"{name}: {_one_line(value)}".encode() for name, value in headers)]
    lines.append(f"Content-Length: {len(block)}".encode())
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return deflate.compress(b"\r\n".join(lines) + _END + block + _END) + deflate.flush()


def http_block(status: int, reason: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """Return an HTTP answer as it stands in a record."""
    lines = [f"HTTP/1.1 {status} {_one_line(reason)}", *(f"{name}: {_one_line(value)}" for name, value in headers)]
    return "\r\n".join(lines).encode(errors="replace") + _END + body


def split_http(block: bytes) -> tuple[int, bytes]:
    """Return the status and the body of an HTTP answer in a record."""
    head, found, body = block.partition(_END)
    words = head.split(b"\r\n", 1)[0].split()
    if not found or len(words) < 2 or not words[1].isdigit():
        raise Damaged("its block is not an HTTP answer")
    return int(words[1]), body


def record_id(*said: object) -> str:
    """Return the name of a record: the same for the same bytes at the same place."""
    return f"<{uuid.uuid5(uuid.NAMESPACE_URL, '/'.join(map(str, said))).urn}>"


def read_member(handle: BinaryIO, offset: int) -> tuple[Record, int]:
    """Read the record at an offset; return it with the offset of the next one."""
    handle.seek(offset)
    inflate = zlib.decompressobj(_GZIP)
    text, read = bytearray(), 0
    while not inflate.eof:
        chunk = handle.read(_CHUNK_BYTES)
        if not chunk:
            raise Torn("the file ends inside it")
        read += len(chunk)
        try:
            text += inflate.decompress(chunk)
        except zlib.error as error:
            raise Damaged(f"its bytes cannot be decompressed ({error})") from error
    return _record(bytes(text)), offset + read - len(inflate.unused_data)


def members(path: Path) -> Iterator[tuple[int, Record]]:
    """Yield every record of a file with its offset; a torn or damaged one ends the walk with its error and place."""
    size = path.stat().st_size
    offset = 0
    with path.open("rb") as handle:
        while offset < size:
            try:
                record, following = read_member(handle, offset)
            except (Torn, Damaged) as error:
                raise _judged(handle, offset, error) from error
            yield offset, record
            offset = following


def _judged(handle: BinaryIO, offset: int, error: Torn | Damaged) -> Torn | Damaged:
    """Tell an unfinished end from damage: after a kill nothing whole follows, and nothing but zeros was left behind."""
    handle.seek(offset)
    rest = handle.read()
    unfinished = isinstance(error, Torn) or not rest.strip(b"\0") or _stops_at_zeros(rest)
    kind = Torn if unfinished and not _whole_member_within(rest) else Damaged
    return kind(f"the record at offset {offset}: {error}")


def _stops_at_zeros(rest: bytes) -> bool:
    """Tell whether only the zeros at the end are wrong: room that the system gave to bytes that never came."""
    inflate = zlib.decompressobj(_GZIP)
    try:
        inflate.decompress(rest.rstrip(b"\0"))
    except zlib.error:
        return False
    return rest.endswith(b"\0") and not inflate.eof


def _whole_member_within(rest: bytes) -> bool:
    place = rest.find(_MAGIC, 1)
    while place >= 0:
        inflate = zlib.decompressobj(_GZIP)
        try:
            inflate.decompress(rest[place:])
        except zlib.error:
            pass
        else:
            if inflate.eof:
                return True
        place = rest.find(_MAGIC, place + 1)
    return False


def _record(text: bytes) -> Record:
    head, found, rest = text.partition(_END)
    first, *lines = head.split(b"\r\n")
    if not found or first != VERSION:
        raise Damaged("it is not a WARC record")
    headers = dict(line.decode(errors="replace").split(": ", 1) for line in lines if b": " in line)
    length = headers.get("Content-Length", "")
    if not length.isdigit() or rest[int(length) :] != _END:
        raise Damaged("its length is not the one that it names")
    return Record(headers=headers, block=rest[: int(length)])


def _one_line(value: str) -> str:
    return " ".join(value.split())
