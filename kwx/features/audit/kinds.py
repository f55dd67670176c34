"""What can be audited: sets of features, each with the rows that its models read, and the tables those are made of."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache, partial
from typing import Protocol

import polars as pl

from kwx.features.audit.mending import fusing, weights_serve
from kwx.features.book.aggression import Laws, fit_laws, laws_told
from kwx.features.book.microstructure import MICROSTRUCTURE, recorded_dates, with_microstructure
from kwx.features.feature import Feature, FeatureSet
from kwx.features.gate import EVERY_TYPE
from kwx.features.goodness import Goodness
from kwx.features.panel import KEYS, read_panel
from kwx.features.sets import FEATURE_SETS, feature_set, left_out
from kwx.features.tmax.day_so_far import DaySoFar
from kwx.features.tmax.inputs import TmaxInputs
from kwx.features.tmax.instants import market_clock, time_of_day
from kwx.features.tmax.official import Official
from kwx.features.tmax.outlook import Outlook
from kwx.features.tmax.sets import MARKET_CLOCK, TOD
from kwx.features.tmax.snapshots import snapshots_of
from kwx.features.tmax.surprise import Surprise
from warehouse.errors import Usage
from warehouse.lake.store import Snapshot

_PANEL = "minute_panel_full"
_MADE_BY = {
    "p_wx": "kwx hazard backfill",
    "hazard_next_5m": "kwx hazard backfill",
    "hazard_next_60m": "kwx hazard backfill",
}
_FUSED = "p_fused_norm"
_FILLED_BY = {
    "obs": "kwx ingest obs", "obs_5m": "kwx ingest obs", "forecasts": "kwx ingest forecasts",
    "markets": "kwx ingest markets", "settlements": "kwx ingest settlements",
}  # fmt: skip
_UNRECORDED = "no order book of these dates was recorded: kwx record"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a set is looked at: some event dates of a city, and a type of bracket.

    said: how commands that are named find the lake, ` --lake DIR` where it is not the usual one.
    """

    snapshot: Snapshot
    city: str
    dates: Sequence[date]
    bracket: str = EVERY_TYPE
    excluded: Collection[str] = ()
    said: str = ""


class Kind(Protocol):
    """A set of features, and the rows that models read it from."""

    @property
    def features(self) -> FeatureSet:
        """All of its features, whatever a city does without."""

    @property
    def every_minutes(self) -> int:
        """How far apart the rows are that models read."""

    def bracket_of(self, asked: str) -> str:
        """Return the type of bracket that is looked at when one is asked for."""

    def left_out(self, place: Place) -> dict[str, str]:
        """Return the features that a model does without there, each with the reason."""

    def rows(self, place: Place, *, every_minutes: int) -> pl.DataFrame:
        """Return the rows there in the order of date, with all that the features read."""

    def tables(self, feature: Feature) -> tuple[str, ...]:
        """Return the tables or the view that a feature is made of; none where only the clock is read."""

    def why_unknown(self, feature: Feature, place: Place) -> str:
        """Return what mends a feature that is never known there."""

    def why_constant(self, feature: Feature) -> str | None:
        """Return why a feature may be one number in a city, None where that is a fault."""

    def laws(self, place: Place) -> dict[str, Goodness | None]:
        """Return by column how well the laws that features are made by tell later dates; none without such laws."""


