"""Arrays and frames as few bytes: what did not change since the record before costs next to nothing.

A part is kept as what differs, bit by bit, from the same part of the record before where both are equally long. Every
so many records all parts are kept whole, so that what is damaged ends there.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from kwx.exec.minute import Array

Parts = dict[str, bytes]

_CODEC = pa.Codec("zstd", compression_level=1)
_encode, _decode = msgspec.msgpack.encode, msgspec.msgpack.decode


def packed_arrays(arrays: Mapping[str, Array]) -> bytes:
    """Return named arrays as bytes, as many for the same shapes and types whatever they hold."""
    return _encode({name: _array_bytes(np.asarray(values)) for name, values in arrays.items()})


def _array_bytes(values: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    return values.dtype.str, values.shape, np.ascontiguousarray(values).tobytes()


def unpacked_arrays(content: bytes) -> dict[str, Array]:
    """Return named arrays; they are not to be written."""
    named: dict[str, tuple[str, list[int], bytes]] = _decode(content)
    return {name: np.frombuffer(data, np.dtype(kind)).reshape(shape) for name, (kind, shape, data) in named.items()}


def packed_frame(frame: pl.DataFrame) -> bytes:
    """Return a frame as bytes."""
    into = io.BytesIO()
    frame.rechunk().write_ipc_stream(into)
    return into.getvalue()


def unpacked_frame(content: bytes) -> pl.DataFrame:
    """Return a frame of bytes."""
    return pl.read_ipc_stream(io.BytesIO(content))


def squeezed(parts: Mapping[str, bytes], before: Mapping[str, bytes], said: Mapping[str, Any]) -> bytes:
    """Return parts and what is said beside them as one piece, against the parts of the record before."""
    against = [name for name, part in parts.items() if len(before.get(name, b"")) == len(part) > 0]
    kept = {name: _differing(part, before[name]) if name in against else part for name, part in parts.items()}
    raw = _encode({"said": said, "against": against, "parts": kept})
    return len(raw).to_bytes(4, "little") + bytes(_CODEC.compress(raw, asbytes=True))


def unsqueezed(content: bytes, before: Mapping[str, bytes]) -> tuple[dict[str, Any], Parts]:
    """Return what is said and the parts of a piece, given the parts of the record before."""
    whole = _decompressed(content)
    parts = {
        name: _differing(part, before[name]) if name in whole["against"] else part
        for name, part in whole["parts"].items()
    }
    return whole["said"], parts


def _decompressed(content: bytes) -> dict[str, Any]:
    raw = _CODEC.decompress(content[4:], decompressed_size=int.from_bytes(content[:4], "little"), asbytes=True)
    whole: dict[str, Any] = _decode(raw)
    return whole


def _differing(one: bytes, other: bytes) -> bytes:
    return (np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)).tobytes()
