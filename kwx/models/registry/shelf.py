"""What lies in a stage, whole or not: one line for each window, without reading the models themselves."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from kwx.models.registry.card import Card
from kwx.models.registry.folder import read_folder
from kwx.models.registry.places import Group, group_of_folder, models_root, named, stage_folder, window_folders
from kwx.models.registry.promotion import Choice
from warehouse.errors import KwxError, Refused


@dataclass(frozen=True, kw_only=True)
class Held:
    """A window that lies in a stage; the card is None where the folder is not whole, and `problem` says why."""

    folder: Path
    group: Group
    card: Card | None
    problem: str = ""

    @property
    def state(self) -> str:
        """Say in a few words whether it can be used."""
        if self.card is None:
            return "broken"
        if self.card.degenerate is not None:
            return f"degenerate: {self.card.degenerate}"
        if self.card.outdated is not None:
            return "features changed"
        return self.card.not_judged or "whole"

    @property
    def name(self) -> str:
        """How it is called: as predictions name it, with the horizon where that is not the settlement."""
        return named(self.folder)

    @property
    def window(self) -> str:
        """The name of the window's folder."""
        return self.folder.name


def shelf(root: Path | str | None, stage: str, choice: Choice | None = None) -> list[Held]:
    """Return the windows of a stage, in the order of city, type of bracket, kind and date."""
    meant = choice or Choice()
    folders = window_folders(stage_folder(models_root(root), stage))
    held = [_held(folder) for folder in folders]
    return [one for one in held if meant.holds(one.group, one.window)]


def the_one(root: Path | str | None, stage: str, model_id: str) -> Held:
    """Return the window of a model's name: kind, city, type of bracket and window."""
    found = {one.name: one for one in shelf(root, stage)}
    if model_id not in found:
        near = difflib.get_close_matches(model_id, list(found), n=1)
        raise Refused(
            f"no model {model_id} lies in {stage}",
            hint=f"did you mean {near[0]}?" if near else "kwx models list names them",
        )
    return found[model_id]


def _held(folder: Path) -> Held:
    try:
        card, _ = read_folder(folder)
    except KwxError as error:
        return Held(folder=folder, group=group_of_folder(folder), card=None, problem=str(error))
    return Held(folder=folder, group=card.group, card=card)
