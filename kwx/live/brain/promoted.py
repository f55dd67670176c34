"""Which promoted model speaks of each market: read once, and chosen anew when another state is promoted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kwx.models.registry.card import Card
from kwx.models.registry.places import TRAINED, group_of_folder, models_root, stage_folder, window_folders
from kwx.models.registry.serving import age_days, folder_for
from kwx.models.registry.states import current_number
from kwx.models.registry.store import Loaded, load
from warehouse.errors import FileBroken, Refused
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.lake.tables.research import SETTLEMENT_HORIZON


@dataclass(frozen=True, kw_only=True, eq=False)
class Speaking:
    """A promoted model, where it lies, and how many days past its last test date it speaks."""

    folder: Path
    loaded: Loaded
    age_days: int

    @property
    def warning(self) -> str | None:
        """What is to be said of a model that is out of its dates, None within them."""
        if not self.age_days:
            return None
        return f"{self.card.model_id} is {self.age_days} days past its last test date {self.card.test_until}"

    @property
    def card(self) -> Card:
        """What it says of itself."""
        return self.loaded.card


class Promoted:
    """The promoted models of a registry."""

    def __init__(self, root: Path | str | None) -> None:
        self._root = models_root(root)
        self._state: int | None = None
        self._families: tuple[str, ...] = ()
        self._chosen: dict[tuple[str, str, str, date], Speaking | None] = {}
        self._loaded: dict[Path, Loaded] = {}
        self._why_not: dict[tuple[str, str, str, date], str] = {}
        self._look_again()

    def refresh(self) -> bool:
        """Look whether another state is promoted by now; where it is, everything is chosen and read anew."""
        if current_number(self._root) == self._state:
            return False
        self._look_again()
        return True

    def of_ladder(
        self, family: str | None, city: str, brackets: Sequence[str], event_date: date
    ) -> list[Speaking | None]:
        """Return for each bracket of an event, by its type, the model of a family; None where none may speak.

        Where no family is named the best placed of those speaks that have a model of every bracket; where none has, the
        best placed model of each bracket. A family is placed as its worst placed bracket is.
        """
        if family is not None:
            return [self._of_family(family, city, kind, event_date) for kind in brackets]
        found = [[self._of_family(one, city, kind, event_date) for kind in brackets] for one in self._families]
        whole = [(max(_place(one.card) for one in ours if one is not None), ours) for ours in found if None not in ours]
        if whole:
            return min(whole, key=lambda one: one[0])[1]
        return [
            min((one for one in each if one is not None), key=lambda one: _place(one.card), default=None)
            for each in zip(*found, strict=True)
        ] or [None] * len(brackets)

    def why_not(self, family: str | None, city: str, bracket: str, event_date: date) -> str:
        """Return why no model of a family, or of any, speaks of a bracket of an event."""
        if family is None:
            return f"no promoted model speaks of {city} {bracket} on {event_date}"
        return self._why_not[family, city, bracket, event_date]

    def forget(self, before: date) -> None:
        """Forget event dates that are over."""
        for held in (self._chosen, self._why_not):
            for key in [key for key in held if key[-1] < before]:
                del held[key]

    def _look_again(self) -> None:
        self._state = current_number(self._root)
        groups = {group_of_folder(folder) for folder in window_folders(stage_folder(self._root, TRAINED))}
        self._families = tuple(sorted({one.family for one in groups if one.horizon == SETTLEMENT_HORIZON}))
        self._chosen.clear()
        self._loaded.clear()
        self._why_not.clear()

    def _of_family(self, family: str, city: str, bracket: str, event_date: date) -> Speaking | None:
        key = (family, city, bracket, event_date)
        if key not in self._chosen:
            self._chosen[key] = self._found(key)
        return self._chosen[key]

    def _found(self, key: tuple[str, str, str, date]) -> Speaking | None:
        """Choose a model and read it; why there is none is kept."""
        family, city, bracket, event_date = key
        try:
            folder, card = folder_for(self._root, family=family, city=city, bracket=bracket, event_date=event_date)
            # A promoted folder is a link into the state that was promoted, and a state is never changed.
            place = folder.resolve()
            if place not in self._loaded:
                self._loaded[place] = load(folder)
        except (Refused, FileBroken) as refusal:
            self._why_not[key] = str(refusal)
            return None
        return Speaking(folder=place, loaded=self._loaded[place], age_days=age_days(card, event_date))


def _place(card: Card) -> tuple[object, ...]:
    """Return what the view prediction_served orders promoted models by: a city's own come before those of all."""
    newest_first = (-card.train_until.toordinal(), -card.created_utc.timestamp())
    return (card.city == ALL_CITIES, card.bracket == "all", *newest_first, card.model_id)
