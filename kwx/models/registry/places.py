"""Where a model lies: models/<stage>/<city>/<bracket>/<kind>/<window>/.

The kind is a level of its own, because two families of one city, type of bracket and window would collide; so would two
horizons of one family: the kind is the family where the settlement is predicted, else the family and the horizon.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kwx.models.artifact import kind_of
from warehouse.errors import Refused, Usage
from warehouse.lake.layout import DRAFT
from warehouse.lake.tables.research import SETTLEMENT_HORIZON

PILOTS, TRAINED, ARCHIVE = "pilots", "trained", "archive"
STAGES = (PILOTS, TRAINED, ARCHIVE)
"""What was fitted, what is promoted (a link into the archive), and every state that ever was promoted."""

CARD = "card.json"
DEFAULT_ROOT = Path("models")

_SIGNS = set("abcdefghijklmnopqrstuvwxyz0123456789_-")


def models_root(said: Path | str | None = None) -> Path:
    """Return the folder of models: what was said, else KWX_MODELS, else ./models."""
    return Path(said or os.environ.get("KWX_MODELS") or DEFAULT_ROOT).absolute()


@dataclass(frozen=True, order=True, kw_only=True)
class Group:
    """The windows of one kind of model for one city and type of bracket."""

    city: str
    bracket: str
    family: str
    horizon: str = SETTLEMENT_HORIZON

    def __post_init__(self) -> None:
        for word in (self.city, self.bracket, self.family, self.horizon):
            if not word or not set(word) <= _SIGNS:
                raise Refused(f"{word!r} names no folder of models", hint="names are of small letters, digits, - and _")

    @property
    def kind(self) -> str:
        """The folder of the family and horizon."""
        return kind_of(self.family, self.horizon)

    @property
    def folder(self) -> Path:
        """The folder of the windows, below that of a stage."""
        return Path(self.city) / self.bracket / self.kind

    def __str__(self) -> str:
        return f"{self.city}/{self.bracket}/{self.kind}"


def stage_folder(root: Path, stage: str) -> Path:
    """Return the folder of a stage."""
    if stage not in STAGES:
        raise Usage(f"there is no stage {stage!r}", hint=f"stages: {' '.join(STAGES)}")
    return root / stage


def group_of_folder(folder: Path) -> Group:
    """Return the group that a window's folder lies in."""
    city, bracket, kind = folder.parts[-4:-1]
    family, _, horizon = kind.partition("-")
    return Group(city=city, bracket=bracket, family=family, horizon=horizon or SETTLEMENT_HORIZON)


Place = tuple[str, ...]
"""City, type of bracket, kind and window: the folder of a window below that of a stage or state."""


def place_of(folder: Path) -> Place:
    """Return the place of a window's folder."""
    return folder.parts[-4:]


def named(folder: Path) -> str:
    """Return the name of the model in a window's folder: as predictions name it, with a horizon that is not the day."""
    group = group_of_folder(folder)
    return f"{group.kind}_{group.city}_{group.bracket}_{folder.name}"


def window_folders(stage: Path) -> Iterator[Path]:
    """Yield the folder of every window below a stage, in the order of city, bracket, kind and date."""
    yield from sorted(path for path in stage.glob("*/*/*/win_*") if path.is_dir() and path.suffix != DRAFT)