@dataclass(frozen=True, kw_only=True)
class OfPanel:
    """A set over the minutes of the panel: of the models of brackets, and of directions."""

    features: FeatureSet
    every_minutes: int = 5

    def bracket_of(self, asked: str) -> str:
        """Return the same: models are fitted for each type."""
        return asked

    def left_out(self, place: Place) -> dict[str, str]:
        """Return what the gate and open ends take."""
        return left_out(self.features.name, place.city, bracket=place.bracket, excluded=place.excluded)

    def rows(self, place: Place, *, every_minutes: int) -> pl.DataFrame:
        """Return minutes of the panel."""
        own = [name for name in self.features.sources if name not in KEYS]
        return _panel(place, every_minutes, columns=(*KEYS, *own))

    def tables(self, feature: Feature) -> tuple[str, ...]:
        """Return the view."""
        del feature
        return (_PANEL,)

    def why_unknown(self, feature: Feature, place: Place) -> str:
        """Return the run that makes it."""
        made_by = [one for source in feature.sources if (one := _made_by(source, place))]
        return f"make it with: {made_by[0]}" if made_by else "the panel has no value of it"

    def why_constant(self, feature: Feature) -> None:
        """Return nothing: what never changes tells no bracket from another."""
        del feature

    def laws(self, place: Place) -> dict[str, Goodness | None]:
        """Return none: no feature of it is made by a law."""
        del place
        return {}


@dataclass(frozen=True, kw_only=True)
class OfBooks:
    """Microstructure over the minutes of the panel, of recorded books and trades; laws are fitted to the same dates."""

    features: FeatureSet = MICROSTRUCTURE
    every_minutes: int = 5

    def bracket_of(self, asked: str) -> str:
        """Return the same."""
        return asked

    def left_out(self, place: Place) -> dict[str, str]:
        """Return all of it where no book was recorded: a model that wants it is refused there."""
        recorded = recorded_dates(place.snapshot, place.city, place.dates)
        return {} if recorded else dict.fromkeys(self.features.names, _UNRECORDED)

    def rows(self, place: Place, *, every_minutes: int) -> pl.DataFrame:
        """Return minutes of the panel with book and tape beside them; null where no book was recorded."""
        panel = _panel(place, every_minutes, columns=KEYS)
        recorded = recorded_dates(place.snapshot, place.city, place.dates)
        laws = fit_laws(place.snapshot, place.city, recorded) if recorded else Laws(buy=None, sell=None)
        # What is known of a feature is counted on every date; nothing is learnt from these rows.
        return with_microstructure(panel, place.snapshot, place.city, laws.in_hindsight())

    def tables(self, feature: Feature) -> tuple[str, ...]:
        """Return where it is from: intensities are of the tape alone, cancellations of both."""
        kinds = {name.partition("_")[0] for name in feature.sources}
        return ("trades",) if kinds == {"hawkes"} else ("books", "trades") if "cancelled" in kinds else ("books",)

    def why_unknown(self, feature: Feature, place: Place) -> str:
        """Return what is missing."""
        del place
        return "too few trades to fit a law" if self.tables(feature) == ("trades",) else "no book was ever whole"

    def why_constant(self, feature: Feature) -> None:
        """Return nothing."""
        del feature

    def laws(self, place: Place) -> dict[str, Goodness | None]:
        """Return how well the laws of the earlier recorded dates tell the trades of the later ones."""
        recorded = recorded_dates(place.snapshot, place.city, place.dates)
        return laws_told(place.snapshot, place.city, recorded) if recorded else {}


@dataclass(frozen=True, kw_only=True)
class OfSnapshots:
    """A set over the snapshots of days: of the models of the high, which speak of every bracket at once.

    It reads temperatures and forecasts of them, no dew point, humidity or wind, so the gate takes nothing from it.
    """

    features: FeatureSet
    every_minutes: int

    def bracket_of(self, asked: str) -> str:
        """Return all of them."""
        del asked
        return EVERY_TYPE

    def left_out(self, place: Place) -> dict[str, str]:
        """Return nothing."""
        del place
        return {}

    def rows(self, place: Place, *, every_minutes: int) -> pl.DataFrame:
        """Return the snapshots of the dates."""
        inputs = TmaxInputs.read(place.snapshot, place.city, since=place.dates[0], until=place.dates[-1])
        clock = time_of_day if self.features is TOD else market_clock
        found = snapshots_of(inputs, partial(clock, every_minutes=every_minutes))
        return found.filter(pl.col("event_date").is_in(list(place.dates)))

    def tables(self, feature: Feature) -> tuple[str, ...]:
        """Return the tables that the columns of a snapshot are made of."""
        return tuple(sorted({table for column in feature.sources for table in tables_of_column(column)}))

    def why_unknown(self, feature: Feature, place: Place) -> str:
        """Return what brings the tables."""
        fill = dict.fromkeys(f"{_FILLED_BY[table]}{_where(place)}" for table in self.tables(feature))
        return f"the lake has nothing of it: {', '.join(fill)}" if fill else "no snapshot has a value of it"

    def why_constant(self, feature: Feature) -> str | None:
        """Return why a mark of the city or of what is there may stay the same all the time."""
        if feature.sources == ("city",):
            return "says which city it is"
        return "a mark of what is there" if feature.sources[0] in _MARKS else None

    def laws(self, place: Place) -> dict[str, Goodness | None]:
        """Return none: no feature of it is made by a law."""
        del place
        return {}


