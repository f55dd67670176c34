"""Plain values: what JSON can say, with one text for each value and one hash for each text."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from warehouse.errors import Refused


def plain(value: Any) -> Any:
    """Return a value as JSON has it: no NaN (null instead), no tuples, dates as text; refuse what JSON cannot say."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date | Path):
        return value.isoformat() if isinstance(value, date) else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    raise Refused(f"a {type(value).__name__} cannot be kept as JSON", hint="keep numbers, text, lists and mappings")


def json_bytes(value: Any) -> bytes:
    """Return the one text of a value, for people too."""
    return json.dumps(plain(value), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()
