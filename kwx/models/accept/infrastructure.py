"""Report 05: that every stored model can be read, is unaltered, and was made by this code and these libraries."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from kwx.models.accept.evidence import Evidence
from kwx.models.accept.parts import Check, Grid, Report, Text
from kwx.models.registry.code import code_sha256, library_versions
from kwx.models.registry.folder import files_below
from kwx.models.registry.places import TRAINED, window_folders
from kwx.models.registry.states import current_number, history
from kwx.models.registry.store import load
from warehouse.errors import KwxError

_LEAST_FREE_BYTES = 1_000_000_000


def infrastructure_verification(evidence: Evidence) -> Report:
    """Return the report: a line for each window, and the state of the registry and the machine."""
    lines = [_line(one.folder, one.name) for one in evidence.held]
    checks = [_whole(lines), *_made_by(evidence), _promoted(evidence.root), *_machine(evidence.root)]
    return Report(
        number=5,
        title="Infrastructure verification",
        parts=(
            Text(words="Every file of every window against the hash on its card; then the model is read back."),
            Grid(headers=("model", "files", "bytes", "read back"), rows=tuple(lines)),
            Grid(headers=("library", "version here"), rows=tuple(library_versions().items())),
        ),
        checks=tuple(checks),
    )


def _line(folder: Path, name: str) -> tuple[str, int, int, str]:
    files = [path for path in files_below(folder) if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    try:
        load(folder)
    except KwxError as error:
        return name, len(files), size, str(error)
    return name, len(files), size, "whole"


def _whole(lines: list[tuple[str, int, int, str]]) -> Check:
    broken = [f"{name}: {said}" for name, _, _, said in lines if said != "whole"]
    told = "; ".join(broken) or f"{len(lines)} models are unaltered and were read back"
    return Check(name="every model is whole", passed=not broken, told=told)


def _made_by(evidence: Evidence) -> Iterator[Check]:
    """Tell which models other code or other libraries made: they may still be right, but are not reproduced here."""
    others = [card.model_id for card in evidence.cards if card.code_sha256 != code_sha256()]
    told = f"{len(others)} of {len(evidence.cards)} were made by other code" if others else "this code made all of them"
    yield Check(name="made by this code", passed=None if others else True, told=told)
    here = library_versions()
    drift = {
        f"{name} {version} (here {here.get(name, 'none')})"
        for card in evidence.cards
        for name, version in card.versions.items()
        if here.get(name) != version
    }
    told = "; ".join(sorted(drift)) or "these libraries made all of them"
    yield Check(name="made with these libraries", passed=None if drift else True, told=told)
    snapshots = sorted({card.snapshot for card in evidence.cards})
    told = ", ".join(map(str, snapshots))
    yield Check(name="made of one snapshot", passed=True if len(snapshots) <= 1 else None, told=f"snapshots {told}")


def _promoted(root: Path) -> Check:
    name = "what is promoted can be loaded"
    try:
        number = current_number(root)
        if number is None:
            return Check(name=name, passed=None, told="nothing is promoted yet")
        folders = list(window_folders(root / TRAINED))
        for folder in folders:
            load(folder)
        return Check(name=name, passed=True, told=f"state {number} of {len(history(root))}: {len(folders)} windows")
    except KwxError as error:
        return Check(name=name, passed=False, told=str(error))


def _machine(root: Path) -> Iterator[Check]:
    yield Check(name="the folder of models can be written", passed=os.access(root, os.W_OK), told=root.name)
    free = shutil.disk_usage(root).free
    yield Check(name="there is room on the disk", passed=free > _LEAST_FREE_BYTES, told=f"{free / 1e9:.0f} GB free")
