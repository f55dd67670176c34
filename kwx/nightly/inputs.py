"""What a step is done with, as one hash: while it stays the same, a step that ended need not be done again."""

from __future__ import annotations

import hashlib

from kwx.nightly.night import Night
from kwx.nightly.step import Step
from warehouse.lake.publication import code_sha256
from warehouse.lake.tables import TABLES


def inputs_sha256(step: Step, night: Night) -> str:
    """Return the hash of the code, the settings, and all that a step reads of the lake and beside it."""
    digest = hashlib.sha256()
    said = (
        step.name, code_sha256(), str(night.event_date), *night.cities, night.settings.model_dump_json(),
        step.beside(night),
    )  # fmt: skip
    for word in said:
        digest.update(f"{word}\n".encode())
    tables = night.snapshot().manifest.tables if night.has_snapshot else {}
    for name in sorted(set(step.reads) & set(TABLES)):
        held = tables.get(name)
        digest.update(f"{name} {held.sha256 if held else ''}\n".encode())
    return digest.hexdigest()