_MARKS = frozenset({"is_observed", "is_official", "share_seen"})
"""Columns that say how whole the reports are: where they always are, that is no fault."""


@cache
def _of_columns() -> dict[str, tuple[str, ...]]:
    """Return the tables behind each column of a snapshot that is not the clock's alone."""
    so_far = {one.name: ("obs_5m",) for one in fields(DaySoFar)}
    official = {f"official_{one.name}": ("obs", "settlements") for one in fields(Official)}
    surprise = {f"surprise_{one.name}": ("forecasts", "obs_5m") for one in fields(Surprise)}
    outlook = {f"forecast_{one.name}": ("forecasts",) for one in fields(Outlook)}
    of_several = {
        "official_since_f": ("obs", "obs_5m", "settlements"),
        # The market's open is read where the lake has it; what was forecast then stands on both.
        "minutes_since_open": ("markets",), "forecast_since_open_f": ("forecasts", "markets"),
        "base_f": ("forecasts", "obs_5m"), "is_observed": ("forecasts", "obs_5m"),
    }  # fmt: skip
    return so_far | official | surprise | outlook | of_several


def tables_of_column(column: str) -> tuple[str, ...]:
    """Return the tables behind a column of a snapshot; none where the clock or the city says it."""
    return _of_columns().get(column, ())


def _where(place: Place) -> str:
    return f" --city {place.city}{place.said}"


def _made_by(source: str, place: Place) -> str:
    """Return the command that makes a column of the panel; empty where none does."""
    if source == _FUSED:
        weighed = weights_serve(place.snapshot, place.city, place.dates)
        return fusing(weighed=weighed, city=place.city, said=place.said)
    return f"{_MADE_BY[source]}{_where(place)}" if source in _MADE_BY else ""


def _panel(place: Place, every_minutes: int, *, columns: Sequence[str]) -> pl.DataFrame:
    return read_panel(
        place.snapshot, place.city, since=place.dates[0], until=place.dates[-1], every_minutes=every_minutes,
        strike_types=() if place.bracket == EVERY_TYPE else (place.bracket,), columns=columns,
    )  # fmt: skip


_SNAPSHOTS = {one.features.name: one for one in (
    OfSnapshots(features=MARKET_CLOCK, every_minutes=5), OfSnapshots(features=TOD, every_minutes=15),
)}  # fmt: skip
NAMES = (*FEATURE_SETS, *_SNAPSHOTS, MICROSTRUCTURE.name)
"""The sets that can be audited."""


def kind_of(name: str) -> Kind:
    """Return what is audited under a name; an unknown name gets the nearest one as a hint."""
    if name in _SNAPSHOTS:
        return _SNAPSHOTS[name]
    if name == MICROSTRUCTURE.name:
        return OfBooks()
    if name not in FEATURE_SETS:
        near = difflib.get_close_matches(name, NAMES, n=1)
        known = f"feature sets: {' '.join(NAMES)}"
        raise Usage(f"there is no feature set {name!r}", hint=f"did you mean {near[0]!r}? {known}" if near else known)
    return OfPanel(features=feature_set(name))
