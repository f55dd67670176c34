"""A fitted model of the high: a function of single snapshots, as text and numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kwx.features.feature import FeatureSet
from kwx.models.held import HeldOut
from kwx.models.tmax.centre import READ, STOPS, Centre, Drawn
from kwx.models.tmax.classes import CLASSES, ERROR_REACH_F, HIGHEST, LOWEST, ErrorLaw, Floats
from kwx.models.tmax.degrees import Degrees, degrees_of
from kwx.models.tmax.ordinal import Ordinal, Prior, Rows, question_names
from warehouse.errors import Refused

NUMBERS, TREES = "tmax.json", "trees.txt"
_FORMAT = 2
_BESIDE = ("is_eve", *READ)
"""The columns of a snapshot that say which degrees the classes are, and where the trees start."""
_ERRORS = 2 * ERROR_REACH_F + 1


@dataclass(frozen=True, kw_only=True)
class Held(HeldOut):
    """How the trees did on held-out dates that neither grew them nor chose their number.

    spread: the widest range of any class's chance over the rows.
    """

    spread: float


@dataclass(frozen=True, kw_only=True, eq=False)
class TmaxModel:
    """A model of the high of one city, or of all."""

    set: FeatureSet
    centre: Centre
    ordinal: Ordinal
    law: ErrorLaw
    held: Held
    classes_seen: int

    @property
    def family(self) -> str:
        """The kind of model: market_clock or tod."""
        return self.set.name

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of a snapshot that `predict` and `degrees` read."""
        return tuple(dict.fromkeys((*self.set.sources, *_BESIDE)))

    def predict(self, rows: pl.DataFrame) -> Floats:
        """Return [N, 13] the chance that each snapshot's day settles −2 or less, −1, … +10 or more above its base."""
        return self.predict_seen(Seen.of(rows, self.set))

    def predict_seen(self, seen: Seen) -> Floats:
        """Return the same of snapshots that are laid out already."""
        return self.ordinal.predict(seen.asked(self.set, self.centre))

    def degrees(self, rows: pl.DataFrame) -> Degrees:
        """Return the chance of every whole degree."""
        return degrees_of(self.predict(rows), rows, self.law)

    def prior_degrees(self, rows: pl.DataFrame) -> Degrees:
        """Return the same of the class prior, without a tree."""
        return degrees_of(self.ordinal.prior.predict(rows_of(self.set, self.centre, rows)), rows, self.law)

    def files(self) -> dict[str, bytes]:
        """Return the trees as LightGBM's text and all else as JSON."""
        numbers = {
            "format": _FORMAT,
            "family": self.family,
            "classes": [LOWEST, HIGHEST],
            "features": list(self.set.names),
            "centre": self.centre.document(),
            "prior": self.ordinal.prior.stop.tolist(),
            "errors": self.law.p.tolist(),
            "held": asdict(self.held),
            "classes_seen": self.classes_seen,
        }
        said = json.dumps(numbers, indent=1, sort_keys=True, allow_nan=False) + "\n"
        return {NUMBERS: said.encode(), TREES: self.ordinal.text.encode()}

    def degenerate(self) -> str | None:
        """Say why the model says nothing, or None."""
        held = self.held
        if self.classes_seen < 2:
            return "every day that it was fitted on is of a single class"
        if held.spread <= 1e-6:
            return "it says the same of every held-out row"
        return held.objection


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """Snapshots laid out once for all models that are asked of them: [N, F] their features by set, and their lines."""

    x: Mapping[str, Floats]
    drawn: Drawn
    is_observed: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: pl.DataFrame, *sets: FeatureSet) -> Seen:
        """Lay out snapshots for models of some sets of features."""
        for features in sets:
            _require_columns(features, rows)
        return cls(
            x={features.name: features.matrix(rows) for features in sets},
            drawn=Drawn.of(rows),
            is_observed=rows["is_observed"].to_numpy(),
        )

    def where(self, some: NDArray[np.bool_]) -> Seen:
        """Return some of them."""
        return Seen(
            x={name: values[some] for name, values in self.x.items()},
            drawn=self.drawn.where(some),
            is_observed=self.is_observed[some],
        )

    def asked(self, features: FeatureSet, centre: Centre, weight: Floats | None = None) -> Rows:
        """Return them as the trees of a model see them; each counts as much as the next where no weight is said."""
        return Rows(
            x=self.x[features.name], first=self.drawn.first, is_observed=self.is_observed,
            start=centre.start(self.drawn), weight=np.ones(len(self.is_observed)) if weight is None else weight,
        )  # fmt: skip


