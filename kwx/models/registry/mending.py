"""Promoted windows whose files were altered or lost, and whole copies of the same to put in their place.

Windows that stay promoted are one file under several names, so that what harms it in one state harms it in all of them;
a whole copy is among the pilots, unless they were fitted again, or in a state that was promoted apart. The record of a
state names the hash of each card, and a card that of each file: only the very same window mends another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kwx.models.registry.card import Card, card_bytes
from kwx.models.registry.folder import read_folder, write_folder
from kwx.models.registry.places import CARD, PILOTS, TRAINED, Place, place_of, window_folders
from kwx.models.registry.plain import sha256
from kwx.models.registry.states import current_number, numbers, record_of, state_folder
from warehouse.errors import FileBroken, KwxError
from warehouse.lake.files import READ_ONLY


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A whole copy of a window; `where` says of what, for people."""

    folder: Path
    card: Card
    where: str


def card_hash(folder: Path) -> str:
    """Return the hash of a folder's card as it lies there."""
    return sha256((folder / CARD).read_bytes())


def require_whole(folder: Path, wanted: str | None) -> Card:
    """Return the card of a window that is whole, and the one that is meant where its hash is known."""
    card, _ = read_folder(folder)
    if wanted is not None and card_hash(folder) != wanted:
        raise FileBroken(f"{folder} holds another window than was promoted", hint="train it again, then promote it")
    return card


def cards_of(base: Path, number: int) -> dict[Place, str | None]:
    """Return every window of a state with the hash of its card; None where the record does not say it."""
    said: dict[str, str] = record_of(base, number).get("cards", {})
    found: dict[Place, str | None] = {place_of(path): None for path in window_folders(state_folder(base, number))}
    return found | {tuple(name.split("/")): hashed for name, hashed in said.items()}


def trained_folders(base: Path) -> list[Path]:
    """Return the folders of what is trained now, those too that are gone."""
    now = current_number(base)
    return [] if now is None else [(base / TRAINED).joinpath(*place) for place in sorted(cards_of(base, now))]


def mend(base: Path, number: int) -> tuple[str, ...]:
    """Put whole copies in the place of what is not whole in a state; refuse, and change nothing, where there is none.

    Return what was mended, and from where.
    """
    broken = [
        (state_folder(base, number).joinpath(*place), copy)
        for place, wanted in sorted(cards_of(base, number).items())
        if (copy := copy_if_broken(base, state_folder(base, number).joinpath(*place), wanted)) is not None
    ]
    for folder, copy in broken:
        _, files = read_folder(copy.folder)
        write_folder(folder, {**files, CARD: card_bytes(copy.card)})
        for path in (folder / name for name in (*files, CARD)):
            path.chmod(READ_ONLY)
    return tuple(mended_words(copy) for _, copy in broken)


def mended_words(copy: Copy) -> str:
    """Say of a window where it was taken from."""
    return f"{copy.card.model_id} from {copy.where}"


def copy_if_broken(base: Path, folder: Path, wanted: str | None) -> Copy | None:
    """Return None of a window that is whole, else a whole copy of it; refuse where there is none."""
    try:
        require_whole(folder, wanted)
    except KwxError as error:
        copy = next(_copies(base, folder, wanted), None)
        if copy is None:
            raise FileBroken(f"{error}; no whole copy of it is left", hint=_NO_COPY) from error
        return copy
    return None


_NO_COPY = "train the window again and promote it, or take it out of use: kwx models demote"


def _copies(base: Path, folder: Path, wanted: str | None) -> Iterator[Copy]:
    """Yield the whole copies of a window: the pilot, then those of other states, the newest first."""
    hashed = wanted or _own_hash(folder)
    if hashed is None:
        return
    place = place_of(folder)
    states = [(state_folder(base, number), f"state {number}") for number in reversed(numbers(base))]
    for home, where in ((base / PILOTS, PILOTS), *states):
        other = home.joinpath(*place)
        try:
            yield Copy(folder=other, card=require_whole(other, hashed), where=where)
        except (KwxError, OSError):
            continue


def _own_hash(folder: Path) -> str | None:
    try:
        return card_hash(folder)
    except OSError:
        return None
