"""What a step is done with: while it stays the same, a step that ended need not be done again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from kwx.nightly.journal import Outcome
from kwx.nightly.night import Night
from kwx.nightly.step import Step
from warehouse.lake.publication import code_sha256
from warehouse.lake.tables import TABLES


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The hash of the code, the settings and what lies beside the lake, and the hash of each table that is read."""

    beside: str = ""
    read: dict[str, str] = field(default_factory=dict)

    def are_those_of(self, before: Outcome, *, but: Collection[str] = ()) -> bool:
        """Tell whether a step ended with the very same, but for some tables."""
        tables = self.read.keys() - set(but)
        return self.beside == before.inputs and all(self.read[name] == before.read.get(name) for name in tables)


def inputs_of(step: Step, night: Night) -> Inputs:
    """Return what a step would be done with now."""
    said = (
        step.name, code_sha256(), str(night.event_date), *night.cities, night.settings.model_dump_json(),
        step.beside(night),
    )  # fmt: skip
    digest = hashlib.sha256("".join(f"{word}\n" for word in said).encode())
    tables = night.snapshot().manifest.tables if night.has_snapshot else {}
    read = {name: tables[name].sha256 if name in tables else "" for name in sorted(set(step.reads) & set(TABLES))}
    return Inputs(beside=digest.hexdigest(), read=read)


def inputs_as_left(step: Step, night: Night, before: Inputs) -> Inputs:
    """Return what a step was done with, and what it left of that: it is not to be done again for its own words."""
    now = inputs_of(step, night)
    own = {name: sha for name, sha in now.read.items() if name in step.changes}
    return Inputs(beside=now.beside if step.writes_beside else before.beside, read={**before.read, **own})
