"""The folder of a window: exactly the files that its card names, each with the hash that the card names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kwx.models.registry.card import Card, read_card
from kwx.models.registry.places import ARCHIVE, CARD
from kwx.models.registry.plain import sha256
from warehouse.errors import FileBroken
from warehouse.lake.files import remove_tree, sync_folder, sync_tree, write_new
from warehouse.lake.layout import DRAFT

_MEND = "train the window again; a promoted one is mended by: kwx models rollback --to STATE"


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder as a draft and give it its name in one step; what held the name before loses it just before."""
    draft = folder.with_name(f"{folder.name}.new{DRAFT}")
    remove_tree(draft)
    for name, content in sorted(files.items()):
        write_new(draft / name, content)
    sync_tree(draft)
    remove_tree(folder)
    draft.replace(folder)
    sync_folder(folder.parent)


def read_folder(folder: Path) -> tuple[Card, dict[str, bytes]]:
    """Return the card of a folder and its files; refuse a file that is altered, missing, foreign, or out of place."""
    card = read_card(folder)
    _require_place(folder, card)
    found = {path.relative_to(folder).as_posix() for path in files_below(folder)} - {CARD}
    if missing := sorted(set(card.files) - found):
        raise FileBroken(f"{folder / missing[0]} is missing", hint=_MEND)
    if foreign := sorted(found - set(card.files)):
        raise FileBroken(f"{folder / foreign[0]} is foreign: the card does not name it", hint=_MEND)
    _require_no_empty_folder(folder)
    files = {name: _content(folder / name, wanted=hashed) for name, hashed in card.files.items()}
    return card, files


def files_below(folder: Path) -> list[Path]:
    """Return all that lies below a folder and is no folder itself: files, and links whatever they point at."""
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _require_no_empty_folder(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            raise FileBroken(f"{path} is foreign: an empty folder, which the card does not name", hint=_MEND)


def _content(path: Path, *, wanted: str) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise FileBroken(f"{path} is foreign: it is no plain file", hint=_MEND)
    content = path.read_bytes()
    if sha256(content) != wanted:
        raise FileBroken(f"{path} was altered after it was written", hint=_MEND)
    return content


def _require_place(folder: Path, card: Card) -> None:
    """Refuse a model that lies where another belongs: a copied folder must not pass for that of another city."""
    says = (*card.group.folder.parts, card.window.name)
    if folder.absolute().parts[-4:] != says:
        raise FileBroken(
            f"{folder} is foreign: its card is that of {'/'.join(says)}",
            hint=f"models lie in <stage>/{'/'.join(says)}, promoted ones in {ARCHIVE}/<number>/…",
        )
