"""Whether the features that a model was fitted to are still what they were: the hash of their definitions."""

from __future__ import annotations

from kwx.features.definitions import panel_definitions, snapshot_definitions
from kwx.models.registry.families import OF_SNAPSHOTS
from kwx.models.registry.plain import json_bytes, sha256


def features_sha256(family: str, names: tuple[str, ...]) -> str:
    """Return the hash of what a family's features are by the code that runs, in their order."""
    defined = snapshot_definitions if family in OF_SNAPSHOTS else panel_definitions
    return sha256(json_bytes(defined(names)))
