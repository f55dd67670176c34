"""Which dates are scored again: those whose data, or whose scoring, is another, however long ago; and none that is."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from kwx.nightly.scores.kept import keep_scores, kept_scores, score_path, torn_scores
from kwx.nightly.steps import scores
from tests.kwx.nightly.conftest import DATE, night_of
from warehouse.lake.store import Lake
from warehouse.lake.tables import SETTLEMENTS, Partition

EVE = DATE - timedelta(days=1)
NEAR = {"settlement_days": 1, "late_days": 0}
"""So near that the eve lies before it."""


def held(root, day) -> pl.DataFrame:
    return kept_scores(root / "nightly" / "scores", [day])


def settle(root, put, day, high) -> None:
    """Move what a date settled on by so many degrees; without a number nothing is said of it any more."""
    place = Partition("chicago", day)
    rows = Lake(root).snapshot().read(SETTLEMENTS, place).select(SETTLEMENTS.schema.names())
    put(root, SETTLEMENTS, rows.clear() if high is None else rows.with_columns(pl.col("high_f") + high), place)


def scored(root, day, **said):
    """Score what is due of a night of a date."""
    night = night_of(root, event_date=day, said=NEAR | said)
    due = scores.STEP.due(night)
    scores.STEP.do(night, lambda done, total, what: None)
    return due


def test_a_settlement_corrected_long_ago_is_scored_again(told_lake, copy_of, put):
    """The date lies before all that the night looks at by itself; a night before has told that it was scored."""
    root = copy_of(told_lake)
    before = held(root, EVE)
    far = EVE + timedelta(days=4)
    assert "every date" in scores.STEP.due(night_of(root, event_date=far, said=NEAR)).why

    settle(root, put, EVE, 6)
    due = scored(root, far)

    assert f"the scores of 1 dates are missing or made of older data, {EVE} the first" == due.why
    assert not before.equals(held(root, EVE))


def test_what_other_code_scored_counts_as_not_scored(told_lake, copy_of):
    """Kept scores of two laws are not held against each other."""
    root = copy_of(told_lake)
    folder, before = root / "nightly" / "scores", held(root, EVE)
    assert before.height
    keep_scores(folder, EVE, before.with_columns(brier=pl.lit(0.9), scored_by=pl.lit("another")))

    assert held(root, EVE).is_empty()
    assert {EVE} == torn_scores(folder, [EVE, DATE])
    scored(root, DATE)
    assert before.equals(held(root, EVE))


def test_a_date_of_which_nothing_is_left_keeps_no_scores(told_lake, copy_of, put):
    """What it settled on is taken back: the file goes."""
    root = copy_of(told_lake)
    settle(root, put, DATE, None)

    scored(root, DATE)

    assert not score_path(root / "nightly" / "scores", DATE).exists()
