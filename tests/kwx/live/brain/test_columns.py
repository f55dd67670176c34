"""Strategies of one's own, minute by minute: what they look back on, and what they may not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from kwx.config.file import DEFAULT_FILE, load_config
from kwx.live.brain import Brain, Thought
from kwx.signals.read import signals_of
from kwx.signals.registry import strategy
from kwx.signals.settings import SignalSettings
from kwx.signals.strategy import Columns
from tests.kwx.live.brain.known import MINUTE, brain_of, known_at, move_on
from tests.kwx.live.brain.test_think import AFTERNOON
from tests.kwx.live.learned_lake import KEYS, TODAY, TOMORROW, Learned
from warehouse.errors import Refused

pytestmark = pytest.mark.slow

LOOKING_BACK = """
import polars as pl
from kwx.signals.strategy import Columns, Strategy

def build(settings):
    before = pl.col("p_fused_norm").shift(3).over("market")
    spoke = pl.col("p_said").shift(2).over("market")
    return Columns(p_fair=(before + spoke) / 2, score=pl.col("mid_prob").diff(2).over("market"))

STRATEGY = Strategy(
    name="back", meaning="what was thought some minutes ago", reads=("p_fused_norm", "p_said", "mid_prob"),
    build=build, family=lambda settings: "elasticnet", looks_back=lambda settings: 4,
)
"""


@pytest.fixture
def looking_back(tmp_path) -> str:
    """A strategy in a file of its own."""
    path = tmp_path / "back.py"
    path.write_text(LOOKING_BACK)
    return str(path)


def assert_as_the_lake(learned: Learned, thought: Thought, word: str, settings: Mapping[str, SignalSettings]) -> None:
    """Hold prices and scores against those of the strategy over the whole lake."""
    for column, city in enumerate(KEYS):
        whole = signals_of(
            learned.snapshot, word, city=city, since=TODAY, until=TOMORROW, settings=settings[city]
        ).filter(pl.col("ts_utc") == thought.minute_utc)
        told = {name: said for name, *said in whole.select("market_ticker", "p_fair", "score").iter_rows()}
        for day in (TODAY, TOMORROW):
            minute, names = thought.minutes[day], thought.tickers[day][:, column, 0]
            listed = names != ""
            expected = np.array([told[name] for name in names[listed]], np.float32)
            assert listed.sum() == 6
            assert np.array_equal(expected[:, 0], minute.p_fair[listed, column, 0])
            assert np.array_equal(expected[:, 1], minute.score[listed, column, 0])


def test_a_strategy_that_looks_back_has_what_was_thought_then(learned, looking_back):
    """It is warmed on so many minutes, and then says what it says over the whole lake."""
    present = known_at(learned.snapshot, AFTERNOON)
    brain = brain_of(learned, present, looking_back)
    brain.warm(AFTERNOON)
    at_utc = AFTERNOON + MINUTE
    move_on(present, learned.snapshot, at_utc, AFTERNOON)

    assert_as_the_lake(learned, brain.think(at_utc), looking_back, brain.settings)


def test_a_minute_that_was_not_thought_of_is_not_known_when_looking_back(learned, looking_back):
    """There is no opinion then; one is never made up."""
    brain = brain_of(learned, known_at(learned.snapshot, AFTERNOON), looking_back)

    thought = brain.think(AFTERNOON)

    assert np.isnan(thought.minutes[TODAY].p_fair).all()
    assert np.isfinite(thought.minutes[TODAY].score).any()


def test_what_is_not_at_hand_is_refused_before_anything_runs(learned):
    """With the columns that are."""
    slow = replace(strategy("fused"), reads=("wx_forecast_high_f",), build=_slow)

    with pytest.raises(Refused, match="reads wx_forecast_high_f, which is not at hand minute by minute") as refused:
        brain_of(learned, known_at(learned.snapshot, AFTERNOON), slow)

    assert "p_fused_norm" in refused.value.hint


def _slow(settings: SignalSettings) -> Columns:
    return Columns(p_fair=pl.col("wx_forecast_high_f"), score=pl.lit(0.0), p_gate=pl.lit(None))


def test_cities_under_other_settings_have_columns_of_their_own(learned, tmp_path):
    """Each city's are those of its settings."""
    text, path = DEFAULT_FILE.read_text(), tmp_path / "own.yaml"
    path.write_text(text.replace("cities: {} ", "cities: {nyc: {signals: {beta: 2.5, velocity_minutes: 30}}} "))
    present = known_at(learned.snapshot, AFTERNOON)
    brain = Brain(present, KEYS, load_config(path), "accel", models_root=learned.models)
    assert brain.settings[KEYS[0]] != brain.settings[KEYS[1]]

    assert_as_the_lake(learned, brain.think(AFTERNOON), "accel", brain.settings)
