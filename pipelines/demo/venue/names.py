"""Ids that the seed and their number alone decide, in the form that the exchange's have."""

from __future__ import annotations

import uuid
from collections import Counter


class Names:
    """The ids of one venue."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._given: Counter[str] = Counter()

    def next(self, kind: str) -> str:
        """Return the next id of a kind."""
        self._given[kind] += 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._seed} {kind} {self._given[kind]}"))
