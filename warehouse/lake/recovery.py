"""Recovery and upkeep: what a killed writer left is removed, and the ledger catches up.

Old snapshots are collected with what only they used; a rollback repoints and removes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import Usage
from warehouse.lake.files import remove_tree, switch_link
from warehouse.lake.layout import DRAFT
from warehouse.lake.lock import writer_lock
from warehouse.lake.store import Lake, Snapshot


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What a clean-up took away."""

    snapshots: list[int]
    versions: list[str]
    bytes: int


def recover(lake: Lake) -> None:
    """Remove what a killed writer left and let the ledger catch up; for the holder of the writer's lock only."""
    paths = lake.paths
    remove_tree(paths.staging)
    for draft in [*paths.snapshots.glob(f"*{DRAFT}"), *paths.tables.glob(f"*/*{DRAFT}")]:
        remove_tree(draft) if draft.is_dir() else draft.unlink()
    paths.current.with_name(paths.current.name + DRAFT).unlink(missing_ok=True)
    _remove_unsealed(lake)
    _drop_versions(_unreferenced(lake))
    _catch_up(lake)


def collect_garbage(lake: Lake, *, keep: int, dry_run: bool = False) -> Removed:
    """Remove all but the newest `keep` snapshots, never the current one, and the versions that only they used."""
    if keep < 1:
        raise Usage(f"--keep {keep} would leave nothing", hint="keep at least 1")
    with writer_lock(lake.paths.lock, purpose="gc"):
        numbers = lake.snapshot_numbers()
        old = [number for number in numbers[:-keep] if number != lake.current_number()]
        spared = [Snapshot(lake.paths, number) for number in numbers if number not in old]
        versions = _unreferenced(lake, spared)
        removed = Removed(
            snapshots=old,
            versions=[f"{path.parent.name}/{path.name}" for path in versions],
            bytes=_bytes_freed(versions),
        )
        if not dry_run:
            for number in old:
                remove_tree(lake.paths.snapshot(number))
            _drop_versions(versions)
        return removed


def rollback(lake: Lake, *, number: int | None = None) -> Snapshot:
    """Make an earlier snapshot the current one; nothing is removed, so that it can be undone in the same way."""
    with writer_lock(lake.paths.lock, purpose="rollback"):
        current = lake.snapshot()
        target = number if number is not None else current.manifest.parent
        if target is None:
            raise Usage(f"snapshot {current.number} is the first: there is nothing to go back to")
        snapshot = lake.snapshot(target)
        switch_link(lake.paths.current, f"snapshots/{target:06d}")
        return snapshot


def _remove_unsealed(lake: Lake) -> None:
    """Remove a snapshot that was sealed but never switched to: no reader saw it, and its run did not complete."""
    current = lake.current_number()
    if current is not None and not lake.paths.ledger.exists():
        return  # without a ledger nothing tells an abandoned snapshot from one that was rolled back: keep it
    known = lake.ledger.snapshots() if current is not None else set()
    for number in lake.snapshot_numbers():
        if number not in known and number > max([current or 0, *known]):
            remove_tree(lake.paths.snapshot(number))


def _catch_up(lake: Lake) -> None:
    """Write the lines of snapshots whose writer died between the switch and the ledger."""
    known = lake.ledger.snapshots() if lake.paths.ledger.exists() else set()
    for snapshot in lake.snapshots():
        if snapshot.number not in known:
            lake.ledger.record(snapshot.manifest)


def _unreferenced(lake: Lake, snapshots: list[Snapshot] | None = None) -> list[Path]:
    """Return the version folders that no snapshot names."""
    kept = list(lake.snapshots()) if snapshots is None else snapshots
    used = {(name, entry.version) for snapshot in kept for name, entry in snapshot.manifest.tables.items()}
    named = {lake.paths.version(name, number) for name, number in used}
    listed = {path.with_suffix("") for path in lake.paths.tables.glob("*/v*.json")}
    folders = {path for path in lake.paths.tables.glob("*/v*") if path.is_dir()}
    return sorted((folders | listed) - named)


def _drop_versions(folders: list[Path]) -> None:
    for folder in folders:
        remove_tree(folder)
        folder.with_suffix(".json").unlink(missing_ok=True)


def _bytes_freed(folders: list[Path]) -> int:
    """Sum up the files whose last name would go: a hard link elsewhere keeps the bytes."""
    names: dict[int, tuple[int, int, int]] = {}
    for path in (path for folder in folders for path in folder.rglob("*.parquet")):
        stat = path.stat()
        seen = names.get(stat.st_ino, (0, 0, 0))[0]
        names[stat.st_ino] = (seen + 1, stat.st_nlink, stat.st_size)
    return sum(size for seen, links, size in names.values() if seen == links)
