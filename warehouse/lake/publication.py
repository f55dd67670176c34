"""Publishing: what a writer staged becomes the next snapshot, wholly or not at all.

    validate → a new version of every changed table → snapshot folder → catalog → manifest → gate → seal → switch →
    ledger

Killed or refused before the seal, the old snapshot stays and the next writer removes what was left. The seal is the
commit: it is passed by complete snapshots only, so killed after it, the next writer finishes the switch.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import duckdb

from warehouse.clock import Clock
from warehouse.lake.catalog import CATALOG, judgement_sha256, open_catalog, sql_sha256, write_catalog
from warehouse.lake.files import link_or_copy, remove_tree, sha256_of, switch_link, sync_folder, sync_tree
from warehouse.lake.layout import DRAFT
from warehouse.lake.manifest import Change, FileEntry, Manifest, TableEntry, config_sha256, save_changes, save_file_list
from warehouse.lake.staging import Staged, verify
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import Partition

logger = logging.getLogger(__name__)

OnStep = Callable[[str], None]
Gate = Callable[[Snapshot], None]
Changed = Mapping[str, Mapping[Partition, Staged | None]]
"""By table and partition: what it shall hold, None where it is dropped."""


def silently(step: str) -> None:
    """Follow the steps of a publish without doing anything."""


def ungated(snapshot: Snapshot) -> None:
    """Let every snapshot pass."""


@dataclass(kw_only=True)
class Publication:
    """The steps of one publish, each told to `on_step` before it is done.

    `gate` sees the finished snapshot before anybody else and may refuse it by raising.
    """

    lake: Lake
    run_id: str
    purpose: str
    staged: Changed
    clock: Clock
    sources: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    gate: Gate = ungated
    on_step: OnStep = silently

    def __post_init__(self) -> None:
        """Fix the state that is built upon: the writer's lock is held, so it stays the current one."""
        lake = self.lake
        self.paths = lake.paths
        self.current = lake.current_number()
        self.parent = lake.snapshot().manifest if self.current is not None else None
        # Not current + 1: after a rollback, or a clean-up, that number may once have named another snapshot.
        self.number = max([0, *lake.snapshot_numbers(), *lake.ledger.snapshots()]) + 1
        self.draft = self.paths.snapshot(self.number).with_name(f"{self.number:06d}{DRAFT}")

    def run(self) -> Snapshot:
        """Publish, and return the new snapshot; where nothing differs from the current one, return that."""
        changed = self._changed()
        if not changed and self.parent is not None and self._catalog_holds():
            return self.lake.snapshot()
        self.on_step("validate")
        for staged in (staged for parts in changed.values() for staged in parts.values() if staged):
            verify(staged)
        tables = dict(self.parent.tables) if self.parent else {}
        lists = {name: self._new_version(name, parts, tables) for name, parts in changed.items()}
        self._lay_snapshot(tables)
        self._write_catalog(lists, tables)
        changes = _changes(changed)
        manifest = self._write_manifest(tables, changes)
        self.on_step("gate")
        self.gate(Snapshot(self.paths, self.number, folder=self.draft))
        self._seal_and_switch()
        self._record(manifest, changes)
        self.on_step("done")
        return self.lake.snapshot(self.number)

    def _catalog_holds(self) -> bool:
        """Tell whether the current catalog says what one of today would say: made for this place, from this text."""
        parent = self.parent
        made_here = parent is not None and parent.root == str(self.paths.root) and parent.sql_sha256 == sql_sha256()
        return made_here and self.current is not None and _answers(self.paths.snapshot(self.current) / CATALOG)

    def _changed(self) -> dict[str, dict[Partition, Staged | None]]:
        """Return what differs from the current snapshot: a partition staged with the bytes that it has is no change."""
        differing = {}
        for name, parts in self.staged.items():
            held = {entry.partition: entry for entry in self._files(name)}
            other = {
                partition: staged
                for partition, staged in parts.items()
                if not self._holds(name, held.get(partition), staged)
            }
            if other:
                differing[name] = other
        return differing

    def _holds(self, name: str, entry: FileEntry | None, staged: Staged | None) -> bool:
        """Tell whether the disk already holds what was staged; a damaged file does not, whatever its list says."""
        if entry is None or staged is None:
            return entry is None and staged is None
        if entry.sha256 != staged.entry.sha256 or self.parent is None:
            return False
        path = self.paths.version(name, self.parent.tables[name].version) / entry.path
        return path.is_file() and sha256_of(path) == entry.sha256

    def _files(self, name: str) -> list[FileEntry]:
        return self.lake.snapshot(self.current).files(name) if self.current is not None else []

    def _new_version(
        self, name: str, parts: Mapping[Partition, Staged | None], tables: dict[str, TableEntry]
    ) -> list[FileEntry]:
        """Build the table's next version: unchanged files are second names of the old ones, changed ones move in."""
        kept = [entry for entry in self._files(name) if entry.partition not in parts]
        moved = [staged for staged in parts.values() if staged is not None]
        folder = self.paths.version(name, self.number)
        draft = folder.with_name(folder.name + DRAFT)
        old = self.paths.version(name, tables[name].version) if name in tables else None
        for entry in kept:
            self.on_step(f"link {name}/{entry.path}")
            link_or_copy(_required(old) / entry.path, _place(draft, entry))
        for staged in moved:
            self.on_step(f"move {name}/{staged.entry.path}")
            staged.draft.replace(_place(draft, staged.entry))
        files = sorted([*kept, *(staged.entry for staged in moved)], key=lambda entry: entry.path)
        draft.mkdir(parents=True, exist_ok=True)
        save_file_list(self.paths.file_list(name, self.number), files)
        self.on_step(f"version {name}")
        sync_tree(draft)
        draft.replace(folder)
        sync_folder(folder.parent)
        tables[name] = TableEntry.of(self.number, files)
        return files

    def _lay_snapshot(self, tables: Mapping[str, TableEntry]) -> None:
        self.on_step("snapshot")
        remove_tree(self.draft)
        self.draft.mkdir(parents=True)
        for name, entry in tables.items():
            (self.draft / name).symlink_to(f"../../tables/{name}/{self.paths.version(name, entry.version).name}")

    def _write_catalog(self, lists: Mapping[str, list[FileEntry]], tables: Mapping[str, TableEntry]) -> None:
        """Start from the parent's catalog where that one holds, else write all of it."""
        self.on_step("catalog")
        locations = {name: self._locations(name, tables, files) for name, files in lists.items()}
        if self.current is not None and self._catalog_holds():
            old = self.paths.snapshot(self.current) / CATALOG
            write_catalog(self.draft / CATALOG, locations, parent=old)
            return
        untouched = self.lake.snapshot(self.current) if self.current is not None else None
        rest = {name: untouched.locations(name) for name in tables if untouched and name not in lists}
        write_catalog(self.draft / CATALOG, locations | rest, parent=None)

    def _locations(self, name: str, tables: Mapping[str, TableEntry], files: list[FileEntry]) -> list[Path]:
        folder = self.paths.version(name, tables[name].version)
        return [folder / entry.path for entry in files]

    def _write_manifest(self, tables: dict[str, TableEntry], changes: list[Change]) -> Manifest:
        self.on_step("manifest")
        manifest = Manifest(
            number=self.number,
            parent=self.current,
            created_utc=self.clock().isoformat(),
            run_id=self.run_id,
            purpose=self.purpose,
            root=str(self.paths.root),
            code_version=_code_version(),
            code_sha256=code_sha256(),
            sql_sha256=sql_sha256(),
            sources={**(self.parent.sources if self.parent else {}), **self.sources},
            config=dict(self.config),
            config_sha256=config_sha256(dict(self.config)),
            tables=dict(sorted(tables.items())),
            judged_by=self._judged_by(),
        )
        save_changes(self.draft / "changes.json", changes)
        manifest.save(self.draft / "manifest.json")
        return manifest

    def _judged_by(self) -> str:
        """Return by which checks all of this snapshot is judged once it has passed the gate."""
        checks = judgement_sha256()
        is_judged = self.gate is not ungated and (self.parent is None or self.parent.judged_by == checks)
        return checks if is_judged else ""

    def _seal_and_switch(self) -> None:
        """Give the snapshot its name, then make it the current one: each rename durable before the next step."""
        self.on_step("seal")
        sync_folder(self.draft)
        self.draft.replace(self.paths.snapshot(self.number))
        sync_folder(self.paths.snapshots)
        self.on_step("switch")
        switch_link(self.paths.current, f"snapshots/{self.number:06d}")

    def _record(self, manifest: Manifest, changes: list[Change]) -> None:
        """Write the ledger's lines. The snapshot is published: a failure is told, and the next writer catches up."""
        self.on_step("ledger")
        try:
            self.lake.ledger.record(manifest, changes)
        except sqlite3.Error as error:
            logger.warning("snapshot %d is published, but its ledger lines are not written yet: %s", self.number, error)


def _place(folder: Path, entry: FileEntry) -> Path:
    path = folder / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _required(folder: Path | None) -> Path:
    assert folder is not None, "a kept file has a version that it was kept from"
    return folder


def _changes(changed: Changed) -> list[Change]:
    return [
        Change(
            table=name,
            partition=str(partition),
            rows=staged.entry.rows if staged else None,
            sha256=staged.entry.sha256 if staged else None,
        )
        for name, parts in changed.items()
        for partition, staged in parts.items()
    ]


def _answers(catalog: Path) -> bool:
    """Tell whether a catalog can be opened; a damaged one must not be handed on."""
    try:
        open_catalog(catalog).close()
    except duckdb.Error:
        return False
    return True


@cache
def code_sha256() -> str:
    """Hash the source of the three packages, so that a snapshot names the code that made it."""
    packages = Path(__file__).parents[2]
    sources = sorted(path for name in ("warehouse", "pipelines", "kwx") for path in (packages / name).rglob("*.py"))
    digest = hashlib.sha256()
    for path in sources:
        digest.update(f"{path.relative_to(packages)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _code_version() -> str:
    try:
        return version("kalshi-wx")
    except PackageNotFoundError:
        return "uninstalled"
