"""Which event dates of a window tell the laws of trades, fit, choose, judge the choice, and test: each a date apart.

In that order: a law serves after the dates that told it, and of many candidates the luckiest does well on the very
dates that chose it, so that later ones judge it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from kwx.models.direction.recipe import DirectionRecipe
from kwx.models.held import LEAST_CUT_DATES, LEAST_DATES_JUDGED, choosing_and_judging
from kwx.models.windows import Window
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import CANDLES_DENSE
from warehouse.lake.tables.contract import ALL_CITIES

_LATER = LEAST_CUT_DATES + LEAST_DATES_JUDGED - 1
"""The fewest dates that choose and judge, with the one between them."""
_HINT = "say a longer range; kwx lake dense makes the minutes"


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The event dates of each part, in order; `laws` has none where no law is asked for."""

    laws: tuple[date, ...]
    fitted: tuple[date, ...]
    choosing: tuple[date, ...]
    judging: tuple[date, ...]
    tested: tuple[date, ...]

    @property
    def of_rows(self) -> dict[str, tuple[date, ...]]:
        """The dates whose rows are read, by part: those of the laws are not among them."""
        return {"fitted": self.fitted, "choosing": self.choosing, "judging": self.judging, "tested": self.tested}

    @property
    def every(self) -> tuple[date, ...]:
        """All of these, in order."""
        return (*self.fitted, *self.choosing, *self.judging, *self.tested)


def least_before(recipe: DirectionRecipe) -> int:
    """Return how many dates a window needs before its test."""
    return _least_early(recipe) + 1 + _LATER


def _least_early(recipe: DirectionRecipe) -> int:
    """Return the fewest dates that fit: one; with laws one for these before it, and one between."""
    return 3 if recipe.microstructure else 1


def window_of(snapshot: Snapshot, city: str, since: date, until: date, recipe: DirectionRecipe) -> Window:
    """Return the window whose test is the last share of the dates that a city has minutes of."""
    dates, least = dates_of(snapshot, city, since, until), least_before(recipe)
    if len(dates) < least + 2:
        raise Refused(
            f"{city} has minutes on {len(dates)} dates of {since} … {until}; {least + 2} are needed", hint=_HINT
        )
    before = min(max(round((1 - recipe.shares[2]) * (len(dates) - 2)) + 1, least), len(dates) - 2)
    return Window(
        train_since=dates[0], train_until=dates[before - 1], test_since=dates[before + 1], test_until=dates[-1]
    )


def parts_of(snapshot: Snapshot, city: str, window: Window, recipe: DirectionRecipe) -> Parts:
    """Return the parts of the dates of a window that a city has minutes of."""
    before = dates_of(snapshot, city, window.train_since, window.train_until)
    tested = dates_of(snapshot, city, window.test_since, window.test_until)
    least = least_before(recipe)
    if len(before) < least or not tested:
        raise Refused(
            f"{window.name}: {city} has minutes on {len(before)} dates before the test and {len(tested)} in it;"
            f" {least} and 1 are needed",
            hint=_HINT,
        )
    used = len(before) - 1
    early = min(max(round(recipe.fit_share * used), _least_early(recipe)), used - _LATER)
    laws, fitted = _laws_and_fitted(before[:early], recipe)
    choosing, judging = choosing_and_judging(before[early + 1 :])
    return Parts(laws=laws, fitted=fitted, choosing=choosing, judging=judging, tested=tested)


def _laws_and_fitted(dates: tuple[date, ...], recipe: DirectionRecipe) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """Part the dates that fit: the first ones tell the laws, whose markets have closed before the others open."""
    if not recipe.microstructure:
        return (), dates
    laws = min(max(round(recipe.law_share * len(dates)), 1), len(dates) - 2)
    return dates[:laws], dates[laws + 1 :]


def dates_of(snapshot: Snapshot, city: str, since: date, until: date) -> tuple[date, ...]:
    """Return the event dates of a range that have minutes, in order."""
    held = {one.event_date for one in snapshot.partitions(CANDLES_DENSE.name) if city in (ALL_CITIES, one.city)}
    return tuple(sorted(day for day in held if day is not None and since <= day <= until))
