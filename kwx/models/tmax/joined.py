"""`hybrid`, fitted in one go: market-clock for all cities and tod for each, of the same window, then joined."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from kwx.models.artifact import Artifact
from kwx.models.tmax.fit import fit_alone, hybrid_window
from kwx.models.tmax.fit import fit_window as fit_part
from kwx.models.tmax.hybrid import NAME
from kwx.models.tmax.recipe import FAMILIES, TmaxRecipe
from kwx.models.windows import Window
from warehouse.errors import Refused
from warehouse.lake.store import Snapshot
from warehouse.lake.tables.contract import ALL_CITIES
from warehouse.market.cities import CITIES

__all__ = ["NAME", "HybridRecipe", "fit_window"]


@dataclass(frozen=True, kw_only=True)
class HybridRecipe:
    """How both parts are fitted."""

    seed: int = 42
    parts: dict[str, Any] = field(default_factory=dict)

    def of(self, family: str) -> TmaxRecipe:
        """Return the recipe of a part."""
        return TmaxRecipe(family=family, seed=self.seed, **self.parts)

    @property
    def lends(self) -> bool:
        """Tell whether the days of other cities are looked at too."""
        return any(self.of(family).lends for family in FAMILIES)

    def config(self) -> dict[str, Any]:
        """Return all that is asked, as JSON has it."""
        return {"family": NAME, "parts": [self.of(family).config() for family in FAMILIES]}


def fit_window(snapshot: Snapshot, city: str, bracket: str, window: Window, recipe: HybridRecipe) -> Artifact:
    """Fit both parts, for all cities or for one alone, and join them.

    A city whose tod is refused is left to market-clock, and that is told.
    """
    cities = tuple(CITIES) if city == ALL_CITIES else (city,)
    clock = fit_alone(snapshot, city, bracket, window, recipe.of(FAMILIES[0]))
    tods, notes = [], []
    for one in cities:
        try:
            tods.append(fit_part(snapshot, one, bracket, window, recipe.of(FAMILIES[1])))
        except Refused as refusal:
            notes.append(f"no tod of {one}: {refusal}")
    joined = hybrid_window(snapshot, clock, tods, cities)
    return replace(joined, config=recipe.config(), notes=(*notes, *joined.notes))
