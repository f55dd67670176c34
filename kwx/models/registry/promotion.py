"""Promotion: what was fitted becomes what is used, all of a choice or none of it, and back again.

Every promotion makes a complete state in archive/<number>/ and then points `trained` at it: one rename, so that no
reader sees a half. States are never changed; taking one back points `trained` at an earlier one, which can be undone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from kwx.models.registry.card import Card, card_bytes, read_card
from kwx.models.registry.folder import files_below, read_folder
from kwx.models.registry.judged import against_market
from kwx.models.registry.places import (
    ARCHIVE,
    CARD,
    PILOTS,
    TRAINED,
    Group,
    group_of_folder,
    models_root,
    stage_folder,
    window_folders,
)
from kwx.models.registry.plain import json_bytes
from kwx.models.registry.store import load
from warehouse.clock import Clock, utc_now
from warehouse.errors import FileBroken, Refused, Usage
from warehouse.lake.files import (
    READ_ONLY,
    link_or_copy,
    read_json,
    remove_tree,
    switch_link,
    sync_folder,
    sync_tree,
    write_new,
)
from warehouse.lake.layout import DRAFT
from warehouse.lake.lock import writer_lock

RECORD = "promotion.json"
_WAIT_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which windows are meant; what is left out means all."""

    families: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    brackets: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()

    def holds(self, group: Group, window: str) -> bool:
        """Tell whether a window is meant."""
        asked = (self.families, self.cities, self.brackets, self.windows)
        has = (group.family, group.city, group.bracket, window)
        return all(not words or word in words for words, word in zip(asked, has, strict=True))

    def __str__(self) -> str:
        words = [*self.families, *self.cities, *self.brackets, *self.windows]
        return " ".join(words) or "everything"


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """One state of what is trained, and how it came about."""

    number: int
    before: int | None
    action: str
    at_utc: str
    reason: str
    objections: tuple[str, ...]
    changed: tuple[str, ...]
    windows: int
    current: bool = True


def promote(choice: Choice, root: Path | str | None = None, *, reason: str = "", clock: Clock = utc_now) -> Promotion:
    """Promote the chosen pilots beside what is trained already; a window of the same dates is replaced.

    Refused, and nothing changed, where one of them is altered, degenerate, or of a kind that did not beat the market
    over all of its pilots, chosen or not; only the last can be overruled, by a reason, which is kept with the state.
    """
    base = models_root(root)
    chosen = chosen_windows(base, PILOTS, choice)
    if not chosen:
        raise Refused(f"no pilot of {choice} lies in {base / PILOTS}", hint="kwx models list shows what there is")
    for folder, _ in chosen:
        load(folder)
    kinds = {card.group for _, card in chosen}
    objections = _objections([card for _, card in _windows_of(base, PILOTS, lambda group, _: group in kinds)])
    if objections and not reason:
        raise Refused(
            f"not better than the market: {objections[0]}"
            + (f"; and {len(objections) - 1} more kinds" if objections[1:] else ""),
            hint="leave such kinds out with --city, --bracket, --family; or say why with --reason TEXT",
        )
    with _lock(base, "kwx models promote"):
        names = {_place(card) for _, card in chosen}
        kept = [path for path in _trained(base) if _place_of(path) not in names]
        return _publish(
            base, kept, chosen, action="promote", reason=reason, objections=objections,
            changed=tuple(card.model_id for _, card in chosen), clock=clock,
        )  # fmt: skip


def demote(choice: Choice, root: Path | str | None = None, *, reason: str = "", clock: Clock = utc_now) -> Promotion:
    """Take the chosen windows out of what is trained; the pilots stay, and so does the state before."""
    base = models_root(root)
    with _lock(base, "kwx models demote"):
        doomed = chosen_windows(base, TRAINED, choice)
        if not doomed:
            raise Refused(f"nothing of {choice} is promoted", hint="kwx models list --stage trained")
        gone = {_place(card) for _, card in doomed}
        kept = [path for path in _trained(base) if _place_of(path) not in gone]
        return _publish(
            base, kept, [], action="demote", reason=reason, objections=(),
            changed=tuple(card.model_id for _, card in doomed), clock=clock,
        )  # fmt: skip


