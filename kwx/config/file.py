"""The configuration file: defaults, and what differs by profile, city, type of bracket, and both together.

Models are trained by city and type of bracket; a city is traded alike in all its brackets. A file is whole or refused:
every city and type of bracket is resolved and checked when it is read, so that a slip in the part of one city is found
before another is trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import ValidationError

from kwx.config.fields import Bracket, Section, TrainConfig
from kwx.config.live import LiveFields
from kwx.config.nightly import NightlyFields
from kwx.config.refusals import COMMAND_LINE, Beside, refusal, require_choice, require_known_keys, require_mapping
from kwx.config.said import SaidIn
from kwx.config.trading import OF_THE_ACCOUNT, TradeConfig
from kwx.config.yaml_text import Document, KeyPath, read_document
from warehouse.errors import Usage
from warehouse.market.cities import CITIES, city

DEFAULT_FILE = Path(__file__).with_name("default.yaml")
BRACKETS: tuple[str, ...] = get_args(Bracket)
LIVE, NIGHTLY = "live", "nightly"
SECTIONS = ("defaults", "profiles", "cities", "brackets", LIVE, NIGHTLY)


Model = TypeVar("Model", bound=Section)


@dataclass(frozen=True, kw_only=True)
class Resolved(Generic[Model]):
    """The settings of one city, or of one of its types of bracket, and which key of the file said each of them."""

    config: Model
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
    ) -> Resolved[TrainConfig]:
        """Return the settings of a pair and where each was said."""
        key = city(word).key
        require_choice(bracket, BRACKETS, what="type of bracket", option="--bracket")
        layers = _layers(key, bracket, self._known_profile(profile))
        return self._resolved(TrainConfig, layers, said or {}, city=key, bracket=bracket)

    def trading(
        self, city: str, *, profile: str | None = None, said: Mapping[str, Any] | None = None,
        beside: SaidIn | None = None,
    ) -> TradeConfig:  # fmt: skip
        """Return what a city is traded with; what was `said` beside the file comes next, `beside` last."""
        return self.resolve_trading(city, profile=profile, said=said, beside=beside).config

    def resolve_trading(
        self, word: str, *, profile: str | None = None, said: Mapping[str, Any] | None = None,
        beside: SaidIn | None = None,
    ) -> Resolved[TradeConfig]:  # fmt: skip
        """Return what a city is traded with and where each setting was said."""
        key = city(word).key
        layers = _city_layers(key, self._known_profile(profile))
        return self._resolved(TradeConfig, layers, said or {}, beside=beside, city=key)

    def live(self, *, said: Mapping[str, Any] | None = None) -> LiveFields:
        """Return how the loop lives its days: one for all cities; what was `said` beside the file comes last."""
        return self._resolved(LiveFields, [(LIVE,)], said or {}).config

    def nightly(self, *, said: Mapping[str, Any] | None = None) -> NightlyFields:
        """Return what the batch of a night does; what was `said` beside the file comes last."""
        return self._resolved(NightlyFields, [(NIGHTLY,)], said or {}).config

    def _known_profile(self, profile: str | None) -> str | None:
        if profile is not None:
            require_choice(profile, self.profiles, what=f"profile in {self.document.file}", option="--profile")
        return profile

    def _resolved(
        self, model: type[Model], layers: Sequence[KeyPath], said: Mapping[str, Any], *, beside: SaidIn | None = None,
        **of: str,
    ) -> Resolved[Model]:  # fmt: skip
        """Lay the layers over each other, then what was said beside the file, and check what that comes to."""
        values: dict[str, Any] = {}
        paths: dict[KeyPath, KeyPath] = {}
        for layer in layers:
            own = {key: value for key, value in _at(self.document.values, layer).items() if key in model.model_fields}
            _lay(values, paths, own, above=layer)
        for origin, settings in (SaidIn(COMMAND_LINE, said), *([beside] if beside else [])):
            for name, value in settings.items():
                require_known_keys({name: value}, model.model_fields, where=partial(_beside, origin))
                _lay(values, paths, {name: value}, above=(Beside(origin),))
        try:
            config = model.model_validate({**values, **of})
        except ValidationError as error:
            raise refusal(error, self.document, paths, model=model, pair="/".join(of.values())) from error
        return Resolved(config=config, origins={".".join(k): self._told(p) for k, p in paths.items()})

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield every city and type of bracket."""
        yield from product(CITIES, BRACKETS)

    def _told(self, path: KeyPath) -> str:
        if isinstance(path[0], Beside):
            return path[0]
        return f"{'.'.join(path)}, line {self.document.lines[path]}" if path in self.document.lines else ".".join(path)


