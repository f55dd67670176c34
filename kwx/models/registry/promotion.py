"""Promotion: what was fitted becomes what is used, all of a choice or none of it, and back again.

Every promotion makes a complete state in archive/<number>/ and then points `trained` at it: one rename, so that no
reader sees a half. States are never changed, but for a window that was altered or lost, in whose place the very same
one is put; taking a state back points `trained` at an earlier one, which can be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from kwx.models.registry.card import Card, card_bytes, read_card
from kwx.models.registry.folder import files_below, read_folder
from kwx.models.registry.judged import Verdict, verdict_of
from kwx.models.registry.mending import (
    Copy,
    card_hash,
    cards_of,
    copy_if_broken,
    mend,
    mended_words,
    trained_folders,
)
from kwx.models.registry.places import (
    ARCHIVE,
    CARD,
    PILOTS,
    TRAINED,
    Group,
    group_of_folder,
    models_root,
    named,
    place_of,
    stage_folder,
    window_folders,
)
from kwx.models.registry.plain import json_bytes, sha256
from kwx.models.registry.states import (
    RECORD,
    Promotion,
    current_number,
    numbers,
    promotion_of,
    record_of,
    state_folder,
    state_name,
)
from kwx.models.registry.store import load
from warehouse.clock import Clock, utc_now
from warehouse.errors import Refused, Usage
from warehouse.lake.files import (
    READ_ONLY,
    link_or_copy,
    remove_tree,
    switch_link,
    sync_folder,
    sync_tree,
    write_new,
)
from warehouse.lake.layout import DRAFT
from warehouse.lake.lock import writer_lock

_WAIT_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which windows are meant; what is left out means all."""

    families: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    brackets: tuple[str, ...] = ()
    horizons: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()

    def holds(self, group: Group, window: str) -> bool:
        """Tell whether a window is meant."""
        asked = (self.families, self.cities, self.brackets, self.horizons, self.windows)
        has = (group.family, group.city, group.bracket, group.horizon, window)
        return all(not words or word in words for words, word in zip(asked, has, strict=True))

    @property
    def is_all(self) -> bool:
        """Whether nothing was said."""
        return not (self.families or self.cities or self.brackets or self.horizons or self.windows)

    def __str__(self) -> str:
        words = [*self.families, *self.cities, *self.brackets, *self.horizons, *self.windows]
        return " ".join(words) or "everything"


def promote(choice: Choice, root: Path | str | None = None, *, reason: str = "", clock: Clock = utc_now) -> Promotion:
    """Promote the chosen pilots beside what is trained already; a window of the same dates is replaced.

    Refused, and nothing changed, where one of them is altered, degenerate, or of a kind that did not beat the market
    over all of its pilots, chosen or not, or where too few dates could tell whether one is better than its prior; only
    the last two can be overruled, by a reason, which is kept with the state, and so is what was compared. Each horizon
    is a kind of its own; of the next move of a mid a market says one half.
    """
    base, reason = models_root(root), reason.strip()
    chosen = chosen_windows(base, PILOTS, choice)
    if not chosen:
        raise Refused(f"no pilot of {choice} lies in {base / PILOTS}", hint="kwx models list shows what there is")
    for folder, _ in chosen:
        load(folder)
    kinds = {card.group for _, card in chosen}
    judged = _judged([card for _, card in _windows_of(base, PILOTS, lambda group, _: group in kinds)])
    lost = tuple(f"{one.kind}: {one.objection}" for one in judged if one.objection is not None)
    unjudged = tuple(f"{card.model_id} was {card.not_judged}" for _, card in chosen if card.not_judged is not None)
    if (lost or unjudged) and not reason:
        first, kind = (f"not better than the market: {lost[0]}", "kinds") if lost else (unjudged[0], "models")
        more = len(lost or unjudged) - 1
        raise Refused(
            first + (f"; and {more} more {kind}" if more else ""),
            hint="leave such kinds out with --city, --bracket, --family, --horizon; or say why with --reason TEXT",
        )
    with _lock(base, "kwx models promote"):
        places = {place_of(folder) for folder, _ in chosen}
        kept = [path for path in trained_folders(base) if place_of(path) not in places]
        return _publish(
            base, kept, chosen, action="promote", reason=reason, objections=(*lost, *unjudged), judged=judged,
            changed=tuple(card.model_id for _, card in chosen), clock=clock,
        )  # fmt: skip


def demote(choice: Choice, root: Path | str | None = None, *, reason: str = "", clock: Clock = utc_now) -> Promotion:
    """Take the chosen windows out of what is trained, whole or not; the pilots stay, and so does the state before."""
    base, reason = models_root(root), reason.strip()
    with _lock(base, "kwx models demote"):
        trained = trained_folders(base)
        doomed = [path for path in trained if choice.holds(group_of_folder(path), path.name)]
        if not doomed:
            raise Refused(f"nothing of {choice} is promoted", hint="kwx models list --stage trained")
        kept = [path for path in trained if path not in doomed]
        return _publish(
            base, kept, [], action="demote", reason=reason, objections=(), changed=tuple(map(named, doomed)),
            clock=clock,
        )  # fmt: skip


