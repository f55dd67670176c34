"""Publishing: what a writer staged becomes the next snapshot, wholly or not at all.

    validate → a new version of every changed table → snapshot folder → catalog → manifest → seal → gate → switch → ledger

Killed or refused at any step, the old snapshot is whole; the next writer removes what was left and carries on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from warehouse.clock import Clock
from warehouse.lake.catalog import CATALOG, sql_sha256, write_catalog
from warehouse.lake.files import link_or_copy, remove_tree, switch_link, sync_folder
from warehouse.lake.layout import DRAFT
from warehouse.lake.manifest import Change, FileEntry, Manifest, TableEntry, config_sha256, save_file_list
from warehouse.lake.staging import Staged, verify
from warehouse.lake.store import Lake, Snapshot
from warehouse.lake.tables import Partition

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
        # Not current + 1: after a rollback that number is taken by a snapshot that readers may still hold.
        self.number = max([0, *lake.snapshot_numbers()]) + 1
        self.draft = self.paths.snapshot(self.number).with_name(f"{self.number:06d}{DRAFT}")

    def run(self) -> Snapshot:
        """Publish, and return the new snapshot; where nothing differs from the current one, return that."""
        changed = self._changed()
        if not changed and self.current is not None:
            return self.lake.snapshot()
        self.on_step("validate")
        for staged in (staged for parts in changed.values() for staged in parts.values() if staged):
            verify(staged)
        tables = dict(self.parent.tables) if self.parent else {}
        lists = {name: self._new_version(name, parts, tables) for name, parts in changed.items()}
        self._lay_snapshot(tables)
        self._write_catalog(lists, tables)
        manifest = self._write_manifest(tables, changed)
        self._seal_and_switch()
        self.on_step("ledger")
        self.lake.ledger.record(manifest)
        self.on_step("done")
        return self.lake.snapshot(self.number)

    def _changed(self) -> dict[str, dict[Partition, Staged | None]]:
        """Return what differs from the current snapshot: a partition staged with the bytes that it has is no change."""
        differing = {}
        for name, parts in self.staged.items():
            before = self._files(name)
            held = {entry.partition: entry.sha256 for entry in before}
            kept = {
                partition: staged
                for partition, staged in parts.items()
                if held.get(partition) != (staged.entry.sha256 if staged else None)
            }
            if kept:
                differing[name] = kept
        return differing

    def _files(self, name: str) -> list[FileEntry]:
        return self.lake.snapshot(self.current).files(name) if self.current is not None else []

    def _new_version(
        self, name: str, parts: Mapping[Partition, Staged | None], tables: dict[str, TableEntry]
    ) -> list[FileEntry]:
        """Build the table's next version: unchanged files are second names of the old ones, changed ones move in."""
        kept = [entry for entry in self._files(name) if entry.partition not in parts]
        moved = [staged for staged in parts.values() if staged is not None]
        number = self._next_version(name)
        folder = self.paths.version(name, number)
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
        save_file_list(self.paths.file_list(name, number), files)
        self.on_step(f"version {name}")
        draft.replace(folder)
        sync_folder(folder.parent)
        tables[name] = TableEntry.of(number, files)
        return files

    def _next_version(self, name: str) -> int:
        taken = [int(path.name[1:]) for path in (self.paths.tables / name).glob("v[0-9]*") if path.name[1:].isdigit()]
        return max([0, *taken]) + 1

    def _lay_snapshot(self, tables: Mapping[str, TableEntry]) -> None:
        self.on_step("snapshot")
        remove_tree(self.draft)
        self.draft.mkdir(parents=True)
        for name, entry in tables.items():
            (self.draft / name).symlink_to(f"../../tables/{name}/{self.paths.version(name, entry.version).name}")

    def _write_catalog(self, lists: Mapping[str, list[FileEntry]], tables: Mapping[str, TableEntry]) -> None:
        """Start from the parent's catalog where it was made of the same text and root, else write all of it."""
        self.on_step("catalog")
        parent = self.parent
        same = parent is not None and parent.sql_sha256 == sql_sha256() and parent.root == str(self.paths.root)
        locations = {name: self._locations(name, tables, files) for name, files in lists.items()}
        if not same:
            untouched = self.lake.snapshot(self.current) if parent else None
            locations |= {name: untouched.locations(name) for name in tables if untouched and name not in lists}
        old = self.paths.snapshot(self.current) / CATALOG if same and self.current is not None else None
        write_catalog(self.draft / CATALOG, locations, parent=old)

    def _locations(self, name: str, tables: Mapping[str, TableEntry], files: list[FileEntry]) -> list[Path]:
        folder = self.paths.version(name, tables[name].version)
        return [folder / entry.path for entry in files]

    def _write_manifest(
        self, tables: dict[str, TableEntry], changed: Mapping[str, Mapping[Partition, Staged | None]]
    ) -> Manifest:
        self.on_step("manifest")
        changes = [
            Change(
                table=name,
                partition=str(partition),
                rows=staged.entry.rows if staged else None,
                sha256=staged.entry.sha256 if staged else None,
            )
            for name, parts in changed.items()
            for partition, staged in parts.items()
        ]
        manifest = Manifest(
            number=self.number,
            parent=self.current,
            created_utc=self.clock().isoformat(),
            run_id=self.run_id,
            purpose=self.purpose,
            root=str(self.paths.root),
            code_version=_code_version(),
            sql_sha256=sql_sha256(),
            sources={**(self.parent.sources if self.parent else {}), **self.sources},
            config=dict(self.config),
            config_sha256=config_sha256(dict(self.config)),
            tables=dict(sorted(tables.items())),
            changes=changes,
        )
        manifest.save(self.draft / "manifest.json")
        return manifest

    def _seal_and_switch(self) -> None:
        """Name the snapshot, show it to the gate, make it the current one: each step durable before the next."""
        self.on_step("seal")
        sync_folder(self.draft)
        self.draft.replace(self.paths.snapshot(self.number))
        sync_folder(self.paths.snapshots)
        self.on_step("gate")
        self._pass_the_gate(Snapshot(self.paths, self.number))
        self.on_step("switch")
        switch_link(self.paths.current, f"snapshots/{self.number:06d}")

    def _pass_the_gate(self, snapshot: Snapshot) -> None:
        try:
            self.gate(snapshot)
        except BaseException:
            remove_tree(snapshot.folder)
            raise


def _place(folder: Path, entry: FileEntry) -> Path:
    path = folder / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _required(folder: Path | None) -> Path:
    assert folder is not None, "a kept file has a version that it was kept from"
    return folder


def _code_version() -> str:
    try:
        return version("kalshi-wx")
    except PackageNotFoundError:
        return "uninstalled"
