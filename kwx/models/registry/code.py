"""What made a model beside its data: the sources that it went through, and the versions of the libraries."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from warehouse.lake.statements import statements

LIBRARIES = ("kalshi-wx", "numpy", "scipy", "polars", "duckdb", "scikit-learn", "lightgbm", "optuna", "jax")

_ROOMS = ("kwx/features", "kwx/models", "kwx/scoring", "kwx/fuse", "warehouse/market")
"""Rooms whose code moves a number of a model; the views, which make the panel, stand beside them."""


@cache
def code_sha256() -> str:
    """Return one hash of every source file that moves a number of a model, and of the views, names included."""
    return sources_sha256(_ROOMS)


def sources_sha256(rooms: Sequence[str]) -> str:
    """Return one hash of every source file of some rooms, or files by themselves, and of the views, names included."""
    home = Path(__file__).parents[3]
    digest = hashlib.sha256()
    for path in sorted(path for room in rooms for path in _sources(home / room)):
        digest.update(f"{path.relative_to(home).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for name, text in sorted(statements("views").items()):
        digest.update(f"{name}\0{text}".encode())
    return digest.hexdigest()


def _sources(room: Path) -> Iterable[Path]:
    return (room,) if room.is_file() else room.rglob("*.py")


def library_versions() -> dict[str, str]:
    """Return the version of Python and of each library that a model may be made with; those that are there."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
