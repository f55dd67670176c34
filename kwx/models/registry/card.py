"""The card of a model: what it is, what it was made of, how good it was, and the hash of every file beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kwx.models.artifact import NOT_JUDGED, Artifact
from kwx.models.registry.code import code_sha256, library_versions
from kwx.models.registry.defined import features_sha256
from kwx.models.registry.places import CARD, Group
from kwx.models.registry.plain import json_bytes, plain, sha256
from kwx.models.windows import Window
from warehouse.errors import FileBroken

FORMAT: Literal[2] = 2
"""Raised when a card of today could be misread by yesterday's code."""

_SEAL = "card_sha256"


class Card(BaseModel):
    """What a model says of itself; the hash of the card itself stands in the file beside these."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal[2] = FORMAT
    family: str
    city: str
    bracket: str
    horizon: str
    train_since: date
    train_until: date
    test_since: date
    test_until: date
    snapshot: int
    features: tuple[str, ...]
    features_sha256: str
    code_sha256: str
    config: dict[str, Any]
    config_sha256: str
    seed: int
    params: dict[str, Any]
    metrics: dict[str, Any]
    notes: tuple[str, ...]
    degenerate: str | None
    versions: dict[str, str]
    created_utc: datetime
    model_files: tuple[str, ...]
    files: dict[str, str]

    @cached_property
    def window(self) -> Window:
        """The dates that it was fitted to and judged on."""
        return Window(
            train_since=self.train_since, train_until=self.train_until,
            test_since=self.test_since, test_until=self.test_until,
        )  # fmt: skip

    @property
    def group(self) -> Group:
        """What it is a window of."""
        return Group(city=self.city, bracket=self.bracket, family=self.family, horizon=self.horizon)

    @property
    def outdated(self) -> str | None:
        """Say how its features were defined otherwise than they are by the code that runs, None where they were not.

        An expression is kept as Polars writes it, so another version of that library may say the same otherwise.
        """
        if self.features_sha256 == features_sha256(self.family, self.features):
            return None
        then, now = self.versions.get("polars"), library_versions().get("polars")
        drift = "" if then == now else f"; it was fitted with polars {then}, here is {now}"
        return f"its features are defined otherwise now than when it was fitted{drift}"

    @property
    def not_judged(self) -> str | None:
        """Say why nobody knows whether it is better than its prior, None where that was judged."""
        return next((note for note in self.notes if note.startswith(NOT_JUDGED)), None)

    @cached_property
    def model_id(self) -> str:
        """How predictions name it."""
        return f"{self.group.kind}_{self.city}_{self.bracket}_{self.window.name}"


def card_of(artifact: Artifact, files: Mapping[str, bytes], *, model_files: tuple[str, ...], created: datetime) -> Card:
    """Return the card of an artifact whose files are these."""
    config = plain(artifact.config)
    return Card(
        family=artifact.family, city=artifact.city, bracket=artifact.bracket, horizon=artifact.horizon,
        train_since=artifact.window.train_since, train_until=artifact.window.train_until,
        test_since=artifact.window.test_since, test_until=artifact.window.test_until,
        snapshot=artifact.snapshot, features=tuple(artifact.fitted.features),
        features_sha256=features_sha256(artifact.family, tuple(artifact.fitted.features)), code_sha256=code_sha256(),
        config=config, config_sha256=sha256(json_bytes(config)), seed=artifact.seed,
        params=plain(artifact.params), metrics=plain(artifact.metrics), notes=tuple(artifact.notes),
        degenerate=artifact.fitted.degenerate(), versions=library_versions(), created_utc=created.astimezone(UTC),
        model_files=model_files, files={name: sha256(content) for name, content in sorted(files.items())},
    )  # fmt: skip


def card_bytes(card: Card) -> bytes:
    """Return a card as its file holds it, sealed with the hash of all that it says."""
    document = card.model_dump(mode="json")
    return json_bytes({**document, _SEAL: sha256(json_bytes(document))})


def read_card(folder: Path) -> Card:
    """Read the card of a window's folder; one that is missing, altered or of another format is refused by name."""
    return parse_card(folder / CARD)


def parse_card(path: Path) -> Card:
    """Read a card from its file."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise FileBroken(f"{path.parent} holds no model: {path.name} cannot be read", hint=_MEND) from error
    except ValueError as error:
        raise FileBroken(f"{path} is not JSON: {error}", hint=_MEND) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        said = document.get("format") if isinstance(document, dict) else None
        raise FileBroken(f"{path} is a card of format {said!r}; this kwx reads format {FORMAT}", hint=_MEND)
    seal = document.pop(_SEAL, None)
    if seal != sha256(json_bytes(document)):
        raise FileBroken(f"{path} was altered after it was written", hint=_MEND)
    try:
        return Card.model_validate_json(json.dumps(document))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise FileBroken(f"{path} is no card: {key}: {first['msg'].lower()}", hint=_MEND) from error


_MEND = "train the window again; a promoted one is mended by: kwx models rollback --to STATE"
