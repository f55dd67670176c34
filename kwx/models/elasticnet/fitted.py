"""An elastic net as numbers: what it reads, how that is scaled, and what each feature weighs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from kwx.models.scaling import Scaling
from warehouse.errors import Refused

Floats = NDArray[np.float64]

NAME = "elasticnet"
FILE = "elasticnet.json"
_LISTS = ("features", "mean", "sd", "weights")
_NUMBERS = ("intercept", "yes_share")
_LOSSES = ("held_log_loss", "prior_log_loss")
_LEAST_WEIGHT = 1e-6
"""Weights that add up to less move no probability by a millionth."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedElasticnet:
    """A fitted elastic net.

    weights are of scaled features; yes_share is how many of its rows settled yes. held_log_loss and prior_log_loss are
    its own and that of yes_share on later training dates, each date counting once; None where none was kept for it.
    """

    feature_set: str
    features: tuple[str, ...]
    scaling: Scaling
    weights: Floats
    intercept: float
    yes_share: float
    held_log_loss: float | None = None
    prior_log_loss: float | None = None

    @property
    def family(self) -> str:
        """The kind of model."""
        return NAME

    @property
    def nonzero(self) -> int:
        """How many features weigh anything."""
        return int(np.count_nonzero(self.weights))

    def predict(self, rows: pl.DataFrame) -> Floats:
        """Return the probability of yes for each row of features; a feature that is missing counts as its mean.

        Features are added one after the other, so that a row's sum is the same to the bit whatever rows lie around it.
        """
        missing = [name for name in self.features if name not in rows.columns]
        if missing:
            raise Refused(
                f"the model reads {', '.join(missing)}, which the rows lack",
                hint=f"build them with the feature set {self.feature_set}",
            )
        margin = np.full(rows.height, self.intercept)
        for at in np.flatnonzero(self.weights):
            values = rows[self.features[at]].cast(pl.Float64).fill_null(float("nan")).to_numpy()
            margin += self.weights[at] * self.scaling.column(values, int(at))
        p: Floats = expit(margin)
        return p

    def coefficients(self) -> dict[str, float]:
        """Return those that are not zero, per standard deviation of their feature."""
        return {name: float(one) for name, one in zip(self.features, self.weights, strict=True) if one}

    def files(self) -> dict[str, bytes]:
        """Return the model as JSON; numbers are written so that they are read back to the bit."""
        document = {
            "family": NAME,
            "feature_set": self.feature_set,
            "features": list(self.features),
            "mean": self.scaling.mean.tolist(),
            "sd": self.scaling.sd.tolist(),
            "weights": self.weights.tolist(),
            "intercept": self.intercept,
            "yes_share": self.yes_share,
            "held_log_loss": self.held_log_loss,
            "prior_log_loss": self.prior_log_loss,
        }
        return {FILE: (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()}

    def degenerate(self) -> str | None:
        """Say why the model says the same of every row, or None."""
        if self.yes_share in (0.0, 1.0):
            return f"single class: {self.yes_share:.0%} of its rows settled yes"
        if not self.nonzero:
            return f"no coefficient of {len(self.features)} is other than zero: it says {expit(self.intercept):.4f}"
        if float(np.abs(self.weights[self.scaling.sd > 0]).sum()) < _LEAST_WEIGHT:
            return f"constant: its weights add up to less than {_LEAST_WEIGHT:g}; it says {expit(self.intercept):.4f}"
        ours, prior = self.held_log_loss, self.prior_log_loss
        if ours is not None and prior is not None and ours >= prior:
            return f"no better than its share of yes on later dates: log loss {ours:.4f}, the share's {prior:.4f}"
        return None


@dataclass(frozen=True, kw_only=True)
class ElasticnetFamily:
    """How elastic nets are read back."""

    name: str = NAME

    def load(self, files: Mapping[str, bytes]) -> FittedElasticnet:
        """Read a model back; refuse what is not one."""
        document = _document(files)
        numbers = {name: np.array(document[name], dtype=np.float64) for name in _LISTS[1:]}
        return FittedElasticnet(
            feature_set=document["feature_set"],
            features=tuple(document["features"]),
            scaling=Scaling(mean=numbers["mean"], sd=numbers["sd"]),
            weights=numbers["weights"],
            intercept=float(document["intercept"]),
            yes_share=float(document["yes_share"]),
            held_log_loss=document["held_log_loss"],
            prior_log_loss=document["prior_log_loss"],
        )


ELASTICNET = ElasticnetFamily()


def _document(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the numbers of a model's file, once they are those of an elastic net."""
    if FILE not in files:
        raise _foreign(f"it has the files {', '.join(sorted(files)) or '(none)'}, and {FILE} is not among them")
    try:
        document = json.loads(files[FILE])
    except ValueError as error:
        raise _foreign(f"{FILE} is no JSON: {error}") from error
    if not isinstance(document, dict) or document.get("family") != NAME:
        raise _foreign(f"{FILE} is not of the family {NAME}")
    if set(document) != {"family", "feature_set", *_LISTS, *_NUMBERS, *_LOSSES}:
        raise _foreign(f"{FILE} has the keys {', '.join(sorted(document))}")
    lists = [document[name] for name in _LISTS]
    if not all(isinstance(one, list) and len(one) == len(lists[0]) for one in lists):
        raise _foreign(f"{FILE} has lists of different lengths")
    if not all(isinstance(name, str) for name in (document["feature_set"], *lists[0])):
        raise _foreign(f"{FILE} has names that are no text")
    values = [*(value for one in lists[1:] for value in one), *(document[name] for name in _NUMBERS)]
    values += [document[name] for name in _LOSSES if document[name] is not None]
    if not all(type(value) in (int, float) and np.isfinite(value) for value in values):
        raise _foreign(f"{FILE} holds what is no finite number")
    if min(document["sd"], default=0.0) < 0 or not 0 <= document["yes_share"] <= 1:
        raise _foreign(f"{FILE} holds a standard deviation below 0, or a share outside 0 … 1")
    return document


def _foreign(why: str) -> Refused:
    return Refused(f"this is no elastic net: {why}", hint="train the window again; a model's files are never mended")
