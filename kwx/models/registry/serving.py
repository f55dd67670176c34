"""Which promoted model speaks of an event date: never one that was fitted on that date, or on the date before it.

It is the window whose test dates hold the date; of several the newest fit. Where none does, it is the last one before,
with a warning that says its age: after the last window, and in a gap between two. Before the first there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from kwx.models.artifact import EVERY_BRACKET
from kwx.models.registry.card import Card, read_card
from kwx.models.registry.places import TRAINED, Group, models_root, stage_folder
from kwx.models.registry.store import Loaded, load
from warehouse.clock import Clock, utc_now
from warehouse.errors import Refused
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.lake.tables.research import SETTLEMENT_HORIZON
from warehouse.market.cities import city as city_of


class NoModel(Refused):
    """No promoted model may speak of that city, type of bracket and date."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Served:
    """The model that speaks of a date.

    age_days: how many days the date lies after the last date that the model was judged on; 0 within them.
    """

    loaded: Loaded
    folder: Path
    age_days: int

    @property
    def warning(self) -> str | None:
        """What is to be said of a model that is out of its dates, None within them."""
        if not self.age_days:
            return None
        card = self.loaded.card
        return f"{card.model_id} is {self.age_days} days past its last test date {card.test_until}"


def model_for(
    root: Path | str | None,
    *,
    family: str,
    city: str,
    bracket: str,
    event_date: date,
    horizon: str = SETTLEMENT_HORIZON,
) -> Served:
    """Return the promoted model of an event date, read and checked.

    The first of these that has a window whose test dates hold the date: the city and type of bracket itself, every
    bracket of the city, the type in all cities, every bracket of all; else the first whose windows are over.
    """
    folder, card = folder_for(
        root, family=family, city=city, bracket=bracket, event_date=event_date, horizon=horizon
    )  # fmt: skip
    return Served(loaded=load(folder), folder=folder, age_days=age_days(card, event_date))


def folder_for(
    root: Path | str | None,
    *,
    family: str,
    city: str,
    bracket: str,
    event_date: date,
    horizon: str = SETTLEMENT_HORIZON,
) -> tuple[Path, Card]:
    """Return where that model lies, and its card; the model itself is not read."""
    wanted = Group(city=city_of(city).key, bracket=bracket, family=family, horizon=horizon)
    trained = stage_folder(models_root(root), TRAINED)
    every = [windows for windows in _windows(root, wanted) if windows]
    if not every:
        raise NoModel(
            f"no model of {wanted} is promoted in {trained}",
            hint="kwx models list shows what is fitted; kwx models promote promotes it",
        )
    within = [windows for windows in every if any(_holds(card, event_date) for _, card in windows)]
    may = [windows for windows in every if any(_may_speak(card, event_date) for _, card in windows)]
    return _chosen((within or may or every)[0], wanted, event_date)


def windows_of(root: Path | str | None, group: Group) -> list[tuple[Path, Card]]:
    """Return the promoted windows of a group, each with its card, in the order of their dates."""
    folder = stage_folder(models_root(root), TRAINED) / group.folder
    return [(path, read_card(path)) for path in sorted(folder.glob("win_*"))]


def window_for(windows: Sequence[tuple[Path, Card]], event_date: date) -> tuple[Path, Card] | None:
    """Return which of a group's windows speaks of a date: one that holds it, else the last one before; or None."""
    may = [(path, card) for path, card in windows if _may_speak(card, event_date)]
    within = [(path, card) for path, card in may if _holds(card, event_date)]
    return max(within or may, key=lambda one: _newness(one[1], within=bool(within)), default=None)


def age_days(card: Card, event_date: date) -> int:
    """Return how many days a date lies after the last one that a model was judged on."""
    return max(0, (event_date - card.test_until).days)


def load_model_for_now(
    root: Path | str | None,
    *,
    family: str,
    city: str,
    bracket: str,
    horizon: str = SETTLEMENT_HORIZON,
    clock: Clock = utc_now,
) -> Served:
    """Return the promoted model of the climate day that runs in a city now."""
    today = today_of(city, clock())
    return model_for(root, family=family, city=city, bracket=bracket, event_date=today, horizon=horizon)


def today_of(city: str, now_utc: datetime) -> date:
    """Return the climate day of a city that an instant lies in."""
    return (now_utc + city_of(city).standard_offset).date()


def _windows(root: Path | str | None, wanted: Group) -> Iterator[list[tuple[Path, Card]]]:
    """Yield the windows of each group that may speak: the city's own first, then those that speak of more."""
    for city in (wanted.city, ALL_CITIES):
        for bracket in dict.fromkeys((wanted.bracket, EVERY_BRACKET)):
            yield windows_of(root, replace(wanted, city=city, bracket=bracket))


def _may_speak(card: Card, event_date: date) -> bool:
    return card.test_since <= event_date and card.window.serves(event_date)


def _holds(card: Card, event_date: date) -> bool:
    return _may_speak(card, event_date) and event_date <= card.test_until


def _chosen(windows: Sequence[tuple[Path, Card]], wanted: Group, event_date: date) -> tuple[Path, Card]:
    """Return the window that speaks of a date; the newest fit is that of the latest dates, then the latest made."""
    found = window_for(windows, event_date)
    if found is None:
        first = min(card.test_since for _, card in windows)
        raise NoModel(
            f"{wanted}: {event_date} comes before {first}, the first date that a promoted model may speak of",
            hint="train a walk that begins earlier: kwx train --since DATE",
        )
    return found


def _newness(card: Card, *, within: bool) -> tuple[date, date, datetime]:
    return card.train_until if within else card.test_until, card.train_until, card.created_utc
