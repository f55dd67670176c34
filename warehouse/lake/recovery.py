"""Recovery and upkeep: what a killed writer left is removed, and the ledger catches up.

Old snapshots are collected with what only they used; a rollback repoints and removes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import FileBroken, Usage
from warehouse.lake.fetched import FetchLedger
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
    """Finish or remove what a killed writer left; for the holder of the writer's lock only.

    Drafts are removed. A sealed snapshot is complete and has passed its gate, so its switch is finished: nothing that
    is complete is ever removed here.
    """
    paths = lake.paths
    remove_tree(paths.staging)
    for draft in [*paths.snapshots.glob(f"*{DRAFT}"), *paths.tables.glob(f"*/*{DRAFT}"), *paths.root.glob(f"*{DRAFT}")]:
        remove_tree(draft) if draft.is_dir() and not draft.is_symlink() else draft.unlink()
    _finish_the_switch(lake)
    _drop_versions(_unreferenced(lake))
    _catch_up(lake)


def collect_garbage(lake: Lake, *, keep: int, spare: Collection[int] = (), dry_run: bool = False) -> Removed:
    """Remove all but the newest `keep` snapshots, and the versions that only they used.

    Never the current one, nor those to be spared, which are not counted.
    """
    if keep < 1:
        raise Usage(f"--keep {keep} would leave nothing", hint="keep at least 1")
    lake.snapshot()
    with writer_lock(lake.paths.lock, purpose="gc"):
        if not dry_run:
            recover(lake)
        numbers = lake.snapshot_numbers()
        counted = [number for number in numbers if number not in spare]
        old = [number for number in counted[:-keep] if number != lake.current_number()]
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
    if not lake.snapshot_numbers():
        lake.snapshot()
    with writer_lock(lake.paths.lock, purpose="rollback"):
        if number is None or lake.current_number() is not None:
            recover(lake)
        snapshot = lake.snapshot(_parent(lake) if number is None else number)
        target = snapshot.number
        FetchLedger(lake.paths.fetched).forget_folds(after=target)
        switch_link(lake.paths.current, f"snapshots/{target:06d}")
        return snapshot


def _parent(lake: Lake) -> int:
    current = lake.snapshot()
    if current.manifest.parent is None:
        raise Usage(
            f"snapshot {current.number} is the first: there is nothing to go back to",
            hint="build or write the damaged partitions again: what is damaged is replaced",
        )
    return current.manifest.parent


def _finish_the_switch(lake: Lake) -> None:
    """Make a sealed snapshot the current one whose writer died between the seal and the switch."""
    newest = max(lake.snapshot_numbers(), default=0)
    current = lake.current_number()
    known = lake.ledger.snapshots()
    if not newest or newest == current:
        return
    if current is None and known:
        lake.snapshot()  # the link is lost, not unborn: refuse to guess which snapshot held
    if newest not in known and (current is None or (known and newest > current)):
        switch_link(lake.paths.current, f"snapshots/{newest:06d}")


def _catch_up(lake: Lake) -> None:
    """Write the lines of snapshots that the ledger does not know yet."""
    known = lake.ledger.snapshots()
    for snapshot in lake.snapshots():
        if snapshot.number not in known:
            lake.ledger.record(snapshot.manifest, snapshot.changes())


def _unreferenced(lake: Lake, snapshots: list[Snapshot] | None = None) -> list[Path]:
    """Return the version folders that no snapshot names."""
    kept = list(lake.snapshots()) if snapshots is None else snapshots
    try:
        manifests = [snapshot.manifest for snapshot in kept]
    except FileBroken:
        return []  # what an unreadable manifest names cannot be known, so nothing is unreferenced for sure
    used = {(name, entry.version) for manifest in manifests for name, entry in manifest.tables.items()}
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
