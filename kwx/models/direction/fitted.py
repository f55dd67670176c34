"""A fitted direction model: the probability that the next move is up, from features of one row, kept as numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import polars as pl
from scipy.special import expit

from kwx.models.contract import Fitted, Floats
from kwx.models.direction.recipe import FAMILY, HORIZON_MINUTES, KINDS, LOGISTIC, TREES
from kwx.models.held import HeldOut
from warehouse.errors import Refused

NUMBERS, TREE_TEXT = "direction.json", "trees.txt"
_HINT = "train the window again"


@dataclass(frozen=True, kw_only=True)
class About:
    """What both kinds keep beside their numbers.

    prior: the share of ups in the rows that were fitted. hawkes: the laws of buys and sells (see features.book) by
    which hawkes_* must be made, None where the features have none of them. held: how it did on dates later than those
    that chose it; None of a fit that kept none for it, which is judged by those that chose it.
    """

    features: tuple[str, ...]
    horizon_minutes: int
    epsilon: float
    prior: float
    validation_log_loss: float
    validation_prior_log_loss: float
    hawkes: dict[str, Any] | None = None
    held: HeldOut | None = None

    @property
    def objection(self) -> str | None:
        """Say why the model says nothing, as far as these numbers tell."""
        if self.prior in {0.0, 1.0}:
            return "a single class was fitted"
        if self.held is not None:
            return self.held.objection
        if self.validation_log_loss >= self.validation_prior_log_loss:
            return (
                f"log loss {self.validation_log_loss:.6f} on the validation dates, no better than"
                f" {self.validation_prior_log_loss:.6f} of the class prior"
            )
        return None

    def document(self) -> dict[str, Any]:
        """Return these as JSON has them."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        held = None if self.held is None else vars(self.held)
        return said | {"features": list(self.features), "held": held, "family": FAMILY}


class DirectionModel(Fitted, Protocol):
    """A fitted model of either kind."""

    @property
    def about(self) -> About:
        """What both kinds keep beside their numbers."""


@dataclass(frozen=True, kw_only=True)
class LogisticDirection:
    """A weighted sum of scaled features; what is not known counts as the mean of the fit."""

    about: About
    center: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    family: str = field(default=FAMILY, init=False)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that are read."""
        return self.about.features

    def predict(self, rows: pl.DataFrame) -> Floats:
        """Return the probability of a move up [N]."""
        total = np.full(rows.height, self.intercept)
        # A product of matrices rounds by how many rows there are; a sum feature by feature does not.
        for place, column in enumerate(matrix_of(rows, self.features).T):
            scaled = (column - self.center[place]) / self.scale[place]
            total += self.weights[place] * np.where(np.isfinite(scaled), scaled, 0.0)
        p: Floats = expit(total)
        return p

    def coefficients(self) -> Mapping[str, float]:
        """Return the weight of each feature that has one."""
        return {name: weight for name, weight in zip(self.features, self.weights, strict=True) if weight}

    def files(self) -> dict[str, bytes]:
        """Return the numbers as JSON."""
        numbers = {
            "kind": LOGISTIC, "center": self.center, "scale": self.scale, "weights": self.weights,
            "intercept": self.intercept,
        }  # fmt: skip
        return {NUMBERS: _json(self.about.document() | numbers)}

    def degenerate(self) -> str | None:
        """Say why the model says nothing, or None."""
        return "no feature has a weight" if not any(self.weights) else self.about.objection


@dataclass(frozen=True, kw_only=True)
class TreeDirection:
    """Boosted trees as LightGBM writes them; what is not known takes its own branch."""

    about: About
    text: str
    family: str = field(default=FAMILY, init=False)

    @cached_property
    def _booster(self) -> Any:
        import lightgbm

        try:
            booster = lightgbm.Booster(model_str=self.text)
        except lightgbm.basic.LightGBMError as error:
            raise Refused(f"{TREE_TEXT} holds no trees: {error}", hint=_HINT) from error
        if tuple(booster.feature_name()) != self.about.features:
            raise Refused(f"{TREE_TEXT} is of other features than {NUMBERS}", hint=_HINT)
        return booster

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that are read."""
        return self.about.features

    def predict(self, rows: pl.DataFrame) -> Floats:
        """Return the probability of a move up [N]."""
        if not rows.height:
            return np.empty(0)
        p: Floats = np.asarray(self._booster.predict(matrix_of(rows, self.features), num_threads=1), dtype=np.float64)
        return p

    def files(self) -> dict[str, bytes]:
        """Return the trees as text, and what is said of them as JSON."""
        return {NUMBERS: _json(self.about.document() | {"kind": TREES}), TREE_TEXT: self.text.encode()}

    def degenerate(self) -> str | None:
        """Say why the model says nothing, or None."""
        splits = int(np.sum(self._booster.feature_importance("split")))
        return "no tree has a split" if not splits else self.about.objection

    def checked(self) -> TreeDirection:
        """Return itself; refuse text that holds no trees of its features."""
        _ = self._booster
        return self