def rows_of(features: FeatureSet, centre: Centre, rows: pl.DataFrame, weight: Floats | None = None) -> Rows:
    """Return snapshots as the trees of a model see them."""
    return Seen.of(rows, features).asked(features, centre, weight)


def _require_columns(features: FeatureSet, rows: pl.DataFrame) -> None:
    missing = [name for name in (*features.sources, *_BESIDE) if name not in rows.columns]
    if missing:
        raise Refused(
            f"model {features.name}: the rows lack {', '.join(dict.fromkeys(missing))}",
            hint="hand over snapshots of kwx.features.tmax: read_snapshots brings every column",
        )


@dataclass(frozen=True, kw_only=True)
class TmaxFamily:
    """How a model of the high is read back."""

    set: FeatureSet

    @property
    def name(self) -> str:
        """The word that the family is known by."""
        return self.set.name

    def load(self, files: Mapping[str, bytes]) -> TmaxModel:
        """Read a model back; refuse files that are not of this family, or not whole."""
        try:
            numbers = json.loads(files[NUMBERS])
            text = files[TREES].decode()
            said = tuple(numbers[name] for name in ("format", "family", "classes", "features"))
            centre = Centre.of_document(numbers["centre"])
            law, prior = np.array(numbers["errors"], dtype=float), np.array(numbers["prior"], dtype=float)
            held, seen = Held(**numbers["held"]), int(numbers["classes_seen"])
        except (KeyError, TypeError, ValueError) as error:
            raise _refused(self.name, f"its files cannot be read ({error!r})") from error
        expected = (_FORMAT, self.name, [LOWEST, HIGHEST], list(self.set.names))
        if said != expected:
            names = ("format", "family", "classes", "features")
            wrong = [name for name, ours, theirs in zip(names, expected, said, strict=True) if ours != theirs]
            raise _refused(self.name, f"another {' and '.join(wrong)} than this version's")
        _require_chances(self.name, prior, law)
        ordinal = Ordinal(prior=Prior(stop=prior), names=self.set.names, text=text)
        _require_trees(self.name, ordinal)
        return TmaxModel(
            set=self.set, centre=centre, ordinal=ordinal, law=ErrorLaw(p=law), held=held, classes_seen=seen
        )  # fmt: skip


def _require_chances(family: str, prior: Floats, law: Floats) -> None:
    stops = prior.shape == (2, STOPS) and bool(((prior > 0) & (prior < 1)).all())
    errors = law.shape == (2, _ERRORS) and bool((law > 0).all()) and bool(np.allclose(law.sum(axis=1), 1, atol=1e-9))
    if not (stops and errors):
        raise _refused(family, "its prior or its law of errors is no table of chances")


def _require_trees(family: str, ordinal: Ordinal) -> None:
    from lightgbm.basic import LightGBMError

    try:
        names = ordinal.booster.feature_name()
    except (LightGBMError, ValueError) as error:
        raise _refused(family, f"its trees are not LightGBM's text ({error})") from error
    if names != question_names(ordinal.names):
        raise _refused(family, "its trees ask for other columns")


def _refused(family: str, why: str) -> Refused:
    return Refused(f"this is no {family} model of {CLASSES} classes: {why}", hint="train the window again: kwx train")
