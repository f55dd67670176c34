"""A small real family: a logistic regression of the mid's log-odds, fitted by Newton's steps to a made-up market.

Modules of tests take it from here by path; what is a fixture becomes one of theirs by its name.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from kwx.models.artifact import PREDICTED, Artifact
from kwx.models.calibration import fit_calibrator
from kwx.models.registry import families
from kwx.models.registry.store import store
from kwx.models.windows import Window, walk
from warehouse.errors import FileBroken

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FEATURES = ("mid_logit", "hour")


@dataclass(frozen=True, kw_only=True)
class TinyFitted:
    """Weights of the features, the last of them of the constant."""

    weights: tuple[float, ...]
    family: str = "tiny"
    features: tuple[str, ...] = FEATURES

    def predict(self, rows):
        """Return the probability of each row."""
        x = np.column_stack([rows.select(self.features).to_numpy(), np.ones(rows.height)])
        return expit(x @ np.array(self.weights))

    def coefficients(self) -> Mapping[str, float]:
        """Return the weights that are not zero."""
        return {name: weight for name, weight in zip(self.features, self.weights, strict=False) if weight}

    def files(self):
        """Return names and weights as JSON."""
        return {"model.json": json.dumps({"features": self.features, "weights": self.weights}).encode()}

    def degenerate(self):
        """Say so where no feature counts."""
        return None if any(self.weights[:-1]) else "every coefficient is zero"


@dataclass(frozen=True, kw_only=True)
class Nested(TinyFitted):
    """The same, in a folder of its own."""

    def files(self):
        """Return the same a folder deeper."""
        return {f"parts/one/{name}": said for name, said in super().files().items()}


@dataclass(frozen=True, kw_only=True)
class TinyFamily:
    """Reads it back."""

    name: str = "tiny"

    def load(self, files):
        """Read it back."""
        ((name, content),) = files.items()
        said = json.loads(content)
        if set(said) != {"features", "weights"}:
            raise FileBroken("model.json is not of the family tiny")
        kind = Nested if "/" in name else TinyFitted
        return kind(features=tuple(said["features"]), weights=tuple(said["weights"]))


TINY = TinyFamily()


def market_rows(city: str, dates, *, seed: int = 0, noise: float = 0.8) -> pl.DataFrame:
    """Return rows of a market whose mid is the true probability, blurred: the more the noise the worse it is."""
    rng = np.random.default_rng([seed, len(city)])
    frames = []
    for event_date in dates:
        truth = rng.normal(-1.5, 1.5, size=48)
        frames.append(
            pl.DataFrame(
                {
                    "city": [city] * 48,
                    "event_date": [event_date] * 48,
                    "market_ticker": [f"{city}-{event_date:%y%m%d}-{number % 6}" for number in range(48)],
                    "ts_utc": [
                        datetime(event_date.year, event_date.month, event_date.day, 12, tzinfo=UTC)
                        + timedelta(minutes=5 * number)
                        for number in range(48)
                    ],
                    "mid_logit": 1.6 * truth + rng.normal(0, noise, size=48),
                    "hour": np.arange(48) / 12.0,
                    "outcome": rng.random(48) < expit(truth),
                }
            )
        )
    return pl.concat(frames).with_columns(pl.col("ts_utc").dt.cast_time_unit("us"))


def fit_tiny(rows: pl.DataFrame) -> TinyFitted:
    """Return the regression of the outcomes, a little drawn to zero."""
    x = np.column_stack([rows.select(FEATURES).to_numpy(), np.ones(rows.height)])
    y, weights = rows["outcome"].to_numpy().astype(float), np.zeros(3)
    for _ in range(12):
        p = expit(x @ weights)
        gradient = x.T @ (p - y) + 1e-3 * weights
        weights = weights - np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) + 1e-3 * np.eye(3), gradient)
    return TinyFitted(weights=tuple(float(weight) for weight in weights))


def log_loss_of(p, y) -> float:
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return float(-np.where(y, np.log(p), np.log1p(-p)).mean())


def fit_window(city: str, bracket: str, window: Window, *, seed: int = 42, **changes) -> Artifact:
    """Fit a window of the made-up market of a city, and predict its test dates."""
    return replace(_fitted(city, bracket, window, seed), **changes)


@cache
def _fitted(city: str, bracket: str, window: Window, seed: int) -> Artifact:
    rows = market_rows(city, event_range(window.train_since, window.test_until), seed=seed)
    train = rows.filter(pl.col("event_date").is_between(window.train_since, window.train_until))
    test = rows.filter(pl.col("event_date") >= window.test_since)
    later = train.filter(pl.col("event_date") > window.train_until - timedelta(days=3))
    fitted = fit_tiny(train.filter(pl.col("event_date") <= window.train_until - timedelta(days=3)))
    calibrator = fit_calibrator("platt", fitted.predict(later), later["outcome"].to_numpy())
    p = fitted.predict(test)
    calibrated = calibrator.apply(p)
    y, market = test["outcome"].to_numpy(), expit(test["mid_logit"].to_numpy())
    predictions = test.with_columns(p_model=pl.Series(p), p_calibrated=pl.Series(calibrated))
    metrics = {
        "log_loss": log_loss_of(calibrated, y), "market_log_loss": log_loss_of(market, y), "rows": test.height,
        "dates": test["event_date"].n_unique(), "nonzero": 2,
    }  # fmt: skip
    return Artifact(
        family="tiny", city=city, bracket=bracket, horizon="day", window=window, fitted=fitted, calibrator=calibrator,
        predictions=predictions.select(list(PREDICTED)), params={"penalty": "elasticnet", "C": 1000.0}, metrics=metrics,
        config={"feature_set": "tiny", "train_days": len(window.train_dates)}, seed=seed, snapshot=3,
        notes=("made up",),
    )  # fmt: skip


def event_range(since: date, until: date) -> list[date]:
    return [since + timedelta(days=number) for number in range((until - since).days + 1)]


WINDOWS = tuple(walk(date(2026, 9, 22), date(2026, 11, 2), train_days=20, test_days=7, step_days=7))


def constant(artifact: Artifact) -> Artifact:
    """Return the same with a model that says nothing."""
    return replace(artifact, fitted=TinyFitted(weights=(0.0, 0.0, -1.0)))


@pytest.fixture(autouse=True)
def _tiny_family(monkeypatch):
    """The registry knows the family, in this test only."""
    monkeypatch.setitem(sys.modules, "tiny_family", sys.modules[__name__])
    monkeypatch.setitem(families.FAMILIES, "tiny", "tiny_family:TINY")


@pytest.fixture(scope="session")
def shelf_made(tmp_path_factory):
    """Pilots of two cities and one type of bracket, three windows a city; tests only copy them."""
    root = tmp_path_factory.mktemp("shelf") / "models"
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "tiny_family", sys.modules[__name__])
        patched.setitem(families.FAMILIES, "tiny", "tiny_family:TINY")
        for city in ("chicago", "nyc"):
            for window in WINDOWS:
                store(fit_window(city, "between", window), root, clock=lambda: NOW)
    return root


@pytest.fixture
def shelf_root(shelf_made, tmp_path):
    """A copy of them that may be changed."""
    return shutil.copytree(shelf_made, tmp_path / "models")
