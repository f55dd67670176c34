"""A signal as one line on the disk: its number, a checksum over all of it, its text."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import msgspec

from kwx.live.sink.signal import Signal
from warehouse.errors import ContractBroken

_decoder = msgspec.json.Decoder(Signal)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line as it was read: the signal with its number, or neither when the line is damaged."""

    raw: bytes
    number: int = 0
    signal: Signal | None = None


def line_of(number: int, signal: Signal) -> bytes:
    """Return the line of a signal, its end included."""
    said = b"%016d %s" % (number, msgspec.json.encode(signal))
    return b"%08x %s\n" % (zlib.crc32(said), said)


def read_line(raw: bytes) -> Line:
    """Read a line; whatever is not exactly what `line_of` wrote is damaged."""
    checksum, _, said = raw.removesuffix(b"\n").partition(b" ")
    if not raw.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(said):
        return Line(raw=raw)
    number, _, text = said.partition(b" ")
    try:
        return Line(raw=raw, number=int(number), signal=_decoder.decode(text))
    except (ValueError, msgspec.MsgspecError, ContractBroken):
        return Line(raw=raw)