@dataclass(frozen=True, kw_only=True)
class DirectionFamily:
    """How direction models are read back."""

    name: str = FAMILY

    def load(self, files: Mapping[str, bytes]) -> DirectionModel:
        """Read a model back; refuse files that are not of this family."""
        document = _document(files)
        kind = document.get("kind")
        wanted = {NUMBERS} if kind == LOGISTIC else {NUMBERS, TREE_TEXT}
        if document.get("family") != FAMILY or kind not in KINDS or set(files) != wanted:
            raise Refused(
                f"{', '.join(sorted(files))} of {document.get('family')} {kind} is no {FAMILY} model", hint=_HINT
            )
        about = _about(document)
        if kind == TREES:
            return TreeDirection(about=about, text=_text(files[TREE_TEXT])).checked()
        count = len(about.features)
        scale = _numbers(document, "scale", count=count)
        if min(scale, default=1.0) <= 0:
            raise Refused(f"{NUMBERS} scales by {min(scale):g}", hint=_HINT)
        return LogisticDirection(
            about=about, scale=scale, center=_numbers(document, "center", count=count),
            weights=_numbers(document, "weights", count=count), intercept=_number(document, "intercept"),
        )  # fmt: skip


DIRECTION = DirectionFamily()


def matrix_of(rows: pl.DataFrame, features: tuple[str, ...]) -> Floats:
    """Return the features as numbers [rows, features], NaN where one is not known."""
    missing = [name for name in features if name not in rows.columns]
    if missing:
        raise Refused(
            f"the rows lack the features {', '.join(missing)}", hint="build them with the feature set of the model"
        )
    return rows.select(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in features).to_numpy()


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Refused(f"{TREE_TEXT} is no text", hint=_HINT) from error


def _document(files: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        document = json.loads(files[NUMBERS])
    except KeyError as error:
        raise Refused(f"a {FAMILY} model has a file {NUMBERS}", hint=_HINT) from error
    except ValueError as error:
        raise Refused(f"{NUMBERS} is not JSON: {error}", hint=_HINT) from error
    if not isinstance(document, dict):
        raise Refused(f"{NUMBERS} holds no {FAMILY} model", hint=_HINT)
    return document


def _about(document: Mapping[str, Any]) -> About:
    names, hawkes = document.get("features"), document.get("hawkes")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise Refused(f"{NUMBERS} names no features", hint=_HINT)
    if document.get("horizon_minutes") not in HORIZON_MINUTES or not (hawkes is None or isinstance(hawkes, dict)):
        raise Refused(f"{NUMBERS} says {document.get('horizon_minutes')!r} minutes", hint=_HINT)
    told = ("epsilon", "prior", "validation_log_loss", "validation_prior_log_loss")
    return About(
        features=tuple(names), horizon_minutes=int(document["horizon_minutes"]), hawkes=hawkes, held=_held(document),
        **{name: _number(document, name) for name in told},
    )  # fmt: skip


def _held(document: Mapping[str, Any]) -> HeldOut | None:
    said = document.get("held")
    if said is None:
        return None
    names = [one.name for one in fields(HeldOut)]
    if not isinstance(said, dict) or set(said) != set(names):
        raise Refused(f"{NUMBERS}: held is {said!r}, not {', '.join(names)}", hint=_HINT)
    told = {name: _number(said, name) for name in names}
    return HeldOut(**told | {name: int(told[name]) for name in ("dates", "rows")})  # type: ignore[arg-type]


def _number(document: Mapping[str, Any], name: str) -> float:
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(f"{NUMBERS}: {name} is {value!r}, no number", hint=_HINT)
    return float(value)


def _numbers(document: Mapping[str, Any], name: str, *, count: int) -> tuple[float, ...]:
    values = document.get(name)
    if not isinstance(values, list) or len(values) != count:
        raise Refused(f"{NUMBERS}: {name} is no list of {count} numbers", hint=_HINT)
    return tuple(_number({name: value}, name) for value in values)
