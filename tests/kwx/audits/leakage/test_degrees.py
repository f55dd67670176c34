"""Evaluations held against what they are made of: what a lattice rounds is no finding, a chance that moved is one."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from kwx.audits.leakage.compare import differences
from kwx.audits.leakage.look import of_degrees

AT = datetime(2026, 11, 4, 0, 55, tzinfo=UTC)
NEAR = np.array([0.015, 0.98, 0.005])


def rows_of(near: np.ndarray, far: float) -> pl.DataFrame:
    """Return one evaluation: three degrees, and one that lies 21 °F above the likeliest of them."""
    p = np.concatenate([near, np.zeros(19), [far]])
    return pl.DataFrame(
        {
            "ts_utc": [AT], "params_fitted_utc": [AT], "quality": ["template"], "first_f": [50],
            "p": [(p / p.sum()).tolist()],
        },
        schema_overrides={"first_f": pl.Int32},
    )  # fmt: skip


def columns_that_differ(one: pl.DataFrame, other: pl.DataFrame) -> set[str]:
    return {difference.column for difference in differences(of_degrees(one), of_degrees(other))}


@pytest.mark.parametrize("far", [0.0, 0.9e-5, 1.1e-5, 3e-5])
def test_a_far_degree_that_is_next_to_impossible_is_no_finding(far):
    """Counted with its distance it would move the spread by more than what is looked for."""
    assert columns_that_differ(rows_of(NEAR, 1e-5), rows_of(NEAR, far)) == set()


@pytest.mark.parametrize("moved", [0.001, 0.01, 0.2])
def test_a_chance_that_moved_is_a_finding(moved):
    """From the likeliest degree to the one beside it."""
    assert "highest_p" in columns_that_differ(rows_of(NEAR, 0.0), rows_of(np.add(NEAR, [moved, -moved, 0.0]), 0.0))


def test_a_chance_that_moved_far_away_is_a_finding():
    """The likeliest stays what it was."""
    near = NEAR - [0.005, 0.0, 0.0]

    assert {"mean_f", "sd_f"} <= columns_that_differ(rows_of(NEAR, 0.0), rows_of(near, 0.005))
