"""What a window was before it was fitted again: its cards are kept, and how the new fit differs is said.

The pilots hold the newest fit of a window. A card is small and says data, code, settings and scores; predictions are
not kept twice. What was promoted is kept whole in its state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kwx.models.registry.card import Card, parse_card
from kwx.models.registry.places import CARD, place_of
from kwx.models.registry.plain import sha256
from warehouse.errors import KwxError
from warehouse.lake.files import write_new

REPLACED = "replaced"
_HASH_LETTERS = 12
_KEYS_SHOWN = 3


def keep_card(root: Path, folder: Path) -> None:
    """Keep the card of a window that is to be replaced; one that cannot be read is not worth keeping."""
    if card_there(folder) is None:
        return
    content = (folder / CARD).read_bytes()
    place = _home(root, folder) / f"{sha256(content)[:_HASH_LETTERS]}.json"
    if not place.exists():
        write_new(place, content)


def card_there(folder: Path) -> Card | None:
    """Return the card of a window, None where there is none that can be read."""
    return _readable(folder / CARD)


def _readable(path: Path) -> Card | None:
    """Return a card, None where it is gone, altered, or of a format that is not read any more."""
    try:
        return parse_card(path)
    except KwxError:
        return None


def earlier_cards(root: Path, folder: Path) -> list[Card]:
    """Return the cards of what a window was before, the oldest first."""
    cards = (_readable(path) for path in _home(root, folder).glob("*.json"))
    return sorted((card for card in cards if card is not None), key=lambda one: one.created_utc)


def _home(root: Path, folder: Path) -> Path:
    return (root / REPLACED).joinpath(*place_of(folder))


def difference(before: Card | None, after: Card) -> str:
    """Say what a fit replaced and how that differed; nothing where there was nothing, or the very same."""
    if before is None or before.files == after.files:
        return ""
    told = list(_differing(before, after))
    return "; ".join(told) or "the same data, code and settings"


def _differing(before: Card, after: Card) -> Iterator[str]:
    if before.config_sha256 != after.config_sha256:
        yield f"other settings: {_settings(before.config, after.config)}"
    if before.window != after.window:
        yield f"other training dates: {_trained(before)}, now {_trained(after)}"
    if before.snapshot != after.snapshot:
        yield f"other data: snapshot {before.snapshot}, now {after.snapshot}"
    if before.code_sha256 != after.code_sha256:
        yield "other code"
    if before.versions != after.versions:
        yield "other libraries"


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return the first settings that differ."""
    then, now = dict(_leaves(before)), dict(_leaves(after))
    keys = [key for key in dict.fromkeys((*then, *now)) if then.get(key) != now.get(key)]
    told = [f"{key} {then.get(key)}, now {now.get(key)}" for key in keys[:_KEYS_SHOWN]]
    return ", ".join(told) + (f" and {len(keys) - _KEYS_SHOWN} more" if keys[_KEYS_SHOWN:] else "")


def _leaves(said: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in said.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _trained(card: Card) -> str:
    return f"{card.train_since} … {card.train_until}"
