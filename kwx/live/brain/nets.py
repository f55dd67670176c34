"""Elastic nets of many markets at once: each row under its own weights, added in the order in which one net adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import expit

from kwx.features.feature import FeatureSet
from kwx.features.sets import FEATURE_SETS
from kwx.models.contract import Floats
from kwx.models.elasticnet.fitted import FittedElasticnet
from kwx.models.scaling import FARTHEST_SD

_KNOWN = {feature.name: feature for one in FEATURE_SETS.values() for feature in one.features}


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """Some models that read one panel, and what each of its rows is to be asked of."""

    features: FeatureSet
    weights: Floats
    mean: Floats
    sd: Floats
    intercept: Floats

    @classmethod
    def of(cls, models: Sequence[FittedElasticnet]) -> Bench | None:
        """Seat models whose features are in one order; None where they are not."""
        names = tuple(dict.fromkeys(name for model in sorted(models, key=_breadth) for name in model.features))
        at = {name: place for place, name in enumerate(names)}
        places = [[at[name] for name in model.features] for model in models]
        if any(sorted(ours) != ours for ours in places) or not set(names) <= _KNOWN.keys():
            return None
        weights, mean, sd = (np.zeros((len(models), len(names))) for _ in range(3))
        for row, (model, ours) in enumerate(zip(models, places, strict=True)):
            weights[row, ours] = model.weights
            mean[row, ours], sd[row, ours] = model.scaling.mean, model.scaling.sd
        return cls(
            features=FeatureSet(name="live", features=tuple(_KNOWN[name] for name in names)),
            weights=weights, mean=mean, sd=sd, intercept=np.array([model.intercept for model in models]),
        )  # fmt: skip

    def predict(self, panel: pl.DataFrame, model: np.ndarray) -> Floats:
        """Return what each row's model says of it, the same to the bit as when it is asked alone."""
        values = self.features.matrix(panel)
        margin = self.intercept[model]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            scaled = (values - self.mean[model]) / self.sd[model]
        there = np.isfinite(values) & (self.sd[model] != 0)
        terms = self.weights[model] * np.clip(np.where(there, scaled, 0.0), -FARTHEST_SD, FARTHEST_SD)
        for term in terms.T:
            margin = margin + term
        p: Floats = expit(margin)
        return p


def _breadth(model: FittedElasticnet) -> int:
    return -len(model.features)
