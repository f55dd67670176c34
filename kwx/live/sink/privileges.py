"""As whom PostgreSQL runs: it refuses root, so root lends it another name or another user."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.errors import KwxError

_NOBODY = "nobody"


class CannotRun(KwxError):
    """Nobody is there as whom root could run PostgreSQL on this folder."""


@dataclass(frozen=True, kw_only=True)
class As:
    """A way to run a program: words before its own, and the user and group it runs as (ours when None)."""

    words: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None

    def run(self, command: Sequence[str | Path], *, cwd: Path) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end, in a folder, and return how it ended."""
        whom: dict[str, Any] = {}
        if self.user is not None:
            whom = {"user": self.user, "group": self.group, "extra_groups": []}
        return subprocess.run(
            [*self.words, *map(str, command)],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
            **whom,
        )

    def own(self, path: Path) -> None:
        """Give a path to the user that will run the program."""
        if self.user is not None:
            os.chown(path, self.user, -1 if self.group is None else self.group)


def as_whom(folder: Path, program: Path) -> As:
    """Return as whom PostgreSQL runs on a folder: as ourselves, unless we are root.

    Root runs it as the folder's owner; on a folder of root's own under a name that only the program sees (a user
    namespace, so files stay root's and closed folders stay closed), else as nobody, to whom the folder is given.
    """
    if os.geteuid() != 0:
        return As()
    owner = folder.stat()
    if owner.st_uid != 0:
        return _able(As(user=owner.st_uid, group=owner.st_gid), folder, program)
    nobody = _nobody()
    renamed = As(words=("unshare", "--user", f"--map-user={nobody[0]}", f"--map-group={nobody[1]}", "--"))
    if _works(renamed, folder, program):
        return renamed
    return _able(As(user=nobody[0], group=nobody[1]), folder, program)


def _able(whom: As, folder: Path, program: Path) -> As:
    whom.own(folder)
    if not _works(whom, folder, program):
        raise CannotRun(
            f"PostgreSQL refuses to run as root, and user {whom.user} may not enter {folder} or run {program}",
            hint="run kwx as another user, open the folders above them (chmod o+x), or name a server by its DSN",
        )
    return whom


def _works(whom: As, folder: Path, program: Path) -> bool:
    """Try whether the program can be run, and the folder be written to from anywhere."""
    look: list[str | Path] = ["/bin/sh", "-c", 'test -w "$0" && exec "$1" --version', folder, program]
    try:
        return whom.run(look, cwd=Path("/")).returncode == 0
    except OSError:  # no unshare on this machine
        return False


def _nobody() -> tuple[int, int]:
    import pwd

    entry = pwd.getpwnam(_NOBODY)
    return entry.pw_uid, entry.pw_gid
