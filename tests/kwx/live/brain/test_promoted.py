"""Which of the promoted models speaks, and what becomes of it when another state is promoted."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kwx.live.brain.promoted import Promoted
from kwx.models.registry.promotion import Choice, demote, rollback
from kwx.signals.panel import OF_PREDICTION, SAID_BESIDE, read_signal_panel
from kwx.signals.registry import strategy
from tests.kwx.live.brain.known import MINUTE, brain_of, known_at, move_on
from tests.kwx.live.brain.test_think import AFTERNOON
from tests.kwx.live.learned_lake import KEYS, TODAY, TOMORROW, WINDOW, Learned

LADDER = ("less", "between", "between", "between", "between", "greater")
STANDS = ("market_ticker", *OF_PREDICTION, *SAID_BESIDE)


@pytest.fixture
def own(learned, tmp_path) -> Learned:
    """The same lake with models that a test may promote and demote."""
    shutil.copytree(learned.models, tmp_path / "models", symlinks=True)
    return replace(learned, models=tmp_path / "models")


@pytest.mark.parametrize("family", ["elasticnet", "hybrid", None])
def test_what_stands_is_what_the_lake_says_stands(learned, family):
    """Of a family, or of the best placed one that speaks of a whole ladder."""
    asked = replace(strategy("fused"), family=lambda settings: family)
    thought = brain_of(learned, known_at(learned.snapshot, AFTERNOON), asked).think(AFTERNOON)
    for city in KEYS:
        whole = read_signal_panel(
            learned.snapshot, city, since=TODAY, until=TOMORROW, columns=(*OF_PREDICTION, *SAID_BESIDE), family=family
        )
        ours = thought.features.filter(pl.col("city") == city).select(STANDS)
        assert ours["p_served"].is_not_null().all()
        assert_frame_equal(whole.filter(pl.col("ts_utc") == AFTERNOON).select(STANDS), ours, check_exact=True)


def test_a_model_is_read_once_and_says_when_it_is_out_of_its_dates(own):
    """Both cities have the same; behind its last test date it speaks on, with a warning."""
    promoted = Promoted(own.models)
    (first, *_), (second, *_) = (promoted.of_ladder("hybrid", city, LADDER, TODAY) for city in KEYS)
    (late,) = promoted.of_ladder("hybrid", KEYS[0], LADDER[:1], WINDOW.test_until + timedelta(days=3))

    assert first.loaded is second.loaded
    assert first.warning is None
    assert late.loaded is first.loaded
    assert late.warning == f"{late.card.model_id} is 3 days past its last test date {WINDOW.test_until}"


def test_nobody_speaks_of_a_date_that_a_model_has_seen(own):
    """And why is told."""
    promoted = Promoted(own.models)

    assert promoted.of_ladder("hybrid", KEYS[0], LADDER, WINDOW.train_until) == [None] * 6
    assert "comes before" in promoted.why_not("hybrid", KEYS[0], "less", WINDOW.train_until)
    assert promoted.of_ladder(None, KEYS[0], LADDER, WINDOW.train_until) == [None] * 6
    assert "no promoted model" in promoted.why_not(None, KEYS[0], "less", WINDOW.train_until)


def test_without_models_nobody_speaks(tmp_path):
    """Of no bracket, under any family."""
    promoted = Promoted(tmp_path)

    assert promoted.of_ladder(None, KEYS[0], LADDER, TODAY) == [None] * 6
    assert promoted.of_ladder("elasticnet", KEYS[0], LADDER, TODAY) == [None] * 6


def test_another_promoted_state_speaks_from_the_next_minute_on(own):
    """What was said before stands as it was said; what nobody may say any more is told."""
    present = known_at(own.snapshot, AFTERNOON)
    brain = brain_of(own, present, "hybrid")
    before = brain.think(AFTERNOON)
    demote(Choice(families=("hybrid",)), own.models, reason="test")

    move_on(present, own.snapshot, AFTERNOON + MINUTE, AFTERNOON)
    demoted = brain.think(AFTERNOON + MINUTE)
    rollback(own.models)
    back = brain.think(AFTERNOON + MINUTE)

    assert not any("hybrid" in note for note in (*before.notes, *back.notes))
    assert any("hybrid" in note for note in demoted.notes)
    stood = before.features.select("market_ticker", "p_model", "model_id")
    assert_frame_equal(stood, demoted.features.select("market_ticker", "p_model", "model_id"))
