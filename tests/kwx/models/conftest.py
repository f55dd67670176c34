"""A small lake of one city that models of every family are trained on: it trades for ten days."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from kwx.models.training.series import Series

UNTIL = date(2026, 11, 4)


@pytest.fixture(scope="session")
def ten_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten days of Miami with recorded order books; tests only read it."""
    from pipelines.build import build_demo, demo_world

    root = tmp_path_factory.mktemp("ten") / "lake"
    build_demo(demo_world(days=10, until=UNTIL, cities=("miami",), seed=5), root, workers=1)
    return root


@pytest.fixture
def own_lake(ten_days: Path, tmp_path: Path) -> Path:
    """A copy of it to write to."""
    shutil.copytree(ten_days, tmp_path / "lake", symlinks=True)
    return tmp_path / "lake"


@pytest.fixture(scope="session")
def series_of() -> Callable[..., Series]:
    """Return the builder of a short walk of elastic nets over a few columns of the market."""
    from kwx.models.elasticnet.fit import fit_window
    from kwx.models.elasticnet.recipe import ElasticnetRecipe

    def build(*, train_days: int = 5, **recipe: object) -> Series:
        asked = {"feature_set": "baseline", "trials": 2, "cv_splits": 2, "every_minutes": 60} | recipe
        return Series(
            family="elasticnet", city="miami", bracket="between", fit_window=fit_window,
            recipe=ElasticnetRecipe(**asked), train_days=train_days, test_days=2, step_days=2,
        )  # fmt: skip

    return build
