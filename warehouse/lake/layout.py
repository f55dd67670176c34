"""Where everything of a lake lies. Paths of data are never reused: a changed table is a new version folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import Usage

DRAFT = ".draft"
"""Ending of whatever is not finished yet; readers never look at it, the next writer removes it."""

DEFAULT_ROOT = Path("lake")

_MEANT_OTHERWISE = set("=*?[]{}")


def lake_root(said: Path | str | None = None) -> Path:
    """Return the lake's folder: what was said, else KWX_LAKE, else ./lake; links resolved, so that it has one name."""
    root = Path(said or os.environ.get("KWX_LAKE") or DEFAULT_ROOT).resolve()
    if foreign := sorted(_MEANT_OTHERWISE & set(str(root))):
        raise Usage(
            f"a lake cannot lie in {root}: engines read {' '.join(foreign)} in a path as a pattern or a partition",
            hint="choose a folder without these signs",
        )
    return root


@dataclass(frozen=True)
class LakePaths:
    """The folders and files below one lake root."""

    root: Path

    @property
    def staging(self) -> Path:
        """Drafts of running writers."""
        return self.root / "staging"

    @property
    def tables(self) -> Path:
        """Immutable versions of every table."""
        return self.root / "tables"

    @property
    def snapshots(self) -> Path:
        """Complete states of the lake."""
        return self.root / "snapshots"

    @property
    def current(self) -> Path:
        """The link that names the newest snapshot; switched by one rename."""
        return self.root / "current"

    @property
    def quarantine(self) -> Path:
        """Refused rows, each with the rule that it broke."""
        return self.root / "quarantine"

    @property
    def raw(self) -> Path:
        """Vendor payloads as received."""
        return self.root / "raw"

    @property
    def hot(self) -> Path:
        """Rows of the running day."""
        return self.root / "hot"

    @property
    def lock(self) -> Path:
        """The writer's lock."""
        return self.root / ".lock"

    @property
    def ledger(self) -> Path:
        """What was fetched and built, when."""
        return self.root / "ledger.sqlite"

    @property
    def fetched(self) -> Path:
        """Which questions are answered, and where the answers lie."""
        return self.root / "fetched.sqlite"

    def version(self, table: str, number: int) -> Path:
        """Return the folder of one version of a table."""
        return self.tables / table / f"v{number:06d}"

    def file_list(self, table: str, number: int) -> Path:
        """Return the list of files of that version, beside its folder so that the folder is a plain hive tree."""
        return self.tables / table / f"v{number:06d}.json"

    def snapshot(self, number: int) -> Path:
        """Return the folder of one snapshot."""
        return self.snapshots / f"{number:06d}"
