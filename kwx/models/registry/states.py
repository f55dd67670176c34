"""The states of what is trained: archive/<number>/, each with a record of how it came about and what lies in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kwx.models.registry.judged import Verdict
from kwx.models.registry.places import ARCHIVE, TRAINED, models_root
from warehouse.errors import FileBroken
from warehouse.lake.files import read_json

RECORD = "promotion.json"


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """One state of what is trained, and how it came about.

    mended: the windows whose files were found altered or missing, and where whole ones were taken from. judged: of
    each kind that was promoted what was compared, and how it did.
    """

    number: int
    before: int | None
    action: str
    at_utc: str
    reason: str
    objections: tuple[str, ...]
    changed: tuple[str, ...]
    windows: int
    current: bool = True
    mended: tuple[str, ...] = ()
    judged: tuple[Verdict, ...] = ()


def history(root: Path | str | None = None) -> list[Promotion]:
    """Return every state that ever was trained, the oldest first."""
    base = models_root(root)
    return [promotion_of(base, number) for number in numbers(base)]


def promotion_of(base: Path, number: int, *, mended: tuple[str, ...] = ()) -> Promotion:
    """Return a state, with what was mended just now."""
    said = record_of(base, number)
    return Promotion(
        number=number, before=said["before"], action=said["action"], at_utc=said["at_utc"], reason=said["reason"],
        objections=tuple(said["objections"]), changed=tuple(said["changed"]), windows=said["windows"],
        current=number == current_number(base), mended=mended or tuple(said.get("mended", ())),
        judged=tuple(Verdict(**one) for one in said.get("judged", ())),
    )  # fmt: skip


def current_number(base: Path) -> int | None:
    """Return the number of the state that is trained, None where nothing is."""
    link = base / TRAINED
    if not link.is_symlink():
        if link.exists():
            raise FileBroken(f"{link} is no link into {ARCHIVE}", hint="move it away; kwx models promote makes it anew")
        return None
    if not link.exists():
        raise FileBroken(f"{link} points at {os.readlink(link)}, which is gone", hint="kwx models rollback --to NUMBER")
    return int(Path(os.readlink(link)).name)


def record_of(base: Path, number: int) -> dict[str, Any]:
    """Return what a state says of itself."""
    said: dict[str, Any] = read_json(state_folder(base, number) / RECORD)
    return said


def numbers(base: Path) -> list[int]:
    """Return the number of every state, the oldest first."""
    folders = (path.name for path in (base / ARCHIVE).glob("*") if path.is_dir())
    return sorted(int(name) for name in folders if name.isdigit())


def state_folder(base: Path, number: int) -> Path:
    """Return the folder of a state."""
    return base / ARCHIVE / state_name(number)


def state_name(number: int) -> str:
    """Return the name of a state's folder."""
    return f"{number:06d}"