def rollback(root: Path | str | None = None, *, to: int | None = None) -> Promotion:
    """Make an earlier state the trained one: that before the current one, or the one that is said."""
    base = models_root(root)
    with _lock(base, "kwx models rollback"):
        now = current_number(base)
        if now is None:
            raise Refused(f"nothing was ever promoted in {base}", hint="kwx models promote")
        number = _record(base, now)["before"] if to is None else to
        if number is None:
            raise Refused(f"state {now} is the first: there is none before it", hint="kwx models demote takes it away")
        if not (base / ARCHIVE / _name(number)).is_dir():
            raise Usage(f"there is no state {number}", hint="kwx models list --stage archive")
        for folder in window_folders(base / ARCHIVE / _name(number)):
            read_folder(folder)
        switch_link(base / TRAINED, f"{ARCHIVE}/{_name(number)}")
        return _promotion(base, number)


def history(root: Path | str | None = None) -> list[Promotion]:
    """Return every state that ever was trained, the oldest first."""
    base = models_root(root)
    return [_promotion(base, number) for number in _numbers(base)]


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


def chosen_windows(base: Path, stage: str, choice: Choice) -> list[tuple[Path, Card]]:
    """Return the folders of a stage that are meant, each with its card."""
    return _windows_of(base, stage, choice.holds)


def _windows_of(base: Path, stage: str, is_meant: Callable[[Group, str], bool]) -> list[tuple[Path, Card]]:
    """Return the windows that are meant; the cards of others are not read, so that a broken one stops nobody else."""
    folders = window_folders(stage_folder(base, stage))
    return [(path, read_card(path)) for path in folders if is_meant(group_of_folder(path), path.name)]


def _objections(cards: Sequence[Card]) -> tuple[str, ...]:
    """Return what the market says against each kind."""
    groups = dict.fromkeys(card.group for card in cards)
    told = [(group, against_market([card for card in cards if card.group == group]).objection) for group in groups]
    return tuple(f"{group}: {why}" for group, why in told if why is not None)


def _publish(
    base: Path,
    kept: Sequence[Path],
    added: Sequence[tuple[Path, Card]],
    *,
    action: str,
    reason: str,
    objections: tuple[str, ...],
    changed: tuple[str, ...],
    clock: Clock,
) -> Promotion:
    """Write a state as a draft, give it its number, and point `trained` at it."""
    number, archive = max(_numbers(base), default=0) + 1, base / ARCHIVE
    draft = archive / f"{_name(number)}{DRAFT}"
    remove_tree(draft)
    for folder in kept:
        for path in files_below(folder):
            target = draft.joinpath(*_place_of(folder)) / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(path.resolve(), target)
    for folder, card in added:
        _copy(folder, draft.joinpath(*_place_of(folder)), checked=card)
    record = {
        "number": number, "before": current_number(base), "action": action,
        "at_utc": clock().astimezone(UTC).isoformat(timespec="seconds"), "reason": reason,
        "objections": objections, "changed": changed, "windows": len(kept) + len(added),
    }  # fmt: skip
    write_new(draft / RECORD, json_bytes(record))
    sync_tree(draft)
    draft.replace(archive / _name(number))
    sync_folder(archive)
    switch_link(base / TRAINED, f"{ARCHIVE}/{_name(number)}")
    return _promotion(base, number)


def _copy(folder: Path, target: Path, *, checked: Card) -> None:
    """Copy a window as it was checked: the bytes that are written are those whose hashes agreed."""
    card, files = read_folder(folder)
    if card != checked:
        raise Refused(f"{folder} was trained again meanwhile", hint="promote again")
    for name, content in {**files, CARD: card_bytes(card)}.items():
        write_new(target / name, content)
        (target / name).chmod(READ_ONLY)


def _promotion(base: Path, number: int) -> Promotion:
    said = _record(base, number)
    return Promotion(
        number=number, before=said["before"], action=said["action"], at_utc=said["at_utc"], reason=said["reason"],
        objections=tuple(said["objections"]), changed=tuple(said["changed"]), windows=said["windows"],
        current=number == current_number(base),
    )  # fmt: skip


def _record(base: Path, number: int) -> dict[str, Any]:
    said: dict[str, Any] = read_json(base / ARCHIVE / _name(number) / RECORD)
    return said


def _numbers(base: Path) -> list[int]:
    folders = (path.name for path in (base / ARCHIVE).glob("*") if path.is_dir())
    return sorted(int(name) for name in folders if name.isdigit())


def _name(number: int) -> str:
    return f"{number:06d}"


def _trained(base: Path) -> list[Path]:
    current_number(base)
    return list(window_folders(base / TRAINED))


def _place(card: Card) -> tuple[str, ...]:
    return (*card.group.folder.parts, card.window.name)


def _place_of(folder: Path) -> tuple[str, ...]:
    return folder.parts[-4:]


def _lock(base: Path, purpose: str) -> Any:
    return writer_lock(base / ".lock", purpose=purpose, wait_seconds=_WAIT_SECONDS)
