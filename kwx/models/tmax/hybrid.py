"""`hybrid`: on the day before the market-clock model; on the day the city's tod model where it says something.

Which one spoke of a row, and why, is told with every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from kwx.features.tmax.instants import TOD_MINUTES
from kwx.models.tmax import market_clock, tod
from kwx.models.tmax.classes import CLASSES, Floats
from kwx.models.tmax.degrees import Degrees, degrees_of
from kwx.models.tmax.fitted import Seen, TmaxModel
from warehouse.errors import Refused
from warehouse.market.cities import CITIES

NAME = "hybrid"
_CLOCK_FOLDER, _TOD_FOLDER = "market_clock", "tod"


@dataclass(frozen=True, kw_only=True, eq=False)
class Hybrid:
    """A market-clock model of every city, and tod models of some."""

    market_clock: TmaxModel
    tods: Mapping[str, TmaxModel]

    @property
    def family(self) -> str:
        """The kind of model."""
        return NAME

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of a snapshot that either model, or the choice between them, reads."""
        read = (*self.market_clock.features, *(name for one in self.tods.values() for name in one.features))
        return tuple(dict.fromkeys((*read, "city", "is_eve", "civil_minute")))

    @cached_property
    def silent(self) -> dict[str, str]:
        """By city why its tod model says nothing, of those that are there."""
        said = ((city, model.degenerate()) for city, model in sorted(self.tods.items()))
        return {city: why for city, why in said if why is not None}

    def choices(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return for each row the model that speaks of it, and why."""
        first, last = TOD_MINUTES
        minute = pl.col("civil_minute")
        sound = [city for city in sorted(self.tods) if city not in self.silent]
        silent = pl.col("city").replace_strict(self.silent, default=None, return_dtype=pl.String)
        why = (
            pl.when("is_eve").then(pl.lit("the day before"))
            .when(minute < first).then(pl.lit("before 10:00 of the event day"))
            .when(minute > last).then(pl.lit("after 23:45 of the event day"))
            .when(pl.col("city").is_in(sound)).then(pl.lit("event day"))
            .when(silent.is_not_null()).then(pl.lit("the city's tod model is degenerate: ") + silent)
            .otherwise(pl.lit("the city has no tod model"))
        )  # fmt: skip
        chosen = pl.when(pl.col("why") == "event day").then(pl.lit(tod.FAMILY.name))
        other = pl.lit(market_clock.FAMILY.name)
        return rows.select(why.alias("why")).select(chosen.otherwise(other).alias("chosen"), "why")

    def predict(self, rows: pl.DataFrame) -> Floats:
        """Return [N, 13] what the chosen model says of each row."""
        p = np.zeros((rows.height, CLASSES))
        for model, ours, seen in self._seen(rows):
            p[ours] = model.predict_seen(seen)
        return p

    def degrees(self, rows: pl.DataFrame) -> Degrees:
        """Return the chance of every whole degree, as the chosen model spreads it."""
        said = [
            (ours, degrees_of(model.predict_seen(seen), rows.filter(ours), model.law))
            for model, ours, seen in self._seen(rows)
        ]
        return self._joined(rows, said)

    def prior_degrees(self, rows: pl.DataFrame) -> Degrees:
        """Return the same of the chosen model's class prior."""
        said = [(ours, model.prior_degrees(rows.filter(ours))) for model, ours in self._shares(rows)]
        return self._joined(rows, said)

    def _seen(self, rows: pl.DataFrame) -> Iterator[tuple[TmaxModel, np.ndarray, Seen]]:
        """Yield each model that speaks, of which rows, and these laid out: once for all models."""
        shares = self._shares(rows)
        sets = {model.set.name: model.set for model, _ in shares}
        seen = Seen.of(rows, *sets.values())
        for model, ours in shares:
            yield model, ours, seen.where(ours)

    def _shares(self, rows: pl.DataFrame) -> list[tuple[TmaxModel, np.ndarray]]:
        is_tod = (self.choices(rows)["chosen"] == tod.FAMILY.name).to_numpy()
        city = rows["city"].to_numpy()
        shares = [(self.market_clock, ~is_tod), *((one, is_tod & (city == key)) for key, one in self.tods.items())]
        return [(model, ours) for model, ours in shares if ours.any()]

    def _joined(self, rows: pl.DataFrame, parts: list[tuple[np.ndarray, Degrees]]) -> Degrees:
        first_f = min((part.first_f for _, part in parts), default=0)
        last_f = max((part.first_f + part.p.shape[1] for _, part in parts), default=1)
        p = np.zeros((rows.height, last_f - first_f))
        for ours, part in parts:
            place = part.first_f - first_f
            p[np.flatnonzero(ours)[:, None], np.arange(place, place + part.p.shape[1])] = part.p
        return Degrees(first_f=first_f, p=p)

    def files(self) -> dict[str, bytes]:
        """Return the files of every model, each in its folder."""
        folders = {_CLOCK_FOLDER: self.market_clock} | {f"{_TOD_FOLDER}/{city}": one for city, one in self.tods.items()}
        return {
            f"{folder}/{name}": said for folder, model in folders.items() for name, said in model.files().items()
        }  # fmt: skip

    def degenerate(self) -> str | None:
        """Say why the market-clock model says nothing: it is what the others fall back to."""
        return self.market_clock.degenerate()


@dataclass(frozen=True, kw_only=True)
class HybridFamily:
    """How a hybrid is read back."""

    name: str = NAME

    def load(self, files: Mapping[str, bytes]) -> Hybrid:
        """Read the models back; refuse files of other cities or families."""
        folders: dict[str, dict[str, bytes]] = {}
        for path, said in files.items():
            folder, _, name = path.rpartition("/")
            folders.setdefault(folder, {})[name] = said
        cities = {folder: folder.removeprefix(f"{_TOD_FOLDER}/") for folder in folders if folder != _CLOCK_FOLDER}
        strange = [folder for folder, city in cities.items() if city == folder or city not in CITIES]
        if strange or _CLOCK_FOLDER not in folders:
            raise Refused(
                f"this is no hybrid: {', '.join(strange) or 'it has no market-clock model'}",
                hint="make it of a market-clock model and tod models of single cities",
            )
        return Hybrid(
            market_clock=market_clock.FAMILY.load(folders[_CLOCK_FOLDER]),
            tods={city: tod.FAMILY.load(folders[folder]) for folder, city in sorted(cities.items())},
        )


FAMILY = HybridFamily()