def rollback(root: Path | str | None = None, *, to: int | None = None) -> Promotion:
    """Make an earlier state the trained one: that before the current one, or the one that is said.

    What is not whole in it is mended from a whole copy; so the current state is mended by its own number.
    """
    base = models_root(root)
    with _lock(base, "kwx models rollback"):
        now = current_number(base)
        if now is None:
            raise Refused(f"nothing was ever promoted in {base}", hint="kwx models promote")
        number = record_of(base, now)["before"] if to is None else to
        if number is None:
            raise Refused(f"state {now} is the first: there is none before it", hint="kwx models demote takes it away")
        if not state_folder(base, number).is_dir():
            raise Usage(f"there is no state {number}", hint="kwx models list --stage archive")
        mended = mend(base, number)
        switch_link(base / TRAINED, f"{ARCHIVE}/{state_name(number)}")
        return promotion_of(base, number, mended=mended)


def chosen_windows(base: Path, stage: str, choice: Choice) -> list[tuple[Path, Card]]:
    """Return the folders of a stage that are meant, each with its card."""
    return _windows_of(base, stage, choice.holds)


def _windows_of(base: Path, stage: str, is_meant: Callable[[Group, str], bool]) -> list[tuple[Path, Card]]:
    """Return the windows that are meant; the cards of others are not read, so that a broken one stops nobody else."""
    folders = window_folders(stage_folder(base, stage))
    return [(path, read_card(path)) for path in folders if is_meant(group_of_folder(path), path.name)]


def _judged(cards: Sequence[Card]) -> tuple[Verdict, ...]:
    """Return how each kind did."""
    groups = dict.fromkeys(card.group for card in cards)
    return tuple(verdict_of(group, [card for card in cards if card.group == group]) for group in groups)


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
    judged: tuple[Verdict, ...] = (),
) -> Promotion:
    """Write a state as a draft, give it its number, and point `trained` at it; what is kept is kept whole."""
    number, archive = max(numbers(base), default=0) + 1, base / ARCHIVE
    sound, copies = _whole(base, kept)
    draft = archive / f"{state_name(number)}{DRAFT}"
    remove_tree(draft)
    for folder in sound:
        for path in files_below(folder):
            target = draft.joinpath(*place_of(folder)) / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(path.resolve(), target)
    for folder, card in (*added, *((copy.folder, copy.card) for copy in copies)):
        _copy(folder, draft.joinpath(*place_of(folder)), checked=card)
    cards = {
        **{"/".join(place_of(folder)): card_hash(folder) for folder in sound},
        **{"/".join(place_of(folder)): sha256(card_bytes(card)) for folder, card in added},
        **{"/".join(place_of(copy.folder)): sha256(card_bytes(copy.card)) for copy in copies},
    }
    record = {
        "number": number, "before": current_number(base), "action": action,
        "at_utc": clock().astimezone(UTC).isoformat(timespec="seconds"), "reason": reason,
        "objections": objections, "changed": changed, "windows": len(kept) + len(added), "cards": cards,
        "mended": tuple(map(mended_words, copies)), "judged": [asdict(one) for one in judged],
    }  # fmt: skip
    write_new(draft / RECORD, json_bytes(record))
    sync_tree(draft)
    draft.replace(archive / state_name(number))
    sync_folder(archive)
    switch_link(base / TRAINED, f"{ARCHIVE}/{state_name(number)}")
    return promotion_of(base, number)


def _whole(base: Path, kept: Sequence[Path]) -> tuple[list[Path], list[Copy]]:
    """Return the windows that are kept as they lie, and whole copies of those that were altered or lost files."""
    now = current_number(base)
    wanted = {} if now is None else cards_of(base, now)
    checked = [(folder, copy_if_broken(base, folder, wanted.get(place_of(folder)))) for folder in kept]
    return [folder for folder, copy in checked if copy is None], [copy for _, copy in checked if copy is not None]


def _copy(folder: Path, target: Path, *, checked: Card) -> None:
    """Copy a window as it was checked: the bytes that are written are those whose hashes agreed."""
    card, files = read_folder(folder)
    if card != checked:
        raise Refused(f"{folder} was trained again meanwhile", hint="promote again")
    for name, content in {**files, CARD: card_bytes(card)}.items():
        write_new(target / name, content)
        (target / name).chmod(READ_ONLY)


def _lock(base: Path, purpose: str) -> Any:
    return writer_lock(base / ".lock", purpose=purpose, wait_seconds=_WAIT_SECONDS)