def load_config(path: Path | str | None = None) -> Configuration:
    """Read and check a configuration file, else the one that is shipped."""
    return checked(read_document(Path(path) if path is not None else DEFAULT_FILE))


def checked(document: Document) -> Configuration:
    """Return a file's configuration, after every pair of it and the trading of every city were resolved."""
    _require_shape(document)
    found = Configuration(document=document)
    for profile in (None, *found.profiles):
        for key, bracket in found.pairs():
            found.resolve(key, bracket, profile=profile)
        for key in CITIES:
            found.trading(key, profile=profile)
    found.live()
    found.nightly()
    return found


def _require_shape(document: Document) -> None:
    """Refuse keys that stand where nothing reads them."""
    values, where = document.values, document.where
    require_mapping(values, SECTIONS, where=where)
    require_mapping(
        values.get("profiles") or {}, tuple(_names(values.get("profiles"))), where=where, above=("profiles",)
    )
    _require_layer(document, ("defaults",))
    require_known_keys(_at(values, (LIVE,)), LiveFields.model_fields, where=where, above=(LIVE,))
    require_known_keys(_at(values, (NIGHTLY,)), NightlyFields.model_fields, where=where, above=(NIGHTLY,))
    for profile in values.get("profiles") or {}:
        _require_layer(document, ("profiles", profile))
    require_mapping(values.get("brackets") or {}, BRACKETS, where=where, above=("brackets",))
    for bracket in values.get("brackets") or {}:
        _require_layer_of_bracket(document, ("brackets", bracket))
    require_mapping(values.get("cities") or {}, tuple(CITIES), where=where, above=("cities",), what="city")
    for key, own in (values.get("cities") or {}).items():
        _require_layer(document, ("cities", key), but=("brackets",))
        _require_no_account(document, ("cities", key, "trade"))
        inner = (own or {}).get("brackets") or {}
        require_mapping(inner, BRACKETS, where=where, above=("cities", key, "brackets"))
        for bracket in inner:
            _require_layer_of_bracket(document, ("cities", key, "brackets", bracket))


def _names(values: Any) -> Sequence[str]:
    return tuple(values) if isinstance(values, Mapping) else ()


def _require_layer(document: Document, path: KeyPath, *, but: tuple[str, ...] = ()) -> None:
    fields = {**TrainConfig.model_fields, **TradeConfig.model_fields}
    require_known_keys(_at(document.values, path), fields, where=document.where, above=path, but=but)


def _require_layer_of_bracket(document: Document, path: KeyPath) -> None:
    _require_layer(document, path)
    for key in _at(document.values, path):
        if key in TradeConfig.model_fields:
            raise Usage(
                f"{document.where((*path, key))}: a city is traded alike in all its brackets",
                hint=f"say {key} under defaults, a profile or cities.<key>",
            )


def _require_no_account(document: Document, path: KeyPath) -> None:
    """Refuse what there is only one of, said of a city."""
    for key in _at(document.values, path):
        if key in OF_THE_ACCOUNT:
            raise Usage(
                f"{document.where((*path, key))}: {key} is one for all cities",
                hint=f"say trade.{key} under defaults or a profile",
            )


def _beside(origin: str, path: KeyPath) -> str:
    return f"{origin}: {'.'.join(path)}"


def _layers(key: str, bracket: str, profile: str | None) -> list[KeyPath]:
    """Return where settings of a pair stand in a file, those that win last."""
    return [*_city_layers(key, profile), ("brackets", bracket), ("cities", key, "brackets", bracket)]


def _city_layers(key: str, profile: str | None) -> list[KeyPath]:
    """Return where settings of a city stand in a file, those that win last."""
    asked = [("profiles", profile)] if profile is not None else []
    return [("defaults",), *asked, ("cities", key)]


def _at(values: Mapping[str, Any], path: KeyPath) -> Any:
    found: Any = values
    for key in path:
        found = (found or {}).get(key) if isinstance(found, Mapping) or found is None else found
    return {} if found is None else found


def _lay(values: dict[str, Any], paths: dict[KeyPath, KeyPath], layer: Mapping[str, Any], *, above: KeyPath) -> None:
    """Lay settings over those so far, key by key, and remember where each was said."""
    for key, value in layer.items():
        if isinstance(value, Mapping):
            inner = values.setdefault(key, {})
            deeper = {path[1:]: at for path, at in paths.items() if path[0] == key}
            _lay(inner, deeper, value, above=(*above, key))
            paths.update({(key, *path): at for path, at in deeper.items()})
        else:
            values[key] = value
            paths[key,] = (*above, key)
