"""The configuration file: defaults, and what differs by profile, city, type of bracket, and both together.

A file is whole or refused: every city and type of bracket is resolved and checked when it is read, so that a slip in
the part of one city is found before another is trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from kwx.config.fields import Bracket, TrainConfig
from kwx.config.refusals import COMMAND_LINE, refusal, require_choice, require_known_keys, require_mapping
from kwx.config.yaml_text import Document, KeyPath, read_document
from warehouse.market.cities import CITIES, city

DEFAULT_FILE = Path(__file__).with_name("default.yaml")
BRACKETS: tuple[str, ...] = get_args(Bracket)
SECTIONS = ("defaults", "profiles", "cities", "brackets")


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """The settings of one city and type of bracket, and which key of the file said each of them."""

    config: TrainConfig
    origins: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What a file says for every city and type of bracket."""

    document: Document

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names that may be asked for as `profile`."""
        return tuple(self.document.values.get("profiles") or {})

    def for_(
        self, city: str, bracket: str, *, profile: str | None = None, said: Mapping[str, Any] | None = None
    ) -> TrainConfig:
        """Return the settings of a pair; what was `said` beside the file comes last."""
        return self.resolve(city, bracket, profile=profile, said=said).config

    def resolve(
        self, word: str, bracket: str, *, profile: str | None = None, said: Mapping[str, Any] | None = None
    ) -> Resolved:
        """Return the settings of a pair and where each was said."""
        key = city(word).key
        require_choice(bracket, BRACKETS, what="type of bracket", option="--bracket")
        if profile is not None:
            require_choice(profile, self.profiles, what=f"profile in {self.document.file}", option="--profile")
        values: dict[str, Any] = {}
        paths: dict[KeyPath, KeyPath] = {}
        for layer in _layers(key, bracket, profile):
            _lay(values, paths, _at(self.document.values, layer), above=layer)
        for name, value in (said or {}).items():
            require_known_keys({name: value}, TrainConfig, where=lambda path: f"{COMMAND_LINE}: {'.'.join(path)}")
            _lay(values, paths, {name: value}, above=(COMMAND_LINE,))
        try:
            config = TrainConfig.model_validate({**values, "city": key, "bracket": bracket})
        except ValidationError as error:
            raise refusal(error, self.document, paths, pair=f"{key}/{bracket}") from error
        return Resolved(config=config, origins={".".join(k): self._told(p) for k, p in paths.items()})

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield every city and type of bracket."""
        yield from product(CITIES, BRACKETS)

    def _told(self, path: KeyPath) -> str:
        if path[0] == COMMAND_LINE:
            return COMMAND_LINE
        return f"{'.'.join(path)}, line {self.document.lines[path]}" if path in self.document.lines else ".".join(path)


def load_config(path: Path | str | None = None) -> Configuration:
    """Read and check a configuration file, else the one that is shipped."""
    return checked(read_document(Path(path) if path is not None else DEFAULT_FILE))


def checked(document: Document) -> Configuration:
    """Return a file's configuration, after every pair of it was resolved."""
    _require_shape(document)
    found = Configuration(document=document)
    for profile in (None, *found.profiles):
        for key, bracket in found.pairs():
            found.resolve(key, bracket, profile=profile)
    return found


def _require_shape(document: Document) -> None:
    """Refuse keys that stand where nothing reads them."""
    values, where = document.values, document.where
    require_mapping(values, SECTIONS, where=where)
    require_mapping(
        values.get("profiles") or {}, tuple(_names(values.get("profiles"))), where=where, above=("profiles",)
    )
    _require_layer(document, ("defaults",))
    for profile in values.get("profiles") or {}:
        _require_layer(document, ("profiles", profile))
    require_mapping(values.get("brackets") or {}, BRACKETS, where=where, above=("brackets",))
    for bracket in values.get("brackets") or {}:
        _require_layer(document, ("brackets", bracket))
    require_mapping(values.get("cities") or {}, tuple(CITIES), where=where, above=("cities",), what="city")
    for key, own in (values.get("cities") or {}).items():
        _require_layer(document, ("cities", key), but=("brackets",))
        inner = (own or {}).get("brackets") or {}
        require_mapping(inner, BRACKETS, where=where, above=("cities", key, "brackets"))
        for bracket in inner:
            _require_layer(document, ("cities", key, "brackets", bracket))


def _names(values: Any) -> Sequence[str]:
    return tuple(values) if isinstance(values, Mapping) else ()


def _require_layer(document: Document, path: KeyPath, *, but: tuple[str, ...] = ()) -> None:
    said = _at(document.values, path)
    require_known_keys(said, TrainConfig, where=document.where, above=path, but=but)


def _layers(key: str, bracket: str, profile: str | None) -> list[KeyPath]:
    """Return where settings of a pair stand in a file, those that win last."""
    asked = [("profiles", profile)] if profile is not None else []
    return [("defaults",), *asked, ("cities", key), ("brackets", bracket), ("cities", key, "brackets", bracket)]


def _at(values: Mapping[str, Any], path: KeyPath) -> Any:
    found: Any = values
    for key in path:
        found = (found or {}).get(key) if isinstance(found, Mapping) or found is None else found
    return {} if found is None else found


def _lay(values: dict[str, Any], paths: dict[KeyPath, KeyPath], layer: Mapping[str, Any], *, above: KeyPath) -> None:
    """Lay settings over those so far, key by key, and remember where each was said."""
    for key, value in layer.items():
        if key == "brackets":
            continue
        if isinstance(value, Mapping):
            inner = values.setdefault(key, {})
            deeper = {path[1:]: at for path, at in paths.items() if path[0] == key}
            _lay(inner, deeper, value, above=(*above, key))
            paths.update({(key, *path): at for path, at in deeper.items()})
        else:
            values[key] = value
            paths[key,] = (*above, key)
