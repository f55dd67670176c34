"""What a day would be made of now: one hash over its reports, forecasts and markets as stored, its fit, its recipe."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from kwx.hazard.fits import Fit
from kwx.hazard.recipe import Recipe
from warehouse.lake.store import Snapshot
from warehouse.lake.tables import FORECASTS, MARKETS, OBS, PMF_DEGREES, PMF_MINUTE, Partition

_READ = (OBS.name, FORECASTS.name, MARKETS.name)


@dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """The files of a snapshot that days are made of, by table and partition, as hashes."""

    files: Mapping[str, Mapping[Partition, str]]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Inputs:
        """Read the lists of files of a snapshot."""
        return cls(
            files={name: {entry.partition: entry.sha256 for entry in snapshot.files(name)} for name in _READ},
        )

    def dates(self, city: str) -> list[date]:
        """Return the event dates of which anything is there, in order."""
        found = {day for name in _READ for day in self.files[name] if day.city == city}
        return sorted(day.event_date for day in found if day.event_date is not None)

    def sha256(self, city: str, event_date: date, fit: Fit, recipe: Recipe) -> str:
        """Return the hash of all that a day is made of."""
        day, eve = Partition(city, event_date), Partition(city, event_date - timedelta(days=1))
        files = [(OBS.name, eve), *((name, day) for name in _READ)]
        said = [recipe.mc_version, fit.sha256, *(self.files[name].get(place, "") for name, place in files)]
        return hashlib.sha256(" ".join([city, str(event_date), *said]).encode()).hexdigest()


def hashes_held(
    snapshot: Snapshot, city: str, *, since: date, until: date, recipe: Recipe, to_panel: bool, inputs: Inputs
) -> dict[date, str]:
    """Return of which inputs the days were made that the lake holds whole under a recipe.

    What goes into the panel is held whole only where pmf_minute speaks for this recipe and for no other one.
    """
    ours = pl.col("mc_version") == recipe.mc_version
    degrees = snapshot.scan(PMF_DEGREES, cities=(city,), since=since, until=until).filter(ours)
    made_of = degrees.select("event_date", "inputs_sha256").unique().collect()
    several = set(made_of.filter(pl.col("event_date").is_duplicated())["event_date"])
    held = {day: sha for day, sha in made_of.iter_rows() if day not in several}
    if not to_panel:
        return held
    minutes = snapshot.scan(PMF_MINUTE, cities=(city,), since=since, until=until).filter(pl.col("p_wx").is_not_null())
    shown: dict[date, set[str]] = {}
    for day, version in minutes.select("event_date", "mc_version").unique().collect().iter_rows():
        shown.setdefault(day, set()).add(version)
    # Of the default recipe both tables are written at once: without minutes there were none to be written.
    silent = {recipe.mc_version} if recipe.is_default else set()
    untraded = {day for day in held if Partition(city, day) not in inputs.files[MARKETS.name]}
    return {
        day: sha
        for day, sha in held.items()
        if shown.get(day, silent) == {recipe.mc_version} or (day in untraded and day not in shown)
    }
